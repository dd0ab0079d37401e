-- Text after the finish_reason, and a second finish_reason.
return {
  text = "Hello!", finish = "stop",
}
