-- Two choices in each chunk, in any order.
return {
  params = { n = 2 },
  choices = { { text = "ab", finish = "stop" }, { text = "xy", finish = "stop" } },
}
