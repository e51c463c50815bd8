#!/usr/bin/env bash
# Both gates, the floor, and what else is refused before anything is sent.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

nothing_happened() {
  requests_are 'metadata=0 issue=0 attestation=0 token=0'
  [ ! -e "$(binding "$1")" ] || fail 'a binding was written'
}

case_10_attest_without_pop() {
  gates demo false true software
  refused 4 attestation_requires_pop 'mtls-proof-of-possession' provision demo
  equal MSI_V2_ATTESTATION_REQUIRES_POP "$(error code)" code
  nothing_happened demo
}

case_10_attest_without_pop_touches_no_key_store() {
  printf '\n[identity demo]\nkey-store = pkcs11:token=none;object=none?module-path=/nonexistent.so\nwith-attestation-support = true\n' >>"$KEYGUARD_CONF"
  refused 4 attestation_requires_pop . provision demo
  nothing_happened demo
}

case_no_pop_is_not_ours() {
  gates demo false false software
  refused 4 pop_required 'mtls-proof-of-possession' provision demo
  nothing_happened demo
}

case_14_floor_not_met_by_default() {
  gates demo true true
  refused 4 min_strength_not_met 'software.*keyguard|keyguard.*software' provision demo
  equal MSI_V2_KEYGUARD_UNAVAILABLE "$(error code)" code
  nothing_happened demo
}

case_14_floor_hardware() {
  gates demo true true hardware
  refused 4 min_strength_not_met 'software.*hardware|hardware.*software' provision demo
  nothing_happened demo
}

case_13_floor_met() { # whatever is asked for at least, it is the configured key
  local floor modulus=
  for floor in none software; do
    kg_env_conf
    gates demo true true $floor
    succeeds provision demo --force
    equal software "$(jq -r .binding.strength "$(binding demo)")" "strength with the floor $floor"
    [ -z "$modulus" ] || equal "$modulus" "$(jq -r .binding.modulus "$(binding demo)")" "the key with the floor $floor"
    modulus=$(jq -r .binding.modulus "$(binding demo)")
  done
}

case_floor_raised_later_makes_the_binding_unusable() {
  identity demo
  succeeds provision demo
  sed -i 's/^minimum-strength = software/minimum-strength = hardware/' "$KEYGUARD_CONF"
  kg status demo
  equal 11 "$STATUS" 'status'
  refused 4 min_strength_not_met . provision demo
}

case_11_env_source() {
  identity demo
  IDENTITY_ENDPOINT=http://127.0.0.1:1 IDENTITY_HEADER=x refused 4 mtls_pop_not_supported_for_environment 'App Service' provision demo
  IDENTITY_ENDPOINT=x IDENTITY_HEADER=x IDENTITY_SERVER_THUMBPRINT=x refused 4 . 'Service Fabric' provision demo
  MSI_ENDPOINT=x MSI_SECRET=x refused 4 . 'Machine Learning' provision demo
  MSI_ENDPOINT=x refused 4 . 'Cloud Shell' provision demo
  IDENTITY_ENDPOINT=x IMDS_ENDPOINT=x refused 4 . 'Arc' provision demo
  nothing_happened demo
}

case_12_kill_switch() {
  identity demo
  MSAL_MI_DISABLE_IMDS_V2=1 refused 4 mtls_pop_token_not_supported_in_imds_v1 MSAL_MI_DISABLE_IMDS_V2 token demo --scope https://x
  MSAL_MI_DISABLE_IMDS_V2=TRUE refused 4 mtls_pop_token_not_supported_in_imds_v1 MSAL_MI_DISABLE_IMDS_V2 provision demo
  nothing_happened demo
}

case_12_kill_switch_other_values_are_ignored() {
  identity demo
  MSAL_MI_DISABLE_IMDS_V2=yes succeeds provision demo
}

case_configuration_is_named_by_file_line_and_key() {
  identity demo 'with-atestation-support = true'
  refused 3 configuration_invalid "keyguard.conf:[0-9]+: .*with-atestation-support" provision demo
  nothing_happened demo
}

case_relative_configuration_is_refused() { # the module ignores such a name; whoever types it wants to know
  identity demo
  local command
  for command in 'provision demo' status capabilities 'token demo --scope https://vault.azure.net' 'env demo'; do
    # shellcheck disable=SC2086 # words
    KEYGUARD_CONF=keyguard.conf refused 3 configuration_invalid 'KEYGUARD_CONF is .keyguard.conf., which is not an absolute path' $command
  done
  nothing_happened demo
  KEYGUARD_CONF='' kg status # empty is unset
  matches '/etc/keyguard/keyguard.conf' "$(error text)"
}

case_environment_of_exec_is_for_the_module() { # so its configuration has a whole name
  identity demo
  succeeds provision demo
  (cd "$KG_RUN" && KEYGUARD_CONF='' keyguardctl --config keyguard.conf env demo >env.out 2>env.err) && fail 'a relative name was handed on'
  grep -q 'absolute path' "$KG_RUN/env.err" || fail "env says: $(cat "$KG_RUN/env.err")"
}

case_folder_of_the_configuration_is_missing() {
  KEYGUARD_CONF=$KG_RUN/no/such/keyguard.conf refused 3 configuration_invalid "$KG_RUN/no/such/keyguard.conf'" status
}

case_unknown_identity() {
  identity demo
  kg provision dmeo
  [ "$STATUS" != 0 ] || fail 'an unknown identity was provisioned'
  matches dmeo "$(error text)"
}

case_no_configuration() {
  rm "$KEYGUARD_CONF"
  kg provision demo
  equal 3 "$STATUS" exit
  matches "$KEYGUARD_CONF" "$(error text)"
}

case_no_locked_memory_is_needed() {
  identity demo
  (ulimit -l 0 && keyguardctl token demo --scope https://vault.azure.net >/dev/null) || fail 'no token without locked memory'
}

case_111_base_override() {
  identity demo
  sed -i '/^metadata-endpoint/d' "$KEYGUARD_CONF"
  AZURE_POD_IDENTITY_AUTHORITY_HOST=$AZURE_EMULATOR_URL/some/path succeeds provision demo
  requests_are 'metadata=1 issue=1'
}

case_111_base_override_is_checked() {
  identity demo
  sed -i '/^metadata-endpoint/d' "$KEYGUARD_CONF"
  AZURE_POD_IDENTITY_AUTHORITY_HOST="ftp://127.0.0.1" kg provision demo
  [ "$STATUS" != 0 ] || fail 'an ftp metadata service was accepted'
  matches AZURE_POD_IDENTITY_AUTHORITY_HOST "$(error text)"
  AZURE_POD_IDENTITY_AUTHORITY_HOST="http://user@127.0.0.1" kg provision demo
  [ "$STATUS" != 0 ] || fail 'user information was accepted'
}

case_112_proxy_env() {
  identity demo
  export http_proxy=http://127.0.0.1:9 https_proxy=http://127.0.0.1:9 HTTPS_PROXY=http://127.0.0.1:9 ALL_PROXY=socks5://127.0.0.1:9
  NO_PROXY=example.com succeeds provision demo
  NO_PROXY='' succeeds token demo --scope https://vault.azure.net
  NO_PROXY=localhost succeeds token demo --scope https://vault.azure.net
  succeeds capabilities
  unset http_proxy https_proxy HTTPS_PROXY ALL_PROXY
  requests_are 'issue=1 attestation=1 token=2'
}

run_cases "$@"
