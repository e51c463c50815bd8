#!/bin/sh
# The token service: who gets a token, and in which form the others are refused.
. "$(dirname "$0")/lib.sh"
start
credential web

post() { # FORM [CURL-ARGUMENTS]
  fields=$1
  shift
  with web "$@" --data "$fields" "$AZURE_EMULATOR_TOKEN_URL"
}
refused() { # STATUS ERROR CODE
  expect "$1"
  equal error "$(body .error)" "$2"
  equal error_codes "$(body '.error_codes | tojson')" "[$3]"
  body .error_description | grep -q "^AADSTS$3: .* Trace ID: .* Correlation ID: .* Timestamp: " || fail "description"
  for member in timestamp trace_id correlation_id; do
    [ -n "$(body ".$member // empty")" ] || fail "no $member"
  done
}
good=$(form)

post "$good"
expect 200
equal fields "$(body 'keys | join(",")')" access_token,expires_in,token_type
equal "Cache-Control" "$(header cache-control)" "no-store, no-cache"
equal issuer "$(claims "$(body .access_token)" | jq -r .iss)" "$AZURE_EMULATOR_TOKEN_ORIGIN/$AZURE_EMULATOR_TENANT_ID/v2.0"
post "$good&claims=%7B%22access_token%22%3A%7B%7D%7D"
expect 200

# correlation ids come back when asked for
id=$(guid)
post "$good" -H "client-request-id: $id" -H 'return-client-request-id: true'
equal client-request-id "$(header client-request-id)" "$id"
post "$good&claims=x" -H "client-request-id: $id"
refused 400 invalid_request 90023
equal correlation_id "$(body .correlation_id)" "$id"
equal client-request-id "$(header client-request-id)" ""

# the form
post "$(echo "$good" | sed 's/&token_type=[^&]*//')"
refused 400 invalid_request 90023
post "$(echo "$good" | sed 's/mtls_pop/pop/')"
refused 400 invalid_request 90023
post "$(echo "$good" | sed 's/grant_type=[^&]*/x=y/')"
refused 400 invalid_request 900144
post "$(echo "$good" | sed 's/client_credentials/password/')"
refused 400 unsupported_grant_type 70003
post "$(echo "$good" | sed 's/%2F.default//')"
refused 400 invalid_scope 1002012
post "$(echo "$good" | sed 's/scope=[^&]*/scope=%2F.default/')"
refused 400 invalid_scope 1002012
post "$(echo "$good" | sed 's/client_id=[^&]*/x=y/')"
refused 400 invalid_request 900144
post "$good&scope=again"
refused 400 invalid_request 900144
post "$good&client_secret=hunter2"
refused 400 invalid_request 90023
equal "a secret's value" "$(counters .token.last.form.client_secret)" "(present)"
post "$good&client_assertion=x"
refused 400 invalid_request 90023
post "$good" -H 'Content-Type: application/json'
refused 400 invalid_request 900144
ask --cert "$WORK/web.pem" --key "$WORK/web.key" "$AZURE_EMULATOR_TOKEN_URL"
expect 405

# who asks
post "$(form "$AZURE_EMULATOR_USER1_CLIENT_ID")"
refused 401 invalid_client 700021
with web --data "$good" "$AZURE_EMULATOR_TOKEN_ORIGIN/$(guid)/oauth2/v2.0/token"
refused 400 invalid_request 90002
with web --data "$good" "$AZURE_EMULATOR_TOKEN_ORIGIN/nothing"
expect 404
for version in 1.2 1.3; do
  ask --tlsv$version --tls-max $version --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
  refused 400 invalid_request 392200
done
software_credential foreign '{"foreign":true}'
with foreign --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 401 invalid_client 700027
software_credential server '{"eku":"serverAuth"}'
with server --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 401 invalid_client 700027
software_credential old '{"validity_s":-10}'
with old --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 401 invalid_client 392204
software_credential early '{"not_before_s":600}'
with early --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 401 invalid_client 700024
software_credential spent '{"token_not_after_s":-10}'
with spent --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 400 invalid_request 1000901
software_credential fresh '{"token_not_after_s":600}'
with fresh --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
expect 200

# the clock moves the verdicts, and the Date
control clock '{"offset_s":700}'
with fresh --data "$good" "$AZURE_EMULATOR_TOKEN_URL"
refused 400 invalid_request 1000901
control clock '{"offset_s":691200}'
post "$good"
refused 401 invalid_client 392204
shown=$(date -u -d "$(header date)" +%s)
[ $((shown - $(date +%s))) -gt 691100 ] || fail "the Date header is not shifted"
control clock '{"offset_s":0}'

# bearer over mutual TLS: not bound
post "$(echo "$good" | sed 's/mtls_pop/bearer/')"
expect 200
equal token_type "$(body .token_type)" Bearer
equal cnf "$(claims "$(body .access_token)" | jq -r .cnf)" null

# the token is signed by the key that the service publishes
ask "$AZURE_EMULATOR_TOKEN_ORIGIN/common/discovery/v2.0/keys"
expect 200
equal kty "$(body '.keys[0].kty')" RSA

control settings '{"expires_in_string":true,"expires_in":3599}'
post "$good"
equal expires_in "$(body '.expires_in | tojson')" '"3599"'
stop
