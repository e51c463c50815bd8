#!/bin/sh
# Faults: taken in order, each as often as asked, and each doing what it says.
. "$(dirname "$0")/lib.sh"
start
refused() { # JSON TEXT
  ask -X POST --data "$1" "$AZURE_EMULATOR_URL/emulator/faults"
  expect 400 "$2"
}

# orders that are refused, naming what is wrong
refused 'x' "a JSON object is expected"
refused '{}' "endpoint must be"
refused '{"endpoint":"nowhere"}' "endpoint must be"
refused '{"endpoint":"canary"}' "endpoint must be"
refused '{"endpoint":"issue","stauts":500}' "unknown key: stauts"
refused '{"endpoint":"issue","status":"500"}' "status must be a number"
refused '{"endpoint":"issue","status":99}' "status must be between"
refused '{"endpoint":"issue","times":0}' "times must not be 0"
refused '{"endpoint":"metadata","wrong_key":true}' "wrong_key means nothing to endpoint metadata"
refused '{"endpoint":"metadata","tls_alert":true}' "tls_alert means nothing to endpoint metadata"
refused '{"endpoint":"issue","omit":"certificate"}' "omit must be an array of strings"
refused '{"endpoint":"issue","omit":[1]}' "omit must be an array of strings"
refused '{"endpoint":"issue","headers":{"a":1}}' "headers must hold strings"
refused '{"endpoint":"issue","server_header":7}' "server_header must be a string or null"
refused '{"endpoint":"issue","reset":false}' "reset must be true or a string"
refused '[{"endpoint":"issue"},{"endpoint":"x"}]' "endpoint must be"
ask "$AZURE_EMULATOR_URL/emulator/faults"
equal "the good order before a bad one" "$(body length)" 1
ask -X DELETE "$AZURE_EMULATOR_URL/emulator/faults"
expect 200
equal "orders after DELETE" "$(body length)" 0

# order and number
fault '[{"endpoint":"metadata","status":503,"times":2},{"endpoint":"metadata","status":429,"headers":{"Retry-After":"7"}}]'
for status in 503 503 429 200 200; do
  metadata
  expect $status
  [ $status != 429 ] || equal Retry-After "$(header retry-after)" 7
done
fault '{"endpoint":"metadata","status":410,"times":-1}'
for _ in 1 2 3 4; do
  metadata
  expect 410
done
ask -X DELETE "$AZURE_EMULATOR_URL/emulator/faults"
metadata
expect 200
equal "status counts" "$(counters '.metadata.status | tojson')" '{"503":2,"429":1,"200":3,"410":4}'

# bodies and headers
fault '{"endpoint":"metadata","body":"no json"}'
metadata
expect 200 "no json"
fault '{"endpoint":"metadata","status":403,"body":{"message":"denied","correlationId":"x"}}'
metadata
expect 403
equal message "$(body .message)" denied
fault '{"endpoint":"metadata","server_header":null}'
metadata
expect 200
equal server "$(header server)" ""
fault '{"endpoint":"metadata","server_header":"I_MDS/150.870.65.1854"}'
metadata
equal server "$(header server)" "I_MDS/150.870.65.1854"
fault '{"endpoint":"metadata","omit":["cuId","tenantId"]}'
metadata
equal "members left" "$(body 'keys_unsorted | join(",")')" clientId,attestationEndpoint
fault '{"endpoint":"metadata","replace":{"clientId":null,"attestationEndpoint":"http://x"}}'
metadata
equal "replaced members" "$(body '[.clientId, .attestationEndpoint] | tojson')" '[null,"http://x"]'
fault '{"endpoint":"metadata","wrong_identity":true}'
metadata
equal "another identity" "$(body .clientId)" "$AZURE_EMULATOR_USER1_CLIENT_ID"

# transport
fault '{"endpoint":"metadata","delay_ms":300}'
before=$(date +%s%N)
metadata
expect 200
[ $((($(date +%s%N) - before) / 1000000)) -ge 300 ] || fail "no delay"
fault '{"endpoint":"metadata","reset":true}'
metadata
equal "status and curl's exit code after a reset" "$STATUS $CURL_EXIT" "000 56"
fault '{"endpoint":"metadata","truncate":true}'
metadata
equal "curl's exit code for half a body" "$CURL_EXIT" 18
fault '{"endpoint":"metadata","oversize":true}'
metadata
expect 200
[ "$(wc -c <"$WORK/body")" -gt 2097152 ] || fail "the body is not big"
equal "a big body's clientId" "$(body .clientId)" "$AZURE_EMULATOR_SYSTEM_CLIENT_ID"
for status in "" 301 302 303 308; do
  fault "{\"endpoint\":\"metadata\",\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\"${status:+,\"status\":$status}}"
  metadata
  expect "${status:-307}"
  equal location "$(header location)" "$AZURE_EMULATOR_CANARY_URL"
