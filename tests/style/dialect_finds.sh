#!/usr/bin/env bash
# What tests/style/dialect.py finds in the fixture is what the comments there say, line by line, and nothing else.
set -euo pipefail
cd "$(dirname "$0")/../.."
fixture=tests/style/fixtures/dialect_bad.c
status=0
found=$(tests/style/dialect.py --file "$fixture") || status=$?
[ "$status" != 77 ] || { printf '%s\n' "$found"; exit 77; }
[ "$status" = 1 ] || { printf 'the exit is %s, not 1\n%s\n' "$status" "$found"; exit 1; }
expected=$(awk 'match($0, /\/\* FOUND: /) { n = split(substr($0, RSTART + 10), rules, " "); for (i = 1; i < n; i++) print NR ": " rules[i] }' "$fixture" | sort)
[ -n "$expected" ] || { printf 'the fixture expects nothing\n'; exit 1; }
diff <(printf '%s\n' "$expected") <(sed -nE 's/^[^:]+:([0-9]+): ([^:]+):.*/\1: \2/p' <<<"$found" | sort)
printf 'dialect: %d expected findings, all found\n' "$(wc -l <<<"$expected")"
