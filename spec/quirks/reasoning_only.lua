-- Reasoning and no text: a length cut in the middle of thinking.
return {
  reasoning = "hmm", finish = "length",
}
