-- Reasoning of no length, wherever it may stand: a beginning that says nothing.
return {
  text = "Hola", finish = "stop",
}
