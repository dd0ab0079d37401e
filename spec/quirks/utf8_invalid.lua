-- Bytes that are no UTF-8: they reach the reader as they are.
return {
  text = "a\128b\192\175", finish = "stop",
  encodes = false,   -- JSON that is sent is made valid
}
