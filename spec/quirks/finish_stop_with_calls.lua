-- "stop" where calls are to be run (Gemini, o1-pro, llama.cpp).
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "{}" } },
  finish = "tool_calls", raw_finish = "stop",
}
