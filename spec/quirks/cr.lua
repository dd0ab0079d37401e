-- Lines ended by CR alone.
return {
  text = "Hello", finish = "stop",
}
