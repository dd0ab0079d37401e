-- Google's list of one error.
return {
  error = { kind = "bad_request", status = 400, message = "API key not valid", type = "INVALID_ARGUMENT" },
}
