#!/usr/bin/env bash
# A state folder that cannot be written: what is in it is used; what is not cannot be had, and nobody is asked for it.
# shellcheck source=tests/faults/private_mounts.sh
. "$(dirname "$0")/private_mounts.sh"
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"

read_only() {
  mount --bind "$KG_RUN/state" "$KG_RUN/state" && mount -o remount,bind,ro "$KG_RUN/state" || skip 'no read-only mount'
}

leave() { umount "$KG_RUN/state"; }

case_good_binding_is_used() { # mounted from the host into a container, say
  identity demo
  succeeds provision demo
  rm "$KG_RUN/state"/*.lock "$KG_RUN/state"/.key*
  emulator POST reset '{}' >/dev/null
  read_only
  succeeds status demo --check-key
  succeeds provision demo
  equal good "$(out .result)" result
  succeeds renew --all
  succeeds token demo --scope https://vault.azure.net
  succeeds exec demo -- true
  succeeds doctor
  stock pkcs11-tool --module "$KEYGUARD_MODULE" --token-label demo --list-objects --type cert 2>/dev/null | grep -q demo ||
    fail 'the module does not show it'
  requests_are 'issue=0 token=1'
  leave
}

case_nothing_is_asked_for_that_cannot_be_kept() {
  identity demo
  succeeds provision demo
  local before
  before=$(cat "$(binding demo)")
  emulator POST reset '{}' >/dev/null
  read_only
  kg provision demo --force
  equal 12 "$STATUS" "exit ($OUT)"
  matches "$KG_RUN/state/.*[Rr]ead-only" "$(error text)"
  requests_are 'metadata=0 issue=0'
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  leave
}

case_cold() {
  identity demo
  read_only
  kg token demo --scope https://vault.azure.net
  equal 12 "$STATUS" "exit ($OUT)"
  requests_are 'metadata=0 issue=0 token=0'
  leave
}

case_user_who_may_not_write() { # uses what somebody else provisioned, with a token and a PIN of their own
  needs_nobody
  identity demo
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
  give_nobody_the_token
  export SOFTHSM2_CONF=$KG_RUN/nobody.conf
  local command
  for command in 'status demo --check-key' 'provision demo' 'token demo --scope https://vault.azure.net' doctor; do
    # shellcheck disable=SC2086 # words
    as_nobody "$KG_BUILD/ctl/keyguardctl" $command >"$KG_RUN/out" 2>&1 || fail "nobody: keyguardctl $command: $(cat "$KG_RUN/out")"
  done
  requests_are 'issue=0 token=1'
  STATUS=0
  OUT=$(as_nobody "$KG_BUILD/ctl/keyguardctl" --json provision demo --force 2>&1) || STATUS=$?
  equal 12 "$STATUS" "exit ($OUT)"
  requests_are issue=0
}

run_cases "$@"
