#!/usr/bin/env bash
# Doctor tells the truth: each configuration key, broken in the ways that it can be, and what provision and token then do.
# shellcheck source=tests/e2e/truth.sh
. "$(dirname "$0")/truth.sh"

case_every_key_has_a_case() {
  local key count=0
  while read -r key; do
    count=$((count + 1))
    declare -F "case_key_${key//-/_}" >/dev/null || fail "no case for the key '$key'"
  done < <(sed -n 's/^    {"\([a-z0-9-]*\)", .*/\1/p' "$HERE/core/state/config_key.c")
  [ "$count" -ge 21 ] || fail "only $count keys were found: is the table read right?"
}

case_key_state_dir() {
  refuses_value state-dir relative ''
  begin
  conf_set state-dir "$KG_RUN/new"
  kg doctor
  DOCTOR_OUT=$OUT
  matches '^warn .*not there yet -> keyguardctl provision --all' "$(finding 'state folder')"
  mends binding
  rm -r "$KG_RUN/new"
  begin
  conf_set state-dir /nonexistent/new
  fails binding 'none yet'
  matches '^fail .*/nonexistent' "$(finding 'state folder')" # one folder is made, and not what it is in
  begin
  conf_set state-dir "$KG_RUN/pin"
  judge
  [ "$DOCTOR" != 0 ] && [ "$PROVISION" != 0 ] || fail "a folder that is a file: $VERDICTS"
  matches '^fail .*pin' "$(finding 'state folder')"
}

case_key_mounted_state() { # another machine's, which provisions: nothing is issued here, as doctor says
  refuses_value mounted-state yes
  begin
  conf_set mounted-state true
  judge
  equal '0 0' "$DOCTOR $TOKEN" "doctor and token ($VERDICTS)"
  [ "$PROVISION" != 0 ] || fail "$VERDICTS"
  matches '^skip .*mounted-state' "$(finding provisioning)"
}

case_key_plugin() {
  refuses_value plugin ../imds ''
  begin
  conf_set plugin /nonexistent/imds.so
  fails plugin /nonexistent/imds.so
  conf_set plugin nosuch
  fails plugin nosuch
  conf_set plugin "$KEYGUARD_MODULE"
  fails plugin 'no credential plugin'
}

case_key_metadata_endpoint() {
  refuses_value metadata-endpoint 'ftp://127.0.0.1' 'http://127.0.0.1/path' 'http://u@127.0.0.1'
  begin
  hurry
  conf_set metadata-endpoint http://127.0.0.1:1
  fails metadata 127.0.0.1:1
  conf_set metadata-endpoint "https://${AZURE_EMULATOR_URL#http://}"
  fails metadata "${AZURE_EMULATOR_URL#http://}"
}

case_key_attestation_library() {
  refuses_value attestation-library relative.so
  begin
  conf_set attestation-library /nonexistent/lib.so
  fails 'attestation library' /nonexistent
  conf_set attestation-library "$KEYGUARD_MODULE" # a library, and not this one
  fails 'attestation library' InitAttestationLib
  sed -i '/^attestation-library = /d' "$KEYGUARD_CONF" # beside the plugin there is none
  fails 'attestation library' libAttestationClientLib.so
  sed -i 's/^with-attestation-support = true/with-attestation-support = false/' "$KEYGUARD_CONF"
  succeeds provision demo --force
  well 'no library where none is needed'
}

case_key_attestation_library_sha256() {
  refuses_value attestation-library-sha256 1234 "$(printf 'g%.0s' {1..64})"
  begin
  conf_set attestation-library-sha256 "$(printf '0%.0s' {1..64})"
  fails 'attestation library' 'pinned hash'
  conf_set attestation-library-sha256 "$(sha256sum "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" | cut -d' ' -f1)"
  well 'the right hash'
}

case_key_ca_file() {
  refuses_value ca-file relative.pem
  begin
  conf_set ca-file /nonexistent/ca.pem
  fails ca-file /nonexistent/ca.pem
  printf 'no certificate\n' >"$KG_RUN/ca.pem"
  conf_set ca-file "$KG_RUN/ca.pem"
  fails ca-file 'cannot read certificates'
  conf_set ca-file "$AZURE_EMULATOR_ISSUER_CA" # certificates, of somebody else
  fails 'token service' 'certificate'
  cp "$AZURE_EMULATOR_CA" "$KG_RUN/ca.pem"
  conf_set ca-file "$KG_RUN/ca.pem"
  chmod 0666 "$KG_RUN/ca.pem"
  fails ca-file 'written by others'
  chmod 0644 "$KG_RUN/ca.pem"
  well 'the same at another place'
}

