#!/bin/sh
# The metadata call: what it needs, and how it says what is missing.
. "$(dirname "$0")/lib.sh"
start

url=$AZURE_EMULATOR_URL/metadata/identity/getplatformmetadata
get() { # QUERY [CURL-ARGUMENTS]: with every header
  query=$1
  shift
  ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" "$@" "$url?$query"
}

# a probe: no Metadata header, and the host that knows the path says 400
ask -H "x-ms-client-request-id: $(guid)" "$url?cred-api-version=2.0"
expect 400 "Required metadata header not specified"
equal "Server of a refusal" "$(header server)" IMDS/150.870.65.1854
ask -H 'Metadata: false' -H "x-ms-client-request-id: $(guid)" "$url?cred-api-version=2.0"
expect 400 "Required metadata header"
ask -H 'Metadata: True' -H "x-ms-client-request-id: $(guid)" "$url?cred-api-version=2.0"
expect 200

ask -H 'Metadata: true' "$url?cred-api-version=2.0"
expect 400 "x-ms-client-request-id is missing"
ask -H 'Metadata: true' -H 'x-ms-client-request-id: 12345' "$url?cred-api-version=2.0"
expect 400 "x-ms-client-request-id is not a GUID"
get cred-api-version=2.0 -H 'X-Forwarded-For: 10.0.0.1'
expect 400 "X-Forwarded-For"

get ""
expect 400 "cred-api-version is missing"
get api-version=2025-05-01
expect 400 "cred-api-version is missing"
get cred-api-version=1.0
expect 400 "cred-api-version is 1.0"
get "cred-api-version=2.0&msi_res_id=x"
expect 400 "Unknown query parameter: msi_res_id"
get cred-api-version=2.0 -X POST --data x
expect 405

# identities: unassigned is 400, and says so
for selector in client_id object_id mi_res_id; do
  get "cred-api-version=2.0&$selector=$(guid)"
  expect 400 "identity not assigned"
done
get "cred-api-version=2.0&client_id=$AZURE_EMULATOR_USER1_CLIENT_ID&object_id=$AZURE_EMULATOR_USER1_OBJECT_ID"
expect 400 "cannot be given together"
get "cred-api-version=2.0&client_id=$(echo "$AZURE_EMULATOR_USER1_CLIENT_ID" | tr a-f A-F)"
expect 200
equal clientId "$(body .clientId)" "$AZURE_EMULATOR_USER1_CLIENT_ID"

# neighbours
ask "$AZURE_EMULATOR_URL/metadata/identity/oauth2/token?api-version=2018-02-01"
expect 400 "Required metadata header"
ask -H 'Metadata: true' "$AZURE_EMULATOR_URL/metadata/instance/compute?api-version=2021-02-01"
expect 200
equal securityType "$(body .securityProfile.securityType)" TrustedLaunch
ask "$AZURE_EMULATOR_URL/metadata/nothing"
expect 404

# other machines
start --identity user
metadata
expect 400 "identity not assigned"
metadata "client_id=$AZURE_EMULATOR_USER2_CLIENT_ID"
expect 200
start --identity none
metadata
expect 400 "identity not assigned"
start --scale-set --no-attestation-endpoint
metadata
expect 200
equal cuId "$(body '.cuId | tojson')" "{\"vmId\":\"$AZURE_EMULATOR_VM_ID\",\"vmssId\":\"$AZURE_EMULATOR_VMSS_ID\"}"
equal attestationEndpoint "$(body .attestationEndpoint)" null
stop
