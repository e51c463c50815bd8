#!/usr/bin/env bash
# valgrind.sh PROGRAM: one of this folder's under valgrind's memcheck. Neither a bad access nor a lost byte, of its own,
# the module's or the backing token's; what is still reachable when a process ends is the kernel's to take.
set -euo pipefail
cd "$(dirname "$0")"
command -v valgrind >/dev/null || { printf 'skipped: valgrind is not installed\n'; exit 77; }
export KG_STEPS=200 KG_ROUNDS=20
exec valgrind -q --error-exitcode=9 --leak-check=full --show-leak-kinds=definite,indirect \
  --errors-for-leak-kinds=definite,indirect --suppressions=module.supp "$1"
