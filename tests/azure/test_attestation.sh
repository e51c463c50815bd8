#!/bin/sh
# The attestation service through the substitute library: tokens that issuecredential takes, and all the ways to fail.
. "$(dirname "$0")/lib.sh"
: "${ATTEST:?the azure-attest program}" "${FAKE_ATTESTATION:?the substitute library}"
export AZURE_EMULATOR_CA=

# attest ENDPOINT [PAYLOAD [HOW]]: RC, TOKEN, $WORK/log
attest() {
  "$ATTEST" "$FAKE_ATTESTATION" "$WORK/web.key" "$1" "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "${2-{\}}" ${3:+"$3"} \
    >"$WORK/out" 2>"$WORK/log" || :
  RC=$(sed -n 's/^rc //p' "$WORK/out")
  TOKEN=$(sed -n 's/^token //p' "$WORK/out")
}
code() { # RC [TEXT in the log]
  equal "the return code" "$RC" "$1"
  [ $# -lt 2 ] || grep -q "$2" "$WORK/log" || fail "the log has no \"$2\": $(cat "$WORK/log")"
}
issue_with_token() {
  csr web
  issue_body "{\"csr\":\"$CSR\",\"attestation_token\":\"$TOKEN\"}"
}

start --require-attestation
endpoint=$AZURE_EMULATOR_ATTESTATION_URL
key web

# none: refused as the real service does
csr web
issue
expect 400 "Attestation Token is missing / empty in the issue credential request"
issue_body "{\"csr\":\"$CSR\",\"attestation_token\":\"\"}"
expect 400 "Attestation Token is missing / empty in the issue credential request"
equal had_attestation_token "$(counters .issue.last.had_attestation_token)" false

# a good one
attest "$endpoint"
code 0 '^2 '
grep -q '^3 .*Evidence' "$WORK/log" || fail "nothing logged at level 3"
claims "$TOKEN" >"$WORK/claims"
equal iss "$(jq -r .iss "$WORK/claims")" "$endpoint"
equal lifetime "$(jq '.exp - .iat' "$WORK/claims")" 28800
equal "the key's type" "$(jq -r '.["x-ms-tpm-request-key"].kty' "$WORK/claims")" RSA
n=$(jq -r '.["x-ms-tpm-request-key"].n' "$WORK/claims" | tr -- '-_' '+/')
equal modulus "$(printf '%s==' "$n" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n' | tr a-f A-F)" \
  "$(openssl rsa -in "$WORK/web.key" -noout -modulus | cut -d= -f2)"
issue_with_token
expect 200
equal had_attestation_token "$(counters .issue.last.had_attestation_token)" true
attest "$endpoint/"
code 0
ask "$endpoint/certs"
expect 200
equal "published keys" "$(body '.keys | length')" 1

# tokens that must not pass
bad() { # FAULT TEXT
  fault "{\"endpoint\":\"attestation\",$1}"
  attest "$endpoint"
  code 0
  issue_with_token
  expect 400 "Attestation Token is invalid: $2"
}
bad '"wrong_key":true' "its key is not the key of the CSR"
bad '"validity_s":-1' "it has expired"
bad '"not_before_s":600' "it is not valid yet"
bad '"claims":{"iat":99999999999}' "it was issued in the future"
bad '"claims":{"iss":"https://elsewhere.example"}' "its issuer is another one"
bad '"claims":{"exp":null}' "it has expired"
bad '"claims":{"x-ms-tpm-request-key":null}' "its key is not"
bad '"wrong_signature":true' "its signature does not verify"
attest "$endpoint"
TOKEN=${TOKEN}x
issue_with_token
expect 400 "its signature does not verify"
TOKEN=x
issue_with_token
expect 400 "its signature does not verify"
attest "$endpoint"
control clock '{"offset_s":90000}'
issue_with_token
expect 400 "it has expired"
control clock '{"offset_s":-90000}'
issue_with_token
expect 400 "it is not valid yet"
control reset '{}'

# parameters
attest "$endpoint" NULL
code -8 "Error parsing the client payload Json"
for payload in '' '[]' '"x"' '{'; do
  attest "$endpoint" "$payload"
  code -8 "Error parsing the client payload Json"
done
attest "$endpoint" '{"nonce":"x"}'
code 0
attest "$endpoint" '{}' auth-token
code 0 '^1 .*authentication token'
attest "$endpoint" '{}' no-log
code -8
attest "$endpoint" '{}' no-init
code -30
attest "$endpoint" '{}' no-key
code -8 'key handle'
attest "$endpoint" '{}' short-key
code -8 'key handle'
attest "$endpoint" '{}' no-token
code -8 'parameter: token'
attest "http://localhost:1"
code -8 'parameter: endpoint'
attest "$endpoint" '{}' key-fails
code -32 'did not sign'
equal "requests that bad parameters made" "$(counters .attestation.requests)" 2

# transport and service
attest "https://localhost:1"
code -7 '^0 .*curl'
equal "a token after a failure" "$TOKEN" ""
(
  AZURE_EMULATOR_CA=$AZURE_EMULATOR_ISSUER_CA
  attest "$endpoint"
  code -7 '^0 .*curl' # the server is not trusted
) || exit 1
fault '{"endpoint":"attestation","status":503}'
attest "$endpoint"
code -5 'HTTP 503'
fault '{"endpoint":"attestation","status":400,"body":{"error":{"code":"PolicyEvaluationError","message":"x-ms-azurevm-dbxvalidated=false"}}}'
attest "$endpoint"
code -6 'dbxvalidated'
fault '{"endpoint":"attestation","reset":true}'
attest "$endpoint"
code -7
fault '{"endpoint":"attestation","tls_alert":true}'
attest "$endpoint"
code -7
fault '{"endpoint":"attestation","body":"not json"}'
attest "$endpoint"
code -16
fault '{"endpoint":"attestation","body":"","status":200}'
attest "$endpoint"
code -18
fault '{"endpoint":"attestation","omit":["token"]}'
attest "$endpoint"
code -31
fault '{"endpoint":"attestation","replace":{"token":""}}'
attest "$endpoint"
code 0
grep -q '^token $' "$WORK/out" || fail "the empty token did not come"
fault '{"endpoint":"attestation","replace":{"token":null}}'
attest "$endpoint"
code 0
! grep -q '^token' "$WORK/out" || fail "a token came from null"

# every code can be had, with and without a token beside it
number=1
while [ $number -le 35 ]; do
  fault "{\"endpoint\":\"attestation\",\"headers\":{\"x-fake-native-code\":\"-$number\"}}"
  attest "$endpoint"
  code -$number
  number=$((number + 1))
done
[ -n "$TOKEN" ] || fail "no token beside the code"

# evidence that is none
evidence() { ask --data "$1" "$endpoint/attest/keyguard"; }
evidence x
expect 400 "not a statement and its signature"
equal "error code" "$(body .error.code)" InvalidParameter
statement=$(jq -nc --arg key "$(openssl pkey -in "$WORK/web.key" -pubout -outform DER | openssl base64 -A)" \
  '{public_key:$key,time:0,client_payload:{}}')
signature=$(printf '%s' "$statement" | openssl dgst -sha256 -sign "$WORK/web.key" -sigopt rsa_padding_mode:pss \
  -sigopt rsa_pss_saltlen:32 | openssl base64 -A)
evidence "{\"statement\":\"$(printf '%s' "$statement" | openssl base64 -A)\",\"signature\":\"$signature\"}"
expect 400 "not fresh"
evidence "{\"statement\":\"$(printf '%s ' "$statement" | openssl base64 -A)\",\"signature\":\"$signature\"}"
expect 400 "not signed by its key"
stop
