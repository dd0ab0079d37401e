-- No finish_reason to the end, then [DONE].
return {
  text = "Hello", finish = "stop", raw_finish = false,
}
