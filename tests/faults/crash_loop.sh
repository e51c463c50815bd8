#!/usr/bin/env bash
# A service that starts again and again: the metadata service is asked a handful of times, whatever it answers.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"

hundred_starts() { # arguments; each must fail
  local i
  for ((i = 0; i < 100; i++)); do
    ! keyguardctl "$@" >"$KG_RUN/out" 2>&1 || fail "start $i worked"
  done
}

at_most() { # number, endpoint
  [ "$(requests "$2")" -le "$1" ] || fail "$(requests "$2") requests to $2, more than $1"
  [ "$(requests "$2")" -ge 1 ] || fail "nobody asked $2"
}

case_refused() {
  identity demo
  fault '{"endpoint":"metadata","status":403,"times":-1}'
  hundred_starts token demo --scope https://vault.azure.net
  at_most 5 metadata
  grep -q 'provision demo --force tries now' "$KG_RUN/out" || fail "what to do is not said: $(cat "$KG_RUN/out")"
}

case_throttled_with_retry_after() {
  identity demo
  conf_set deadline 5
  fault '{"endpoint":"issue","status":429,"times":-1,"headers":{"Retry-After":"300"}}'
  hundred_starts provision demo
  requests_are issue=1
}

case_unreachable() {
  identity demo
  conf_set metadata-endpoint http://127.0.0.1:1
  keyguardctl provision demo 2>/dev/null && fail 'an address where nobody is'
  kg provision demo
  matches 'next attempt in' "$(error text)"
}

case_what_was_mended_is_tried_at_once() {
  identity demo
  conf_set metadata-endpoint http://127.0.0.1:1
  kg provision demo
  kg provision demo
  matches 'next attempt in' "$(error text)"
  conf_set metadata-endpoint "$AZURE_EMULATOR_URL"
  succeeds provision demo
  [ ! -e "$KG_RUN/state/demo.failure" ] || fail 'the failure is still remembered'
}

case_what_was_never_asked_is_not_remembered() {
  identity demo
  conf_set plugin /nonexistent/imds.so
  kg provision demo
  equal 3 "$STATUS" exit
  [ ! -e "$KG_RUN/state/demo.failure" ] || fail 'a local failure was remembered'
}

case_force_is_for_people() {
  identity demo
  fault '{"endpoint":"metadata","status":403,"times":2}'
  kg provision demo
  kg provision demo
  matches 'next attempt in' "$(error text)"
  kg provision demo --force
  matches 'HTTP 403' "$(error text)"
  requests_are metadata=2
  succeeds provision demo --force
}

run_cases "$@"
