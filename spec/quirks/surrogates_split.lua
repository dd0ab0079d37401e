-- A surrogate pair cut between two deltas: each half is replaced, nothing fails.
return {
  text = "\239\191\189\239\191\189", finish = "stop",
}
