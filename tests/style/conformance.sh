#!/usr/bin/env bash
# docs/conformance.md against ctest: every row of its tables of failures has tests, and each of them exists.
#   conformance.sh BUILD-FOLDER
set -euo pipefail
build=$1
page=$(dirname "$0")/../../docs/conformance.md
LAST=35 # rows

existing=$(ctest --test-dir "$build" -N | sed -nE 's/^ *Test +#[0-9]+: //p')
problems=$(awk -F' [|] ' -v last=$LAST '
  /^\| [0-9]+ \|/ {
    number = substr($1, 3) + 0
    if (number != ++expected) print "row " number " stands where " expected " should"
    if ($4 !~ /`/) print "row " number " names no test"
  }
  END { if (expected != last) print "the last row is " expected ", not " last }' "$page")
count=0
# shellcheck disable=SC2016 # the backticks are the page's
while read -r name; do
  count=$((count + 1))
  grep -qx -- "$name" <<<"$existing" || problems+=$'\n'"no test is called $name"
done < <(grep -oE '`(unit|module|clients|azure|fuzz|style|e2e|faults)\.[A-Za-z0-9_.-]+`' "$page" | tr -d '`' | sort -u)
problems=$(sed '/^$/d' <<<"$problems")
[ -z "$problems" ] || { printf '%s\n' "$problems"; exit 1; }
printf '%d rows, %d tests named\n' "$LAST" "$count"
