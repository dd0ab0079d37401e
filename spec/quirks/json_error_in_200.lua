-- A 200 that holds an error (xAI, OpenRouter).
return {
  error = { kind = "server", message = "overloaded", code = 502, status = 200 },
}