done
equal "requests at the canary" "$(counters .canary.requests)" 0
ask "$AZURE_EMULATOR_CANARY_URL"
ask "$AZURE_EMULATOR_URL/emulator/canary"
equal "requests at the canary" "$(counters .canary.requests)" 2

# certificates
key web
spoilt() { # FAULT
  fault "{\"endpoint\":\"issue\",$1}"
  csr web
  issue
  expect 200
  certificate web
  openssl x509 -in "$WORK/web.pem" -noout -text >"$WORK/text"
}
public() { openssl pkey -in "$WORK/web.key" -pubout; }
spoilt '"wrong_key":true'
[ "$(public)" != "$(openssl x509 -in "$WORK/web.pem" -noout -pubkey)" ] || fail "the key is the right one"
spoilt '"wrong_cn":true'
grep -q "CN = $AZURE_EMULATOR_USER1_CLIENT_ID" "$WORK/text" || fail "the CN is the right one"
equal client_id "$(body .client_id)" "$AZURE_EMULATOR_SYSTEM_CLIENT_ID"
spoilt '"wrong_identity":true'
grep -q "CN = $AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$WORK/text" || fail "the CN is wrong too"
equal client_id "$(body .client_id)" "$AZURE_EMULATOR_USER1_CLIENT_ID"
spoilt '"eku":"serverAuth"'
grep -q "TLS Web Server Authentication" "$WORK/text" || fail "no serverAuth"
spoilt '"validity_s":60,"not_before_s":30'
! openssl x509 -in "$WORK/web.pem" -noout -checkend 61 >/dev/null || fail "the certificate lives too long"
spoilt '"token_not_after_s":-5'
grep -q 1.3.6.1.4.1.311.90.2.1: "$WORK/text" || fail "no token_not_after"
spoilt '"validity_s":3600'
[ "$(public)" = "$(openssl x509 -in "$WORK/web.pem" -noout -pubkey)" ] || fail "the key is the wrong one"

# tokens
spoilt '"validity_s":3600'
ordered() { # FAULT
  fault "{\"endpoint\":\"token\",$1}"
  token web
}
ordered '"oauth_error":{"error":"invalid_client","error_codes":[1000612]}'
expect 401
equal "the error" "$(body '[.error, .error_codes[0]] | tojson')" '["invalid_client",1000612]'
body .error_description | grep -q '^AADSTS1000612: ' || fail "no code in the description"
ordered '"oauth_error":{"error":"invalid_client"}'
expect 401
equal "error codes" "$(body .error_codes)" null
ordered '"oauth_error":{"error":"invalid_request","error_codes":[1000901],"suberror":"x"}'
expect 400
equal suberror "$(body .suberror)" x
ordered '"token_type":"Bearer"'
expect 200
equal token_type "$(body .token_type)" Bearer
ordered '"omit":["token_type","expires_in"]'
equal "members left" "$(body 'keys | join(",")')" access_token
ordered '"status":503,"headers":{"Retry-After":"1"}'
expect 503
ordered '"delay_ms":1,"reset":true'
equal "status after a reset" "$STATUS" 000
ordered "\"redirect\":\"$AZURE_EMULATOR_CANARY_URL\""
expect 307
fault '{"endpoint":"token","truncate":true}'
with web --data "$(form)" "$AZURE_EMULATOR_TOKEN_URL"
[ "$CURL_EXIT" -ne 0 ] || fail "half an answer passed for a whole one"
token web
expect 200

# a delay must not hold up the end
fault '{"endpoint":"metadata","delay_ms":60000}'
metadata >/dev/null 2>&1 &
waiting=$!
while [ "$(counters .metadata.max_in_flight)" -lt 1 ]; do sleep 0.1; done
ask "$AZURE_EMULATOR_URL/emulator/faults"
while [ "$(body length)" != 0 ]; do sleep 0.1; ask "$AZURE_EMULATOR_URL/emulator/faults"; done
stop
wait "$waiting" || :
