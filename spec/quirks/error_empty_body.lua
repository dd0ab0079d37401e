-- An error without a body, from a proxy that gave up.
return {
  error = { kind = "server", status = 524 },
}
