-- FastAPI's detail.
return {
  error = { kind = "not_found", status = 404, message = "Not Found" },
}
