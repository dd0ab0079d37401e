-- Other words for the same reasons, one for each choice.
return {
  params = { n = 9 },
  choices = {
    { text = "x", finish = "stop", raw_finish = "eos" },
    { text = "x", finish = "stop", raw_finish = "eos_token" },
    { text = "x", finish = "stop", raw_finish = "end_turn" },
    { text = "x", finish = "stop", raw_finish = "STOP" },
    { text = "x", finish = "length", raw_finish = "max_tokens" },
    { text = "x", finish = "length", raw_finish = "model_length" },
    { text = "x", finish = "cancelled", raw_finish = "abort" },
    { text = "x", finish = "content_filter", raw_finish = "SAFETY" },
    { text = "x", finish = "weird", raw_finish = "weird" },
  },
}
