-- What comes after [DONE] is not looked at.
return {
  text = "Hello", finish = "stop",
}
