-- An error after a byte order mark.
return {
  error = { kind = "bad_request", status = 400, message = "no such model", code = "model" },
}
