#!/bin/sh
# SPDX-License-Identifier: MIT
# Prints, as C, the Lua files named (lua/marea/x.lua...), for bundle.c. The same
# files give the same text, in whatever order they are named.
set -eu
LC_ALL=C
export LC_ALL

echo '/* made by bundle.sh */'
echo '#include "bundle.h"'
n=0
table=''
for file in $(printf '%s\n' "$@" | sort); do
  head -n 1 "$file" | grep -q '^---@meta' && continue   # for editors only
  n=$((n + 1))
  path=${file#lua/}
  name=$(printf '%s' "${path%.lua}" | sed 's,/init$,,; s,/,.,g')
  echo "static const unsigned char m$n[] = {"
  od -An -v -tu1 "$file" | sed 's/^ *//; s/  */,/g; s/$/,/'
  echo '};'
  table="$table  { \"$name\", \"@$path\", m$n, sizeof m$n },
"
done
echo "const struct bundled bundle[] = {"
printf '%s' "$table"
echo '  { 0, 0, 0, 0 }'
echo '};'
