#!/usr/bin/env bash
# docs/acceptance.md against the tests: all cases are there, every test it names exists, every numbered test is in it.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=docs/acceptance.md
LAST=116

problems=$(awk -F' [|] ' -v last=$LAST '
  /^\| [0-9]+ \|/ {
    number = substr($1, 3) + 0
    if (number != ++expected) print "row " number " stands where " expected " should"
    if ($2 !~ /^[a-z0-9_]+$/) print "row " number " has no name"
    if ($3 == "none" && $4 ~ /^ *\|$/) print "row " number " has neither a test nor a reason"
  }
  END { if (expected != last) print "the last row is " expected ", not " last }' "$page")

# "path NAME" of everything that the page names
named() {
  awk -F' [|] ' '
    /^\| [0-9]+ \|/ { cell = $3 }
    /^\| [^0-9#|-].*(faults|e2e)\// { cell = $2; sub(/ \|$/, "", cell) }
    cell != "" && cell != "none" {
      n = split(cell, files, /; */)
      for (i = 1; i <= n; i++) {
        at = index(files[i], ": ")
        m = split(substr(files[i], at + 2), names, /, */)
        for (j = 1; j <= m; j++) print substr(files[i], 1, at - 1), names[j]
      }
    }
    { cell = "" }' "$page"
}

exists() { # path, name: a shell function, or a word in a C file
  [ -e "tests/$1" ] || { printf 'tests/%s is not there\n' "$1"; return; }
  case $1 in
    azure/*.sh) grep -qw -- "$2" "tests/$1" || printf 'tests/%s: no %s\n' "$1" "$2" ;;
    *.sh) grep -q "^$2()" "tests/$1" || printf 'tests/%s: no %s\n' "$1" "$2" ;;
    *) grep -qw -- "$2" "tests/$1" || printf 'tests/%s: no %s\n' "$1" "$2" ;;
  esac
}

count=0
while read -r path name; do
  problems+=$'\n'$(exists "$path" "$name")
  count=$((count + 1))
done < <(named)
[ "$count" -ge "$LAST" ] || problems+=$'\n'"only $count tests are named: is the page read right?"

# the other way round: case_<number>_<name> belongs to a row, and its row names it or one whose beginning it is
while IFS=: read -r file name; do
  number=${name#case_} number=${number%%_*}
  grep -q "^| $number | .*$name" "$page" || grep "^| $number | " "$page" | grep -q "$(sed -E 's/^case_[0-9]+_([a-z0-9]+_[a-z0-9]+).*/\1/' <<<"$name")" ||
    problems+=$'\n'"$file: $name is not in row $number"
done < <(grep -oE '^case_[0-9]+_[a-z0-9_]+' tests/e2e/*.sh tests/faults/*.sh)

problems=$(sed '/^$/d' <<<"$problems")
[ -z "$problems" ] || { printf '%s\n' "$problems"; exit 1; }
printf '%d cases, %d tests named\n' "$LAST" "$count"
