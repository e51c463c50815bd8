#!/usr/bin/env bash
# What the token service refuses: what leads to one new certificate, what is asked once more, what is only explained.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net

oauth_fault() { # AADSTS number (0: none), OAuth error, [times]
  local codes="[$1]"
  [ "$1" != 0 ] || codes='[]'
  fault "{\"endpoint\":\"token\",\"times\":${3:-1},\"oauth_error\":{\"error\":\"$2\",\"error_codes\":$codes,\"error_description\":\"AADSTS$1: spoiled\"}}"
}

minted_again() { # re-mints: after the first rejection everything was asked anew, once
  requests_are "issue=1 token=2"
  equal true "$(counter .issue.last.bypass_cache)" 'bypass_cache on the re-mint'
}

case_88_invalid_client_once() {
  ready
  oauth_fault 0 invalid_client
  succeeds token demo --scope $VAULT
  minted_again
}

case_outcome_is_told_in_one_line() { # with the names of the counter that the reference clients plan
  ready
  keyguardctl -v token demo --scope $VAULT >/dev/null 2>"$KG_RUN/err" || fail 'no token'
  matches 'MsiSource=ImdsV2 TokenType=mtls_pop bypassCache=false KeyType=InMemory CredentialOutcome=Success' "$(cat "$KG_RUN/err")"
  oauth_fault 0 invalid_client
  keyguardctl -v token demo --scope $VAULT >/dev/null 2>"$KG_RUN/err" || fail 'no token'
  matches 'bypassCache=true KeyType=InMemory CredentialOutcome=Retry Succeeded' "$(cat "$KG_RUN/err")"
  oauth_fault 0 invalid_client 2
  keyguardctl -v token demo --scope $VAULT >/dev/null 2>"$KG_RUN/err" && fail 'a token'
  matches 'CredentialOutcome=Retry Failed' "$(cat "$KG_RUN/err")"
}

case_89_invalid_client_twice() {
  ready
  oauth_fault 0 invalid_client 2
  kg token demo --scope $VAULT
  equal 8 "$STATUS" exit
  equal invalid_client "$(error oauth_error)" 'OAuth error'
  minted_again
}

case_90_reset_once() { # a new connection, and the certificate stays
  ready
  fault '{"endpoint":"token","reset":"handshake"}'
  succeeds token demo --scope $VAULT
  requests_are issue=0
}

case_90_reset_twice_once_the_certificate_was_sent() {
  ready
  fault '{"endpoint":"token","reset":"handshake","times":2}'
  succeeds token demo --scope $VAULT
  requests_are issue=1
}

case_90_reset_for_ever() { # five calls are no five certificates
  local i
  ready
  fault '{"endpoint":"token","reset":"handshake","times":-1}'
  for i in 1 2 3 4 5; do
    kg token demo --scope $VAULT
    equal 9 "$STATUS" "exit of call $i ($OUT)"
  done
  requests_are issue=1
  matches 'certificate is kept.*provision demo --force' "$(error text)"
}

case_90_reset_after_the_handshake() { # TLS 1.2: the certificate was taken, so it is not to blame
  ready
  fault '{"endpoint":"token","reset":true,"times":2}'
  kg token demo --scope $VAULT
  requests_are issue=0
}

case_91_alert_bad_certificate() {
  ready
  fault '{"endpoint":"token","tls_alert":"bad_certificate"}'
  succeeds token demo --scope $VAULT
  requests_are issue=1
}

case_91_alerts_about_the_certificate() { # of each kind: one new certificate; of any other: none
  local alert
  ready
  for alert in certificate_expired certificate_revoked unknown_ca; do
    emulator POST reset '{}' >/dev/null
    fault "{\"endpoint\":\"token\",\"tls_alert\":\"$alert\"}"
    succeeds token demo --scope $VAULT
    requests_are issue=1
  done
  for alert in access_denied handshake_failure internal_error; do
    emulator POST reset '{}' >/dev/null
    fault "{\"endpoint\":\"token\",\"tls_alert\":\"$alert\",\"times\":-1}"
    kg token demo --scope $VAULT
    equal 9 "$STATUS" "exit for alert $alert"
    requests_are issue=0
  done
}

