-- `message` where a delta belongs.
return {
  text = "Hello", finish = "stop",
}
