-- A 429 that names its wait in the message alone (Azure).
return {
  error = { kind = "rate_limit", status = 429, retry_after = 33 },
}
