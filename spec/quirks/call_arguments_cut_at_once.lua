-- Cut by `length` before any argument came: these are not none.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "", arguments = false } },
  finish = "length",
}
