-- One JSON text over several data lines, which join with a line end.
return {
  text = "Hello", finish = "stop",
}
