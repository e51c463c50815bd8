#!/usr/bin/env bash
# No space left where the bindings are: the old one stays, nobody is asked for what cannot be kept, and nothing is left over.
# shellcheck source=tests/faults/private_mounts.sh
. "$(dirname "$0")/private_mounts.sh"
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"

small_state() { # the state folder is a file system of its own, with room for a few bindings
  mount -t tmpfs -o size=128k,mode=0755 none "$KG_RUN/state" 2>/dev/null || skip 'tmpfs cannot be mounted'
}

fill() { dd if=/dev/zero of="$KG_RUN/state/ballast" bs=4096 2>/dev/null || true; }

files() { find "$KG_RUN/state" -mindepth 1 ! -name '*.lock' ! -name '.pin.????????????????????????????????' ! -name ballast -printf '%f '; }

leave() { cd "$KG_BUILD" && umount "$KG_RUN/state"; }

case_old_binding_stays() {
  small_state
  identity demo
  succeeds provision demo
  local before
  before=$(cat "$(binding demo)")
  emulator POST reset '{}' >/dev/null
  fill
  kg provision demo --force
  equal 1 "$STATUS" "exit ($OUT)"
  equal io_failed "$(error sub_code)" 'sub-code'
  matches "no place for what is issued.*$KG_RUN/state/demo.*space" "$(error text)"
  requests_are 'metadata=0 issue=0'
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  equal 'demo.json ' "$(files)" 'files'
  succeeds token demo --scope https://vault.azure.net # which writes nothing
  rm "$KG_RUN/state/ballast"
  succeeds provision demo --force
  leave
}

case_cold() {
  small_state
  identity demo
  fill
  for _ in 1 2 3; do
    kg provision demo
    equal 1 "$STATUS" "exit ($OUT)"
  done
  requests_are 'metadata=0 issue=0'
  equal '' "$(files)" 'files'
  rm "$KG_RUN/state/ballast"
  succeeds provision demo
  leave
}

case_token_that_cannot_be_kept_is_still_printed() {
  small_state
  identity demo
  conf_set token-cache true
  succeeds provision demo
  mkdir -m 0700 "$KG_RUN/state/tokens"
  fill
  succeeds token demo --scope https://vault.azure.net
  equal service "$(out .source)" source
  matches 'space' "$(cat "$KG_RUN/stderr")" 'the log'
  leave
}

run_cases "$@"
