rockspec_format = "3.0"
package = "marea"
version = "0.1.0-1"
source = {
  url = "git+https://github.com/marea-lua/marea.git",
  tag = "v0.1.0",
}
description = {
  summary = "Large language models for Lua",
  detailed = [[
    Chat, streams, tool calls and embeddings over any OpenAI-compatible API.
    HTTP by libcurl on libuv, with coroutines on top.]],
  homepage = "https://github.com/marea-lua/marea",
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = {
  "lua >= 5.1, < 5.6",
  "lua-cjson",
}
external_dependencies = {
  -- No header: Debian has it where LuaRocks doesn't look, so that naming it would
  -- refuse what is there. The Makefile looks, and says what to install.
  CURL = { library = "curl" },
  UV = { header = "uv.h", library = "uv" },
}
build = {
  type = "make",
  variables = {
    CC = "$(CC)",
    CFLAGS = "$(CFLAGS)",
    LIBFLAG = "$(LIBFLAG)",
    LUA_INCDIR = "$(LUA_INCDIR)",
    CURL_INCDIR = "$(CURL_INCDIR)",
    CURL_LIBDIR = "$(CURL_LIBDIR)",
    UV_INCDIR = "$(UV_INCDIR)",
    UV_LIBDIR = "$(UV_LIBDIR)",
    INST_LUADIR = "$(LUADIR)",
    INST_LIBDIR = "$(LIBDIR)",
  },
}
