#!/usr/bin/env bash
# Every missing or wrong field of the issued credential (leg 2): refused with its name, and the old binding stays.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

case_57_issue_fields_no_client_id() { spoiled '{"endpoint":"issue","omit":["client_id"]}' client_id; }
case_57_issue_fields_no_tenant_id() { spoiled '{"endpoint":"issue","omit":["tenant_id"]}' tenant_id; }
case_57_issue_fields_no_certificate() { spoiled '{"endpoint":"issue","omit":["certificate"]}' certificate; }
case_57_issue_fields_no_identity_type() { spoiled '{"endpoint":"issue","omit":["identity_type"]}' identity_type; }
case_57_issue_fields_no_endpoint() { spoiled '{"endpoint":"issue","omit":["mtls_authentication_endpoint"]}' mtls_authentication_endpoint; }
case_57_issue_fields_empty_tenant_id() { spoiled '{"endpoint":"issue","replace":{"tenant_id":""}}' tenant_id; }
case_57_issue_fields_not_json() { spoiled '{"endpoint":"issue","body":"hello"}' '[Jj][Ss][Oo][Nn]'; }
case_59_issue_identity_mismatch_client_id() { spoiled '{"endpoint":"issue","replace":{"client_id":"00000000-1111-2222-3333-444444444444"}}' 'client' identity_mismatch; }
case_59_issue_identity_mismatch_tenant_id() { spoiled '{"endpoint":"issue","replace":{"tenant_id":"00000000-1111-2222-3333-444444444444"}}' 'tenant' identity_mismatch; }
case_60_issue_wrong_key() { spoiled '{"endpoint":"issue","wrong_key":true}' 'key' invalid_certificate; }
case_61_issue_wrong_cn() { spoiled '{"endpoint":"issue","wrong_cn":true}' 'CN|name' invalid_certificate; }
case_62_issue_bad_usage() { spoiled '{"endpoint":"issue","eku":"serverAuth"}' '[Uu]sage|clientAuth' invalid_certificate; }
case_63_issue_not_base64() { spoiled '{"endpoint":"issue","replace":{"certificate":"%%%"}}' 'base64|certificate' invalid_certificate; }
case_63_issue_not_base64_not_a_certificate() { spoiled '{"endpoint":"issue","replace":{"certificate":"AAAA"}}' 'certificate' invalid_certificate; }
case_63_issue_not_base64_pem() { spoiled '{"endpoint":"issue","replace":{"certificate":"-----BEGIN CERTIFICATE-----"}}' 'base64|certificate' invalid_certificate; }
case_64_issue_endpoint_http() { spoiled '{"endpoint":"issue","replace":{"mtls_authentication_endpoint":"http://localhost:1"}}' 'https'; requests_are token=0; }
case_64_issue_endpoint_with_user() { spoiled '{"endpoint":"issue","replace":{"mtls_authentication_endpoint":"https://a@localhost:1"}}' 'mtls_authentication_endpoint'; }
case_certificate_already_over() { spoiled '{"endpoint":"issue","validity_s":-60,"not_before_s":-3600}' 'expired|over|ended' invalid_certificate; }
case_certificate_from_the_future() { spoiled '{"endpoint":"issue","not_before_s":3600}' 'valid|clock' invalid_certificate; }
case_65_issue_404() { identity demo; fault '{"endpoint":"issue","status":404,"times":-1}'; refused 6 managed_identity_request_failed 404 provision demo; }
case_58_issue_400_attest() {
  gates plain true false software
  fault '{"endpoint":"issue","status":400,"body":{"error":"invalid_request","error_description":"Attestation Token is missing / empty in the issue credential request"}}'
  refused 6 managed_identity_request_failed 'Attestation Token is missing' provision plain
  requests_are issue=1
}
case_28_meta_redirect_of_leg_2() { spoiled "{\"endpoint\":\"issue\",\"status\":307,\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"}" '307'; requests_are canary=0; }

case_66_issue_503_then_ok() {
  identity demo
  fault '{"endpoint":"issue","status":503}'
  succeeds provision demo
  requests_are issue=2
}

case_allowed_hosts() {
  identity demo
  conf_set allowed-hosts microsoft.com
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'an endpoint outside allowed-hosts was accepted'
  matches 'allowed' "$(error text)"
  [ ! -e "$(binding demo)" ] || fail 'a binding was written'
}

case_certificate_a_little_in_the_future_is_stored() {
  identity demo
  fault '{"endpoint":"issue","not_before_s":120}'
  succeeds provision demo
}

case_no_space_and_read_only_state() {
  identity demo
  succeeds provision demo
  local before
  before=$(cat "$(binding demo)")
  conf_set state-dir /proc/keyguard
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'a state folder that cannot be written was accepted'
  matches '/proc/keyguard' "$(error text)"
  equal "$before" "$(cat "$(binding demo)")" 'the old binding'
}

run_cases "$@"
