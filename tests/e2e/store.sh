#!/usr/bin/env bash
# The binding as what is kept: read as it was written, of one identity alone, and only where it belongs.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

case_72_store_roundtrip() {
  identity demo
  succeeds provision demo
  local issued
  issued=$(counter .issue.last.issued_thumbprint)
  equal "$issued" "$(out .thumbprint)" 'thumbprint that provision printed'
  succeeds status demo
  equal "$issued" "$(out '.identities[0].thumbprint')" 'thumbprint of status'
  equal "$AZURE_EMULATOR_TOKEN_URL" "$(out '.identities[0].token_endpoint')" endpoint
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$(out '.identities[0].client_id')" 'client id'
  equal 644 "$(stat -c %a "$(binding demo)")" mode
}

case_73_store_selection_newest_wins() {
  identity demo
  succeeds provision demo
  succeeds provision demo --force
  local newest
  newest=$(counter .issue.last.issued_thumbprint)
  succeeds status demo
  equal "$newest" "$(out '.identities[0].thumbprint')" thumbprint
  equal "demo.json demo.lock" "$(ls "$KG_RUN/state" | tr '\n' ' ' | sed 's/ $//')" 'files in the state folder'
}

case_75_store_orphan() { # a binding of another key is never offered, and is replaced
  identity demo
  succeeds provision demo
  identity other
  succeeds provision other
  # other's binding in demo's place: the file is whole, and yet not demo's
  cp "$(binding other)" "$(binding demo)"
  kg status demo
  equal 11 "$STATUS" status
  ! stock pkcs11-tool --module "$KEYGUARD_MODULE" --list-token-slots 2>/dev/null | grep -q 'token label *: demo' ||
    fail 'the module shows a binding of another identity'
  succeeds provision demo
  equal issued "$(out .result)" result
}

case_76_store_scope() { # one expires, the other stays as it is
  emulator POST settings '{"validity_s":3600}' >/dev/null
  gates first true false software
  gates second true false software
  succeeds provision first
  emulator POST settings '{"validity_s":604800}' >/dev/null
  succeeds provision second
  local second
  second=$(cat "$(binding second)")
  travel 7200
  kg status
  equal 'false true' "$(out '[.identities[].usable | tostring] | join(" ")')" usable
  succeeds renew --all
  equal 'renewed not_due' "$(out '[.identities[].result] | join(" ")')" results
  equal "$second" "$(cat "$(binding second)")" 'the other binding'
}

case_78_friendly_name() { # a name is a label, a file's name and a part of a URI
  local name
  for name in 'a|b' 'a/b' '../x' '' ' ' $'a\rb' "$(printf '%033d' 0)" '-x' '.x' 'ä'; do
    kg_env_conf
    printf '\n[identity %s]\nkey-store = pkcs11:token=x;object=x?module-path=/x.so\nmtls-proof-of-possession = true\n' \
      "$name" >>"$KEYGUARD_CONF"
    kg status
    equal 3 "$STATUS" "exit for '$name'"
    matches 'keyguard.conf:[0-9]+' "$(error text)" "text for '$name'"
  done
}

case_79_mutex_name() { # a lock an identity, named as the identity is: case counts, as it does for labels
  identity web
  identity Web
  succeeds provision --all
  equal '2' "$(ls "$KG_RUN"/state/*.lock | wc -l)" locks
  equal 2 "$(requests issue)" 'requests to issue'
}

case_damaged_binding_is_replaced() {
  identity demo
  succeeds provision demo
  local i
  for i in 1 2 3; do
    case $i in
      1) truncate -s 200 "$(binding demo)" ;;
      2) sed -i 's/"client_id":"./"client_id":"x/' "$(binding demo)" ;;
      3) : >"$(binding demo)" ;;
    esac
    kg status demo
    equal 11 "$STATUS" "status of damage $i"
    succeeds provision demo
    equal issued "$(out .result)" "result after damage $i"
  done
}

case_74_store_lock_busy_is_no_matter_for_what_is_good() { # and no lock is taken for it
  identity demo
  succeeds provision demo
  rm "$KG_RUN/state/demo.lock"
  succeeds provision demo
  equal good "$(out .result)" result
  succeeds token demo --scope https://vault.azure.net
  succeeds renew demo
  [ ! -e "$KG_RUN/state/demo.lock" ] || fail 'a lock was taken for a good binding'
}

# A failure first, which is remembered, and then a binding, so that root has made a file of every kind.
case_root_runs_in_a_services_folder() {
  needs_nobody
  local mask
  chown 65534:65534 "$KG_RUN/state"
  identity demo
  for mask in 077 000; do
    (
      umask $mask
      fault '{"endpoint":"issue","status":400,"times":1}'
      kg provision demo --force
      succeeds provision demo --force
      succeeds token demo --scope https://vault.azure.net
    )
    equal '' "$(find "$KG_RUN/state" ! -user 65534 -o ! -group 65534)" "what root left behind with umask $mask"
  done
  [ -e "$KG_RUN/state/demo.lock" ] || fail 'there is no lock'
  give_nobody_the_token
  OUT=$(SOFTHSM2_CONF=$KG_RUN/nobody.conf as_nobody "$KG_BUILD/ctl/keyguardctl" --json provision demo --force) ||
    fail "the service cannot provision: $OUT"
  equal issued "$(out .result)" result
}

run_cases "$@"
