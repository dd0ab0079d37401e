-- `message` where a delta belongs, and a piece that begins with what came before it.
return {
  text = "ha haha h", finish = "stop",
}
