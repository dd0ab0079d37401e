-- Success that says `error: null` and status 200 beside its choices.
return {
  text = "Hello", finish = "stop",
}
