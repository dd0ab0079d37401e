-- LF, CR and CRLF in one stream, also within one event.
return {
  text = "Hello", finish = "stop",
}
