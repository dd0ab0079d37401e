-- Usage on every chunk, cumulative, then null: the last that says something counts.
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
