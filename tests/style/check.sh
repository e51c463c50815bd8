#!/usr/bin/env bash
# What review would say again and again, as a check: who may include whom, how long things may be, what is never written.
# Prints every finding; ends with a count.
set -euo pipefail
cd "$(dirname "$0")/../.."
findings=0
checks=0

report() { # title, findings: one a line, none is good
  checks=$((checks + 1))
  [ -n "$2" ] || return 0
  sed "s/^/$1: /" <<<"$2"
  findings=$((findings + $(wc -l <<<"$2")))
}

sources() { git ls-files -- "$@" 2>/dev/null | grep -E '\.(c|h)$' | while IFS= read -r f; do [ -e "$f" ] && printf '%s\n' "$f"; done; }
includes() { xargs -r grep -nE "^ *# *include [<\"]($1)" /dev/null; } # files on standard input, forbidden beginning

# --- dependencies point down only ---------------------------------------------------------------------------------
report 'core knows nobody above it' "$(sources 'core/*' | includes '(pkcs11|wire|plugin|ctl)/|openssl/|curl/' || true)"
report 'the module has no network and no libcrypto' "$(sources 'pkcs11/*' | includes '(wire|plugin|ctl)/|openssl/|curl/' || true)"
report 'a noun of the module knows no C_* handler' "$(sources 'pkcs11/*.c' 'pkcs11/*.h' | grep -v '^pkcs11/call/' | includes 'pkcs11/call/' || true)"
report 'wire knows core alone' "$(sources 'wire/*' | includes '(pkcs11|plugin|ctl)/' || true)"
report 'the plugin knows neither module nor command' "$(sources 'plugin/*' | includes '(pkcs11|ctl)/' || true)"
report 'the command uses the plugin through its interface' "$(sources 'ctl/*' | includes '(pkcs11|plugin)/' || true)"
report 'the emulator shares no code' "$(sources 'tests/azure/*' | grep -v fake_ | includes '(core|pkcs11|wire|plugin|ctl)/' || true)"
report 'keyguard/cryptoki.h is the only includer' "$(sources core pkcs11 wire plugin ctl | xargs -r grep -nE 'include [<"]p11-kit/pkcs11' || true)"
report 'an example has public headers alone' "$(sources 'examples/*' | includes '(core|pkcs11|wire|plugin|ctl)/' || true)"
report 'no circle between files' "$(sources core pkcs11 wire plugin ctl include examples | python3 tests/style/circles.py || printf 'circles.py did not come to an end\n')"

# --- never written ------------------------------------------------------------------------------------------------
report 'never called' "$(sources core pkcs11 wire plugin ctl examples | xargs -r grep -nE '\b(strcpy|strcat|sprintf|gets|system|popen|alloca|EVP_PKEY_fromdata)[[:space:]]*\(' | grep -vE ':[0-9]+: *(/\*|\*)|fromdata\(\)' || true)"
# core/os/exit.c: the one handler, which sets a flag so that a token's library is left alone while the process ends.
report 'a guest starts no thread and leaves no handler' "$(sources pkcs11 core | grep -vx core/os/exit.c \
  | xargs -r grep -nE '\b(pthread_create|thrd_create|atexit|pthread_key_create)[[:space:]]*\(' || true)"
report 'an issue or nothing' "$(sources core pkcs11 wire plugin ctl include examples tests | xargs -r grep -nE '[^A-Za-z](XXX|FIXME|TODO)[^A-Za-z]' || true)"

# --- how long things may be ---------------------------------------------------------------------------------------
report 'a file has at most 500 lines' "$(sources core pkcs11 wire plugin ctl examples tests/azure | xargs -r wc -l | awk '$2 != "total" && $1 > 500 { print $2 ": " $1 " lines" }' || true)"
if command -v ctags >/dev/null && ctags --version | grep -q Universal; then
  lengths=$(sources core pkcs11 wire plugin ctl examples tests/azure | grep '\.c$' | xargs -r ctags --languages=C --kinds-C=f --fields=+ne -o - 2>/dev/null \
    | awk -F'\t' '{ l = e = 0; for (i = 4; i <= NF; i++) { if ($i ~ /^line:/) l = substr($i, 6); if ($i ~ /^end:/) e = substr($i, 5) } if (e) print e - l + 1, $2 ":" $1 }' | sort -n)
  report 'a function has at most 80 lines' "$(awk '$1 > 80' <<<"$lengths")"
  median=$(awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }' <<<"$lengths")
  ninety=$(awk '{ a[NR] = $1 } END { print a[int(NR * 0.9)] }' <<<"$lengths")
  printf 'functions: %s, median %s lines, nine in ten within %s\n' "$(wc -l <<<"$lengths")" "$median" "$ninety"
  [ "$median" -le 15 ] || report functions "the median is $median lines, more than 15"
  [ "$ninety" -le 40 ] || report functions "nine in ten are within $ninety lines, more than 40"
else
  printf 'function lengths were not measured: universal-ctags is not installed\n'
fi

# --- each header compiles alone -----------------------------------------------------------------------------------
kit=$(pkg-config --cflags p11-kit-1 2>/dev/null || true)
alone() {
  local header
  for header in $(sources core pkcs11 wire plugin ctl include | grep '\.h$' | grep -vE '_win|core/key/cng/|cryptoki_v3'); do
    # shellcheck disable=SC2086  # compiler options
    printf '#include "%s"\ntypedef int kg_not_empty;\n' "$header" | ${CC:-cc} -std=c11 -D_POSIX_C_SOURCE=200809L -I. -Iinclude \
      -Ithird_party/cjson $kit -fsyntax-only -x c - 2>/dev/null || printf '%s\n' "$header"
  done
}
report 'a header compiles alone' "$(alone)"

# --- scripts ------------------------------------------------------------------------------------------------------
if command -v shellcheck >/dev/null; then
  report shellcheck "$(git ls-files | xargs -r grep -lE '^#!.*\b(ba)?sh' 2>/dev/null | xargs -r shellcheck -x -e SC1091,SC2119,SC2120,SC2034 \
    -f gcc -S warning || true)"
else
  printf 'scripts were not checked: shellcheck is not installed\n'
fi

printf '%d checks, %d findings\n' "$checks" "$findings"
[ "$findings" = 0 ]
