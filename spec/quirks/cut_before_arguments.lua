-- The body ends before a call's arguments: they are not none.
return {
  error = { kind = "truncated", partial_arguments = "" },
}
