#!/usr/bin/env bash
# Everything has an end: a token's library, an attestation library or a plugin that does not come back is given up, with
# its locks, and takes nothing from the other identities.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

# name: an identity whose token's library is the one that can hang (fake_limited_token in front of SoftHSM2)
moody() {
  identity "$1"
  sed -i "/^\[identity $1\]\$/,/^key-store/s|module-path=[^&]*|module-path=$KG_BUILD/tests/support/fake_limited_token.so|" "$KEYGUARD_CONF"
  FAKE_TOKEN_LIBRARY=$(kg_env_softhsm_module)
  export FAKE_TOKEN_LIBRARY
}

within() { # seconds, then a command: it ends by itself
  local started=$SECONDS limit=$1
  shift
  "$@"
  [ $((SECONDS - started)) -le "$limit" ] || fail "$* took $((SECONDS - started)) s"
}

hangs_in() { # function of PKCS#11
  export FAKE_TOKEN_HANG=$1
}

case_a_hanging_token_ends_provision() {
  local function
  conf_set deadline 1
  moody demo
  for function in C_Initialize C_Login C_Sign; do
    hangs_in "$function"
    within 20 refused 5 key_store_failed 'key store did not come back within 4 s' provision demo --force
  done
  requests_are 'metadata=0 issue=0'
  unset FAKE_TOKEN_HANG
  conf_set deadline 60
  within 60 succeeds provision demo --force
}

case_a_hang_is_remembered_and_force_tries() { # so that the next caller does not wait as long
  conf_set deadline 1
  moody demo
  hangs_in C_Sign
  within 20 refused 5 key_store_failed 'did not come back' provision demo
  within 10 refused 5 key_store_failed 'next attempt in .*did not come back' provision demo
  unset FAKE_TOKEN_HANG
  conf_set deadline 60
  succeeds provision demo --force
  succeeds provision demo
}

case_a_hanging_attestation_ends_provision() {
  identity demo
  succeeds provision demo
  conf_set deadline 2
  local before
  before=$(cat "$(binding demo)")
  fault '{"endpoint":"attestation","delay_ms":60000}'
  within 20 refused 9 request_timeout 'attestation' provision demo --force
  equal "$before" "$(cat "$(binding demo)")" 'the old binding'
  emulator DELETE faults >/dev/null
  conf_set deadline 60
  succeeds provision demo --force # the lock went with the process
}

case_a_hanging_token_ends_everything_that_opens_it() {
  moody demo
  succeeds provision demo
  conf_set deadline 1
  hangs_in C_Sign
  within 20 refused 5 key_store_failed 'did not come back' status --check-key demo
  within 20 refused 5 key_store_failed 'did not come back' token demo --scope https://vault.azure.net
  within 20 refused 5 key_store_failed 'did not come back' capabilities
}

case_doctor_says_what_hangs() {
  identity good
  moody demo
  succeeds provision good
  conf_set deadline 1
  hangs_in C_Login
  within 20 kg doctor
  equal 5 "$STATUS" "exit ($OUT)"
  equal false "$(out .healthy)" healthy
  equal fail "$(out '.checks[] | select(.identity == "demo" and .check == "key store").level')" level
  equal ok "$(out '.checks[] | select(.identity == "good" and .check == "signature").level')" 'the one before it'
}

case_one_hang_starves_nobody() { # whoever is behind it has the whole of its time
  conf_set deadline 8
  moody a
  identity b
  hangs_in C_Sign
  within 60 kg renew --all
  equal 5 "$STATUS" "exit ($OUT)"
  equal key_store_failed "$(out '.identities[0].error.sub_code')" 'the one that hangs'
  equal renewed "$(out '.identities[1].result')" 'the other'
  [ -e "$(binding b)" ] || fail 'no binding of b'
  equal 'a b' "$(out '[.identities[].identity] | join(" ")')" 'order'
}

case_one_crash_starves_nobody() {
  moody a
  identity b
  export FAKE_TOKEN_CRASH=C_Sign
  kg renew --all
  equal 1 "$STATUS" "exit ($OUT)"
  equal internal_error "$(out '.identities[0].error.sub_code')" 'the crash'
  matches 'keyguardctl renew a.*signal' "$(out '.identities[0].error.text')"
  equal renewed "$(out '.identities[1].result')" 'the other'
  kg provision --all --force
  equal 'a b' "$(out '[.identities[].identity] | join(" ")')" 'order'
  equal issued "$(out '.identities[1].result')" 'the other'
}

case_several_speak_as_one() { # text: each its own line, with the flags passed on
  local text
  identity a
  identity b
  keyguardctl provision a b >"$KG_RUN/out"
  keyguardctl --config "$KEYGUARD_CONF" renew -v >"$KG_RUN/out" 2>"$KG_RUN/stderr"
  text=$(cat "$KG_RUN/out")
  matches '^a: not due.*b: not due' "$(tr '\n' ' ' <<<"$text")"
  keyguardctl provision --force a b >"$KG_RUN/out"
  equal 2 "$(grep -c ': issued' "$KG_RUN/out")" 'issued'
}

run_cases "$@"
