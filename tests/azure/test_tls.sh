#!/bin/sh
# How a TLS connection may be: versions, signatures, and when the certificate is asked for.
. "$(dirname "$0")/lib.sh"

get() { # CURL-ARGUMENTS: the token service with the certificate
  with web "$@" --data "$(form)" "$AZURE_EMULATOR_TOKEN_URL"
}
seen() { counters "[.token.last.tls, .token.last.signature // \"none\"] | join(\" \")"; }

start
software_credential web '{}'
for version in 1.2 1.3; do
  get --tlsv$version --tls-max $version
  expect 200
  equal "the connection" "$(seen | cut -d' ' -f1)" "$version"
done

start --token-tls 1.2
software_credential web '{}'
get
expect 200
equal "the connection" "$(seen | cut -d' ' -f1)" 1.2
get --tlsv1.3
equal "TLS 1.3 only, at a server without it" "$STATUS" 000

start --token-tls 1.3
software_credential web '{}'
get
expect 200
equal "the connection" "$(seen)" "1.3 RSA-PSS-RSAE-SHA256"
get --tls-max 1.2
equal "TLS 1.2 only, at a server without it" "$STATUS" 000

start --signatures pss
software_credential web '{}'
get --tls-max 1.2
expect 200
equal "the connection" "$(seen)" "1.2 RSA-PSS-RSAE-SHA256"

start --signatures pkcs1
software_credential web '{}'
get
expect 200
equal "the connection" "$(seen)" "1.2 RSA-SHA256"

# the service as it is said to be: no request in TLS 1.3
start --token-auth tls1.2
software_credential web '{}'
get --tls-max 1.2
expect 200
get --tlsv1.3
expect 400 AADSTS392200

start --token-auth never
software_credential web '{}'
get
expect 400 AADSTS392200

# the names that come with the request for a certificate
names() {
  openssl s_client -connect "${AZURE_EMULATOR_TOKEN_ORIGIN#https://}" -CAfile "$AZURE_EMULATOR_CA" "$1" \
    </dev/null 2>/dev/null | sed -n '/^Acceptable client/{n;p;};s/^No client certificate CA names.*/none/p'
}
for version in -tls1_2 -tls1_3; do
  start --ca-names issuer
  equal "names $version" "$(names $version)" "CN = managedidentitysnissuer.login.microsoft.com"
  start --ca-names none
  equal "names $version" "$(names $version)" none
  start --ca-names other
  equal "names $version" "$(names $version)" "CN = Azure emulator server CA"
  software_credential web '{}'
  get
  expect 200
done

# late: renegotiation in 1.2, post-handshake authentication in 1.3
start --token-auth late --resource-auth late
software_credential web '{}'
for version in 1.2 1.3; do
  get --tlsv$version --tls-max $version
  expect 200
  TOKEN=$(body .access_token)
  resource="--tlsv$version --tls-max $version $AZURE_EMULATOR_RESOURCE_URL"
  # shellcheck disable=SC2086 # words
  with web -H "Authorization: mtls_pop $TOKEN" $resource
  expect 401 "Client certificate required"
  # shellcheck disable=SC2086
  with web -H "Authorization: mtls_pop $TOKEN" -H 'x-ms-tokenboundauth: true' $resource
  expect 200
  equal "the connection" "$(counters .resource.last.tls)" "$version"
done
equal "late requests without a certificate" "$(counters .resource.client_certificate.without)" 2

# alerts and resets ordered for handshakes
start
software_credential web '{}'
for alert in bad_certificate certificate_revoked unknown_ca; do
  for version in 1.2 1.3; do
    fault "{\"endpoint\":\"token\",\"tls_alert\":\"$alert\"}"
    get --tlsv$version --tls-max $version -v --stderr "$WORK/trace"
    equal "status after an alert" "$STATUS" 000
    grep -qi "alert,* $(echo "$alert" | tr _ ' ')" "$WORK/trace" || fail "no such alert: $(cat "$WORK/trace")"
  done
done
fault '{"endpoint":"token","reset":"handshake"}'
get
equal "status after a reset" "$STATUS" 000
equal "requests that came through" "$(counters .token.requests)" 0
get
expect 200
equal "connections" "$(counters .token.connections)" 8
stop
