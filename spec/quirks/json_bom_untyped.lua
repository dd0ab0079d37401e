-- The same without a type.
return {
  text = "Hola", finish = "stop",
}
