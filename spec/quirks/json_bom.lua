-- JSON after a byte order mark, as servers on .NET write it.
return {
  text = "Hola", finish = "stop",
}