case_key_proxy() {
  refuses_value proxy 'https://127.0.0.1:1' 'http://127.0.0.1/path'
  begin
  hurry
  conf_set proxy http://127.0.0.1:1
  fails 'token service' 127.0.0.1
  conf_set proxy "$AZURE_EMULATOR_URL" # speaks HTTP, and is none
  fails 'token service' ''
}

case_key_allowed_hosts() {
  refuses_value allowed-hosts 'UPPER' 'a,,b' '.'
  begin
  conf_set allowed-hosts example.com
  kg doctor
  equal 11 "$STATUS" doctor
  fails_otherwise_than binding 'another allowed-hosts'
  begin
  conf_set allowed-hosts localhost,127.0.0.1
  well 'the right hosts'
}

case_key_tls_max() {
  refuses_value tls-max 1.1 2
  begin
  conf_set tls-max 1.3
  judge
  [ "$DOCTOR" = "$TOKEN" ] || fail "$VERDICTS"
}

case_key_deadline() {
  refuses_value deadline 0 3601 1s
  begin
  conf_set deadline 1
  fault '{"endpoint":"issue","delay_ms":2000}'
  unasked issuing
}

case_key_provision_on_demand() { refuses_value provision-on-demand yes; begin; conf_set provision-on-demand true; well 'on demand'; }

case_key_token_cache() { refuses_value token-cache yes; begin; conf_set token-cache true; well 'a cache'; }

case_key_log_level() { refuses_value log-level loud; begin; conf_set log-level debug; well 'a level'; }

case_key_log() { refuses_value log file; begin; conf_set log syslog; well 'a log'; }

case_key_key_store() {
  refuses_value key-store cng: 'pkcs11:token=t;object=o' 'file:/key' 'pkcs11:token=%zz'
  begin
  sed -i 's|module-path=[^&]*|module-path=/nonexistent/hsm.so|' "$KEYGUARD_CONF"
  fails 'key store' /nonexistent/hsm.so
  begin
  sed -i 's|token=keyguard-backing|token=nosuch|' "$KEYGUARD_CONF"
  fails 'key store' nosuch
  begin
  sed -i 's|object=demo|object=fresh|' "$KEYGUARD_CONF"
  mends 'key store'
  begin
  sed -i 's|pin-source=[^ ]*|pin-source=file:/nonexistent/pin|' "$KEYGUARD_CONF"
  fails 'key store' /nonexistent/pin
}

case_key_mtls_proof_of_possession() {
  refuses_value mtls-proof-of-possession yes
  begin
  place mtls-proof-of-possession false
  fails gates mtls-proof-of-possession
  place with-attestation-support false
  fails gates 'mtls-proof-of-possession'
}

case_key_with_attestation_support() {
  refuses_value with-attestation-support yes
  begin
  place with-attestation-support false
  emulator POST settings '{"require_attestation":true}' >/dev/null
  kg doctor
  [ "$STATUS" = 0 ] || matches '^fail .* -> keyguardctl provision demo' "$(DOCTOR_OUT=$OUT finding binding)"
}

case_key_minimum_strength() {
  refuses_value minimum-strength strong
  begin
  place minimum-strength hardware
  fails 'key store' 'software.*hardware'
}

case_key_user_assigned_client_id() { # one that this machine does not have: only the service knows that
  refuses_value user-assigned-client-id 1234
  begin
  place user-assigned-client-id 00000000-0000-4000-8000-000000000000
  fails_otherwise_than binding 'system-assigned identity'
  begin
  place user-assigned-client-id "$AZURE_EMULATOR_USER1_CLIENT_ID"
  mends binding
}

case_key_user_assigned_object_id() {
  refuses_value user-assigned-object-id 1234
  begin
  place user-assigned-object-id 00000000-0000-4000-8000-000000000000
  fails_otherwise_than binding 'system-assigned identity'
}

case_key_user_assigned_resource_id() {
  refuses_value user-assigned-resource-id /x/y
  begin
  place user-assigned-resource-id /subscriptions/none
  fails_otherwise_than binding 'system-assigned identity'
}

# check, pattern: the binding is none of this configuration, and the attempt to get one shows what is behind it
fails_otherwise_than() {
  judge
  [ "$PROVISION" != 0 ] && [ "$TOKEN" != 0 ] && [ "$DOCTOR" = 11 ] || fail "$VERDICTS"
  matches "^fail .*$2.* -> keyguardctl provision demo" "$(finding "$1")" "finding '$1'"
  kg doctor
  DOCTOR_OUT=$OUT
  matches '^warn failed at' "$(finding 'last attempt')" 'what the attempt ended with'
}

run_cases "$@"
