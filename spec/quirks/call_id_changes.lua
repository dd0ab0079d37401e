-- An id of its own in every fragment of one call: the index counts where no name begins another.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
