-- [DONE] as a line of its own, without `data:`; the socket stays open.
return {
  text = "Hello", finish = "stop",
  open = true,
}
