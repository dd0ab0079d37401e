-- A response cut by its bound on tokens.
return {
  endpoint = "responses",
  text = "Hel", finish = "length", raw_finish = "max_output_tokens",
}
