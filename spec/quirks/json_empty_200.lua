-- An empty 200 is no success.
return {
  error = { kind = "protocol", status = 200 },
}
