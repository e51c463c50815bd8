#!/usr/bin/env bash
# circles.py finds what it is for, and lets pass what is none.
set -euo pipefail
circles=$(cd "$(dirname "$0")" && pwd -P)/circles.py
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder"

file() { # name, headers that it includes
  local name=$1 header
  shift
  for header in "$@"; do printf '#include "%s"\n' "$header"; done >"$name"
}

expect() { # what circles.py says of the files that are there
  local found
  found=$(printf '%s\n' * | "$circles")
  [ "$found" = "$1" ] || { printf 'expected "%s", found "%s"\n' "$1" "$found"; exit 1; }
  rm ./*
}

file a.h; file a.c a.h b.h; file b.h; file b.c b.h c.h; file c.h a.h
expect 'a -> b -> c -> a'
file a.h; file a.c a.h b.h; file b.h; file b.c b.h
expect ''
file a.h; file a_posix.c a.h b.h; file b.h a.h # the half of a platform is the noun's
expect 'a -> b -> a'
file a.h; file a.c a_parts.h; file a_error.c a_parts.h; file a_parts.h a.h # what a noun keeps to itself
expect ''
file a.h; file a.c a_parts.h; file a_parts.h a.h; file b.c a_parts.h # but not where others look into it
expect 'a -> a_parts -> a'
if "$circles" </dev/null 2>/dev/null; then
  printf 'nothing to check is no success\n'
  exit 1
fi
