#!/usr/bin/env bash
# Every C file of ours is as clang-format 14 writes it. Other versions write differently, so elsewhere nothing is claimed:
# exit 77 where clang-format has another version, 1 where it is missing or there is nothing to check.
set -euo pipefail
cd "$(dirname "$0")/../.."
VERSION=14
tool=clang-format-$VERSION
command -v "$tool" >/dev/null || tool=clang-format
command -v "$tool" >/dev/null || { printf 'format: clang-format is not installed (script/bootstrap installs it)\n'; exit 1; }
found=$("$tool" --version | sed -nE 's/.*version ([0-9]+).*/\1/p')
[ "$found" = "$VERSION" ] || { printf 'format: SKIPPED: this is clang-format %s, and the files are written by %s\n' "$found" "$VERSION"; exit 77; }
mapfile -t files < <({ git ls-files '*.c' '*.h' 2>/dev/null || true; } | grep -vE '^(third_party|tests/style/fixtures)/' \
  | while IFS= read -r f; do [ -f "$f" ] && printf '%s\n' "$f"; done)
[ ${#files[@]} -gt 0 ] || { printf 'format: nothing to check\n'; exit 1; }
status=0
printf '%s\n' "${files[@]}" | xargs -P 2 -n 50 "$tool" --dry-run -Werror 2>&1 | grep -E 'error:' || status=$?
printf 'format: %d files\n' "${#files[@]}"
[ "$status" = 1 ] # grep found none
