#!/bin/sh
# What the emulator tells of the requests that it got.
. "$(dirname "$0")/lib.sh"
start
equal "requests at the start" "$(counters '[.[].requests] | add')" 0

id=$(guid)
ask -A 'test/1' -H 'Metadata: true' -H "x-ms-client-request-id: $id" -H "X-Ms-Correlation-Id: $id" \
  "$AZURE_EMULATOR_URL/metadata/identity/getplatformmetadata?cred-api-version=2.0&client_id=$AZURE_EMULATOR_USER1_CLIENT_ID"
expect 200
last() { counters ".$1.last$2"; }
equal query "$(last metadata .query)" "cred-api-version=2.0&client_id=$AZURE_EMULATOR_USER1_CLIENT_ID"
equal selector "$(last metadata '.selector | tojson')" \
  "{\"kind\":\"client_id\",\"value\":\"$AZURE_EMULATOR_USER1_CLIENT_ID\"}"
equal identity "$(last metadata .identity)" user1
equal "request id" "$(last metadata '.headers["x-ms-client-request-id"]')" "$id"
equal "correlation id" "$(last metadata '.headers["x-ms-correlation-id"]')" "$id"
equal user-agent "$(last metadata '.headers["user-agent"]')" test/1
equal status "$(last metadata .status)" 200
equal "TLS version of plain HTTP" "$(counters .metadata.tls.none)" 1
metadata "client_id=x"
equal reason "$(last metadata .reason | cut -c1-18)" "Identity not found"

credential web
equal selector "$(last issue .selector.kind)" none
equal "issued thumbprint" "$(last issue .issued_thumbprint)" "$(thumbprint web)"
equal bypass_cache "$(last issue .bypass_cache)" false

token web
equal form "$(last token '.form | tojson')" "{\"client_id\":\"$AZURE_EMULATOR_SYSTEM_CLIENT_ID\",\"grant_type\":\"client_credentials\",\"scope\":\"https://vault.azure.net/.default\",\"token_type\":\"mtls_pop\"}"
equal thumbprint "$(last token .client_certificate.thumbprint)" "$(thumbprint web)"
equal "certificate's name" "$(last token .client_certificate.client_id)" "$AZURE_EMULATOR_SYSTEM_CLIENT_ID"
ask --data "$(form)" "$AZURE_EMULATOR_TOKEN_URL"
equal "certificates" "$(counters '.token.client_certificate | tojson')" '{"with":1,"without":1}'
equal "connections" "$(counters .token.connections)" 2
with web -H "Authorization: mtls_pop $TOKEN" "$AZURE_EMULATOR_RESOURCE_URL"
equal "authorization" "$(last resource .headers.authorization)" mtls_pop

# the order of all, and no secret in any of it
ask "$AZURE_EMULATOR_URL/emulator/requests"
equal order "$(body 'map(.endpoint) | join(" ")')" "metadata metadata issue token token resource"
equal numbers "$(body 'map(.n) | join(" ")')" "1 2 3 4 5 6"
! grep -qF "$TOKEN" "$WORK/body" || fail "the token is in the requests"
! grep -qF "$CSR" "$WORK/body" || fail "the CSR is in the requests"

# side by side
fault '{"endpoint":"metadata","delay_ms":700,"times":3}'
metadata & metadata & metadata &
while [ "$(counters .metadata.requests)" -lt 5 ]; do sleep 0.05; done
wait $! || :
[ "$(counters .metadata.max_in_flight)" -ge 2 ] || fail "no two requests at once"

# reset: everything as at the start
control clock '{"offset_s":5}'
control settings '{"validity_s":60}'
fault '{"endpoint":"issue","status":500}'
sleep 1
control reset '{}'
equal "requests after a reset" "$(counters '[.[].requests] | add')" 0
ask "$AZURE_EMULATOR_URL/emulator/clock"
equal offset "$(body .offset_s)" 0
ask "$AZURE_EMULATOR_URL/emulator/settings"
equal validity "$(body .validity_s)" 604800
ask "$AZURE_EMULATOR_URL/emulator/faults"
equal faults "$(body length)" 0

# what the control endpoints refuse
refused() { # PATH JSON TEXT
  ask -X POST --data "$2" "$AZURE_EMULATOR_URL/emulator/$1"
  expect 400 "$3"
}
refused settings '{"validty_s":1}' unknown
refused settings '{"validity_s":"1"}' must
refused settings '[]' object
refused clock '{}' expected
refused clock '{"offset_s":1,"x":2}' expected
refused issue-software-credential '{"x":1}' unknown
refused issue-software-credential '{"identity":"x"}' identity
ask "$AZURE_EMULATOR_URL/emulator/nothing"
expect 404
ask -X DELETE "$AZURE_EMULATOR_URL/emulator/counters"
expect 405
ask "$AZURE_EMULATOR_URL/emulator/"
expect 200 /emulator/faults
ask "$AZURE_EMULATOR_URL/emulator/identities"
equal identities "$(body 'map(.name) | join(" ")')" "system user1 user2"
stop
