-- The body ends inside a call's arguments: there is no call to run.
return {
  error = { kind = "truncated", partial_arguments = '{"x":' },
}
