-- A proxy's page.
return {
  error = { kind = "server", status = 502, message = "502 Bad Gateway" },
}
