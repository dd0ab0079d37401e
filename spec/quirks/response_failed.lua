-- A response that says it failed.
return {
  endpoint = "responses",
  text = "Hel",
  error = { kind = "stream", message = "boom", code = "server_error" },
}
