#!/usr/bin/env bash
# The token leg of keyguardctl: what is sent, what is accepted, and what is never printed.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net

case_82_token_fields() {
  ready
  succeeds token demo --scope $VAULT
  requests_are 'metadata=0 issue=0 token=1'
  equal client_credentials "$(counter .token.last.form.grant_type)" grant_type
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$(counter .token.last.form.client_id)" client_id
  equal mtls_pop "$(counter .token.last.form.token_type)" token_type
  equal $VAULT/.default "$(counter .token.last.form.scope)" scope
  equal null "$(counter .token.last.form.client_assertion)" client_assertion
  equal null "$(counter .token.last.form.client_secret)" client_secret
  equal 1 "$(counter .token.client_certificate.with)" 'requests with a client certificate'
  matches keyguard "$(counter '.token.last.headers."x-client-sku"')" x-client-SKU
  equal true "$(counter '.token.last.headers."return-client-request-id"')" return-client-request-id
  equal mtls_pop "$(out .token_type)" 'token type'
  equal "$(out .thumbprint)" "$(out .access_token | cut -d. -f2 | tr '_-' '/+' | base64 -di 2>/dev/null | jq -r '.cnf."x5t#S256"')" 'binding of the token'
}

case_tls_12_by_default_and_13_when_allowed() {
  ready
  succeeds token demo --scope $VAULT
  matches '1\.2' "$(counter '.token.tls | keys[0]')" 'TLS version'
  conf_set tls-max 1.3
  emulator POST reset '{}' >/dev/null
  succeeds token demo --scope $VAULT
  matches '1\.3' "$(counter '.token.tls | keys[0]')" 'TLS version'
}

case_83_scope_slash() {
  ready
  succeeds token demo --scope $VAULT/
  equal $VAULT/.default "$(counter .token.last.form.scope)" scope
  succeeds token demo --scope $VAULT/.default
  equal $VAULT/.default "$(counter .token.last.form.scope)" scope
}

case_scope_is_needed() {
  ready
  kg token demo
  equal 2 "$STATUS" exit
  requests_are token=0
}

case_84_token_type_check_mismatch() {
  ready
  fault '{"endpoint":"token","token_type":"Bearer"}'
  refused 8 token_type_mismatch Bearer token demo --scope $VAULT
  ! grep -q eyJ <<<"$OUT" || fail 'the token was printed'
}

case_84_token_type_check_missing() {
  ready
  fault '{"endpoint":"token","omit":["token_type"]}'
  refused 8 token_type_missing token_type token demo --scope $VAULT
}

case_85_token_expires_string() {
  ready
  fault '{"endpoint":"token","replace":{"expires_in":"3599"}}'
  succeeds token demo --scope $VAULT
  equal 3599 "$(out .expires_in)" expires_in
}

case_86_token_empty() { ready; fault '{"endpoint":"token","replace":{"access_token":""}}'; refused 8 . access_token token demo --scope $VAULT; }
case_86_token_empty_no_token() { ready; fault '{"endpoint":"token","omit":["access_token"]}'; refused 8 . access_token token demo --scope $VAULT; }
case_86_token_empty_no_expiry() { ready; fault '{"endpoint":"token","omit":["expires_in"]}'; refused 8 . expires_in token demo --scope $VAULT; }
case_86_token_empty_expiry() { ready; fault '{"endpoint":"token","replace":{"expires_in":0}}'; refused 8 . expires_in token demo --scope $VAULT; }

case_87_token_redirect() {
  ready
  fault "{\"endpoint\":\"token\",\"status\":307,\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"}"
  kg token demo --scope $VAULT
  [ "$STATUS" != 0 ] || fail 'a redirect was followed'
  requests_are canary=0
}

case_97_claims() {
  ready
  succeeds token demo --scope $VAULT --claims '{"access_token":{"nbf":{"essential":true}}}'
  matches essential "$(counter .token.last.form.claims)" claims
}

case_97_claims_must_be_json() {
  ready
  kg token demo --scope $VAULT --claims '{oops'
  equal 2 "$STATUS" "exit ($OUT)"
  requests_are token=0
}

case_98_cnf_mismatch() {
  ready
  fault '{"endpoint":"token","cnf":"wrong"}'
  refused 8 token_invalid 'certificate|x5t#S256' token demo --scope $VAULT
  ! grep -q eyJ <<<"$OUT" || fail 'the token was printed'
}

