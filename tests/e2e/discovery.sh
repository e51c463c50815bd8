#!/usr/bin/env bash
# keyguardctl capabilities: what this host can bind a token to, in bounded time, and nothing of it remembered.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

finds() { # exit code, managed identity, strength, then arguments
  local exit_code=$1 version=$2 strength=$3
  shift 3
  kg capabilities "$@"
  equal "$exit_code" "$STATUS" "exit ($OUT)"
  equal "$version" "$(out .managed_identity)" 'managed identity'
  equal "$strength" "$(out .strength)" strength
}

no_v2() { fault '{"endpoint":"metadata","status":404,"times":-1}'; }

v1_requests() { emulator GET requests | jq '[.[] | select(.path == "/metadata/identity/oauth2/token")] | length'; }

case_5_no_discovery_needed() {
  identity demo
  succeeds token demo --scope https://vault.azure.net
  requests_are 'metadata=1 issue=1 attestation=1 token=1 other=0'
}

case_17_probe_ok() {
  finds 0 v2 none
  requests_are 'metadata=1 other=0'
  equal null "$(counter .metadata.last.headers.metadata)" 'Metadata header'
  matches '^[0-9a-f-]{36}$' "$(counter '.metadata.last.headers."x-ms-client-request-id"')" 'request id'
  matches 'cred-api-version=2.0' "$(counter .metadata.last.query)" query
}

case_18_probe_retry() {
  fault '{"endpoint":"metadata","status":500}'
  finds 0 v2 none --timeout 5000
  requests_are metadata=2
}

case_19_probe_404() {
  no_v2
  finds 6 v1 none
  requests_are metadata=1
  equal 1 "$(v1_requests)" 'requests to v1'
  matches 404 "$(out .reason)" reason
}

case_7_v1_found_and_nothing_latched() { # found v1; the host is updated; what is then provisioned is not told the old story
  no_v2
  finds 6 v1 none
  emulator DELETE faults >/dev/null
  identity demo
  succeeds provision demo
}

case_21_probe_cancel() { # the budget ends it before the answer comes, and nothing is kept
  fault '{"endpoint":"metadata","delay_ms":4000}'
  finds 6 none none --timeout 300
  finds 0 v2 none --timeout 5000
}

case_22_capability_tiers() {
  finds 0 v2 none # no identity is configured
  identity demo
  finds 0 v2 none # its key is not made yet, and looking does not make it
  succeeds provision demo
  finds 0 v2 software
  equal 'software software' "$(out '.identities[0] | .strength + " " + .minimum_strength')" identity
  no_v2
  finds 6 v1 none # a key alone binds nothing, and v1 binds nothing at all
}

case_looking_makes_no_key() {
  identity untouched
  finds 0 v2 none
  ! pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 --list-objects \
    2>/dev/null | grep -q untouched || fail 'a key was made'
  [ -z "$(ls -A "$KG_RUN/state")" ] || fail 'something was written'
}

case_11_env_source_is_no_place_to_look() {
  IDENTITY_ENDPOINT=http://127.0.0.1:1 IDENTITY_HEADER=x finds 6 none none
  matches 'App Service' "$(out .reason)" reason
  requests_are 'metadata=0 other=0'
}

case_12_kill_switch_finds_none() {
  MSAL_MI_DISABLE_IMDS_V2=1 finds 6 none none
  matches MSAL_MI_DISABLE_IMDS_V2 "$(out .reason)" reason
  requests_are 'metadata=0 other=0'
}

case_without_a_configuration() {
  rm "$KEYGUARD_CONF"
  AZURE_POD_IDENTITY_AUTHORITY_HOST=$AZURE_EMULATOR_URL finds 0 v2 none
}

# The metadata service behind TLS, as a gateway of one's own may offer it: a forwarder with a certificate of its own.
serve_metadata_over_tls() {
  openssl req -x509 -newkey rsa:2048 -nodes -keyout "$KG_RUN/gateway.key" -out "$KG_RUN/gateway.pem" -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost 2>"$KG_RUN/gateway.log" || fail "$(cat "$KG_RUN/gateway.log")"
  : >"$KG_RUN/gateway.port"
  python3 "$HERE/tests/e2e/gateway.py" "$AZURE_EMULATOR_URL" "$KG_RUN/gateway.pem" "$KG_RUN/gateway.key" >"$KG_RUN/gateway.port" \
    2>"$KG_RUN/gateway.log" &
  # shellcheck disable=SC2064  # this number, now
  trap "kill $!" EXIT
  local i
  for ((i = 0; i < 200; i++)); do
    read -r PORT <"$KG_RUN/gateway.port" && return 0
    sleep 0.05
  done
  fail "the gateway did not start: $(cat "$KG_RUN/gateway.log")"
}

case_metadata_endpoint_over_tls_uses_the_ca_file() {
  local PORT
  serve_metadata_over_tls
  identity demo
  conf_set metadata-endpoint "https://localhost:$PORT"
  refused 9 server_untrusted self-signed provision demo # the gateway's issuer is nobody that is trusted
  requests_are metadata=0
  cat "$KG_RUN/gateway.pem" "$AZURE_EMULATOR_CA" >"$KG_RUN/gateway-ca.pem"
  conf_set ca-file "$KG_RUN/gateway-ca.pem"
  kg capabilities
  equal '0 v2' "$STATUS $(out .managed_identity)" 'what is found'
  succeeds provision demo --force
}

run_cases "$@"
