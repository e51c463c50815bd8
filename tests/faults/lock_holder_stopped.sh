#!/usr/bin/env bash
# A holder that neither ends nor goes on: the wait is bounded and names it, and what is good needs no lock.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"
# shellcheck source=tests/faults/background.sh
. "$(dirname "$0")/background.sh"

stopped_holder() { # arguments of keyguardctl: HOLDER is in its request to issue, stopped
  fault '{"endpoint":"issue","delay_ms":1500}'
  start holder "$@"
  HOLDER=$PID
  in_flight issue
  kill -STOP "$HOLDER"
}

case_wait_is_bounded_and_names_the_holder() {
  identity demo
  conf_set deadline 30
  stopped_holder provision demo
  conf_set deadline 2
  refused 10 lock_busy "process $HOLDER" provision demo
  requests_are issue=1
  kill -CONT "$HOLDER"
  ends_with 0 "$HOLDER" holder
  succeeds provision demo
  equal good "$(out .result)" result
  requests_are issue=1
}

case_74_store_lock_busy() { # a token is still bought, and a good binding is still good
  identity demo
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
  stopped_holder provision demo --force
  conf_set deadline 2
  succeeds token demo --scope https://vault.azure.net
  succeeds provision demo
  equal good "$(out .result)" result
  succeeds renew demo
  equal not_due "$(out '.identities[0].result')" renew
  requests_are 'issue=1 token=1'
  kill -CONT "$HOLDER"
  ends_with 0 "$HOLDER" holder
}

case_other_identities_do_not_wait() {
  identity demo
  identity other
  stopped_holder provision demo
  conf_set deadline 5
  succeeds provision other
  kill -CONT "$HOLDER"
  ends_with 0 "$HOLDER" holder
}

run_cases "$@"
