-- An error status whose body is an event stream.
return {
  error = { kind = "server", status = 500, says = "boom" },
}
