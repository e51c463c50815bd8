#!/usr/bin/env bash
# Attestation: whatever fails, no request leaves without a token, and the reason is kept.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

not_attested() { # pattern of the text: provision fails with attestation_failed, and nothing was issued
  identity demo
  refused 7 attestation_failed "$1" provision demo
  requests_are issue=0
  [ ! -e "$(binding demo)" ] || fail 'a binding was written'
}

case_43_att_included() {
  identity demo
  succeeds provision demo
  requests_are 'attestation=1 issue=1'
  equal true "$(counter .issue.last.had_attestation_token)" 'attestation token on leg 2'
  equal true "$(jq .binding.attested "$(binding demo)")" attested
}

case_45_att_native_error_of_every_code() { # the number and its name reach the user
  local code
  for code in -1 -3 -12 -26 -35; do
    fault "{\"endpoint\":\"attestation\",\"headers\":{\"x-fake-native-code\":\"$code\"}}"
    kg_env_conf
    identity demo
    refused 7 attestation_failed "AttestKeyGuardImportKey returned $code \\(" provision demo --force
    equal "$code" "$(error native_code)" 'native code'
  done
  requests_are issue=0
}

case_47_att_cancelled() { # the user's end of it: nothing is issued, nothing remembered, nothing locked
  identity demo
  fault '{"endpoint":"attestation","delay_ms":20000}'
  command keyguardctl provision demo >"$KG_RUN/out" 2>&1 &
  local pid=$! deadline=$((SECONDS + 15)) status=0
  until [ "$(counter .attestation.max_in_flight)" = 1 ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "no attestation: $(cat "$KG_RUN/out")"
    sleep 0.1
  done
  kill -INT "$pid" # a background job of a shell ignores SIGINT, so:
  kill -TERM "$pid"
  wait "$pid" || status=$?
  equal 143 "$status" 'exit of the cancelled one'
  requests_are issue=0
  equal '.key.*.lock demo.lock' "$(cd "$KG_RUN/state" && echo .key*.lock | sed 's/\.[0-9a-f]\{32\}/.*/') demo.lock" 'files'
  [ ! -e "$(binding demo)" ] && [ ! -e "$KG_RUN/state/demo.failure" ] || fail 'something was left'
  emulator DELETE faults >/dev/null
  succeeds provision demo
}

case_48_att_dll_missing() {
  conf_set attestation-library "$KG_RUN/missing.so"
  not_attested missing.so
}

case_50_att_dll_planted_writable_by_others() {
  cp "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" "$KG_RUN/planted.so"
  chmod 0777 "$KG_RUN/planted.so"
  conf_set attestation-library "$KG_RUN/planted.so"
  not_attested planted.so
}

case_49_att_dll_hash() {
  conf_set attestation-library-sha256 "$(printf '0%.0s' {1..64})"
  not_attested 'SHA-256|sha256|hash'
}

case_49_att_dll_hash_matches() {
  identity demo
  conf_set attestation-library-sha256 "$(sha256sum "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" | cut -d' ' -f1)"
  succeeds provision demo
}

case_not_a_library() {
  printf 'x' >"$KG_RUN/text.so"
  conf_set attestation-library "$KG_RUN/text.so"
  not_attested text.so
}

case_45_att_native_error_with_its_reason() {
  fault '{"endpoint":"attestation","status":400,"times":-1,"body":{"error":{"code":"PolicyEvaluationError","message":"x-ms-azurevm-dbxvalidated=false"}}}'
  not_attested '(-6|-5)'
}

case_service_down() { fault '{"endpoint":"attestation","reset":true,"times":-1}'; not_attested '-[0-9]'; }
case_service_503() { fault '{"endpoint":"attestation","status":503,"times":-1}'; not_attested '-[0-9]'; }
case_44_att_no_token_empty_answer() { fault '{"endpoint":"attestation","body":"","times":-1}'; not_attested .; }
case_44_att_no_token_member() { fault '{"endpoint":"attestation","omit":["token"],"times":-1}'; not_attested .; }
case_44_att_no_token_not_a_jwt() { fault '{"endpoint":"attestation","replace":{"token":"only.two"},"times":-1}'; not_attested 'JWT|three|token|shape|form'; }
case_44_att_no_token_blank() { fault '{"endpoint":"attestation","replace":{"token":"  "},"times":-1}'; not_attested .; }

case_50_att_dll_planted_in_the_working_folder() { # never searched for by name
  identity demo
  sed -i '/^attestation-library/d' "$KEYGUARD_CONF"
  mkdir "$KG_RUN/cwd"
  cp "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" "$KG_RUN/cwd/AttestationClientLib.so"
  cp "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" "$KG_RUN/cwd/libAttestationClientLib.so"
  cd "$KG_RUN/cwd" || exit
  LD_LIBRARY_PATH=$KG_RUN/cwd PATH=$KG_RUN/cwd:$PATH refused 7 attestation_failed . provision demo
  requests_are 'attestation=0 issue=0'
}

case_51_att_endpoint_hostile() {
  local endpoint
  identity demo
  for endpoint in http://localhost //localhost https:///x https://a@localhost 'https://local\\host' https:/x https://localhost: ftp://localhost; do
    emulator POST reset '{}' >/dev/null
    emulator DELETE faults >/dev/null
    fault "{\"endpoint\":\"metadata\",\"replace\":{\"attestationEndpoint\":\"$endpoint\"}}"
    kg provision demo --force
    [ "$STATUS" != 0 ] || fail "the endpoint $endpoint was accepted"
    matches 'attestation' "$(error text)" "text for $endpoint"
    requests_are 'attestation=0 issue=0'
  done
}

case_wrong_key_in_the_token_is_refused_by_the_service() {
  identity demo
  fault '{"endpoint":"attestation","wrong_key":true}'
  kg provision demo
  [ "$STATUS" != 0 ] || fail "a token for another key was accepted"
  [ ! -e "$(binding demo)" ] || fail 'a binding was written'
}

case_expired_token_is_refused() {
  identity demo
  fault '{"endpoint":"attestation","validity_s":-10,"not_before_s":-100}'
  kg provision demo
  [ "$STATUS" != 0 ] || fail "an expired token was accepted"
}

case_old_binding_survives() {
  identity demo
  succeeds provision demo
  local before
  before=$(cat "$(binding demo)")
  fault '{"endpoint":"attestation","status":500,"times":-1}'
  refused 7 attestation_failed . provision demo --force
  equal "$before" "$(cat "$(binding demo)")" 'the old binding'
}

run_cases "$@"
