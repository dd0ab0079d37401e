-- Keep-alive comments before, between and after data (OpenRouter, llama.cpp).
return {
  text = "Hello", finish = "stop",
}
