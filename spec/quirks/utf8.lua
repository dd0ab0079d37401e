-- Characters of two, three and four bytes, a joined emoji over two events, U+2028 in the text.
return {
  text = "ñ中👩\226\128\141💻\226\128\168.", finish = "stop",
}
