-- retry-after-ms: 0 wins over retry-after.
return {
  error = { kind = "rate_limit", status = 429, retry_after = 0 },
}