case_98_cnf_missing() {
  ready
  fault '{"endpoint":"token","cnf":"none"}'
  kg token demo --scope $VAULT
  equal 8 "$STATUS" "exit ($OUT)"
  ! grep -q eyJ <<<"$OUT" || fail 'the token was printed'
}

case_109_sts_5xx() {
  ready
  fault '{"endpoint":"token","status":503}'
  succeeds token demo --scope $VAULT
  requests_are 'token=2 issue=0'
}

case_109_sts_5xx_for_ever() {
  ready
  fault '{"endpoint":"token","status":503,"times":-1}'
  kg token demo --scope $VAULT
  equal 8 "$STATUS" "exit ($OUT)"
  matches 'retry 1 of 1 in [0-9]+ ms, [0-9]+ ms so far' "$(cat "$KG_RUN/stderr")" 'the log'
  requests_are 'token=2 issue=0'
}

case_107_retry_disabled() { # no time for one is as good as none
  ready
  conf_set deadline 1
  fault '{"endpoint":"token","status":503,"times":-1}'
  kg token demo --scope $VAULT
  equal 8 "$STATUS" "exit ($OUT)"
  requests_are 'token=1 issue=0'
  emulator POST reset '{}' >/dev/null
  fault '{"endpoint":"metadata","status":500,"times":-1}'
  kg provision demo --force
  equal 9 "$STATUS" "exit ($OUT)"
  matches 'no time left to retry' "$(error text)"
  requests_are metadata=1
}

case_110_sts_retry_after() {
  ready
  fault '{"endpoint":"token","status":503,"headers":{"Retry-After":"5"}}'
  kg token demo --scope $VAULT
  equal 8 "$STATUS" exit
  requests_are 'token=1 issue=0'
}

case_115_bearer_over_mtls() {
  ready
  succeeds token demo --scope $VAULT --token-type bearer
  equal bearer "$(counter .token.last.form.token_type)" token_type
  equal 1 "$(counter .token.client_certificate.with)" 'requests with a client certificate'
}

case_token_service_down() {
  identity demo
  fault '{"endpoint":"issue","replace":{"mtls_authentication_endpoint":"https://localhost:1"}}'
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
  kg token demo --scope $VAULT
  equal 9 "$STATUS" exit
  matches 'localhost:1' "$(error text)"
  requests_are 'metadata=0 issue=0'
}

case_token_provisions_when_there_is_nothing() {
  identity demo
  succeeds token demo --scope $VAULT
  requests_are 'metadata=1 issue=1 token=1'
}

case_other_forms_of_an_answer() {
  ready
  fault '{"endpoint":"token","oversize":true,"times":-1}'
  kg token demo --scope $VAULT
  equal 9 "$STATUS" 'exit for one that is too large'
  emulator DELETE faults >/dev/null
  fault '{"endpoint":"token","truncate":true,"times":-1}'
  kg token demo --scope $VAULT
  [ "$STATUS" != 0 ] || fail 'a truncated answer was believed'
  ! grep -q eyJ <<<"$OUT" || fail 'a part of the token was printed'
  emulator DELETE faults >/dev/null
  fault '{"endpoint":"token","body":"<html>"}'
  kg token demo --scope $VAULT
  equal 8 "$STATUS" 'exit for one that is no JSON'
  emulator DELETE faults >/dev/null
}

case_exec_and_env_give_scripts_what_they_need() {
  ready
  local text
  text=$(keyguardctl exec demo -- sh -c 'printf "%s %s %s %s" "$KEYGUARD_CERT_URI" "$KEYGUARD_KEY_URI" "$KEYGUARD_TOKEN_ENDPOINT" "$KEYGUARD_MODULE"') || fail 'exec'
  equal "pkcs11:token=demo;object=demo;type=cert pkcs11:token=demo;object=demo;type=private $AZURE_EMULATOR_TOKEN_URL $KEYGUARD_MODULE" \
    "$text" 'variables of exec'
  text=$(eval "$(keyguardctl env demo)" && printf '%s' "$KEYGUARD_CLIENT_ID") || fail 'env'
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$text" KEYGUARD_CLIENT_ID
  local status=0
  keyguardctl exec demo -- sh -c 'exit 42' || status=$?
  equal 42 "$status" 'exit of exec'
  text=$(eval "$(keyguardctl env demo)" && sh -c 'printf "%s" "$KEYGUARD_CLIENT_ID"') || fail 'env for a child'
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$text" 'what a child of the shell sees'
  ! keyguardctl env demo | grep -q eyJ || fail 'env prints a token'
  requests_are 'metadata=0 issue=0 token=0'
}

