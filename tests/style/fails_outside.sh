#!/usr/bin/env bash
# A check that has nothing to look at fails: outside a checkout, without a tool, with an empty list.
set -euo pipefail
cd "$(dirname "$0")/../.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

refused() { # what, text that must be said, folder, then the command: it fails, without calling itself skipped, and says why
  local what=$1 text=$2 folder=$3 status=0
  shift 3
  (cd "$folder" && env GIT_CEILING_DIRECTORIES="$work" "$@") >"$work/said" 2>&1 || status=$?
  case $status in
    0 | 77) ;;
    *) grep -qE "$text" "$work/said" && return ;;
  esac
  printf '%s: exit %s, and it said:\n' "$what" "$status"
  cat "$work/said"
  failed=1
}

outside=$work/outside
mkdir "$outside"
tar -cf - --exclude=./build --exclude=./.git . | tar -xf - -C "$outside"
refused 'check, outside a checkout' '^nothing to check: product$' "$outside" tests/style/check.sh
refused 'format, outside a checkout' '^format: nothing to check$' "$outside" tests/style/format.sh
refused 'citations, outside a checkout' . "$outside" tests/style/citations.sh

# A checkout without files of ours, and one without tools.
(cd "$outside" && git -c init.defaultBranch=main init -q && git add tests/style/check.sh tests/style/rooms tests/style/exceptions)
refused 'check, without sources' '^nothing to check: ours$' "$outside" tests/style/check.sh
(cd "$outside" && git add .)
mkdir "$work/bin"
for tool in bash env git grep sed awk sort wc cat xargs mktemp rm dirname basename tr printf; do ln -s "$(command -v "$tool")" "$work/bin/$tool"; done
refused 'check, without tools' '^nothing to check with: ctags' "$outside" env PATH="$work/bin" tests/style/check.sh
refused 'check, without shellcheck' '^nothing to check with: shellcheck' "$outside" env PATH="$work/bin" tests/style/check.sh
refused 'format, without clang-format' 'clang-format is not installed' "$outside" env PATH="$work/bin" tests/style/format.sh

# Each rule finds what breaks it: every one is broken in a file of its own. Compiler and shellcheck are not asked.
broken=()
breaks() { # rule, file, its text
  mkdir -p "$outside/${2%/*}"
  printf '%s\n' "$3" >"$outside/$2"
  broken+=("$1: $2:")
}
lines() { printf "%$1s" '' | tr ' ' '\n'; }
mkdir "$work/fast"
for tool in cc shellcheck; do printf '#!/bin/sh\nexit 0\n' >"$work/fast/$tool" && chmod +x "$work/fast/$tool"; done
room='an include that tests/style/rooms does not allow'
breaks "$room" core/base/bad_os.c '#include "core/os/file.h"'
breaks "$room" core/os/bad_key.c '#include "core/key/key.h"'
breaks "$room" core/key/bad_store.c '#include "core/key/pkcs11/backing.h"'
breaks "$room" core/key/pkcs11/bad_state.c '#include "core/state/config.h"'
breaks "$room" core/state/bad_store.c '#include "core/key/store.h"'
breaks "$room" pkcs11/bad_writer.c '#include "core/state/binding_writer.h"'
breaks "$room" pkcs11/bad_wire.c '#include "wire/http.h"'
breaks "$room" pkcs11/bad_call.c '#include "pkcs11/call/sign.h"'
breaks "$room" wire/bad_plugin.c '#include "plugin/leg.h"'
breaks "$room" plugin/bad_ctl.c '#include "ctl/command.h"'
breaks "$room" ctl/bad_module.c '#include "pkcs11/module.h"'
breaks "$room" examples/plugin/bad_core.c '#include "core/base/buf.h"'
breaks "$room" core/cellar/bad.c '#include "core/base/buf.h"'
breaks 'libcurl and OpenSSL are for wire, plugin and ctl' pkcs11/bad_openssl.c '#include <openssl/evp.h>'
breaks 'the emulator shares no code' tests/azure/bad_core.c '#include "core/base/buf.h"'
breaks 'keyguard/cryptoki.h is the only includer' core/base/bad_header.c '#include <p11-kit/pkcs11.h>'
breaks 'a file includes its own header first' core/base/bad_order.c '#include "core/base/buf.h"'
touch "$outside/core/base/bad_order.h"
breaks "a test is one of ctest's" tests/unit/ctl/test_unlisted.c 'int main(void) { return 0; }'
breaks "a test is one of ctest's" tests/e2e/unlisted.sh 'exit 0'
breaks 'never called' ctl/bad_system.c 'int f(void) { return system("x"); }'
breaks 'a guest starts no thread and leaves no handler' core/base/bad_exit.c 'int f(void) { return atexit(0); }'
breaks 'an issue or nothing' wire/bad_todo.c '/* TODO: later */'
breaks 'a file has at most 500 lines, a header less than 60' core/base/bad_long.c "$(lines 500; echo x)"
breaks 'a file has at most 500 lines, a header less than 60' core/base/bad_long.h "$(lines 60; echo x)"
breaks 'a file has at most 500 lines, a header less than 60' tests/unit/bad_long.c "$(lines 500; echo x)"
breaks 'a function has at most 80 lines' core/base/bad_function.c "void f(void) {$(lines 90; echo "}")"
git -C "$outside" add .
refused 'rules' ' findings$' "$outside" env PATH="$work/fast:$PATH" tests/style/check.sh
for rule in "${broken[@]}"; do
  grep -qF "$rule" "$work/said" && continue
  printf 'not found: %s\n' "$rule"
  failed=1
done
[ "$failed" = 0 ] && printf 'fails_outside: every check that has nothing to look at fails, and every rule finds\n'
[ "$failed" = 0 ]
