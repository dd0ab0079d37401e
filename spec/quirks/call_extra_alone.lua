-- The same in a delta that holds nothing else.
return {
  text = "Hello", finish = "stop",
}
