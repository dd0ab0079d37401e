-- Nothing but a role, then [DONE]: that is no answer.
return {
  error = { kind = "truncated" },
}
