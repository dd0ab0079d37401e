-- A comment and a blank line after an event with an id are no event.
return {
  text = "Hello", finish = "stop",
}
