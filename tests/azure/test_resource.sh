#!/bin/sh
# The protected resource: the token alone is worth nothing.
. "$(dirname "$0")/lib.sh"
start
credential web
token web
expect 200
software_credential other '{"identity":"user1"}'

unauthorized() { # TEXT
  expect 401 "$1"
  header www-authenticate | grep -q '^mtls_pop authorization=' || fail "no challenge: $(header www-authenticate)"
  equal code "$(body .error.code)" Unauthorized
}
get() { # NAME TOKEN [SCHEME]
  with "$1" -H "Authorization: ${3:-mtls_pop} $2" "$AZURE_EMULATOR_RESOURCE_URL"
}

get web "$TOKEN"
expect 200 "only for the holder of the key"
get web "$TOKEN" Mtls_PoP
expect 200
ask -H "Authorization: mtls_pop $TOKEN" "$AZURE_EMULATOR_RESOURCE_URL"
unauthorized "Client certificate required for using MTLS_POP token"
get other "$TOKEN"
unauthorized "[MtlsCnfClaimRequestDataValidationFailed]"
with web "$AZURE_EMULATOR_RESOURCE_URL"
unauthorized "missing an Authorization header"
get web "$TOKEN" Bearer
unauthorized "accepts the scheme mtls_pop only"
get web "${TOKEN}x"
unauthorized "signature does not verify"
get web "$(printf '%s' '{"alg":"none"}' | base64url).$(claims "$TOKEN" | base64url)."
unauthorized "signature does not verify"
with web -X DELETE "$AZURE_EMULATOR_RESOURCE_URL"
expect 405

# tokens that the token service made wrong on purpose
spoilt() { # FAULT TEXT
  fault "{\"endpoint\":\"token\",$1}"
  token web
  expect 200
  get web "$TOKEN"
  unauthorized "$2"
}
spoilt '"validity_s":-1' "has expired"
spoilt '"cnf":"wrong"' "[MtlsCnfClaimRequestDataValidationFailed]"
spoilt '"cnf":"none"' "bound to no certificate"
spoilt '"wrong_signature":true' "signature does not verify"
spoilt '"claims":{"aud":"https://elsewhere.example"}' "another audience"
spoilt '"claims":{"nbf":99999999999}' "not valid yet"

# a later certificate for the same key is another one
csr web
issue
cp "$WORK/web.pem" "$WORK/first.pem"
cp "$WORK/web.key" "$WORK/first.key"
certificate web
token first
get first "$TOKEN"
expect 200
get web "$TOKEN"
unauthorized "[MtlsCnfClaimRequestDataValidationFailed]"
stop
