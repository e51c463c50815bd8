#!/usr/bin/env bash
# Everybody at once, cold: one request of each kind leaves the machine.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"
# shellcheck source=tests/faults/background.sh
. "$(dirname "$0")/background.sh"

CALLERS=64

all() { # keyguardctl's arguments, by so many at once; each must end with 0
  local i pids=()
  conf_set deadline 240 # for the last in line, on a slow machine
  for ((i = 0; i < CALLERS; i++)); do
    start "caller$i" --json "$@"
    pids+=("$PID")
  done
  for ((i = 0; i < CALLERS; i++)); do ends_with 0 "${pids[i]}" "caller$i"; done
}

different() { jq -r "$1" "$KG_RUN"/caller*.out | sort -u | wc -l; } # values of a member

case_80_mint_single_flight() {
  identity demo
  all provision demo
  requests_are 'metadata=1 attestation=1 issue=1'
  equal 1 "$(different .thumbprint)" 'different certificates'
  equal 1 "$(jq -r .result "$KG_RUN"/caller*.out | grep -c '^issued$')" 'callers that issued'
}

case_80_mint_single_flight_of_tokens() {
  identity demo
  all token demo --scope https://vault.azure.net
  requests_are "metadata=1 attestation=1 issue=1 token=$CALLERS"
  equal 1 "$(different .thumbprint)" 'different certificates'
}

case_55_maa_single_flight() { # the same, where each attestation takes its time
  CALLERS=8
  identity demo
  fault '{"endpoint":"attestation","delay_ms":700}'
  all provision demo
  requests_are 'attestation=1 issue=1'
}

case_two_identities_are_never_mixed() {
  local i pids=()
  identity one "user-assigned-client-id = $AZURE_EMULATOR_USER1_CLIENT_ID"
  identity two "user-assigned-client-id = $AZURE_EMULATOR_USER2_CLIENT_ID"
  for ((i = 0; i < 16; i++)); do
    start "caller$i" --json token "$([ $((i % 2)) = 0 ] && echo one || echo two)" --scope https://vault.azure.net
    pids+=("$PID")
  done
  for ((i = 0; i < 16; i++)); do
    ends_with 0 "${pids[i]}" "caller$i"
    equal "$([ $((i % 2)) = 0 ] && echo "$AZURE_EMULATOR_USER1_CLIENT_ID" || echo "$AZURE_EMULATOR_USER2_CLIENT_ID")" \
      "$(token_payload "$(jq -r .access_token "$KG_RUN/caller$i.out")" | jq -r .appid)" "appid of caller $i"
  done
  requests_are issue=2
}

run_cases "$@"
