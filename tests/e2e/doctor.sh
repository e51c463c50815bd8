#!/usr/bin/env bash
# keyguardctl doctor: each thing that can be wrong, as a symptom with a cure; 0 only where a signature works.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

finding() { # check, [identity]: its level and text
  out "[.checks[] | select(.check == \"$1\" and (.identity // \"\") == \"${2:-}\")][0] | .level + \" \" + .symptom + \" -> \" + (.cure // \"\")"
}

sick() { # exit code, check, identity or "", pattern of level, symptom and cure; then arguments of doctor
  local exit_code=$1 check=$2 identity=$3 pattern=$4
  shift 4
  kg doctor "$@"
  equal "$exit_code" "$STATUS" "exit ($OUT)"
  equal false "$(out .healthy)" healthy
  matches "$pattern" "$(finding "$check" "$identity")" "finding '$check'"
}

case_healthy() {
  ready
  succeeds doctor
  equal true "$(out .healthy)" healthy
  local check
  for check in configuration 'state folder' plugin metadata clock; do matches '^ok' "$(finding "$check")" "$check"; done
  for check in gates 'key store' signature binding; do matches '^ok' "$(finding "$check" demo)" "$check"; done
  OUT=$(keyguardctl doctor demo)
  matches '(^|'$'\n'')ok +demo signature: ' "$OUT" 'lines for people'
}

case_nothing_is_issued_or_made_by_looking() {
  identity untouched
  kg doctor
  [ "$STATUS" != 0 ] || fail 'healthy without a key'
  requests_are 'metadata=1 issue=0 attestation=0 token=0'
  [ -z "$(ls -A "$KG_RUN/state")" ] || fail 'something was written'
  succeeds provision untouched
  emulator POST reset '{}' >/dev/null
  succeeds doctor # asks what the service is, and whom it takes us for
  requests_are 'metadata=2 issue=0 attestation=0 token=0'
}

case_configuration_missing() {
  rm "$KEYGUARD_CONF"
  sick 3 configuration '' "^fail .*$KEYGUARD_CONF"
}

case_configuration_wrong() {
  ready
  printf 'colour = blue\n' >>"$KEYGUARD_CONF"
  sick 3 configuration '' '^fail .*keyguard.conf:[0-9]+.*colour.*keyguard.conf\(5\)'
}

case_configuration_for_everybody_to_write() {
  ready
  chmod 0666 "$KEYGUARD_CONF"
  sick 12 configuration '' '^fail .*written by others.*chmod go-w'
}

case_configuration_named_by_a_relative_path() {
  KEYGUARD_CONF=keyguard.conf sick 3 configuration '' '^fail .*KEYGUARD_CONF.*absolute'
}

case_no_binding_yet() {
  identity unheard-of
  sick 5 'key store' unheard-of '^fail .*keyguardctl provision unheard-of makes the key'
  matches '^fail there is none yet.*keyguardctl provision unheard-of$' "$(finding binding unheard-of)" binding
}

case_binding_ended() {
  gates demo true false software
  emulator POST settings '{"validity_s":3600}' >/dev/null
  succeeds provision demo
  travel 7200
  sick 11 binding demo '^fail .*ended at.*keyguardctl provision'
}

case_binding_old_and_not_renewed() { # it still works, so it is healthy, with a warning
  gates demo true false software
  succeeds provision demo
  travel $((6 * 86400))
  succeeds doctor
  matches '^warn .*only (23 h|1 d).*keyguard-renew.timer' "$(finding binding demo)" binding
}

case_binding_orphaned() {
  ready
  pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 \
    --delete-object --type privkey --label demo >/dev/null 2>&1
  pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 \
    --keypairgen --key-type rsa:2048 --label demo --id 0a >/dev/null 2>&1
  sick 11 binding demo '^fail .*(key|certificate).*keyguardctl provision'
  matches '^ok' "$(finding signature demo)" 'the key itself signs'
}

case_binding_of_another_identity() {
  ready
  identity other
  succeeds provision other
  cp "$(binding other)" "$(binding demo)"
  sick 11 binding demo '^fail .*another identity'
  matches '^ok' "$(finding binding other)" 'the other one'
}

case_binding_of_another_machine() { # the same state folder where another machine's id is
  ready
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip 'no right to a mount namespace'
  printf '%s\n' 0123456789abcdef0123456789abcdef >"$KG_RUN/machine-id"
  printf '%s\n' 00000000-1111-4222-8333-444444444444 >"$KG_RUN/boot-id"
  cat >"$KG_RUN/elsewhere" <<SH
mount --bind $KG_RUN/machine-id /etc/machine-id && mount --bind $KG_RUN/boot-id /proc/sys/kernel/random/boot_id || exit 77
exec $KG_BUILD/ctl/keyguardctl --json doctor
SH
  [ -s /etc/machine-id ] || skip 'this machine has no id'
  STATUS=0
  OUT=$(unshare --mount sh "$KG_RUN/elsewhere" 2>/dev/null) || STATUS=$?
  [ "$STATUS" != 77 ] || skip 'no right to mount over the machine id'
  equal 11 "$STATUS" "exit ($OUT)"
  matches '^fail .*another machine' "$(finding binding demo)" binding
}

