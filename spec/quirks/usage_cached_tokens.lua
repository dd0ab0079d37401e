-- Counts of cached tokens under each provider's name: all are kept as they came.
return {
  text = "Hello", finish = "stop",
  usage = {
    total_tokens = 9, num_cached_tokens = 1, cache_read_input_tokens = 2, prompt_cache_hit_tokens = 3,
    prompt_tokens_details = { cached_tokens = 4 },
  },
}
