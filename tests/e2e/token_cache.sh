#!/usr/bin/env bash
# token-cache = true: what is answered without a request, and what never is.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net

ready() { # with the cache, unattested for travel; provisioned, counters zero
  conf_set token-cache true
  gates demo true false software
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
}

buys() { # source expected, then arguments
  local source=$1
  shift
  succeeds token "${NAME:-demo}" --scope $VAULT "$@"
  equal "$source" "$(out .source)" "source ($*)"
}

cached_files() { find "$KG_RUN/state/tokens" -type f 2>/dev/null | wc -l; }

rewrite() { sed -i "s/$1/$2/" "$KEYGUARD_CONF"; } # of the configuration

case_off_by_default() {
  gates demo true false software
  buys service
  buys service
  requests_are token=2
  [ ! -e "$KG_RUN/state/tokens" ] || fail 'a folder for tokens was made'
}

case_3_second_call_cached() {
  ready
  buys service
  local token thumbprint
  token=$(out .access_token) thumbprint=$(out .thumbprint)
  emulator POST reset '{}' >/dev/null
  buys cache
  requests_are 'metadata=0 issue=0 attestation=0 token=0'
  equal "$token" "$(out .access_token)" token
  equal "$thumbprint" "$(out .thumbprint)" thumbprint
  equal '600 700' "$(stat -c %a "$KG_RUN"/state/tokens/*.token) $(stat -c %a "$KG_RUN/state/tokens")" modes
}

case_3_second_call_cached_needs_no_network() {
  ready
  buys service
  conf_set metadata-endpoint http://127.0.0.1:1
  fault '{"endpoint":"token","reset":true,"times":-1}'
  buys cache
}

case_4_per_identity_the_first_stays_cached() {
  conf_set token-cache true
  gates demo true false software
  printf 'user-assigned-client-id = %s\n' "$AZURE_EMULATOR_USER1_CLIENT_ID" >>"$KEYGUARD_CONF"
  gates other true false software
  printf 'user-assigned-client-id = %s\n' "$AZURE_EMULATOR_USER2_CLIENT_ID" >>"$KEYGUARD_CONF"
  buys service
  local first
  first=$(out .access_token)
  NAME=other buys service
  [ "$first" != "$(out .access_token)" ] || fail 'two identities got one token'
  equal "$AZURE_EMULATOR_USER2_CLIENT_ID" "$(token_payload "$(out .access_token)" | jq -r .appid)" 'appid'
  buys cache
  equal "$first" "$(out .access_token)" 'the first'
  requests_are token=2
}

case_15_floor_in_token_key() {
  ready
  rewrite 'minimum-strength = software' 'minimum-strength = none'
  buys service
  rewrite 'minimum-strength = none' 'minimum-strength = software'
  buys service
  requests_are 'issue=0 token=2'
  buys cache
  rewrite 'minimum-strength = software' 'minimum-strength = none'
  buys cache
  requests_are 'issue=0 token=2'
}

case_71_att_partition() {
  conf_set token-cache true
  gates demo true true software
  buys service
  local attested
  attested=$(out .thumbprint)
  rewrite 'with-attestation-support = true' 'with-attestation-support = false'
  buys service
  [ "$attested" != "$(out .thumbprint)" ] || fail 'an attested certificate served an unattested request'
  requests_are 'issue=2 attestation=1 token=2'
  rewrite 'with-attestation-support = false' 'with-attestation-support = true'
  buys service # the certificate is not the one that the first token was bound to
  requests_are 'issue=3 attestation=2 token=3'
  equal true "$(counter .issue.last.had_attestation_token)" 'attestation token on leg 2'
}

case_84_token_type_check_is_not_cached() {
  ready
  fault '{"endpoint":"token","token_type":"Bearer"}'
  refused 8 token_type_mismatch Bearer token demo --scope $VAULT
  fault '{"endpoint":"token","cnf":"wrong"}'
  refused 8 token_invalid certificate token demo --scope $VAULT
  equal 0 "$(cached_files)" 'cached files'
  buys service
  requests_are token=3
}

