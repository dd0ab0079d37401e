-- Fields nobody knows, and lines that are no field.
return {
  text = "Hello", finish = "stop",
}
