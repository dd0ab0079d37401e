-- A 200 without choices is no success.
return {
  error = { kind = "protocol", status = 200 },
}
