-- `object` missing, wrong, empty or null.
return {
  text = "Hello", finish = "stop",
}
