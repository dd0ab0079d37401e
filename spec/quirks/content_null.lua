-- Content that is null, "" or missing says nothing; a space does.
return {
  text = " Hello", finish = "stop",
}
