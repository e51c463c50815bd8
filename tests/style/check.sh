#!/usr/bin/env bash
# What review would say again and again, as a check: who may include whom, how long things may be, what is never written.
#   check.sh    prints every finding; ends with a count
# A list of files that is empty, and a tool that is missing, is a finding: nothing passes because nothing was looked at.
set -euo pipefail
cd "$(dirname "$0")/../.."
JOBS=2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
findings=0
checks=0

report() { # title, findings: one a line, none is good
  local line
  checks=$((checks + 1))
  [ -n "$2" ] || return 0
  while IFS= read -r line; do printf '%s: %s\n' "$1" "$line"; done <<<"$2"
  findings=$((findings + $(wc -l <<<"$2")))
}

list() { # name, pattern [, pattern of those left out]: the file $work/name of paths that git knows and that are there
  grep -E "$2" "$work/tracked" | grep -vE "${3:-^$}" >"$work/$1" || true
  [ -s "$work/$1" ] || report 'nothing to check' "$1"
}

need() { # tool: a missing one is a finding
  command -v "$1" >/dev/null && return
  report 'nothing to check with' "$1 is not installed (script/bootstrap installs it)"
  return 1
}

search() { # list, extended regular expression: FILE:LINE:TEXT of what is found; comments of a whole line don't count
  xargs -r grep -nHE "$2" <"$work/$1" | grep -vE '^[^:]+:[0-9]+: *(/\*|\*)' || true
}

{ git ls-files 2>/dev/null || true; } | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done | grep -vE '^(third_party|tests/style/fixtures)/' \
  >"$work/tracked" || true
list product '^(core|pkcs11|wire|plugin|ctl)/.*\.[ch]$'
list guest '^(core|pkcs11)/.*\.[ch]$' '^core/os/exit\.c$' # which has the one handler: it sets a flag as the process ends
list ours '^(core|pkcs11|wire|plugin|ctl|include|examples)/.*\.[ch]$'
list emulator '^tests/azure/.*\.[ch]$' fake_
list all '\.[ch]$'
list measured '^(core|pkcs11|wire|plugin|ctl|examples)/.*\.c$|^tests/azure/.*\.c$'
list headers '^(core|pkcs11|wire|plugin|ctl|include)/.*\.h$' '_win|^core/key/cng/|cryptoki_v3'

# --- dependencies point down only ---------------------------------------------------------------------------------

rooms() { # each include of ours against the table
  search ours '^ *# *include "' | sed -E 's/^([^:]*):([0-9]+):.*"([^"]*)".*/\1 \2 \3/; s# keyguard/# include/keyguard/#' | awk '
    function room(path) { sub(/\/[^\/]*$/, "", path); return path }
    FNR == NR {
      if ($0 ~ /^#/) next
      sub(":", "", $1)
      rooms++
      known[$1] = may[$1, $1] = 1
      for (i = 2; i <= NF; i++) may[$1, $i] = 1
      next
    }
    {
      from = $1 in known ? $1 : room($1); to = room($3)
      if (!(from in known)) print $1 ": no room of tests/style/rooms"
      else if ((from, "!" $3) in may || !((from, to) in may || (from, $3) in may)) print $1 ":" $2 ": " $3
    }
    END { if (!rooms || FNR == NR) print "nothing to check: rooms, or includes" }' tests/style/rooms -
}
report 'an include that tests/style/rooms does not allow' "$(rooms)"
report 'no circle between files' "$(python3 tests/style/circles.py <"$work/ours" || printf 'circles.py did not come to an end\n')"
report 'libcurl and OpenSSL are for wire, plugin and ctl' "$(search guest '^ *# *include [<"](openssl|curl)/')"
report 'the emulator shares no code' "$(search emulator '^ *# *include "(core|pkcs11|wire|plugin|ctl)/')"
report 'keyguard/cryptoki.h is the only includer' "$(search product '^ *# *include [<"]p11-kit/pkcs11')"

own_header_first() {
  local file
  while IFS= read -r file; do
    case $file in *.c) ;; *) continue ;; esac
    [ -e "${file%.c}.h" ] || continue
    case $(grep -m1 '^ *# *include' "$file") in *[\"/]"$(basename "${file%.c}").h\""*) ;; *) printf '%s: not first\n' "$file" ;; esac
  done <"$work/all"
}
report 'a file includes its own header first' "$(own_header_first)"

# --- a test that nobody runs --------------------------------------------------------------------------------------

list tests '^tests/.*/(test_[^/]*\.c|fuzz_[^/]*\.c|[^/]*\.sh)$'