case_output_forms() {
  ready
  local token
  token=$(keyguardctl token demo --scope $VAULT)
  matches '^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$' "$token" token
  matches '^Authorization: mtls_pop eyJ' "$(keyguardctl token demo --scope $VAULT --output header)" header
}

case_answer_that_breaks_off_is_asked_for_again() { # after the header as before it
  ready
  fault '{"endpoint":"token","truncate":true}'
  succeeds token demo --scope https://vault.azure.net
  requests_are 'token=2 issue=0'
}

case_version_is_an_option_too() {
  local text
  text=$(keyguardctl --version) || fail '--version'
  equal "$(keyguardctl version)" "$text" 'version'
}

case_usage_errors_are_json_where_that_is_asked_for() {
  local arguments
  ready
  for arguments in '' 'nonsense' '--nonsense' 'token demo' 'token' 'token demo --nonsense' 'provision' 'exec demo' 'status nobody' 'renew --all demo'; do
    # shellcheck disable=SC2086
    kg $arguments
    matches '^(2|3)$' "$STATUS" "exit of keyguardctl $arguments"
    equal "$STATUS" "$(out .error.exit_code)" "the exit code in the JSON of keyguardctl $arguments"
    [ ! -s "$KG_RUN/stderr" ] || fail "keyguardctl $arguments: standard error: $(cat "$KG_RUN/stderr")"
  done
  STATUS=0
  OUT=$(keyguardctl token demo --nonsense --json 2>/dev/null) || STATUS=$?
  equal usage "$(out .error.sub_code)" 'an option behind the wrong one'
}

case_ca_file_that_others_may_write() {
  ready
  cp "$AZURE_EMULATOR_CA" "$KG_RUN/ca.pem"
  conf_set ca-file "$KG_RUN/ca.pem"
  succeeds token demo --scope https://vault.azure.net
  chmod 666 "$KG_RUN/ca.pem"
  refused 12 untrusted_file ca-file token demo --scope https://vault.azure.net
  refused 12 untrusted_file ca-file provision demo --force
  rm "$KG_RUN/ca.pem"
  refused 3 configuration_invalid ca-file token demo --scope https://vault.azure.net
}

case_allowed_hosts_of_a_stored_binding() {
  ready
  conf_set allowed-hosts microsoft.com
  kg token demo --scope https://vault.azure.net
  [ "$STATUS" != 0 ] || fail 'a host that is allowed no more was asked'
  matches 'allowed' "$(error text)"
  requests_are token=0
  kg status demo
  equal 11 "$STATUS" 'status'
}

# The next file that is opened would get the number: the lock, which holds nothing but a process id while it is held.
case_closed_descriptors_receive_nothing() {
  local fds status pid deadline lock=$KG_RUN/state/demo.lock
  identity demo
  for fds in '<&-' '>&-' '2>&-' '<&- >&- 2>&-'; do
    fault '{"endpoint":"issue","delay_ms":1000}'
    eval "command keyguardctl -vv --json provision demo --force >$KG_RUN/out 2>$KG_RUN/err $fds" &
    pid=$! status=0 deadline=$((SECONDS + 30))
    until [ "$(counter '.issue.max_in_flight // 0')" = 1 ]; do
      [ "$SECONDS" -lt "$deadline" ] || fail "no request with $fds: $(cat "$KG_RUN/err")"
      sleep 0.05
    done
    matches '^[0-9]+$' "$(cat "$lock")" "the lock with $fds"
    wait "$pid" || status=$?
    case $fds in
      *'>&-'*'2>&-' | '>&-') [ "$status" != 0 ] || fail "an answer to nobody is a success ($fds)" ;;
      *) equal 0 "$status" "exit ($fds)" ;;
    esac
    emulator POST reset '{}' >/dev/null
  done
}

run_cases "$@"
