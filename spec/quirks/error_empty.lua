-- Errors that say nothing: {}, "", false and an object of nulls are none.
return {
  text = "abcd", finish = "stop",
}
