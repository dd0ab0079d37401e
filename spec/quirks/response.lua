-- A response in pieces, with sequence numbers and events of kinds nobody knows.
return {
  endpoint = "responses",
  text = "Hello", raw_finish = "completed", finish = "stop",
  usage = { total_tokens = 3 },
}
