#!/usr/bin/env bash
# The happy path: one identity of each kind, from nothing to a token that the resource accepts.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

resource_status() { # identity, curl options...: of the resource, called with the identity's token
  local token name=$1
  shift
  token=$(keyguardctl token "$name" --scope https://vault.azure.net) || fail "no token for $name"
  printf 'Authorization: mtls_pop %s\n' "$token" >"$KG_RUN/authorization"
  stock curl --silent --output /dev/null --write-out '%{http_code}' --cacert "$AZURE_EMULATOR_CA" \
    --header "@$KG_RUN/authorization" "$@" "$AZURE_EMULATOR_RESOURCE_URL"
}

with_key() { # identity: curl options that present its certificate through the module
  printf '%s\n' --engine pkcs11 --cert-type ENG --key-type ENG --cert "pkcs11:token=$1;object=$1;type=cert" \
    --key "pkcs11:token=$1;object=$1;type=private"
}

check_identity() { # name, selector kind the service saw, identity it answered for
  succeeds provision "$1"
  requests_are 'metadata=1 attestation=1 issue=1 token=0'
  equal "$2" "$(counter .metadata.last.selector.kind)" 'selector on leg 1'
  equal "$2" "$(counter .issue.last.selector.kind)" 'selector on leg 2'
  equal "$3" "$(counter .issue.last.identity)" 'identity'
  equal true "$(counter .issue.last.had_attestation_token)" 'attestation token on leg 2'
  equal "$(counter '.metadata.last.headers."x-ms-client-request-id"')" \
    "$(counter '.issue.last.headers."x-ms-client-request-id"')" 'one request id for both legs'
  local options
  mapfile -t options < <(with_key "$1")
  export PKCS11_MODULE_PATH=$KEYGUARD_MODULE
  equal 200 "$(resource_status "$1" "${options[@]}")" 'resource with token and key'
  equal 401 "$(resource_status "$1")" 'resource with the token alone'
}

case_1_happy_sami() {
  identity demo
  check_identity demo none system
}

case_2_happy_uami_client() {
  identity by-client "user-assigned-client-id = $AZURE_EMULATOR_USER1_CLIENT_ID"
  check_identity by-client client_id user1
}

case_2_happy_uami_object() {
  identity by-object "user-assigned-object-id = $AZURE_EMULATOR_USER2_OBJECT_ID"
  check_identity by-object object_id user2
}

case_2_happy_uami_resource() {
  identity by-resource "user-assigned-resource-id = $AZURE_EMULATOR_USER1_RESOURCE_ID"
  check_identity by-resource mi_res_id user1
  matches 'mi_res_id=%2[Ff]subscriptions%2[Ff]' "$(counter .metadata.last.query)" 'percent-encoded query'
}

case_second_provision_does_nothing() { provisions_once demo; }

case_42_att_omitted() {
  gates plain true false software
  succeeds provision plain
  requests_are 'metadata=1 attestation=0 issue=1'
  equal false "$(counter .issue.last.had_attestation_token)" 'attestation token on leg 2'
  equal false "$(jq .binding.attested "$(binding plain)")" 'attested'
}

case_4_per_identity() {
  identity one "user-assigned-client-id = $AZURE_EMULATOR_USER1_CLIENT_ID"
  identity two "user-assigned-client-id = $AZURE_EMULATOR_USER2_CLIENT_ID"
  succeeds provision --all
  requests_are 'metadata=2 issue=2'
  equal "$AZURE_EMULATOR_USER1_CLIENT_ID" "$(jq -r .binding.client_id "$(binding one)")" 'client id'
  equal "$AZURE_EMULATOR_USER2_CLIENT_ID" "$(jq -r .binding.client_id "$(binding two)")" 'client id'
  local options
  mapfile -t options < <(with_key two)
  export PKCS11_MODULE_PATH=$KEYGUARD_MODULE
  equal 401 "$(resource_status one "${options[@]}")" "the resource with one's token and two's certificate"
}

case_status_and_facts() {
  identity demo
  succeeds provision demo
  succeeds status demo
  matches 'pkcs11:token=demo;object=demo' "$OUT" 'status'
  ! grep -q ';id=' <<<"$OUT" || fail 'status prints a URI with id='
  local facts
  facts=$(stock pkcs11-tool --module "$KEYGUARD_MODULE" --token-label demo --read-object --type data \
    --application-label keyguard --label demo 2>/dev/null)
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$(jq -r .client_id <<<"$facts")" 'client_id of the data object'
  equal "$AZURE_EMULATOR_TOKEN_URL" "$(jq -r .token_endpoint <<<"$facts")" 'token_endpoint of the data object'
  equal true "$(jq -r .attested <<<"$facts")" 'attested of the data object'
}

case_version_needs_nothing() {
  rm "$KEYGUARD_CONF"
  succeeds version
}

run_cases "$@"
