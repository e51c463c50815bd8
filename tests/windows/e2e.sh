#!/usr/bin/env bash
# keyguardctl.exe and keyguard-pkcs11.dll under Wine against the Azure emulator on loopback; fake ncrypt.dll and fake
# AttestationClientLib.dll.
#   e2e.sh MINGW-BUILD-FOLDER [FILE]   FILE: of tests/e2e, to run its cases; default: those below, which are Windows's own
# KG_EMULATOR_BUILD: folder of a build for this machine with the emulator. 77: there is no Wine or no emulator here.
set -euo pipefail
MINGW=$1
command -v wine >/dev/null || { echo 'skipped: wine is not installed'; exit 77; }
KG_EMULATOR_BUILD=${KG_EMULATOR_BUILD:-$(dirname "$MINGW")/release}
[ -x "$KG_EMULATOR_BUILD/tests/azure/azure-emulator" ] || { echo "skipped: no emulator in $KG_EMULATOR_BUILD"; exit 77; }

if [ $# = 2 ]; then # the file takes its harness from beside $0
  shared=$(mktemp -d "$MINGW/e2e.XXXXXX")
  trap 'rm -rf "$shared"' EXIT
  tests=$(cd "$(dirname "$0")/.." && pwd -P)
  printf '. "%s/e2e/harness.sh"\n. "%s/windows/platform.sh"\n' "$tests" "$tests" >"$shared/harness.sh"
  export MINGW
  bash -c '. "$1" "$2"' "$shared/$2.sh" "$tests/e2e/$2.sh" "$KG_EMULATOR_BUILD"
  exit
fi
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"
# shellcheck source=tests/windows/platform.sh
. "$(dirname "$0")/platform.sh"

# --- cases: numbers are those of the protocol's acceptance cases -------------------------------------------------

case_1_happy_sami() {
  identity demo
  succeeds provision demo
  requests_are 'metadata=1 attestation=1 issue=1 token=0'
  equal true "$(counter .issue.last.had_attestation_token)" 'attestation token on leg 2'
  equal true "$(jq .binding.attested "$(binding demo)")" 'attested'
  equal keyguard "$(jq -r .binding.strength "$(binding demo)")" 'strength'
  equal 1 "$(key_files)" 'keys'
  succeeds status demo
}

case_1_the_module_serves_an_openssl_client() {
  identity demo
  succeeds provision demo
  equal 200 "$(resource_status demo 1.2)" 'resource over TLS 1.2'
  grep -q 'C_Sign with mechanism' "$KG_RUN/client.log" || fail 'the module did not sign'
  equal 200 "$(resource_status demo 1.3)" 'resource over TLS 1.3'
  grep -q 'C_Sign with mechanism 0xd: 0x0' "$KG_RUN/client.log" || fail 'no PSS signature in TLS 1.3'
  equal 401 "$(resource_status demo 1.2 --no-certificate)" 'the token alone'
}

case_2_happy_uami_client() {
  identity by-client "user-assigned-client-id = $AZURE_EMULATOR_USER1_CLIENT_ID"
  succeeds provision by-client
  equal client_id "$(counter .metadata.last.selector.kind)" 'selector on leg 1'
  equal user1 "$(counter .issue.last.identity)" 'identity'
}

case_3_second_call_does_nothing() { provisions_once demo; }

case_32_vbs_absent() {
  identity demo
  export FAKE_NCRYPT_FAIL=NCryptCreatePersistedKey=0x80090029
  refused 4 . '0x80090029.*virtualization-based security' provision demo
  equal MSI_V2_KEYGUARD_UNAVAILABLE "$(error code)" 'code'
  export FAKE_NCRYPT_FAIL=NCryptFinalizeKey=0x80090009
  refused 4 . 'NTE_BAD_FLAGS \(0x80090009\)' provision demo
  requests_are 'issue=0'
  equal 0 "$(key_files)" 'keys'
}

case_31_a_software_key_is_below_the_floor() {
  identity demo
  succeeds provision demo
  rm "$(binding demo)"
  export FAKE_NCRYPT_FAIL=NCryptGetProperty=0x80090027
  refused 4 . 'software' provision demo
  requests_are 'issue=1'
}

recovers_from() { # way of dying
  local before
  identity demo
  succeeds provision demo
  before=$(modulus demo)
  reboot "$1"
  succeeds provision demo
  requests_are 'issue=2'
  [ "$before" != "$(modulus demo)" ] || fail 'the certificate is still for the dead key'
  equal 200 "$(resource_status demo 1.2)" 'resource after the reboot'
}

case_33_a_zombie_is_replaced() { recovers_from zombie; }
case_34_an_undecryptable_key_is_replaced() { recovers_from undecryptable; }
case_33_a_gone_key_is_replaced() { recovers_from gone; }
case_33_an_empty_container_is_replaced() { recovers_from empty; }
case_33_a_replaced_key_gets_its_own_certificate() { recovers_from replaced; }

case_33_renew_repairs_after_a_restart() { # what the task does
  identity demo
  succeeds provision demo
  local before
  before=$(modulus demo)
  reboot undecryptable
  succeeds renew --all
  requests_are 'issue=2'
  [ "$before" != "$(modulus demo)" ] || fail 'the certificate is still for the dead key'
  succeeds renew --all
  requests_are 'issue=2'
}

case_33_status_says_that_the_key_is_dead() {
  identity demo
  succeeds provision demo
  reboot zombie
  kg status demo --check-key
  [ "$STATUS" != 0 ] || fail "status is content: $OUT"
}

case_35_denied_is_not_absent() {
  identity demo
  succeeds provision demo
  local before
  before=$(modulus demo)
  rm "$(binding demo)"
  export FAKE_NCRYPT_FAIL=NCryptOpenKey=0x80090010
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'provisioned without a key'
  matches '0x80090010' "$(error text)" 'error text'
  unset FAKE_NCRYPT_FAIL
  succeeds provision demo
  equal "$before" "$(modulus demo)" 'the key'
}

case_36_two_processes_share_key_and_certificate() {
  identity demo
  local pids=() pid
  for _ in 1 2 3; do
    keyguardctl provision demo >/dev/null 2>&1 &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do wait "$pid" || fail 'one of them failed'; done
  requests_are 'issue=1'
  equal 1 "$(key_files)" 'keys'
}

not_attested() { # pattern of the text
  identity demo
  refused 7 attestation_failed "$1" provision demo
  requests_are issue=0
  [ ! -e "$(binding demo)" ] || fail 'a binding was written'
}

case_44_no_token() { FAKE_ATTESTATION_TOKEN=NULL; export FAKE_ATTESTATION_TOKEN; not_attested 'without a token'; }
case_44_no_jwt() { export FAKE_ATTESTATION_TOKEN=a.b; not_attested 'not a token'; }
case_45_native_code() { export FAKE_ATTESTATION_CODE=-6; not_attested '-6'; }
case_46_init_refused() { export FAKE_ATTESTATION_INIT=-35; not_attested 'InitAttestationLib.*-35'; }
case_48_library_missing() { conf_set attestation-library "$(windows "$KG_RUN/missing.dll")"; not_attested missing.dll; }
case_49_library_hash() { conf_set attestation-library-sha256 "$(printf '0%.0s' {1..64})"; not_attested 'hash'; }
case_50_library_unsigned() { sed -i '/^attestation-library-sha256/d' "$KEYGUARD_CONF"; not_attested 'signature'; }

case_45_policy_denial_is_told() {
  identity demo
  fault '{"endpoint":"attestation","status":400,"times":-1,"body":{"error":{"code":"PolicyEvaluationError","message":"x-ms-azurevm-dbxvalidated"}}}'
  refused 7 attestation_failed 'dbxvalidated' provision demo
  requests_are issue=0
}

case_92_a_key_that_died_is_replaced_by_token() {
  identity demo
  succeeds provision demo
  reboot zombie
  equal 200 "$(resource_status demo 1.2)" 'resource'
  requests_are 'issue=2'
}

case_113_nothing_secret_is_logged() { # the fake library logs the whole answer
  identity demo
  keyguardctl provision demo -v -v >"$KG_RUN/out" 2>&1 || fail "provision: $(cat "$KG_RUN/out")"
  grep -q 'attestation library: FakeAttestation' "$KG_RUN/out" || fail "the library's log is not there"
  ! grep -q 'eyJ' "$KG_RUN/out" || fail 'a token is in the log'
}

case_exec_gives_the_environment() {
  identity demo
  succeeds provision demo
  local out
  out=$(keyguardctl exec demo -- cmd /c echo '%KEYGUARD_CLIENT_ID%' 2>/dev/null | tr -d '\r')
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$out" 'KEYGUARD_CLIENT_ID'
  local status=0
  keyguardctl exec demo -- cmd /c exit 7 >/dev/null 2>&1 || status=$?
  equal 7 "$status" 'exit code'
}

case_install_certificate() {
  identity demo
  succeeds provision demo
  succeeds install-certificate demo --remove # what an earlier run left in the same Wine prefix
  succeeds install-certificate demo
  equal 'CurrentUser\My 0' "$(out '"\(.store) \(.removed)"')" 'first'
  succeeds install-certificate demo
  equal 0 "$(out .removed)" 'again'
  succeeds provision demo --force
  succeeds install-certificate demo
  equal 1 "$(out .removed)" 'after a renewal'
  succeeds install-certificate demo --remove
  equal 1 "$(out .removed)" 'removed'
}

case_doctor_knows_windows() {
  identity demo
  succeeds provision demo
  kg doctor
  matches 'VBS' "$OUT" 'doctor'
}

run_cases "$KG_EMULATOR_BUILD"
