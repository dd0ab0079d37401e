-- [DONE] on the line after the last chunk's, without a blank line between.
return {
  text = "Hello", finish = "stop",
  open = true,
}