case_91_alert_twice_is_an_error() {
  ready
  fault '{"endpoint":"token","tls_alert":"bad_certificate","times":2}'
  kg token demo --scope $VAULT
  equal 9 "$STATUS" "exit ($OUT)"
  requests_are issue=1
}

case_93_server_untrusted() {
  ready
  conf_set ca-file "$AZURE_EMULATOR_ISSUER_CA"
  kg token demo --scope $VAULT
  equal 9 "$STATUS" exit
  requests_are 'metadata=0 issue=0'
}

case_94_aadsts_1000612() {
  ready
  oauth_fault 1000612 invalid_client
  succeeds token demo --scope $VAULT
  minted_again
  requests_are attestation=1
}

case_94_aadsts_of_every_kind() { # time range, issuer, claim, jku, signature: each blames the attestation token
  local code
  ready
  for code in 1000610 1000611 1000613 1000614; do
    emulator POST reset '{}' >/dev/null
    oauth_fault $code invalid_client
    succeeds token demo --scope $VAULT
    minted_again
    requests_are attestation=1
  done
}

case_94_aadsts_after_which_the_issuer_knows_no_bypass() { # 400 to bypass_cache: once more without it
  ready
  emulator POST settings '{"allow_bypass_cache":false}' >/dev/null
  oauth_fault 1000612 invalid_client
  succeeds token demo --scope $VAULT
  requests_are 'issue=2 token=2'
  equal false "$(counter .issue.last.bypass_cache)" 'bypass_cache of the second'
}

case_94_aadsts_of_an_unattested_certificate() { # nothing to drop, and nothing that becomes attested
  gates demo true false software
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
  oauth_fault 1000612 invalid_client
  succeeds token demo --scope $VAULT
  minted_again
  requests_are attestation=0
}

case_95_aadsts_1000901() {
  ready
  oauth_fault 1000901 invalid_request
  succeeds token demo --scope $VAULT
  minted_again
}

case_96_aadsts_392196() {
  ready
  oauth_fault 392196 invalid_request
  kg token demo --scope $VAULT
  equal 8 "$STATUS" exit
  equal AADSTS392196 "$(error aadsts)" AADSTS
  matches 'resource' "$(error text)" 'what to do'
  requests_are 'issue=0 token=1'
}

case_96_others_are_surfaced_with_what_to_do() {
  local code pattern
  ready
  while read -r code pattern; do
    emulator POST reset '{}' >/dev/null
    oauth_fault "$code" invalid_request
    kg token demo --scope $VAULT
    equal 8 "$STATUS" "exit for $code"
    equal "AADSTS$code" "$(error aadsts)" AADSTS
    matches "$pattern" "$(error text)" "text of $code"
    requests_are 'issue=0 token=1'
  done <<<'392200 client certificate.*proxy
51000 owner has to allow'
}

case_aadsts_500181_is_tried_again_once() {
  ready
  oauth_fault 500181 invalid_request
  succeeds token demo --scope $VAULT
  requests_are 'issue=0 token=2'
  emulator POST reset '{}' >/dev/null
  oauth_fault 500181 invalid_request 2
  kg token demo --scope $VAULT
  equal 8 "$STATUS" exit
  matches 'reusing connections' "$(error text)"
  requests_are 'issue=0 token=2'
}

case_permanent_refusals() { # each as invalid_client, which alone would ask for a new certificate
  local code
  ready
  for code in 7000112 70001 392196 3921996 392189 51000 500011 70011 90002 53003 700213 7002138 700016; do
    oauth_fault $code invalid_client
    kg token demo --scope $VAULT
    equal 8 "$STATUS" "exit for $code"
  done
  requests_are issue=0
}

case_certificate_that_has_ended() { # the service says so: one new one
  ready
  oauth_fault 392204 invalid_client
  succeeds token demo --scope $VAULT
  minted_again
}

refused_by_all() { # number: so many processes at once, each of which must be refused
  local i
  local -a pids=()
  for ((i = 0; i < $1; i++)); do
    (! keyguardctl token demo --scope $VAULT >/dev/null 2>&1) &
    pids+=($!)
  done
  for i in "${pids[@]}"; do wait "$i" || fail 'a token'; done
}

