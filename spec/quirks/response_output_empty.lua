-- The end has an empty output, after all of it was said (new-api, ChatGPT).
return {
  endpoint = "responses",
  text = "Hello", finish = "stop", raw_finish = "completed",
}
