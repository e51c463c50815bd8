#!/usr/bin/env bash
# Runs a test built with AddressSanitizer. LeakSanitizer stops the threads that are left at the end from a tracer of its
# own, and the tracer crashes now and then where one of them is just going away (a resolver of libcurl, for instance). The
# test has passed by then and its leaks are not yet looked for, so it is run again: for that end only, and twice at most.
#   leak_check.sh PROGRAM [ARGUMENT...]
set -uo pipefail
CRASHED='LeakSanitizer has encountered a fatal error'
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
for more in 2 1 0; do
  "$@" 2>&1 | tee "$log"
  status=${PIPESTATUS[0]}
  if [ "$status" = 0 ] || [ "$more" = 0 ] || ! grep -q "$CRASHED" "$log"; then
    exit "$status"
  fi
  printf 'leak_check: the tracer crashed; once more\n'
done
