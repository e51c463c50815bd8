#!/usr/bin/env bash
# Every member of each answer, missing, of another type, empty, too long, with characters that nobody expects: a named error
# of the protocol, remembered like any failure that cost a request, and the old binding stays.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

LONG=$(printf '%3000s' '' | tr ' ' x)
ODD=('null' '7' 'true' '["a"]' '{"a":"b"}' '""' "\"$LONG\"" '"a\u0001b\nc"')

odd() { # endpoint, fault without the endpoint: provision must fail with a code of the protocol
  fault "{\"endpoint\":\"$1\",$2}"
  kg provision demo --force
  equal 6 "$STATUS" "exit for $2 ($OUT)"
  case $(error sub_code) in
    managed_identity_request_failed | identity_mismatch | invalid_certificate) ;;
    *) fail "$2: $OUT" ;;
  esac
  [ -e "$KG_RUN/state/demo.failure" ] || fail "$2: not remembered"
  equal "$BEFORE" "$(cat "$(binding demo)")" 'the old binding'
  rm "$KG_RUN/state/demo.failure"
  emulator DELETE faults >/dev/null
}

every_member() { # endpoint, its members
  local endpoint=$1 member value
  shift
  ready
  BEFORE=$(cat "$(binding demo)")
  for member in "$@"; do
    odd "$endpoint" "\"omit\":[\"$member\"]"
    for value in "${ODD[@]}"; do odd "$endpoint" "\"replace\":{\"$member\":$value}"; done
  done
}

# As the emulator names them, so that a new one is not forgotten.
case_members_of_leg_1() {
  local members
  members=$(curl -sf -H 'Metadata: true' -H 'x-ms-client-request-id: 0f0f0f0f-1111-4222-8333-444444444444' \
    "$AZURE_EMULATOR_URL/metadata/identity/getplatformmetadata?cred-api-version=2.0" | jq -r 'keys[]')
  equal 'attestationEndpoint clientId cuId tenantId' "$(xargs <<<"$members")" 'members of leg 1'
  # shellcheck disable=SC2086
  every_member metadata $members
}

case_members_of_the_machine() {
  local value
  ready
  BEFORE=$(cat "$(binding demo)")
  for value in 7 '["a"]' "\"$LONG\"" '"a\u0001b"'; do odd metadata "\"replace\":{\"cuId\":{\"vmId\":$value}}"; done
}

case_members_of_leg_2() { every_member issue client_id tenant_id certificate identity_type mtls_authentication_endpoint; }

case_endpoints_that_nobody_can_ask() {
  local value
  ready
  BEFORE=$(cat "$(binding demo)")
  for value in 'https://' 'https:///x' 'https://a b' 'https://h:0' 'https://h:99999' 'https://u@h' 'ftp://h' 'https://h\\x'; do
    odd issue "\"replace\":{\"mtls_authentication_endpoint\":\"$value\"}"
  done
}

case_certificate_that_begins_before_1970() {
  ready
  BEFORE=$(cat "$(binding demo)")
  odd issue '"not_before_s":-1900000000'
}

case_certificate_that_is_too_large() {
  ready
  BEFORE=$(cat "$(binding demo)")
  odd issue "\"replace\":{\"certificate\":\"$(head -c 90000 /dev/zero | base64 -w0)\"}"
}

# Of one that is not forced, the second does not ask.
case_odd_answer_is_asked_for_once() {
  identity demo
  fault "{\"endpoint\":\"issue\",\"times\":-1,\"replace\":{\"identity_type\":\"$LONG\"}}"
  kg provision demo
  kg provision demo
  matches 'identity_type.*longer' "$(error text)"
  requests_are issue=1
}

run_cases "$@"
