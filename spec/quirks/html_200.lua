-- A login page with status 200.
return {
  error = { kind = "protocol", status = 200, says = "text/html" },
}
