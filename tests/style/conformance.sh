#!/usr/bin/env bash
# docs/conformance.md and docs/pitfalls.md against the tests: every failure has tests or says that it is not shown, every
# test and case that is named exists, and both pages name the same tests for one failure. docs/architecture.md, too, names
# only tests that there are.
#   conformance.sh BUILD-FOLDER
set -euo pipefail
build=$1
cd "$(dirname "$0")/../.."
table=docs/conformance.md
page=docs/pitfalls.md
map=docs/architecture.md
LAST_ROW=35
LAST_ENTRY=66
GROUPS_OF_TESTS='unit|module|clients|azure|fuzz|style|e2e|faults|windows|bench'

existing=$(ctest --test-dir "$build" -N | sed -nE 's/^ *Test +#[0-9]+: //p')
[ -n "$existing" ] || { printf 'ctest knows no test in %s\n' "$build"; exit 1; }
problems=

# "NUMBER<TAB>text of its tests", one line a failure
rows() { awk -F' [|] ' '/^\| [0-9]+ \|/ { print substr($1, 3) + 0 "\t" $4 }' "$table"; }
entries() {
  awk '
    /^##/ { if (number) print number "\t" text; number = text = ""; listed = 0 }
    /^### [0-9]+\. / { number = $2 + 0 }
    /^- / { listed = /^- \*Tests:\*/ }
    listed { text = text " " $0 }
    END { if (number) print number "\t" text }' "$page"
}

# in order, none left out, each with a test or the words that there is none
numbered() { # what it is called, number of the last; lines on standard input
  awk -F'\t' -v what="$1" -v last="$2" '
    { if ($1 != ++expected) print what " " $1 " stands where " expected " should" }
    $2 !~ /`/ && $2 !~ /[Nn]ot shown/ { print what " " $1 " names no test" }
    END { if (expected != last) print "the last " what " is " expected ", not " last }'
}
problems+=$'\n'$(rows | numbered row "$LAST_ROW")
problems+=$'\n'$(entries | numbered entry "$LAST_ENTRY")

# shellcheck disable=SC2016 # the backticks are the pages'
words() { grep -oE '`[^`]+`' | tr -d '`'; }
tests_named() { words | grep -xE "($GROUPS_OF_TESTS)\.[A-Za-z0-9_.-]+" | sort -u; }

count=0
while read -r name; do
  count=$((count + 1))
  grep -qx -- "$name" <<<"$existing" || problems+=$'\n'"no test is called $name"
done < <(cat "$table" "$page" "$map" | tests_named)

files_of() { # a test of ctest
  local group=${1%%.*} name=${1#*.}
  case $group in
    windows) find tests/windows -type f ;;
    *) find "tests/$group" -type f \( -name "test_$name.*" -o -name "$name.*" -o -name "$name" \) ;;
  esac
}

# A word after a test is one of its cases: a function, or the end of a path. tests/... is a file.
cases=0
while IFS=$'\t' read -r number text; do
  test=
  while read -r word; do
    if [[ $word =~ ^($GROUPS_OF_TESTS)\. ]]; then
      test=$word
    elif [[ $word == tests/* ]]; then
      [ -e "$word" ] || problems+=$'\n'"entry $number: no file $word"
    elif [[ $word =~ ^[a-z0-9_]+$ ]]; then
      cases=$((cases + 1))
      [ -n "$test" ] && files_of "$test" | xargs -r grep -qE "/$word\"|\b$word\(|^ *list .* $word\$" ||
        problems+=$'\n'"entry $number: ${test:-no test} has no case $word"
    fi
  done < <(words <<<"$text")
done < <(entries)
[ "$cases" -gt "$LAST_ENTRY" ] || problems+=$'\n'"only $cases cases are named: is $page read right?"

while IFS=$'\t' read -r number text; do
  entry=$(entries | awk -F'\t' -v n="$number" '$1 == n { print $2 }' | tests_named)
  differing=$(comm -23 <(tests_named <<<"$text") <(printf '%s\n' "$entry") | tr '\n' ' ')
  [ -z "$differing" ] || problems+=$'\n'"row $number has what entry $number has not: $differing"
done < <(rows)

problems=$(sed '/^$/d' <<<"$problems")
[ -z "$problems" ] || { printf '%s\n' "$problems"; exit 1; }
printf '%d rows, %d entries, %d tests and %d cases named\n' "$LAST_ROW" "$LAST_ENTRY" "$count" "$cases"
