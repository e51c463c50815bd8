#!/usr/bin/env bash
# Every missing or wrong field of the platform metadata (leg 1): refused with its name, and the old binding stays.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

spoiled_metadata() { # as spoiled, and nothing further is sent
  spoiled "$@"
  requests_are 'issue=0'
}

case_24_meta_incomplete_no_client_id() { spoiled_metadata '{"endpoint":"metadata","omit":["clientId"]}' clientId; }
case_24_meta_incomplete_no_tenant_id() { spoiled_metadata '{"endpoint":"metadata","omit":["tenantId"]}' tenantId; }
case_24_meta_incomplete_no_cu_id() { spoiled_metadata '{"endpoint":"metadata","omit":["cuId"]}' cuId; }
case_24_meta_incomplete_empty_client_id() { spoiled_metadata '{"endpoint":"metadata","replace":{"clientId":""}}' clientId; }
case_24_meta_incomplete_null_tenant_id() { spoiled_metadata '{"endpoint":"metadata","replace":{"tenantId":null}}' tenantId; }
case_24_meta_incomplete_client_id_is_a_number() { spoiled_metadata '{"endpoint":"metadata","replace":{"clientId":7}}' clientId; }
case_24_meta_incomplete_cu_id_is_a_string() { spoiled_metadata '{"endpoint":"metadata","replace":{"cuId":"x"}}' cuId; }
case_24_meta_incomplete_cu_id_has_neither_id() { spoiled_metadata '{"endpoint":"metadata","replace":{"cuId":{}}}' 'vmId|cuId'; }
case_24_meta_incomplete_empty_object() { spoiled_metadata '{"endpoint":"metadata","body":"{}"}' 'clientId|cuId'; }
case_24_meta_incomplete_not_json() { spoiled_metadata '{"endpoint":"metadata","body":"<html>"}' '[Jj][Ss][Oo][Nn]'; }
case_24_meta_incomplete_an_array() { spoiled_metadata '{"endpoint":"metadata","body":"[]"}' 'object'; }
case_24_meta_incomplete_empty_body() { spoiled_metadata '{"endpoint":"metadata","body":""}' .; }
case_24_meta_incomplete_duplicate_member() { spoiled_metadata '{"endpoint":"metadata","body":"{\"clientId\":\"a\",\"clientId\":\"b\"}"}' 'clientId'; }
case_23_meta_server_header_missing() { spoiled_metadata '{"endpoint":"metadata","server_header":null}' 'Server'; }
case_23_meta_server_header_of_somebody_else() { spoiled_metadata '{"endpoint":"metadata","server_header":"I_MDS/150.870.65.1854"}' 'Server'; }
case_23_meta_server_header_that_contains_the_name() { spoiled_metadata '{"endpoint":"metadata","server_header":"nginx IMDS/1"}' 'Server'; }
case_25_meta_no_attestation_endpoint_attested() { spoiled_metadata '{"endpoint":"metadata","omit":["attestationEndpoint"]}' attestationEndpoint; }
case_28_meta_redirect_302() { spoiled_metadata "{\"endpoint\":\"metadata\",\"status\":302,\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"}" '302'; requests_are canary=0; }
case_28_meta_redirect_307() { spoiled_metadata "{\"endpoint\":\"metadata\",\"status\":307,\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"}" '307'; requests_are canary=0; }
case_28_meta_redirect_308() { spoiled_metadata "{\"endpoint\":\"metadata\",\"status\":308,\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"}" '308'; requests_are canary=0; }
case_106_retry_400() { spoiled_metadata '{"endpoint":"metadata","status":400,"body":{"error":"invalid_request","error_description":"spoiled"}}' spoiled; requests_are metadata=1; }
case_106_retry_403() { spoiled_metadata '{"endpoint":"metadata","status":403,"body":{"error":"forbidden"}}' 403; requests_are metadata=1; }

case_23_meta_server_header_without_version() {
  identity demo
  fault '{"endpoint":"metadata","server_header":"imds"}'
  succeeds provision demo
}

case_25_meta_no_attestation_endpoint_unattested() {
  gates plain true false software
  fault '{"endpoint":"metadata","omit":["attestationEndpoint"]}'
  succeeds provision plain
}

case_26_meta_identity_mismatch() {
  identity demo "user-assigned-client-id = $AZURE_EMULATOR_USER1_CLIENT_ID"
  fault '{"endpoint":"metadata","wrong_identity":true}'
  kg provision demo
  equal 6 "$STATUS" exit
  matches 'client' "$(error text)"
  requests_are issue=0
}

case_27_meta_uami_unassigned() {
  identity demo 'user-assigned-client-id = 00000000-1111-2222-3333-444444444444'
  kg provision demo
  equal 6 "$STATUS" exit
  matches 'not assigned|not found' "$(error text)"
  [ "$(error sub_code)" != mtls_pop_token_not_supported_in_imds_v1 ] || fail 'taken for a v1-only host'
  requests_are 'metadata=1 issue=0'
}

case_29_meta_oversize() {
  identity demo
  fault '{"endpoint":"metadata","oversize":true,"times":-1}'
  kg provision demo
  equal 9 "$STATUS" "exit ($OUT)"
  matches '1 MiB|1048576|larger|too large' "$(error text)"
}

case_truncated_answer() {
  identity demo
  fault '{"endpoint":"metadata","truncate":true,"times":-1}'
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'a truncated answer was accepted'
  requests_are issue=0
}

case_unknown_members_are_ignored() {
  identity demo
  fault '{"endpoint":"metadata","replace":{"novelty":{"deep":[1,2,3]}}}'
  succeeds provision demo
}

run_cases "$@"