case_binding_damaged() {
  ready
  : >"$(binding demo)"
  sick 11 binding demo '^fail .*keyguardctl provision'
}

case_pin_wrong() {
  ready
  printf '0000\n' >"$KG_RUN/pin"
  sick 5 'key store' demo '^fail .*pin-source'
  printf '1234\n' >"$KG_RUN/pin"
}

case_key_store_library_missing() {
  ready
  sed -i 's|module-path=[^ &]*|module-path=/nonexistent/hsm.so|' "$KEYGUARD_CONF"
  sick 5 'key store' demo '^fail .*/nonexistent/hsm.so.*module-path'
}

case_floor_not_met() {
  ready
  sed -i 's/minimum-strength = software/minimum-strength = keyguard/' "$KEYGUARD_CONF"
  sick 4 'key store' demo '^fail .*software.*keyguard.*stronger key-store'
}

case_gate_closed() {
  ready
  sed -i 's/mtls-proof-of-possession = true/mtls-proof-of-possession = false/' "$KEYGUARD_CONF"
  sick 4 gates demo '^fail .*mtls-proof-of-possession'
}

case_metadata_unreachable() { # signatures go on without it, and provisioning does not
  ready
  conf_set metadata-endpoint http://127.0.0.1:1
  sick 9 metadata '' '^fail .*127.0.0.1:1.*reachable from here'
  matches '^ok' "$(finding signature demo)" 'the signature'
}

case_metadata_v1_only() {
  ready
  fault '{"endpoint":"metadata","status":404,"times":-1}'
  sick 6 metadata '' '^fail .*only managed identity v1'
}

case_clock_off() {
  ready
  emulator POST clock '{"offset_s":100}' >/dev/null
  succeeds doctor
  matches '^warn .*behind.*synchronise' "$(finding clock)" clock
  emulator POST clock '{"offset_s":-4000}' >/dev/null
  kg doctor
  [ "$STATUS" != 0 ] || fail 'an hour is no matter'
  matches '^fail .*(3999|400[0-9]) s ahead of.*synchronise' "$(finding clock)" clock
}

case_plugin_missing() { # signatures go on without it, and provisioning does not
  ready
  conf_set plugin /nonexistent/imds.so
  sick 3 plugin '' '^fail .*/nonexistent/imds.so'
  matches '^ok' "$(finding signature demo)" 'the signature'
}

case_last_failure_is_told() {
  ready
  fault '{"endpoint":"metadata","status":403,"times":-1}'
  kg provision demo --force
  emulator DELETE faults >/dev/null
  succeeds doctor
  matches '^warn .*1 in a row.*HTTP 403.*--force' "$(finding 'last attempt' demo)" 'last attempt'
}

case_openssl_configuration_without_the_default_provider() {
  ready
  printf 'openssl_conf = init\n[init]\nproviders = list\n[list]\npkcs11 = p\n[p]\nactivate = 1\n' >"$KG_RUN/openssl.cnf"
  OPENSSL_CONF=$KG_RUN/openssl.cnf succeeds doctor # and keyguardctl itself does not mind
  matches '^warn .*openssl.cnf.*without .default.*default_sect' "$(finding openssl.cnf)" openssl.cnf
  printf '%s\n' 'default = d' '[d]' 'activate = 1' >"$KG_RUN/more"
  sed -i -e '/^\[list\]/a default = d' -e '$a [d]\nactivate = 1' "$KG_RUN/openssl.cnf"
  OPENSSL_CONF=$KG_RUN/openssl.cnf succeeds doctor
  matches '^ok' "$(finding openssl.cnf)" openssl.cnf
}

case_p11_kit_registration_is_looked_for() {
  ready
  succeeds doctor
  matches '^(ok|warn) .*(keyguard-pkcs11.so|names)' "$(finding p11-kit)" p11-kit
}

case_the_last_of_many_is_looked_at_as_well() { # five findings each: there was room for 256
  ready
  local i
  for i in {1..70}; do sed "s/^\[identity demo\]/[identity demo$i]/" "$KEYGUARD_CONF" | sed -n "/^\[identity demo$i\]/,\$p" >"$KG_RUN/one"; cat "$KG_RUN/one" >>"$KG_RUN/many"; done
  cat "$KG_RUN/many" >>"$KEYGUARD_CONF"
  gates last true true
  kg doctor
  equal false "$(out .healthy)" healthy
  matches '^fail .*no private key object=last' "$(finding 'key store' last)"
  equal 72 "$(out '[.checks[] | select(.check == "gates" and .level == "ok")] | length')" identities
}

case_as_the_user_who_signs() { # who has no right to the PIN of root's token, and is right with a token of their own
  needs_nobody
  ready
  succeeds doctor
  sick 5 'key store' demo '^fail' --user nobody
  kg doctor --user no-such-user
  equal 2 "$STATUS" 'exit for an unknown user'
  STATUS=0
  OUT=$(as_nobody "$KG_BUILD/ctl/keyguardctl" --json doctor --user root 2>&1) || STATUS=$?
  equal 12 "$STATUS" 'exit for nobody who wants to be root'
  give_nobody_the_token
  SOFTHSM2_CONF=$KG_RUN/nobody.conf succeeds doctor --user nobody
}

run_cases "$@"
