-- Two choices, interleaved, each with its own end.
return {
  params = { n = 2 },
  choices = { { text = "ab", finish = "stop" }, { text = "xy", finish = "length" } },
}
