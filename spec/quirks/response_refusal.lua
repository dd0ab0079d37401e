-- A refusal and reasoning in a response.
return {
  endpoint = "responses",
  refusal = "no", reasoning = "hm", finish = "stop", raw_finish = "completed",
}
