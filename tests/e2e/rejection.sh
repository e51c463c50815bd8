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

case_90_reset_once() {
  ready
  fault '{"endpoint":"token","reset":"handshake"}'
  succeeds token demo --scope $VAULT
  requests_are issue=1
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
  for alert in certificate_expired certificate_revoked unknown_ca access_denied handshake_failure; do
    emulator POST reset '{}' >/dev/null
    fault "{\"endpoint\":\"token\",\"tls_alert\":\"$alert\"}"
    succeeds token demo --scope $VAULT
    requests_are issue=1
  done
  emulator POST reset '{}' >/dev/null
  fault '{"endpoint":"token","tls_alert":"internal_error","times":-1}'
  kg token demo --scope $VAULT
  equal 9 "$STATUS" 'exit for another alert'
  requests_are issue=0
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

run_cases "$@"
