#!/usr/bin/env bash
# kill -9 in the middle of a request: the lock is free at once, and the next in line finishes the work.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"
# shellcheck source=tests/faults/background.sh
. "$(dirname "$0")/background.sh"

case_waiters_go_on() {
  local holder i waiters=()
  identity demo
  fault '{"endpoint":"issue","delay_ms":30000}'
  start holder provision demo
  holder=$PID
  in_flight issue
  for i in 1 2 3; do
    start "waiter$i" provision demo
    waiters+=("$PID")
  done
  sleep 0.3 # long enough to be waiting; where it is not, they come later and find the same
  kill -KILL "$holder"
  ends_with 137 "$holder" holder
  for i in 1 2 3; do ends_with 0 "${waiters[i - 1]}" "waiter$i"; done
  requests_are issue=2 # the holder's, and one for all of them
  succeeds status demo --check-key
}

case_old_binding_stays_in_use() {
  local holder before
  identity demo
  succeeds provision demo
  before=$(cat "$(binding demo)")
  emulator POST reset '{}' >/dev/null
  fault '{"endpoint":"issue","delay_ms":30000}'
  start holder provision demo --force
  holder=$PID
  in_flight issue
  kill -KILL "$holder"
  ends_with 137 "$holder" holder
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  emulator DELETE faults >/dev/null
  succeeds provision demo --force
}

run_cases "$@"
