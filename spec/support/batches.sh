#!/bin/sh
# SPDX-License-Identifier: MIT
# batches.sh JOBS SIZE COMMAND SPEC...: runs the specs, SIZE files in a process
# and JOBS processes at a time, since most of a spec is waiting. Each batch's
# output comes in one piece, and a line "passed failed skipped" for it is added
# to build/counts. A process that dies, takes more than BATCH_SECONDS (600), or
# fails without naming a spec, is one failure. COMMAND is a line of shell.

batch() {   # COMMAND SPEC...
  command=$1; shift
  dir=$(mktemp -d)
  MAREA_COUNTS=$dir/count timeout -k 10 "${BATCH_SECONDS:-600}" \
    sh -c "$command \"\$@\"" batch "$@" >"$dir/out" 2>&1 </dev/null
  status=$?
  if [ $status -ge 124 ]; then echo "took too long, or died ($status): $*" >>"$dir/out"; fi
  touch "$dir/count"
  awk -v rc=$status '{ p += $1; f += $2; s += $3 }
    END { if (!f && (rc || !NR)) f = 1; print p + 0, f + 0, s + 0 }' "$dir/count" >>build/counts
  ( flock 9; cat "$dir/out" ) 9>build/counts.lock
  rm -rf "$dir"
}

if [ "$1" = --batch ]; then shift; batch "$@"; exit 0; fi

jobs=$1 size=$2 command=$3; shift 3
printf '%s\n' "$@" | xargs -P "$jobs" -n "$size" sh "$0" --batch "$command"