case_storm() { # that issuecredential succeeds forgets nothing
  ready
  oauth_fault 1000612 invalid_client -1
  refused_by_all 20
  requests_are issue=1
  equal 1 "$(jq .remint.count "$KG_RUN/state/demo.refusal")" 'failed re-mints'
  equal 644 "$(stat -c %a "$KG_RUN/state/demo.refusal")" 'its mode'
  succeeds provision demo
  kg token demo --scope $VAULT
  matches 'AADSTS1000612.*certificate is kept.*did not help' "$(error text)"
  requests_are issue=1
}

case_storm_of_the_first_day() { # nobody has a certificate yet: a fresh one is not replaced
  identity demo
  oauth_fault 1000612 invalid_client -1
  refused_by_all 6
  requests_are issue=1
  refused_by_all 6
  requests_are issue=1
}

case_storm_is_over() { # a granted token forgets, and so does a person
  ready
  oauth_fault 0 invalid_client -1
  kg token demo --scope $VAULT
  kg token demo --scope $VAULT
  requests_are issue=1
  emulator DELETE faults >/dev/null
  succeeds token demo --scope $VAULT
  [ ! -e "$KG_RUN/state/demo.refusal" ] || fail 'a granted token did not clear the memory'
  oauth_fault 0 invalid_client -1
  kg token demo --scope $VAULT
  requests_are issue=2
  succeeds provision demo --force
  [ ! -e "$KG_RUN/state/demo.refusal" ] || fail '--force did not clear the memory'
}

case_re_mint_an_hour_later() { # once more, and the count grows
  gates demo true false software
  succeeds provision demo
  oauth_fault 0 invalid_client -1
  kg token demo --scope $VAULT
  travel 3500
  kg token demo --scope $VAULT
  requests_are issue=2
  travel 3700
  oauth_fault 0 invalid_client -1
  kg token demo --scope $VAULT
  requests_are issue=3
  equal 2 "$(jq .remint.count "$KG_RUN/state/demo.refusal")" 'failed re-mints'
}

case_another_configuration_is_tried_anew() { # is another matter
  ready
  oauth_fault 0 invalid_client -1
  kg token demo --scope $VAULT
  requests_are issue=1
  conf_set deadline 100
  kg token demo --scope $VAULT
  requests_are issue=2
}

case_re_mint_that_brought_nothing() { # used up no turn
  ready
  oauth_fault 0 invalid_client -1
  fault '{"endpoint":"issue","status":403}'
  kg token demo --scope $VAULT
  equal 0 "$(jq '.remint.count // 0' "$KG_RUN/state/demo.refusal")" 'failed re-mints'
}

case_throttled() { # a 429 that names no time is a minute; what is named, at most an hour; in every process
  ready
  fault '{"endpoint":"token","status":429,"times":-1}'
  kg token demo --scope $VAULT
  kg token demo --scope $VAULT
  requests_are token=1
  matches 'left alone for (60|5[0-9]) s' "$(error text)"
  kg token demo --scope https://graph.microsoft.com
  requests_are token=2
  succeeds provision demo --force
  emulator DELETE faults >/dev/null
  succeeds token demo --scope $VAULT
  fault '{"endpoint":"token","status":503,"times":-1,"headers":{"Retry-After":"7200"}}'
  kg token demo --scope $VAULT
  kg token demo --scope $VAULT
  requests_are token=4
  matches 'left alone for 3[56][0-9][0-9] s' "$(error text)"
}

case_throttled_for_a_moment() {
  ready
  fault '{"endpoint":"token","status":429,"headers":{"Retry-After":"1"}}'
  kg token demo --scope $VAULT
  sleep 1.1
  succeeds token demo --scope $VAULT
  [ ! -e "$KG_RUN/state/demo.refusal" ] || fail 'still remembered'
}

case_the_same_request_in_a_loop() {
  ready
  oauth_fault 50196 invalid_client -1
  kg token demo --scope $VAULT
  kg token demo --scope $VAULT
  requests_are 'issue=0 token=1'
}

run_cases "$@"
