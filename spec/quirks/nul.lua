-- NUL, escaped in JSON, and raw in a comment.
return {
  text = "a\0b", finish = "stop",
}
