# SPDX-License-Identifier: MIT
# `make help` lists the targets; V=1 shows commands in full. GNU make.

PREFIX   ?= /usr/local
CFLAGS   ?= -O2 -g
PKG_CONFIG ?= pkg-config
Q = $(if $(V),,@)

WARN = -Wall -Wextra \
  -Wshadow \
  -Wcast-qual \
  -Wmissing-prototypes \
  -Wstrict-prototypes

# ---- which Lua: 5.4, 5.3, or 5.1, which stands for LuaJIT ------------------

ifndef LUA_VERSION
ifdef LUA_INCDIR
LUA_VERSION := $(shell v=$$(echo LUA_VERSION_NUM | $(CC) -I$(LUA_INCDIR) \
  -include lua.h -E -P -x c - 2>/dev/null | tail -n 1) && \
  [ -n "$$v" ] && echo $$(( $$v / 100 )).$$(( $$v % 100 )))
endif
endif
ifeq ($(LUA_VERSION),)
LUA_VERSION := 5.4
endif

ifeq ($(filter $(LUA_VERSION),5.5 5.4 5.3 5.1),)
$(error LUA_VERSION is 5.4, 5.3 or 5.1, which stands for LuaJIT; not $(LUA_VERSION))
endif

LUAS ?= 5.4 5.1 5.3
BUSTED ?= $(or $(shell command -v busted),/usr/bin/busted)

# $(call names,VERSION): what its interpreter or its .pc file may be called
names = $(if $(filter 5.1,$(1)),luajit) lua$(1) lua-$(1) lua$(subst .,,$(1)) lua
lua = $(or $(shell for l in $(call names,$(1)); do \
  [ "$$($$l -e 'io.write(_VERSION)' 2>/dev/null)" = "Lua $(1)" ] && \
  command -v $$l && break; done),lua$(1))

# ---- where things are: each of these may be given by name ------------------
# LUA_INCDIR; CURL_DIR, or CURL_INCDIR and CURL_LIBDIR; UV_DIR, or ...

UV_DIR ?= $(LIBUV_DIR)
CURL_INCDIR ?= $(addsuffix /include,$(CURL_DIR))
CURL_LIBDIR ?= $(addsuffix /lib,$(CURL_DIR))
UV_INCDIR ?= $(addsuffix /include,$(UV_DIR))
UV_LIBDIR ?= $(addsuffix /lib,$(UV_DIR))

# $(call once,NAME,VALUE): the value, worked out when first wanted and kept
once = $(eval $(1) := $(2))$($(1))
in_libdir = $(foreach d,$(1),-L$d -Wl,-rpath,$d)

LUA_CFLAGS = $(call once,LUA_CFLAGS,$(if $(LUA_INCDIR),-I$(LUA_INCDIR),$(or \
  $(shell for p in $(call names,$(LUA_VERSION)); do \
    $(PKG_CONFIG) --cflags $$p 2>/dev/null && break; done),\
  $(addprefix -I,$(wildcard /usr/include/lua$(LUA_VERSION) \
    $(if $(filter 5.1,$(LUA_VERSION)),/usr/include/luajit-2.1))))))
CURL_CFLAGS = $(call once,CURL_CFLAGS,$(if $(CURL_INCDIR),-I$(CURL_INCDIR),\
  $(shell $(PKG_CONFIG) --cflags libcurl 2>/dev/null || curl-config --cflags 2>/dev/null)))
CURL_LIBS = $(call once,CURL_LIBS,$(if $(CURL_LIBDIR),$(call in_libdir,$(CURL_LIBDIR)) -lcurl,\
  $(or $(shell $(PKG_CONFIG) --libs libcurl 2>/dev/null || curl-config --libs 2>/dev/null),-lcurl)))
UV_CFLAGS = $(call once,UV_CFLAGS,$(if $(UV_INCDIR),-I$(UV_INCDIR),\
  $(shell $(PKG_CONFIG) --cflags libuv 2>/dev/null)))
