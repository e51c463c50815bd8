#!/usr/bin/env bash
# Doctor tells the truth: each file and each service, broken in turn, and what provision and token then do.
# shellcheck source=tests/e2e/truth.sh
. "$(dirname "$0")/truth.sh"

case_file_configuration() {
  begin
  well 'nothing'
  chmod 0666 "$KEYGUARD_CONF"
  fails configuration 'written by others'
  printf '[keyguard]\n' >"$KEYGUARD_CONF" && chmod 0644 "$KEYGUARD_CONF"
  judge
  [ "$DOCTOR" != 0 ] && [ "$PROVISION" != 0 ] || fail "no identity: $VERDICTS"
  rm "$KEYGUARD_CONF"
  fails configuration keyguard.conf
  mkdir "$KEYGUARD_CONF"
  fails configuration 'not a regular file'
  rmdir "$KEYGUARD_CONF"
}

case_file_pin() {
  begin
  chmod 0644 "$KG_RUN/pin"
  fails 'key store' 'read by others'
  chmod 0600 "$KG_RUN/pin"
  mv "$KG_RUN/pin" "$KG_RUN/pin.right"
  fails 'key store' 'pin'
  printf '0000\n' >"$KG_RUN/pin" && chmod 0600 "$KG_RUN/pin"
  fails 'key store' 'C_Login|refused this PIN'
  fails 'key store' 'refused this PIN before' # a wrong one is tried once, whoever asks
  mv "$KG_RUN/pin.right" "$KG_RUN/pin"
  well 'the right PIN'
}

case_file_pin_in_a_folder_that_others_write() {
  begin
  mkdir "$KG_RUN/open" && cp -p "$KG_RUN/pin" "$KG_RUN/open/pin" && chmod 0777 "$KG_RUN/open"
  sed -i "s|file:$KG_RUN/pin|file:$KG_RUN/open/pin|" "$KEYGUARD_CONF"
  fails 'key store' 'written by others'
}

case_file_state_folder() {
  begin
  chmod 0777 "$KG_RUN/state"
  judge
  [ "$DOCTOR" = "$TOKEN" ] || fail "a folder that others write: $VERDICTS"
  matches '^fail .*written by others.* -> chmod go-w' "$(finding 'state folder')"
  chmod 0755 "$KG_RUN/state"
  well 'the folder as it was'
  rm -r "$KG_RUN/state"
  mends binding
}

case_file_state_folder_of_another_user() { # who signs, and does not provision: so nothing of that is a failure
  needs_nobody
  begin
  give_nobody_the_token
  export SOFTHSM2_CONF=$KG_RUN/nobody.conf
  succeeds doctor --user nobody
  DOCTOR_OUT=$OUT
  matches '^skip .*nothing can be issued or renewed here' "$(finding provisioning)"
  STATUS=0
  as_nobody "$KG_BUILD/ctl/keyguardctl" provision demo --force >/dev/null 2>&1 || STATUS=$?
  equal 12 "$STATUS" 'provisioning all the same'
  conf_set plugin /nonexistent/imds.so
  succeeds doctor --user nobody
  DOCTOR_OUT=$OUT
  matches '^warn ' "$(finding plugin)" plugin
}

case_file_state_folder_full() {
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip 'no right to a mount namespace'
  begin
  cat >"$KG_RUN/full" <<SH
mount -t tmpfs -o size=64k none $KG_RUN/state || exit 77
cp $KG_RUN/kept/demo.json $KG_RUN/state
head -c 64k /dev/zero >$KG_RUN/state/fill 2>/dev/null
$KG_BUILD/ctl/keyguardctl --json doctor >$KG_RUN/out
echo \$? >$KG_RUN/code
$KG_BUILD/ctl/keyguardctl provision demo --force >/dev/null 2>&1
echo \$? >>$KG_RUN/code
SH
  unshare --mount sh "$KG_RUN/full" || skip 'no tmpfs'
  equal '1 1' "$(paste -sd' ' "$KG_RUN/code")" 'doctor and provision'
  DOCTOR_OUT=$(cat "$KG_RUN/out")
  matches '^fail .*[Nn]o space.* -> make room' "$(finding 'state folder')"
}

case_file_binding() {
  begin
  rm "$(binding demo)"
  mends binding
  printf '{' >"$(binding demo)"
  mends binding
  cp "$KG_RUN/kept/demo.json" "$(binding demo)"
  chmod 0666 "$(binding demo)"
  kg doctor
  [ "$STATUS" != 0 ] || fail 'others may write it'
  rm "$(binding demo)" && mkdir "$(binding demo)"
  judge
  [ "$DOCTOR" != 0 ] && [ "$PROVISION" != 0 ] && [ "$TOKEN" != 0 ] || fail "a folder for a binding: $VERDICTS"
}

case_file_lock() {
  begin
  rm -f "$KG_RUN/state/demo.lock" && mkdir "$KG_RUN/state/demo.lock"
  fails lock 'demo.lock'
  rmdir "$KG_RUN/state/demo.lock"
  well 'no lock'
}

case_file_plugin() {
  begin
  cp "$KG_BUILD/plugin/imds.so" "$KG_RUN/imds.so"
  conf_set plugin "$KG_RUN/imds.so"
  well 'the same plugin'
  chmod 0666 "$KG_RUN/imds.so"
  fails plugin 'written by others'
  chmod 0644 "$KG_RUN/imds.so"
  printf 'no library' >"$KG_RUN/imds.so"
  fails plugin 'cannot load'
}

