#!/usr/bin/env bash
# The key: what is refused as one, what is never overwritten, what comes in the place of one that is gone.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

token_tool() { # pkcs11-tool on the backing token
  pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 "$@" 2>/dev/null
}

delete_key() { token_tool --delete-object --type privkey --label "$1" >/dev/null || fail "no key $1 to delete"; }

modulus() { jq -r .binding.modulus "$(binding "$1")"; }

case_31_key_not_keyguard() { # the floor is keyguard unless something else is asked for
  gates demo true true
  refused 4 min_strength_not_met 'keyguard' provision demo
  equal MSI_V2_KEYGUARD_UNAVAILABLE "$(error code)" code
  requests_are 'metadata=0 issue=0 attestation=0'
}

case_33_key_zombie_its_container_is_empty() { # elsewhere than in KeyGuard: the key is gone, the binding is not
  identity demo
  succeeds provision demo
  local before
  before=$(modulus demo)
  delete_key demo
  kg status demo --check-key
  equal 11 "$STATUS" 'status without the key'
  succeeds provision demo
  [ "$before" != "$(modulus demo)" ] || fail 'the binding is still of the old key'
  requests_are 'issue=2 attestation=2'
  succeeds status demo --check-key
}

case_33_key_zombie_another_key_in_its_container() {
  identity demo
  succeeds provision demo
  local before
  before=$(modulus demo)
  delete_key demo
  token_tool --keypairgen --key-type rsa:2048 --label demo --id 0a >/dev/null || fail 'no other key'
  kg status demo --check-key
  equal 11 "$STATUS" 'status with another key'
  succeeds provision demo
  [ "$before" != "$(modulus demo)" ] || fail 'the binding is still of the old key'
}

case_35_key_open_other_error() { # not being let in is not "there is none"
  identity demo
  succeeds provision demo
  local before
  before=$(modulus demo)
  printf '0000\n' >"$KG_RUN/pin"
  kg provision demo --force
  equal 5 "$STATUS" "exit ($OUT)"
  equal key_pin "$(error sub_code)" 'sub-code'
  printf '1234\n' >"$KG_RUN/pin"
  chmod 0644 "$KG_RUN/pin" # a PIN that others may read is not taken
  kg provision demo --force
  [ "$STATUS" != 0 ] || fail 'a PIN file for everybody was accepted'
  chmod 0600 "$KG_RUN/pin"
  requests_are issue=1
  succeeds provision demo
  equal "$before" "$(modulus demo)" 'the key'
}

case_36_key_live_not_overwritten() { # two identities, one key, two processes at once
  local store
  store=$(kg_env_key_uri keyguard-backing shared)
  printf '\n[identity %s]\nkey-store = %s\nmtls-proof-of-possession = true\nminimum-strength = software\n' \
    one "$store" two "$store" >>"$KEYGUARD_CONF"
  command keyguardctl provision one >"$KG_RUN/one" 2>&1 &
  local first=$!
  succeeds provision two
  wait "$first" || fail "one: $(cat "$KG_RUN/one")"
  equal "$(modulus one)" "$(modulus two)" 'one key for both'
  succeeds status --check-key
}

case_38_csr_cuid_of_a_scale_set() { # the service compares every byte: both ids, in their order
  emulator POST settings '{"scale_set":true}' >/dev/null
  identity demo
  succeeds provision demo
}

case_41_csr_key_size() {
  token_tool --keypairgen --key-type rsa:3072 --label large --id 0b >/dev/null || fail 'no large key'
  identity large
  kg provision large
  equal 5 "$STATUS" "exit ($OUT)"
  matches '2048' "$(error text)"
  requests_are 'metadata=0 issue=0'
}

case_92_sign_failure() { # the key went between the binding and the handshake: a new one, once
  identity demo
  succeeds provision demo
  delete_key demo
  emulator POST reset '{}' >/dev/null
  succeeds token demo --scope https://vault.azure.net
  requests_are 'issue=1 token=1'
}

run_cases "$@"
