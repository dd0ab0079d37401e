-- A JSON string for an error.
return {
  error = { kind = "server", status = 500, message = "oops" },
}
