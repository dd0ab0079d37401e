-- text/event-stream in capitals, with a charset that is ignored.
return {
  text = "ñ", finish = "stop", stream = true,
}
