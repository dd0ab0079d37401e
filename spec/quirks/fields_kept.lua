-- Fields nobody has heard of: kept, the last one said, and nothing is summed.
return {
  text = "Hello", finish = "stop",
  result = { service_tier = "b", n_tokens = 2, citations = { "u" }, obfuscation = "zz" },
}