UV_LIBS = $(call once,UV_LIBS,$(if $(UV_LIBDIR),$(call in_libdir,$(UV_LIBDIR)) -luv,\
  $(or $(shell $(PKG_CONFIG) --libs libuv 2>/dev/null),-luv)))

# prints which of cc, lua, curl and uv a build would miss; a directory that was
# named but lacks the header counts as missing it
in_dir = $(if $(1),$(if $(wildcard $(1)/$(2) $(1)/*/$(2)),,false &&))
has = echo $(1) | $(CC) $(2) -x c - -x none -o $(BUILD_DIR)/probe $(3) 2>/dev/null
PROBE = mkdir -p $(BUILD_DIR); $(call has,'int main(void) { return 0; }') || { echo cc; exit; }; \
  $(call has,'int v[LUA_VERSION_NUM == $(subst .,0,$(LUA_VERSION)) ? 1 : -1];',$(LUA_CFLAGS) \
    -include lua.h -fsyntax-only) || echo lua; \
  $(call in_dir,$(CURL_INCDIR),curl/curl.h) $(call has,'int v[LIBCURL_VERSION_NUM >= 0x075000 ? 1 : -1]; int main(void) { return !curl_version(); }',$(CURL_CFLAGS) \
    -include curl/curl.h,$(CURL_LIBS)) || echo curl; \
  $(call in_dir,$(UV_INCDIR),uv.h) $(call has,'int main(void) { return !uv_version(); }',$(UV_CFLAGS) \
    -include uv.h,$(UV_LIBS)) || echo uv; \
  rm -f $(BUILD_DIR)/probe

# ---- the module -----------------------------------------------------------

BUILD_DIR ?= build/$(LUA_VERSION)
# Two C modules. marea.core needs neither libcurl nor libuv, so that loading
# the library costs little until the first request loads marea.net.
CORE  = $(BUILD_DIR)/marea/core.so
NET   = $(BUILD_DIR)/marea/net.so
BOTH_C = $(patsubst %,csrc/%.c,base64 json lbase64 lfile ljson lvector sink source timers)
ONLY_CORE_C = csrc/lcore.c csrc/head.c csrc/lcompiled.c csrc/llazy.c
CORE_C = $(ONLY_CORE_C) $(BOTH_C)
NET_C  = $(filter-out $(ONLY_CORE_C) csrc/bundle.c,$(wildcard csrc/*.c))
objs  = $(patsubst csrc/%.c,$(BUILD_DIR)/obj/%.o,$(1))
OBJS  = $(call objs,$(wildcard csrc/*.c))
LUA_FILES = $(shell find lua -name '*.lua' 2>/dev/null)
# the first is there before what finds such files is, the second never runs
TO_COMPILE = $(filter-out lua/marea/init.lua lua/marea/types.lua,$(LUA_FILES))

# What makes mistakes of ours harder to use. A sanitizer does more than all of
# it; who says something of FORTIFY_SOURCE himself, or wants no optimizer, which
# it needs, gets none of ours.
FORTIFY = $(call once,FORTIFY,$(shell $(call has,,-O2 -D_FORTIFY_SOURCE=3 -Werror -include stdio.h -c) && \
  echo 3 || echo 2))
HARDEN = $(if $(findstring -fsanitize,$(CFLAGS)),,-fstack-protector-strong \
  $(if $(findstring FORTIFY,$(CFLAGS) $(CPPFLAGS)),,$(if $(filter -O1 -O2 -O3 -Os,$(CFLAGS)), \
    -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY))))

COMPILE = $(CC) -std=c99 -D_GNU_SOURCE -fPIC $(WARN) $(HARDEN) $(CFLAGS) $(CPPFLAGS) \
  $(LUA_CFLAGS) $(CURL_CFLAGS) $(UV_CFLAGS)

# Only luaopen_* is exported, so that nothing here is taken for a function of
# the same name in the host. The module is never unloaded: a name being looked
# up in a thread of libcurl's outlives the Lua state that asked.
ifeq ($(shell uname),Darwin)
LIBFLAG ?= -bundle -undefined dynamic_lookup
ONLY_OPEN = -Wl,-exported_symbol,_luaopen_*
else
LIBFLAG ?= -shared
ONLY_OPEN = -Wl,--version-script=$(BUILD_DIR)/exports -Wl,-z,nodelete -Wl,-z,relro,-z,now
endif
LINK = $(CC) $(LIBFLAG) $(LDFLAGS) $(ONLY_OPEN)

all: $(CORE) $(NET) $(BUILD_DIR)/compiled  ## build for LUA_VERSION (5.4; 5.3; 5.1 is LuaJIT)

$(CORE): $(call objs,$(CORE_C))
$(NET): $(call objs,$(NET_C))
$(CORE): LIBS = $(if $(filter Linux,$(shell uname)),-ldl)
$(NET): LIBS = $(CURL_LIBS) $(UV_LIBS)

$(CORE) $(NET):
	@mkdir -p $(@D)
	@echo '{ global: luaopen_*; local: *; };' > $(BUILD_DIR)/exports
	@echo "  LD  $@"
	$(Q)$(LINK) -o $@ $(filter %.o,$^) $(LIBS) -lm

$(BUILD_DIR)/obj/%.o: csrc/%.c $(BUILD_DIR)/flags
	@echo "  CC  $@"
	$(Q)$(COMPILE) -MMD -MP -c -o $@ $<

# Looks for what a build needs before the compiler does, and changes when the
# way to build does.
$(BUILD_DIR)/flags: FORCE
	$(call once,MISSING,$(shell $(PROBE)))
	$(if $(MISSING),$(error $(shell .ci/deps --explain $(LUA_VERSION) $(MISSING))))
	@mkdir -p $(BUILD_DIR)/obj
	@echo '$(COMPILE) $(LINK)' | cmp -s - $@ || echo '$(COMPILE) $(LINK)' > $@

-include $(OBJS:.o=.d)

# The Lua files, compiled, for csrc/lcompiled.c to find beside the C modules. Who
# has no interpreter of this Lua does without, until there is one.
$(BUILD_DIR)/compiled $(BUILD_DIR)/interpreter: LUA = $(call once,INTERPRETER,$(call lua,$(LUA_VERSION)))
$(BUILD_DIR)/compiled: csrc/compile.lua $(BUILD_DIR)/interpreter $(TO_COMPILE)
	@mkdir -p $(sort $(dir $(LUA_FILES:lua/%=$(BUILD_DIR)/%)))
	$(Q)if command -v $(LUA) >/dev/null; then \
	  echo "  LUAC $(BUILD_DIR)/marea" && $(LUA) csrc/compile.lua $(BUILD_DIR) $(TO_COMPILE); fi
	@touch $@

$(BUILD_DIR)/interpreter: FORCE
	@mkdir -p $(@D)
	@echo '$(LUA)' | cmp -s - $@ || echo '$(LUA)' > $@

# For programs that embed Lua: one object in which all but the entry is private,
# with the Lua files inside.
STATIC = $(BUILD_DIR)/libmarea.a
OBJCOPY ?= objcopy
ifeq ($(shell uname),Darwin)
ONLY_ENTRY = $(LD) -r -exported_symbol _luaopen_marea -o $(1) $(2)
else
ONLY_ENTRY = $(LD) -r -o $(1) $(2) && $(OBJCOPY) --keep-global-symbol=luaopen_marea $(1)
endif

static: $(STATIC)  ## build libmarea.a for LUA_VERSION: for C programs (csrc/marea.h)

$(STATIC): $(OBJS) $(BUILD_DIR)/obj/bundle_text.o
	@echo "  AR  $@"
	$(Q)rm -f $@
	$(Q)$(call ONLY_ENTRY,$(BUILD_DIR)/obj/all.o,$^) && $(AR) rcs $@ $(BUILD_DIR)/obj/all.o

$(BUILD_DIR)/obj/bundle_text.o: $(BUILD_DIR)/obj/bundle_text.c
	@echo "  CC  $@"
	$(Q)$(COMPILE) -Icsrc -c -o $@ $<

$(BUILD_DIR)/obj/bundle_text.c: FORCE | $(BUILD_DIR)/flags
	@sh csrc/bundle.sh $(LUA_FILES) > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

nvim:  ## build for Neovim in place, as a plugin manager wants it
	@$(MAKE) all LUA_VERSION=5.1 BUILD_DIR=build/5.1
	@install -m 755 build/5.1/marea/core.so build/5.1/marea/net.so lua/marea

INST_LUADIR ?= $(PREFIX)/share/lua/$(LUA_VERSION)
INST_LIBDIR ?= $(PREFIX)/lib/lua/$(LUA_VERSION)

install: all  ## install for LUA_VERSION under PREFIX (DESTDIR is honoured)
	@for f in $(LUA_FILES:lua/%=%); do \
	  install -d "$(DESTDIR)$(INST_LUADIR)/$$(dirname $$f)" && \
	  install -m 644 lua/$$f "$(DESTDIR)$(INST_LUADIR)/$$f" || exit 1; \
	  code=$${f%.lua}.luac; [ -f $(BUILD_DIR)/$$code ] || continue; \
	  install -d "$(DESTDIR)$(INST_LIBDIR)/$$(dirname $$f)" && \
	  install -m 644 $(BUILD_DIR)/$$code "$(DESTDIR)$(INST_LIBDIR)/$$code" || exit 1; done
	install -d "$(DESTDIR)$(INST_LIBDIR)/marea"
	install -m 755 $(CORE) $(NET) "$(DESTDIR)$(INST_LIBDIR)/marea"

uninstall:  ## undo install
	rm -rf "$(DESTDIR)$(INST_LUADIR)/marea" "$(DESTDIR)$(INST_LIBDIR)/marea"

# ---- running from the tree --------------------------------------------------

# what is set for one version alone would win over what is set here
unexport LUA_PATH_5_3 LUA_PATH_5_4 LUA_CPATH_5_3 LUA_CPATH_5_4
in_tree = LUA_PATH="./lua/?.lua;./lua/?/init.lua;./?.lua;$${LUA_PATH:-;}" \
  LUA_CPATH="./$(1)/?.so;$${LUA_CPATH:-;}"

define newline


endef

# $(call specs,VERSION,BUILD_DIR,WRAPPER,SPECS): adds lines to build/counts
JOBS ?= $(shell nproc 2>/dev/null || echo 1)
BATCH ?= 6
define specs
@echo "Lua $(1):"
@$(call in_tree,$(2)) sh spec/support/batches.sh $(JOBS) $(BATCH) \
  '$(3) $(call lua,$(1)) $(BUSTED) -o spec/support/summary.lua' $(4)
endef

define totals
@awk '{ p += $$1; f += $$2; s += $$3 } \
  END { print p + 0 " passed, " f + 0 " failed, " s + 0 " skipped"; exit f || !p }' build/counts
endef

ALL_SPECS = $(shell find spec -name '*_spec.lua' | sort)
# the specs of hosts bring their own Lua, and build for it: one run is enough
NO_HOSTS = $(filter-out %_host_spec.lua,$(ALL_SPECS))

# The reference server of the Model Context Protocol, for the spec that needs it. Where
# npm can't be had, that says that it is pending.
MCP_SPEC = $(if $(SPEC),$(findstring mcp_reference,$(SPEC)),all)
MCP_SERVER = @modelcontextprotocol/server-everything
build/npm:
	-$(Q)command -v npm >/dev/null && mkdir -p $@.new && timeout 180 npm install --silent --ignore-scripts \
	  --no-save --no-package-lock --no-audit --no-fund --fetch-retries=0 --prefix $@.new $(MCP_SERVER)@2026.8.31 && mv $@.new $@

test: deps-test | $(if $(MCP_SPEC),build/npm)  ## run the specs on each of LUAS (SPEC=file narrows)
	@for v in $(LUAS); do $(MAKE) all LUA_VERSION=$$v || exit 1; done
	@: > build/counts
	$(foreach v,$(LUAS),$(call specs,$v,build/$v,,$(or $(SPEC),\
	  $(if $(filter-out $(firstword $(LUAS)),$v),$(NO_HOSTS),$(ALL_SPECS))))$(newline))
	$(totals)

# Not those that measure memory or time, or run no Lua of this process. Each has
# a process of its own: the larger the heap, the slower it all is.
NOT_GC = $(HEAVY) spec/leak_spec.lua spec/c_spec.lua spec/host_spec.lua
GC_SPECS ?= $(filter-out $(NOT_GC),$(shell find spec -name '*_spec.lua' | sort))
GC_LUAS ?= 5.4 5.1

test-gc: deps-test  ## run GC_SPECS on GC_LUAS with a collection always under way
	@for v in $(GC_LUAS); do $(MAKE) all LUA_VERSION=$$v || exit 1; done
	@: > build/counts
	$(foreach v,$(GC_LUAS),$(foreach f,$(or $(SPEC),$(GC_SPECS)),$(call specs,$v,build/$v,\
	  MAREA_SANITIZED=1,--helper=spec/support/collect_always.lua $f)$(newline)))
	$(totals)

SANITIZE = -fsanitize=address,undefined -fno-sanitize-recover=undefined
ASAN = MAREA_SANITIZED=1 UBSAN_OPTIONS=print_stacktrace=1 \
  ASAN_OPTIONS=detect_leaks=1 env LD_PRELOAD=$(shell $(CC) -print-file-name=libasan.so)

asan: deps-test | $(if $(MCP_SPEC),build/npm)  ## run the specs with address, leak and undefined-behaviour checks
	@$(MAKE) all LUA_VERSION=5.4 BUILD_DIR=build/asan/5.4 LDFLAGS='$(SANITIZE)' \
	  CFLAGS='-O1 -g -fno-omit-frame-pointer $(SANITIZE)'
	@: > build/counts
	$(call specs,5.4,build/asan/5.4,$(ASAN),$(or $(SPEC),$(NO_HOSTS)))
	$(totals)

# too slow under valgrind, or about the bundled server alone
HEAVY = %_load_spec.lua %_heavy_spec.lua %_host_spec.lua spec/provider_spec.lua spec/scenarios_spec.lua
VALGRIND_SPECS ?= $(filter-out $(HEAVY),$(ALL_SPECS))
VALGRIND = MAREA_SANITIZED=1 valgrind -q --error-exitcode=99 --leak-check=full \
  --errors-for-leak-kinds=definite --show-leak-kinds=definite

valgrind: export BATCH_SECONDS = 1500
valgrind: deps-test  ## run VALGRIND_SPECS (all but the heavy ones) under valgrind
	@$(MAKE) all LUA_VERSION=5.4 BUILD_DIR=build/valgrind/5.4 CFLAGS='-O1 -g'
	@: > build/counts
	$(call specs,5.4,build/valgrind/5.4,$(VALGRIND),$(or $(SPEC),$(VALGRIND_SPECS)))
	$(totals)

readme: all  ## put the tables made of the presets into their README
	$(Q)$(call in_tree,$(BUILD_DIR)) $(call lua,$(LUA_VERSION)) -e 'require("spec.support.provider_table").write("lua/marea/providers/README.md")'

doc: all  ## make the reference, build/doc/index.html, from the comments of the source
	@mkdir -p build/doc
	@$(call in_tree,$(BUILD_DIR)) $(call lua,$(LUA_VERSION)) spec/doc/main.lua build/doc/index.html

demo: deps-demo  ## run the demo, offline, against the bundled provider
	@$(MAKE) all LUA_VERSION=5.4
	@$(call in_tree,build/5.4) $(call lua,5.4) examples/demo.lua

BENCHES = $(patsubst spec/bench/%.c,build/bench/%,$(wildcard spec/bench/*.c))

bench: deps-bench $(BENCHES)  ## compare with bare libcurl (BENCH_ARGS=--quick)
	@for v in 5.4 5.1; do $(MAKE) all LUA_VERSION=$$v || exit 1; done
	@$(call in_tree,build/5.4) $(call lua,5.4) spec/bench/run.lua $(BENCH_ARGS)

bench-peers: deps-peers  ## install the other clients that bench compares with
	npm install --no-save --no-package-lock --prefix build/bench openai

build/bench/floor: BENCH_LIBS = $(CURL_LIBS) $(UV_LIBS)
build/bench/%: spec/bench/%.c | deps-bench
	@mkdir -p $(@D)
	@echo "  CC  $@"
	$(Q)$(CC) -std=c99 -D_GNU_SOURCE -O2 $(WARN) $(CURL_CFLAGS) $(UV_CFLAGS) -o $@ $< $(BENCH_LIBS)

# ---- checks ------------------------------------------------------------------

# the parsers, which need neither Lua nor libcurl
PURE_C = $(wildcard $(patsubst %,csrc/%.c,base64 buf head json opening shape sse))
LUA_FUZZERS = $(patsubst spec/fuzz/%.lua,build/fuzz/%,$(wildcard spec/fuzz/*_fuzz.lua))
FUZZERS = $(patsubst spec/fuzz/%.c,build/fuzz/%,$(wildcard spec/fuzz/*_fuzz.c)) $(LUA_FUZZERS)
FUZZ_CC = clang -std=c99 -D_GNU_SOURCE -g -O1 -fsanitize=fuzzer,address,undefined \
  -fno-sanitize-recover=undefined -Icsrc
FUZZ_JOBS ?= $(shell nproc 2>/dev/null || echo 1)

fuzz: FUZZ_SECONDS ?= 600
fuzz-smoke: FUZZ_SECONDS ?= 10
# a check of changes, not a search: the same way each time
fuzz-smoke: export FUZZ_SEED ?= 1
fuzz fuzz-smoke: deps-fuzz $(FUZZERS)
	@spec/fuzz/run $(FUZZ_SECONDS) $(FUZZ_JOBS) $(FUZZERS)

fuzz:  ## fuzz every parser for FUZZ_SECONDS (600) each, FUZZ_JOBS at a time
fuzz-smoke:  ## the same, for 10 seconds

$(LUA_FUZZERS): build/fuzz/%: build/fuzz/lua_host
	@ln -f $< $@

build/fuzz/lua_host: spec/fuzz/lua_host.c $(CORE_C) $(wildcard csrc/*.h) | deps-fuzz
	@mkdir -p $(@D)
	@echo "  CC  $@"
	$(Q)$(FUZZ_CC) $(LUA_CFLAGS) $(CURL_CFLAGS) -o $@ $< $(CORE_C) \
	  $(shell $(PKG_CONFIG) --libs lua5.4) $(CURL_LIBS) -lm

build/fuzz/%: spec/fuzz/%.c $(PURE_C) $(wildcard csrc/*.h) | deps-fuzz
	@mkdir -p $(@D)
	@echo "  CC  $@"
	$(Q)$(FUZZ_CC) -o $@ $< $(PURE_C) -lm

# Everything in one program, where each call that can fail is made to: TORTURE
# says every how manieth, first of our own calls, then of Lua's allocator (which
# on LuaJIT can't be replaced).
TORTURE_C = $(sort $(CORE_C) $(NET_C)) $(wildcard spec/torture/*.c)
TORTURE_HOST = build/torture/$(LUA_VERSION)/host

torture: TORTURE ?= 1 1
torture-smoke: TORTURE ?= 4 37
torture torture-smoke: deps-test $(TORTURE_HOST)
	@$(MAKE) all LUA_VERSION=5.4
	@set -- $(TORTURE); $(call in_tree,build/5.4) ASAN_OPTIONS=detect_leaks=0 \
	  $(call lua,5.4) spec/torture/run.lua $(TORTURE_HOST) calls $$1 lua $$2

torture:  ## fail each allocation and each call of a library once (TORTURE='3 29': each third...)
torture-smoke:  ## the same for some of them

$(TORTURE_HOST): $(TORTURE_C) $(wildcard csrc/*.h spec/torture/*) | deps-test
	@mkdir -p $(@D)
	@echo "  CC  $@"
	$(Q)$(CC) -std=c99 -D_GNU_SOURCE -g -O1 -fno-omit-frame-pointer $(SANITIZE) $(WARN) -Icsrc \
	  $(LUA_CFLAGS) $(CURL_CFLAGS) $(UV_CFLAGS) -o $@ $(TORTURE_C) -Wl,@spec/torture/wraps \
	  $(shell $(PKG_CONFIG) --libs $(firstword $(call names,$(LUA_VERSION)))) $(CURL_LIBS) $(UV_LIBS) -lpthread -lm

SOAK_SECONDS ?= 600

soak: deps-test  ## many tasks against random faults for SOAK_SECONDS (SOAK_SEED=n: the same again)
	@$(MAKE) all
	@$(call in_tree,$(BUILD_DIR)) $(call lua,$(LUA_VERSION)) spec/soak/run.lua $(SOAK_SECONDS) $(SOAK_SEED)

# LuaJIT and Lua 5.1 differ in their headers, so both are tried
LINT_LUAS = lua5.4 lua5.3 luajit lua5.1
LINT_CC = $(CC) -std=c99 -D_GNU_SOURCE -O2 -fPIC $(WARN) -Werror $(CURL_CFLAGS) \
  $(UV_CFLAGS) -Icsrc -c -o /dev/null

lint: deps-test  ## luacheck, syntax of Lua 5.1 and 5.5, cppcheck, warnings as errors
	luacheck -q --no-color $(wildcard lua spec examples csrc/*.lua)
	lua5.1 spec/support/loopvars.lua $$(find lua spec examples csrc -name '*.lua')
	$(if $(LUA_FILES),luac5.1 -p $(LUA_FILES))
	cppcheck -q --std=c99 --enable=warning,performance,portability --inline-suppr \
	  --suppress=missingIncludeSystem --error-exitcode=1 csrc
	@for l in $(LINT_LUAS); do for c in csrc/*.c; do \
	  $(LINT_CC) $$($(PKG_CONFIG) --cflags $$l) $$c || { echo "$$c, $$l" >&2; exit 1; }; \
	done; done
	@for c in $(wildcard spec/bench/*.c spec/fuzz/*.c spec/torture/*.c); do $(LINT_CC) $$($(PKG_CONFIG) --cflags lua5.4) $$c || exit 1; done

# ---- what must be installed --------------------------------------------------

deps:  ## install all that building, testing and the demo need (Debian, Ubuntu)
	@.ci/deps build demo bench test

deps-demo deps-bench deps-peers deps-test: deps-%: FORCE
	@LUA=$(call lua,5.4) .ci/deps build demo $*

deps-fuzz:
	@.ci/deps build fuzz

clean:  ## remove what was built
	rm -rf build lua/marea/*.so

help:  ## this list
	@sed -n 's/^\([a-z-]*\):.*  ## \(.*\)/  make \1|\2/p' Makefile | \
	  awk -F'|' '{ printf "%-18s %s\n", $$1, $$2 }'

MAKEFLAGS += --no-print-directory
.SECONDARY:
.PHONY: all doc readme static nvim install uninstall test test-gc asan valgrind demo bench bench-peers fuzz fuzz-smoke torture torture-smoke soak lint \
  deps deps-fuzz clean help FORCE
