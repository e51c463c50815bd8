#!/usr/bin/env bash
# coverage.py lets the true page pass and nothing else: a room that fell, is missing on either side, and no figures at all.
set -euo pipefail
cd "$(dirname "$0")/../.."
coverage=$PWD/tests/style/coverage.py
rooms=$(grep -cE '^\| `[a-z0-9_/]+` \| [1-9][0-9]* \| [1-9][0-9]* \| [0-9.]+ \|$' docs/coverage.md) ||
  { printf 'docs/coverage.md has no figures\n' && exit 1; }
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
cd "$folder"

fail() { printf '%s\n' "$*"; cat said; exit 1; }

summary() { # file, run and lines of each: the file `summary`, as gcovr writes it
  local files=()
  while [ $# -gt 0 ]; do
    files+=("$(printf '{"filename": "%s", "line_covered": %d, "line_total": %d}' "$1" "$2" "$3")")
    shift 3
  done
  (IFS=, && printf '{"files": [%s]}\n' "${files[*]}") >summary
}

rows() { # room, run and lines of each: the file `page`
  printf '| room | lines that ran | lines | percent |\n|---|--:|--:|--:|\n' >page
  while [ $# -gt 0 ]; do printf "| \`%s\` | %d | %d | 0.0 |\n" "$1" "$2" "$3" >>page && shift 3; done
}

passes() { "$coverage" summary page "${@:2}" >said 2>&1 || fail "$1: it did not pass"; }
finds() { # what, the text that must be said [, arguments]
  local status=0
  "$coverage" summary page "${@:3}" >said 2>&1 || status=$?
  [ "$status" = 1 ] || fail "$1: exit $status"
  grep -qxF "coverage: $2" said || fail "$1: not said: $2"
}

true_summary() { summary core/os/a.c 90 100 core/os/b.c 100 100 core/os/new.h 0 0 wire/c.c 40 50; }
true_summary
rows core/os 190 200 wire 40 50
passes 'the true page'
rows core/os 191 200 wire 40 50
passes 'half a percent less'
rows core/os 192 200 wire 40 50
finds 'one percent less' 'core/os has fallen from 96.0 to 95.0 percent'
rows core/os 190 200
finds 'a page without a room' 'wire is not on the page'
rows core/os 190 200 wire 40 50 core/cellar 1 2
finds 'a room that is gone' 'core/cellar is on the page, and was not measured'
rows
finds 'a page without figures' 'the page has no figures'
: >page
finds 'an empty page' 'the page has no figures'

rows core/os 190 200 wire 40 50
summary core/os/a.c 190 200 wire/c.c 0 0
finds 'a room without lines' 'wire is on the page, and was not measured'
summary core/os/a.c 0 200 wire/c.c 0 50
finds 'no test ran' 'wire has fallen from 80.0 to 0.0 percent'
summary
finds 'an empty measurement' 'nothing was measured'
finds 'an update from nothing' 'nothing was measured' --update
: >summary
if "$coverage" summary page >said 2>&1; then fail 'no measurement passes'; fi

# An update writes what then passes, and keeps the text around; a page without a table is not written to.
true_summary
printf 'before\n\n| room | what |\n|---|---|\n| `plugin` | 1 | 2 | 50.0 |\n\nafter\n' >page
passes update --update
diff <(head -2 page && tail -2 page) <(printf 'before\n\n\nafter\n') >said || fail 'the text around the table'
grep -q plugin page && fail 'the old table is still there'
passes 'what was updated'
: >page
finds 'an update without a table' 'page has no table to write into' --update

printf 'coverage: what must be found is found, and the page has %d rooms\n' "$rooms"
