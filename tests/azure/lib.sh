# shellcheck shell=bash
# Sourced by the tests of this folder (sh). Starts emulators, asks them with curl, reads what comes with openssl and jq.
# $EMULATOR and $MAKE_CSR are the programs; everything else lives in a fresh folder that goes at the end.
set -eu

# curl must talk to the emulator and to nobody in between
unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
export LC_ALL=C

: "${EMULATOR:?the azure-emulator program}" "${MAKE_CSR:?the azure-make-csr program}"
for tool in curl openssl jq; do
  command -v "$tool" >/dev/null || { echo "skipped: no $tool"; exit 77; }
done

WORK=$(mktemp -d "${TMPDIR:-/tmp}/azure-test.XXXXXX")
PID=

fail() {
  echo "FAILED: $*" >&2
  [ ! -s "$WORK/emulator.err" ] || { echo "--- emulator:" >&2; tail -n 20 "$WORK/emulator.err" >&2; }
  exit 1
}

# stop: must end with 0, sanitizers included
stop() {
  [ -n "$PID" ] || return 0
  kill -TERM "$PID"
  status=0
  wait "$PID" || status=$?
  PID=
  [ "$status" -eq 0 ] || fail "the emulator ended with $status"
}

clean_up() {
  status=$?
  trap - EXIT
  [ -z "$PID" ] || { kill -TERM "$PID" 2>/dev/null || :; wait "$PID" || status=1; }
  rm -rf "$WORK"
  exit "$status"
}
trap clean_up EXIT
trap 'exit 1' INT TERM

# start [options]: a new emulator; its facts are variables afterwards
start() {
  stop
  rm -f "$WORK/ready"
  mkfifo "$WORK/ready"
  "$EMULATOR" --directory "$WORK/env" --verbose "$@" >"$WORK/ready" 2>"$WORK/emulator.err" </dev/null &
  PID=$!
  read -r line <"$WORK/ready" || fail "the emulator did not start"
  case $line in "ready "*) ;; *) fail "not ready: $line" ;; esac
  . "$WORK/env/emulator.env"
  [ "$AZURE_EMULATOR_PID" = "$PID" ] || fail "wrong process id in emulator.env"
}

# ask CURL-ARGUMENTS: STATUS, $WORK/body and $WORK/head afterwards; STATUS 000 and CURL_EXIT when there was no answer
ask() {
  CURL_EXIT=0
  : >"$WORK/body"
  STATUS=$(curl -s --max-time 30 --cacert "$AZURE_EMULATOR_CA" -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' "$@") ||
    CURL_EXIT=$?
}

expect() { # STATUS [TEXT in the body]
  [ "$STATUS" = "$1" ] || fail "status $STATUS (curl $CURL_EXIT), not $1: $(head -c 400 "$WORK/body")"
  [ $# -lt 2 ] || grep -qiF -- "$2" "$WORK/body" || fail "the body has no \"$2\": $(head -c 400 "$WORK/body")"
}

equal() { # NAME FOUND EXPECTED
  [ "$2" = "$3" ] || fail "$1 is \"$2\", not \"$3\""
}

body() { jq -r "$1" "$WORK/body"; } # one value of the answer
header() { tr -d '\r' <"$WORK/head" | sed -n "s/^$1: //Ip" | tail -n 1; }
counters() { curl -s "$AZURE_EMULATOR_URL/emulator/counters" | jq -r "$1"; }
control() { # PATH JSON
  ask -X POST --data "$2" "$AZURE_EMULATOR_URL/emulator/$1"
  expect 200
}
fault() { control faults "$1"; }

guid() { cat /proc/sys/kernel/random/uuid; }

# metadata [QUERY]: the first call, as a client makes it
metadata() {
  ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" \
    "$AZURE_EMULATOR_URL/metadata/identity/getplatformmetadata?cred-api-version=2.0${1:+&$1}"
}

# key NAME [BITS]: $WORK/NAME.key
key() { openssl genpkey -quiet -algorithm RSA -pkeyopt "rsa_keygen_bits:${2:-2048}" -out "$WORK/$1.key"; }

# csr NAME [CLIENT [TENANT [JSON [WRONG]]]]: CSR is a request signed by NAME.key, as base64 on one line; WRONG as in
# azure-make-csr --help
csr() {
  CSR=$("$MAKE_CSR" "$WORK/$1.key" "${2:-$AZURE_EMULATOR_SYSTEM_CLIENT_ID}" "${3:-$AZURE_EMULATOR_TENANT_ID}" \
    "${4:-{\"vmId\":\"$AZURE_EMULATOR_VM_ID\"\}}" ${5:+"$5"}) || fail "no request was made"
}

# issue_body JSON [QUERY]; issue [QUERY]: the second call
issue_body() {
  ask -H 'Metadata: true' -H "x-ms-client-request-id: $(guid)" -H 'Content-Type: application/json' --data "$1" \
    "$AZURE_EMULATOR_URL/metadata/identity/issuecredential?cred-api-version=2.0${2:+&$2}"
}
issue() { issue_body "{\"csr\":\"$CSR\"}" "${1:-}"; }

# certificate NAME: the answer's certificate as $WORK/NAME.pem
certificate() {
  body .certificate | openssl base64 -d -A | openssl x509 -inform DER -out "$WORK/$1.pem" || fail "no certificate"
}

# credential NAME [CLIENT [QUERY]]: key, request, certificate
credential() {
  key "$1"
  csr "$1" "${2:-}"
  issue "${3:-}"
  expect 200
  certificate "$1"
}

# with NAME ARGUMENTS: ask with this certificate
with() {
  with_name=$1
  shift
  ask --cert "$WORK/$with_name.pem" --key "$WORK/$with_name.key" "$@"
}

# form CLIENT: the token request's usual fields
form() {
  printf 'client_id=%s&grant_type=client_credentials&scope=https%%3A%%2F%%2Fvault.azure.net%%2F.default&token_type=mtls_pop' \
    "${1:-$AZURE_EMULATOR_SYSTEM_CLIENT_ID}"
}

# token NAME [CLIENT]: the third call; TOKEN afterwards
token() {
  with "$1" --data "$(form "${2:-}")" "$AZURE_EMULATOR_TOKEN_URL"
  # shellcheck disable=SC2034 # for the tests
  TOKEN=$(body '.access_token // empty')
}

thumbprint() { openssl x509 -in "$WORK/$1.pem" -outform DER | openssl dgst -sha256 -binary | base64url; }
base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
claims() { # TOKEN: its payload
  payload=$(printf '%s' "$1" | cut -d. -f2 | tr -- '-_' '+/')
  while [ $((${#payload} % 4)) -ne 0 ]; do payload="$payload="; done
  printf '%s' "$payload" | openssl base64 -d -A
}

# pem NAME JSON: a certificate and key of the emulator's making, $WORK/NAME.pem and NAME.key
software_credential() {
  control issue-software-credential "$2"
  body .certificate >"$WORK/$1.pem"
  body .private_key >"$WORK/$1.key"
}
