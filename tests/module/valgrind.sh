#!/usr/bin/env bash
# valgrind.sh BUILD: programs of this folder under valgrind's memcheck. Neither a bad access nor a lost byte, of theirs,
# the module's or the backing token's; what is still reachable when a process ends is the kernel's to take.
set -euo pipefail
cd "$(dirname "$0")"
command -v valgrind >/dev/null || { printf 'skipped: valgrind is not installed\n'; exit 77; }
out=$(mktemp)
trap 'rm -f "$out"' EXIT
passed=0 failed=0
for topic in sign login lifecycle tables two_call descriptors; do
  if KG_STEPS=200 KG_ROUNDS=20 valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
    --errors-for-leak-kinds=definite,indirect --suppressions=module.supp "$1/tests/module/module_$topic" >"$out" 2>&1; then
    passed=$((passed + 1))
  else
    printf '%s:\n' "$topic"
    tail -40 "$out"
    failed=$((failed + 1))
  fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" = 0 ]