unlisted() { # a test is named in the CMakeLists.txt beside it; a script that others read, in them
  local file name
  while IFS= read -r file; do
    name=$(basename "$file" | sed -E 's/\.(c|sh)$//; s/^(test|fuzz)_//')
    grep -qsw -- "$name" "${file%/*}/CMakeLists.txt" && continue
    case $file in *.sh) xargs -r grep -qE "^ *\. .*/${file##*/}\"?\$" <"$work/tests" && continue ;; esac
    printf '%s\n' "$file:"
  done <"$work/tests"
}
report 'a test is one of ctest'"'"'s' "$(unlisted)"

# --- never written ------------------------------------------------------------------------------------------------

report 'never called' "$(search ours '\b(strcpy|strcat|sprintf|gets|system|popen|alloca|EVP_PKEY_fromdata)[[:space:]]*\(' | grep -v 'fromdata()' || true)"
report 'a guest starts no thread and leaves no handler' "$(search guest '\b(pthread_create|thrd_create|atexit|pthread_key_create)[[:space:]]*\(')"
report 'a status is given to an error by core/base/error alone' "$(search product 'error(->|\.)status = ' | grep -v '^core/base/error\.c:' || true)"
report 'an issue or nothing' "$(xargs -r grep -nHE '[^A-Za-z](XXX|FIXME|TODO)[^A-Za-z]' <"$work/all" || true)"

# --- how long things may be ---------------------------------------------------------------------------------------

too_long() { # files against 500 lines, headers against 60, and the exceptions against need
  xargs -r wc -l <"$work/all" | awk '
    FNR == NR { if ($0 !~ /^#/) { sub(/:.*/, ""); excepted[$0] = 1 } next }
    $2 == "total" { next }
    {
      long = $1 > 500 || $2 ~ /\.h$/ && $1 >= 60
      if (long && !($2 in excepted)) print $2 ": " $1 " lines"
      if (long) delete excepted[$2]
    }
    END { for (file in excepted) print file ": it needs no exception" }' tests/style/exceptions -
}
report 'a file has at most 500 lines, a header less than 60' "$(too_long)"

function_lengths() { # list: LINES FILE:NAME, shortest first
  ctags --languages=C --kinds-C=f --fields=+ne -o - -L "$work/$1" 2>/dev/null | awk -F'\t' '{
    l = e = 0
    for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) l = substr($i, 6); if ($i ~ /^end:/) e = substr($i, 5) }
    if (e) print e - l + 1, $2 ":" $1 }' | sort -n
}

if need ctags; then
  function_lengths all >"$work/lengths"
  report 'a function has at most 80 lines' "$(awk '$1 > 80 { print $2 ": " $1 " lines" }' "$work/lengths")"
  awk 'FNR == NR { measured[$1] = 1; next } { file = $2; sub(/:.*/, "", file) } file in measured' "$work/measured" "$work/lengths" >"$work/product-lengths"
  count=$(wc -l <"$work/product-lengths")
  median=$(awk -v n="$count" 'NR == int((n + 1) / 2) { print $1 }' "$work/product-lengths")
  ninety=$(awk -v n="$count" 'NR == int(n * 0.9) { print $1 }' "$work/product-lengths")
  printf 'functions: %s, median %s lines, nine in ten within %s\n' "$count" "${median:=999}" "${ninety:=999}"
  [ "$count" -gt 0 ] || report 'nothing to check' 'functions (is this Universal Ctags?)'
  [ "$median" -le 15 ] || report functions "the median is $median lines, more than 15"
  [ "$ninety" -le 40 ] || report functions "nine in ten are within $ninety lines, more than 40"
fi

# --- each header compiles alone -----------------------------------------------------------------------------------

CC=${CC:-cc}
if need "$CC" && need pkg-config; then
  # shellcheck disable=SC2016,SC2046  # $1 is the inner shell's; compiler options are words
  report 'a header compiles alone' "$(sort "$work/headers" | xargs -r -P "$JOBS" -n 1 sh -c 'for header; do :; done
    printf "#include \"%s\"\ntypedef int kg_not_empty;\n" "$header" | "$@" -fsyntax-only -x c - 2>/dev/null || echo "$header"' \
    header "$CC" -std=c11 -D_POSIX_C_SOURCE=200809L -I. -Iinclude -Ithird_party/cjson $(pkg-config --cflags p11-kit-1))"
fi

# --- scripts ------------------------------------------------------------------------------------------------------

if need shellcheck; then
  { grep '\.sh$' "$work/tracked"; xargs -r grep -lE '^#!.*\b(ba)?sh' <"$work/tracked"; } | sort -u >"$work/scripts" || true
  [ -s "$work/scripts" ] || report 'nothing to check' scripts
  report shellcheck "$(xargs -r -P "$JOBS" -n 8 shellcheck -e SC1091,SC2119,SC2120,SC2034 -f gcc -S warning <"$work/scripts" || true)"
fi

printf '%d checks, %d findings\n' "$checks" "$findings"
[ "$findings" = 0 ]
