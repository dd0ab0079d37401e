-- Mistral's 422: an object whose message holds a list of details.
return {
  error = { kind = "bad_request", status = 422, says = "field required" },
}
