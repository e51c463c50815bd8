#!/usr/bin/env bash
# What comments cite is there to be opened: "docs/PAGE.md 4.2" is a heading of that page, a page is a file of this
# repository, and the short names of foreign sources (MI/V2/Csr.cs, NET#6022, MOCK) are spelled out in docs/protocol.md.
# Prints every finding; ends with a count. Finding no citation at all is a finding, too.
set -euo pipefail
cd "$(dirname "$0")/../.."
NUMBERED='protocol|pitfalls' # pages that are cited by section
SOURCES=docs/protocol.md
findings=0

report() { # title, findings: one a line, none is good
  [ -n "$2" ] || return 0
  while IFS= read -r line; do
    printf '%s: %s\n' "$1" "$line"
    findings=$((findings + 1))
  done <<<"$2"
}

git ls-files --error-unmatch "$SOURCES" >/dev/null # outside a checkout there is nothing to look at

# Lines of tracked files as FILE:NUMBER:TEXT, none is good. This file speaks of what it looks for, so it is left out.
lines() { # all, or code (all but pages); options and pattern of git grep
  local where=$1
  shift
  set -- git grep -nI "$@" -- . ':!third_party' ':!tests/style/citations.sh'
  [ "$where" = all ] || set -- "$@" ':!*.md'
  "$@" || [ $? -eq 1 ]
}

# --- sections -----------------------------------------------------------------------------------------------------
# "docs/protocol.md 8.1 to 8.3" and "docs/pitfalls.md 41, 43" are two each.
LIST='[0-9]+(\.[0-9]+)?((, | and | to )[0-9]+(\.[0-9]+)?)*'
cited=$(lines all -oE "docs/[a-z-]+\.md $LIST" | sed -E 's/, | and | to / /g' \
  | awk '{ place = $1; sub(/docs\/[a-z-]+\.md$/, "", place); page = substr($1, length(place) + 1)
           for (i = 2; i <= NF; i++) print page, $i, place }' | sort -u)
for page in ${NUMBERED//|/ }; do
  grep -q "^docs/$page\.md " <<<"$cited" || report 'nothing is cited' "docs/$page.md"
done

headings() { git ls-files -- 'docs/*.md' | while IFS= read -r page; do # "PAGE NUMBER"
  sed -nE "s|^#+ ([0-9]+(\.[0-9]+)?)\.? .*|$page \1|p" "$page"
done; }
report 'no such section' "$(awk 'NR == FNR { there[$1 " " $2] = 1; next } NF && !(($1 " " $2) in there) { print $3 " " $1 " " $2 }' \
  <(headings) <(printf '%s\n' "$cited"))"

# A comment that was broken between page and number, or that names neither section nor entry.
report 'which section?' "$(lines code -E "docs/($NUMBERED)\.md($|[^a-z0-9 ]|  | [^0-9])" | grep -v '^tests/style/' || true)"
report 'cite as docs/PAGE.md N' "$(lines all -iE "(^|[^/a-z])(protocol(-2)?(\.md)?|pitfalls?(\.md)?) [0-9]+|\b(pitfalls?|design): ")"

# --- pages --------------------------------------------------------------------------------------------------------
# In code every something.md is a file of this repository, by its path or beside the file, or a source's; find's -name is
# no citation.
tracked=$(git ls-files)
while IFS=: read -r file number page; do
  [ -n "$file" ] || continue
  page=$(sed -E 's#^\$\{?[A-Za-z_]+\}?/##; s#^(\.\./)+##' <<<"$page") # $ROOT/docs/clients.md, ../../docs/clients.md
  if [[ $page =~ ^[A-Z]+/ ]] || grep -qxF -e "$page" -e "${file%/*}/$page" <<<"$tracked"; then continue; fi
  report 'no such page' "$file:$number: $page"
done < <(lines code -oE "(-name )?[A-Za-z0-9_./\${}-]*[A-Za-z0-9_-]\.md\b" | grep -v ':-name ')

# --- the map ------------------------------------------------------------------------------------------------------
# What docs/architecture.md names is there: a path, or the end of one; * and NAME are any name, as in core/os/lock_*.c.
MAP=docs/architecture.md
# shellcheck disable=SC2016 # the backticks are the page's
named=$(grep -oE '`[A-Za-z0-9_./*-]+`' "$MAP" | tr -d '`' | grep -E '/[a-z*N]|\.(c|h|def|sh|txt|[15])$' | sort -u || true)
[ "$(wc -l <<<"$named")" -gt 50 ] || report 'few files are named: is it read right?' "$MAP"
for path in $named; do
  pattern=$(sed 's/[.]/\\&/g; s/\*\|NAME/[^\/]*/g' <<<"$path")
  grep -qE "(^|/)$pattern(/|$)" <<<"$tracked" || report 'no such file' "$MAP: $path"
done

# --- links between the pages, with their anchors ----------------------------------------------------------------------
anchors() { sed -nE 's/^#+ //p' "$1" | tr '[:upper:]' '[:lower:]' | sed -E 's/[^a-z0-9 _-]//g; s/ /-/g'; }
while IFS=: read -r file number link; do
  [ -n "$file" ] || continue
  link=${link#*](} link=${link%)}
  target=${link%%#*} anchor=${link#"$target"}
  case $file in */*) folder=${file%/*} ;; *) folder=. ;; esac
  target=${target:+$folder/$target}
  target=${target:-$file}
  [ -e "$target" ] || { report 'no such file' "$file:$number: $link"; continue; }
  [ -z "$anchor" ] || anchors "$target" | grep -qxF -- "${anchor#\#}" || report 'no such heading' "$file:$number: $link"
done < <(lines all -oE '\]\([^):]*\)' | grep -E '^[^:]+\.md:' || true)

# --- short names of sources ---------------------------------------------------------------------------------------
# shellcheck disable=SC2016 # the backticks are the page's
defined=$(sed -n '/^## Sources$/,$p' "$SOURCES" | sed -nE 's/^\| (`[^|]*)\|.*/\1/p' | grep -oE '`[^`]+`' | tr -d '`' | sort -u)
[ -n "$defined" ] || report 'no short name is spelled out' "$SOURCES"
WORDS='MOCK|REC|E2E|PS|PY|PYATT|GO610|GOINT|GOE2E|MATRIX|JDESIGN|JGAP|ED'
used=$({
  lines all -ohE "[\$A-Za-z0-9_{}]*/[A-Za-z0-9_/.-]+\.(cs|go|java|ts|cpp|py|md)\b" | sed -nE 's|^[0-9]+:([A-Z]+/).*|\1|p'
  lines all -ohE '\b[A-Z]+#[0-9]+' | sed -E 's|^[0-9]+:||; s|#.*|#|' | grep -vx 'PKCS#'
  lines code -owhE "($WORDS)" | sed -E 's|^[0-9]+:||'
} | sort -u)
report "not spelled out in $SOURCES" "$(comm -23 <(printf '%s\n' "$used" | sed '/^$/d') <(printf '%s\n' "$defined"))"

count=$(sed '/^$/d' <<<"$cited" | wc -l)
printf '%d citations of sections, %d short names, %d findings\n' "$count" "$(wc -l <<<"$used")" "$findings"
[ "$findings" = 0 ]
