#!/usr/bin/env bash
# A resource that asks for the certificate late, and only requests with x-ms-tokenboundauth, as Key Vault does.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net

resource() { # status of the resource; curl options
  stock curl --silent --output /dev/null --write-out '%{http_code}' --http1.1 --tls-max 1.2 --cacert "$AZURE_EMULATOR_CA" \
    --header "@$KG_RUN/authorization" "$@" "$AZURE_EMULATOR_RESOURCE_URL"
}

case_116_e2e_keyvault() {
  identity demo
  (umask 077 && keyguardctl token demo --scope $VAULT --output header >"$KG_RUN/authorization") || fail 'no token'
  export PKCS11_MODULE_PATH=$KEYGUARD_MODULE
  local key=(--engine pkcs11 --cert-type ENG --key-type ENG --cert 'pkcs11:token=demo;object=demo;type=cert'
    --key 'pkcs11:token=demo;object=demo;type=private')
  equal 200 "$(resource "${key[@]}" --header 'x-ms-tokenboundauth: true')" 'with certificate and header'
  equal 401 "$(resource --header 'x-ms-tokenboundauth: true')" 'without the certificate'
  equal 401 "$(resource "${key[@]}")" 'without the header that makes it ask'
}

run_cases "$@" --resource-auth late --resource-tls 1.2
