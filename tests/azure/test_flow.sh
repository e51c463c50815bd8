#!/bin/sh
# The whole way by hand: metadata, a CSR made by the openssl command, the certificate, a token, the resource.
. "$(dirname "$0")/lib.sh"

walk() { # NAME CLIENT QUERY TYPE
  metadata "$3"
  expect 200
  equal server "$(header server)" IMDS/150.870.65.1854
  equal fields "$(body 'keys_unsorted | join(",")')" cuId,clientId,tenantId,attestationEndpoint
  equal cuId "$(body '.cuId | tojson')" "{\"vmId\":\"$AZURE_EMULATOR_VM_ID\"}"
  equal clientId "$(body .clientId)" "$2"
  equal tenantId "$(body .tenantId)" "$AZURE_EMULATOR_TENANT_ID"
  equal attestationEndpoint "$(body .attestationEndpoint)" "$AZURE_EMULATOR_ATTESTATION_URL"

  credential "$1" "$2" "$3"
  equal fields "$(body 'keys_unsorted | join(",")')" \
    client_id,tenant_id,certificate,identity_type,mtls_authentication_endpoint
  equal client_id "$(body .client_id)" "$2"
  equal identity_type "$(body .identity_type)" "$4"
  equal endpoint "$(body .mtls_authentication_endpoint)" "$AZURE_EMULATOR_TOKEN_ORIGIN"
  openssl verify -purpose sslclient -CAfile "$AZURE_EMULATOR_ISSUER_CA" "$WORK/$1.pem" >/dev/null || fail "certificate"
  equal subject "$(openssl x509 -in "$WORK/$1.pem" -noout -subject -nameopt RFC2253)" \
    "subject=CN=$2,DC=$AZURE_EMULATOR_TENANT_ID"
  equal issuer "$(openssl x509 -in "$WORK/$1.pem" -noout -issuer -nameopt RFC2253)" \
    "issuer=CN=managedidentitysnissuer.login.microsoft.com"

  token "$1" "$2"
  expect 200
  equal token_type "$(body .token_type)" mtls_pop
  equal expires_in "$(body '.expires_in | tojson')" 86399
  equal binding "$(claims "$TOKEN" | jq -r '.cnf["x5t#S256"]')" "$(thumbprint "$1")"
  equal claims "$(claims "$TOKEN" | jq -r '[.aud, .appid, .tid, .xms_tbflags, .appidacr] | map(tostring) | join(" ")')" \
    "https://vault.azure.net $2 $AZURE_EMULATOR_TENANT_ID 2 2"

  for scheme in mtls_pop MTLS_POP; do
    with "$1" -H "Authorization: $scheme $TOKEN" "$AZURE_EMULATOR_RESOURCE_URL"
    expect 200 "only for the holder"
  done
}

start
walk system "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "" SystemAssigned
walk user1 "$AZURE_EMULATOR_USER1_CLIENT_ID" "client_id=$AZURE_EMULATOR_USER1_CLIENT_ID" UserAssigned
walk user1 "$AZURE_EMULATOR_USER1_CLIENT_ID" "object_id=$AZURE_EMULATOR_USER1_OBJECT_ID" UserAssigned
resource_id=$(printf '%s' "$AZURE_EMULATOR_USER2_RESOURCE_ID" | jq -Rr @uri)
walk user2 "$AZURE_EMULATOR_USER2_CLIENT_ID" "mi_res_id=$resource_id" UserAssigned

# an intermediate issuer changes nothing for the client, which still shows its leaf alone
start --intermediate
credential system
token system
expect 200
with system -H "Authorization: mtls_pop $TOKEN" "$AZURE_EMULATOR_RESOURCE_URL"
expect 200
stop

# secrets are written down on demand, and only then
start --record-secrets "$WORK/secrets"
credential recorded
token recorded
[ -n "$TOKEN" ] || fail "no token"
equal "recorded token" "$(sed -n 's/^access_token //p' "$WORK/secrets")" "$TOKEN"
equal "recorded request" "$(sed -n 's/^csr //p' "$WORK/secrets")" "$CSR"
equal "mode of the record" "$(stat -c %a "$WORK/secrets")" 600
