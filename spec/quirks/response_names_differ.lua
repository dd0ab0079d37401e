-- The event's name and its JSON's type disagree: the type counts.
return {
  endpoint = "responses",
  text = "Hello", raw_finish = "completed", finish = "stop",
}