case_86_token_empty_is_not_cached() {
  ready
  fault '{"endpoint":"token","replace":{"access_token":""}}'
  refused 8 . access_token token demo --scope $VAULT
  equal 0 "$(cached_files)" 'cached files'
}

case_97_claims_skip_the_cache() {
  ready
  buys service
  buys service --claims '{"access_token":{"nbf":{"essential":true}}}'
  requests_are token=2
  buys cache
}

case_no_cache_neither_reads_nor_writes() {
  ready
  buys service --no-cache
  equal 0 "$(cached_files)" 'cached files'
  buys service
  buys service --no-cache
  requests_are token=3
}

case_99_same_key_renewal() {
  ready
  buys service
  local modulus first
  modulus=$(jq -r .binding.modulus "$(binding demo)") first=$(out .thumbprint)
  succeeds provision demo --force
  equal "$modulus" "$(jq -r .binding.modulus "$(binding demo)")" 'the key'
  buys service
  [ "$first" != "$(out .thumbprint)" ] || fail 'a token of the old certificate was served'
  requests_are 'issue=1 token=2'
  equal 1 "$(cached_files)" 'cached files'
}

case_101_token_expiry_buffer() {
  ready
  emulator POST settings '{"expires_in":600}' >/dev/null
  buys service
  travel 240
  buys cache
  travel 301
  buys service
  requests_are token=2
}

case_100_proactive_rotation_of_the_token() { # due for replacement: tried, and where that fails the old one serves on
  ready
  fault '{"endpoint":"token","replace":{"refresh_in":1800}}'
  buys service
  local first
  first=$(out .access_token)
  travel 1000
  buys cache
  travel 2000
  fault '{"endpoint":"token","status":400,"body":{"error":"temporarily_unavailable"}}'
  buys cache
  equal "$first" "$(out .access_token)" 'the old token'
  requests_are token=2
  buys service
  [ "$first" != "$(out .access_token)" ] || fail 'the token was not replaced'
}

case_102_orphan_on_token_hit() {
  ready
  buys service
  local first
  first=$(out .thumbprint)
  pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 \
    --delete-object --type privkey --label demo >/dev/null 2>&1 || fail 'the key could not be deleted'
  buys service
  [ "$first" != "$(out .thumbprint)" ] || fail 'a token without its key was served'
  requests_are 'issue=1 token=2'
}

case_115_bearer_over_mtls_has_its_own_place() {
  ready
  buys service
  buys service --token-type bearer
  equal null "$(out .thumbprint)" 'thumbprint beside a bearer token'
  buys cache --token-type bearer
  equal bearer "$(out .token_type)" 'token type'
  buys cache
  equal mtls_pop "$(out .token_type)" 'token type'
  requests_are token=2
}

case_user_without_the_state_folder_has_a_cache_of_its_own() {
  needs_nobody
  ready
  give_nobody_the_token
  mkdir -m 0700 "$KG_RUN/home"
  chown 65534:65534 "$KG_RUN/home"
  local i
  for i in service cache; do
    OUT=$(SOFTHSM2_CONF=$KG_RUN/nobody.conf HOME=$KG_RUN/home as_nobody env -u XDG_CACHE_HOME "$KG_BUILD/ctl/keyguardctl" \
      --json token demo --scope $VAULT 2>"$KG_RUN/stderr") || fail "nobody got no token: $OUT $(cat "$KG_RUN/stderr")"
    equal "$i" "$(out .source)" source
  done
  equal '65534 600' "$(stat -c '%u %a' "$KG_RUN"/home/.cache/keyguard/*.token)" 'owner and mode'
  equal 0 "$(cached_files)" 'files in the state folder'
}

run_cases "$@"