case_file_plugin_that_does_without() { # another issuer's: neither the metadata service nor attestation is its matter
  [ -e "$KG_BUILD/examples/plugin/local_ca.so" ] || skip 'the example was not built'
  begin
  conf_set plugin "$KG_BUILD/examples/plugin/local_ca.so"
  conf_set metadata-endpoint http://127.0.0.1:1
  kg doctor
  DOCTOR_OUT=$OUT
  equal 0 "$STATUS" "doctor ($OUT)"
  matches '^warn .*unless the plugin does without' "$(finding metadata)"
  matches '^skip not looked at' "$(finding 'attestation library')"
}

case_file_attestation_library() {
  begin
  cp "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" "$KG_RUN/attest.so"
  conf_set attestation-library "$KG_RUN/attest.so"
  well 'the same library'
  chmod 0666 "$KG_RUN/attest.so"
  fails 'attestation library' 'written by others'
  chmod 0644 "$KG_RUN/attest.so"
  printf 'no library' >"$KG_RUN/attest.so"
  fails 'attestation library' 'cannot be loaded'
}

case_file_module() { # neither provision nor token needs it, and programs do
  begin
  KEYGUARD_MODULE=/nonexistent/keyguard-pkcs11.so well 'no module'
  matches '^warn .*/nonexistent/keyguard-pkcs11.so' "$(finding module)"
  well 'a module'
  matches '^ok ' "$(finding module)"
}

case_file_p11kit() { # the same
  begin
  export HOME=$KG_RUN/home
  mkdir -p "$HOME/.config/pkcs11/modules"
  local file=$HOME/.config/pkcs11/modules/keyguard.module text
  for text in '/nonexistent/keyguard-pkcs11.so' 'nosuch/keyguard-pkcs11.so'; do
    printf 'module: %s\n' "$text" >"$file"
    well 'a registration'
    matches "^warn .*$file.*$text.* -> install the module" "$(finding p11-kit)"
  done
  printf 'module: %s\n' "$KEYGUARD_MODULE" >"$file"
  well 'a registration'
  matches "^ok .*$file" "$(finding p11-kit)"
  cp "$file" "${file%/*}/another.module"
  sed -i 's|module: .*|module: /nonexistent/keyguard-pkcs11.so|' "${file%/*}/another.module"
  kg doctor
  DOCTOR_OUT=$OUT
  matches '^warn .*another.module' "$(finding p11-kit)" 'one of two'
}

case_file_backing_module() {
  begin
  cp "$(kg_env_softhsm_module)" "$KG_RUN/hsm.so"
  sed -i "s|module-path=[^&]*|module-path=$KG_RUN/hsm.so|" "$KEYGUARD_CONF"
  succeeds provision demo --force
  well 'the same library'
  printf 'no library' >"$KG_RUN/hsm.so"
  fails 'key store' hsm.so
  SOFTHSM2_CONF=/nonexistent/softhsm2.conf fails 'key store' ''
}

case_service_metadata() {
  begin
  hurry
  fault '{"endpoint":"metadata","status":404,"times":-1}'
  judge
  [ "$DOCTOR" = 6 ] && [ "$PROVISION" != 0 ] || fail "$VERDICTS" # which repeats what doctor takes for an answer
  matches '^fail .*only managed identity v1.*HTTP 404' "$(finding metadata)"
  emulator DELETE faults >/dev/null
  fault '{"endpoint":"metadata","reset":true,"times":-1}'
  fails metadata ''
  emulator DELETE faults >/dev/null
  well 'the service is back'
}

case_service_metadata_by_the_environment() {
  begin
  sed -i '/^metadata-endpoint = /d' "$KEYGUARD_CONF"
  AZURE_POD_IDENTITY_AUTHORITY_HOST=$AZURE_EMULATOR_URL well 'an address of the environment'
  AZURE_POD_IDENTITY_AUTHORITY_HOST=ftp://127.0.0.1 fails metadata AZURE_POD_IDENTITY_AUTHORITY_HOST
}

case_service_switched_off() {
  begin
  MSAL_MI_DISABLE_IMDS_V2=true fails gates MSAL_MI_DISABLE_IMDS_V2
  IDENTITY_ENDPOINT=http://x IDENTITY_HEADER=y fails gates 'App Service'
}

case_service_issuer() { # whether a certificate would be issued is known by having one issued
  begin
  hurry
  fault '{"endpoint":"issue","status":400,"times":-1}'
  unasked issuing
  kg doctor
  DOCTOR_OUT=$OUT
  equal 0 "$STATUS" 'the old certificate is good'
  matches '^warn failed at' "$(finding 'last attempt')"
}

case_service_attestation() {
  begin
  fault '{"endpoint":"attestation","status":400,"times":-1}'
  unasked issuing
}

case_service_token() { # as far as the handshake it is looked at
  begin
  fault '{"endpoint":"token","oauth_error":{"error":"invalid_scope"},"times":-1}'
  unasked 'access token'
  emulator DELETE faults >/dev/null
  hurry
  fault '{"endpoint":"token","tls_alert":"handshake_failure","times":-1}'
  fails 'token service' 'alert'
}

case_service_clock() {
  begin
  emulator POST clock '{"offset_s":4000}' >/dev/null
  judge
  [ "$DOCTOR" != 0 ] && [ "$PROVISION" != 0 ] || fail "$VERDICTS"
  matches '^fail .*behind' "$(finding clock)"
  emulator POST clock '{"offset_s":0}' >/dev/null
}

case_service_proxy() { # that hangs; one that refuses is a matter of its key
  begin
  conf_set deadline 1
  conf_set proxy http://192.0.2.1:9
  [ -z "$(ip route get 192.0.2.1 2>/dev/null | grep -v unreachable)" ] || skip 'only loopback is talked to here'
  fails 'token service' ''
}

run_cases "$@"
