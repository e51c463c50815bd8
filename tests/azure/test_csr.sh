#!/bin/sh
# issuecredential: the right request passes, and each wrong detail is refused by its name.
. "$(dirname "$0")/lib.sh"
start
key good
key long 3072
unit="{\"vmId\":\"$AZURE_EMULATOR_VM_ID\"}"
client=$AZURE_EMULATOR_SYSTEM_CLIENT_ID
tenant=$AZURE_EMULATOR_TENANT_ID

csr good
issue
expect 200

# our request, read by another: what the openssl command makes of it
printf '%s' "$CSR" | openssl base64 -d -A >"$WORK/csr.der"
openssl req -inform DER -in "$WORK/csr.der" -noout -verify >/dev/null 2>&1 || fail "openssl does not verify the request"
equal "length of the request" "$(wc -c <"$WORK/csr.der" | tr -d ' ')" 799 # docs/protocol.md 4.3

wrong() { # WRONG MESSAGE
  csr good "$client" "$tenant" "$unit" "$1"
  issue
  expect 400 "CSR is invalid: $2"
}
wrong order "the subject is not DC, then CN"
wrong cn-utf8 "the subject's CN is not a PrintableString"
wrong dc-printable "the subject's DC is not an IA5String"
wrong dc-utf8 "the subject's DC is not an IA5String"
wrong one-name "the subject has not two RDNs"
wrong extra-name "the subject has not two RDNs"
wrong no-attribute "it has not exactly one attribute"
wrong two-attributes "it has not exactly one attribute"
wrong two-values "its attribute has not exactly one value"
wrong attribute-oid "its attribute is not 1.3.6.1.4.1.311.90.2.10"
wrong attribute-printable "the attribute's value is not a UTF8String"
wrong version "its version is not 0"
wrong null-parameters "its signature algorithm is not id-RSASSA-PSS"
wrong trailer "its signature algorithm is not id-RSASSA-PSS"
wrong salt-20 "its signature algorithm is not id-RSASSA-PSS"
wrong pkcs1 "its signature algorithm is not id-RSASSA-PSS"
wrong sha384 "its signature does not verify"
wrong signature "its signature does not verify"
wrong other-key-signature "its signature does not verify"

values() { # CLIENT TENANT UNIT MESSAGE
  csr good "$1" "$2" "$3"
  issue
  expect 400 "CSR is invalid: $4"
}
values "$(guid)" "$tenant" "$unit" "the subject's CN is not $client"
values "$AZURE_EMULATOR_USER1_CLIENT_ID" "$tenant" "$unit" "the subject's CN is not $client"
values "$client" "$(guid)" "$unit" "the subject's DC is not $tenant"
values "$client" "$tenant" "{\"vmId\":\"$(guid)\"}" "the attribute's value"
values "$client" "$tenant" "{\"vmId\":\"$AZURE_EMULATOR_VM_ID\",\"vmssId\":\"\"}" "the attribute's value"
values "$client" "$tenant" "{\"vmId\":\"$AZURE_EMULATOR_VM_ID\",\"vmssId\":null}" "the attribute's value"
values "$client" "$tenant" "{ \"vmId\":\"$AZURE_EMULATOR_VM_ID\" }" "the attribute's value"

csr long
issue
expect 400 "its RSA key has 3072 bits, not 2048"

# what the openssl command makes by itself has NULL parameters, and is refused like ours
cat >"$WORK/req.conf" <<EOF
[req]
prompt = no
string_mask = MASK:0x2002
distinguished_name = name
attributes = attributes
[name]
DC = $tenant
CN = $client
[attributes]
1.3.6.1.4.1.311.90.2.10 = \$ENV::UNIT
EOF
CSR=$(UNIT=$unit openssl req -new -config "$WORK/req.conf" -key "$WORK/good.key" -outform DER -sha256 \
  -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:32 | openssl base64 -A)
issue
expect 400 "its signature algorithm is not id-RSASSA-PSS"

# encoding
csr good
good=$CSR
CSR=$(printf '%s' "$good" | cut -c1-1064)
issue
expect 400 "CSR is invalid: it is not"
CSR="-----BEGIN CERTIFICATE REQUEST-----$good"
issue
expect 400 "it is not base64 on one line"
CSR="$good\\n"
issue
expect 400 "it is not base64 on one line"
CSR=$(printf '%s' "$good" | tr -- '+/' '-_')=
issue
expect 400 "it is not base64 on one line"
CSR=$( (printf '%s' "$good" | openssl base64 -d -A; printf x) | openssl base64 -A)
issue
expect 400 "it is not a DER CertificationRequest"
CSR=
issue
expect 400 "CSR is invalid"

# the body around it
issue_body '{}'
expect 400 "CSR is invalid: there is none"
issue_body '[]'
expect 400 "not a JSON object"
issue_body "{\"csr\":\"$good\"} x"
expect 400 "not a JSON object"
issue_body "{\"csr\":7}"
expect 400 "Not expected in the body: csr"
issue_body "{\"csr\":\"$good\",\"extra\":\"x\"}"
expect 400 "Not expected in the body: extra"
issue_body "{\"csr\":\"$good\",\"attestation_token\":\"\"}" # as one client sends it
expect 200
url="$AZURE_EMULATOR_URL/metadata/identity/issuecredential?cred-api-version=2.0"
ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" --data "{\"csr\":\"$good\"}" "$url"
expect 415
ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" -H 'Content-Type: application/json; charset=utf-8' \
  --data "{\"csr\":\"$good\"}" "$url"
expect 200
ask -H "x-ms-client-request-id: $(guid)" -H 'Content-Type: application/json' --data "{\"csr\":\"$good\"}" "$url"
expect 400 "Required metadata header"
ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" "$url"
expect 405
head -c 1100000 /dev/zero | tr '\0' ' ' >"$WORK/big"
ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" -H 'Content-Type: application/json' \
  --data-binary "@$WORK/big" "$url"
expect 413

# bypass_cache: taken, unless the settings say otherwise
CSR=$good
issue bypass_cache=true
expect 200
equal bypass_cache "$(counters .issue.last.bypass_cache)" true
issue bypass_cache=yes
expect 400
control settings '{"allow_bypass_cache":false}'
issue bypass_cache=true
expect 400

# a scale set: both ids, in their order
start --scale-set
both="{\"vmId\":\"$AZURE_EMULATOR_VM_ID\",\"vmssId\":\"$AZURE_EMULATOR_VMSS_ID\"}"
csr good "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$AZURE_EMULATOR_TENANT_ID" "$both"
issue
expect 200
csr good "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$AZURE_EMULATOR_TENANT_ID" \
  "{\"vmssId\":\"$AZURE_EMULATOR_VMSS_ID\",\"vmId\":\"$AZURE_EMULATOR_VM_ID\"}"
issue
expect 400 "the attribute's value"

# what the certificate says: life, extension, usage
start --validity 28800 --not-before -60 --token-not-after 14400
credential web
openssl x509 -in "$WORK/web.pem" -noout -checkend 28700 >/dev/null || fail "the certificate ends too early"
! openssl x509 -in "$WORK/web.pem" -noout -checkend 28900 >/dev/null || fail "the certificate ends too late"
openssl x509 -in "$WORK/web.pem" -noout -text >"$WORK/text"
grep -q 1.3.6.1.4.1.311.90.2.1: "$WORK/text" || fail "no token_not_after"
grep -q "TLS Web Client Authentication" "$WORK/text" || fail "no clientAuth"
grep -q "Digital Signature" "$WORK/text" || fail "no digitalSignature"
stop
