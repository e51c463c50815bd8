# Sourced by every client script: a private Azure, one provisioned identity, and what each client has to show.
# shellcheck shell=bash
#
# ctest sets KG_BUILD (build folder), and with sanitizers KG_PRELOAD (their runtime, for hosts that were built without).
# A script defines what its client does:
#   client_token FILE     posts $FORM to $TOKEN_URL, the body of the answer goes to FILE
#   client_call FILE      calls $RESOURCE_URL with the header line in FILE; prints the status
#   client_thief FILE     the same without a certificate (default: plain curl)
# and how it sees a renewal: RENEWAL=, see renewal.sh
# and says in which modes: matrix tls1.2-pss tls1.2-pkcs1 tls1.3
set -euo pipefail

# Whoever runs unattended has no terminal and nobody to type a PIN: standard input is closed, the session is a new one.
# The limit only ends what hangs, with all its children; how long a client takes is not judged.
if [ -z "${KG_DETACHED:-}" ]; then
  KG_DETACHED=1 exec setsid --wait timeout --kill-after=5 "${KG_LIMIT:-240}" "$BASH" "$0" "$@" <&-
fi

KG_HERE=$(cd "$(dirname "$0")" && pwd -P)
# shellcheck source=script/common.sh
. "$KG_HERE/../../script/common.sh"
# shellcheck source=tests/clients/renewal.sh
. "$KG_HERE/renewal.sh"
# shellcheck source=script/environment.sh
. "$KG_ROOT/script/environment.sh"
KG_NAME=${0##*/}
unset GIT_SSL_CAINFO CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR # the servers here have a CA of their own
KG_BUILD=${KG_BUILD:?the build folder}
KG_RUN=$KG_BUILD/run/clients.$KG_NAME.$$
PIDS=()
# Stock programs leak, and Java wants its own SIGSEGV.
[ -z "${KG_PRELOAD:-}" ] || export ASAN_OPTIONS=detect_leaks=0:handle_segv=0:allow_user_segv_handler=1
[[ ${KG_SANITIZE:-} != *thread* ]] || { printf 'skipped: programs that were built without ThreadSanitizer cannot load it\n'; exit 77; }

cleanup() {
  local pid
  for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
  kg_env_stop
}
trap cleanup EXIT
trap 'exit 143' TERM INT

skip() { printf 'skipped: %s\n' "$*"; exit 77; }
fail() { printf 'failed (%s): %s\n' "${MODE:-no mode}" "$*" >&2; exit 1; }
expect() { [ "$2" = "$1" ] || fail "$3: expected $1, got $2"; } # wanted, got, what
expect_like() { # pattern, got, what
  # shellcheck disable=SC2053  # a pattern is meant
  [[ $2 == $1 ]] || fail "$3: expected $1, got $2"
}
need() { # command, Debian's package: skip where there is none
  command -v "$1" >/dev/null || [ -x "$1" ] || skip "$1 is not installed (Debian: $2)"
}
# A client that hangs is ended, and fails; how long it takes is not judged.
bounded() { timeout --kill-after=5 60 "$@"; }

# --- the environment ---------------------------------------------------------------------------------------------

mode_options() { # of the emulator; and what its side must then have seen
  case $1 in
    tls1.2-pss) WANT_TLS=1.2 WANT_SIGNATURE='RSA-PSS-RSAE-SHA*' OPTIONS=(--token-tls 1.2 --resource-tls 1.2 --signatures pss) ;;
    tls1.2-pkcs1) WANT_TLS=1.2 WANT_SIGNATURE='RSA-SHA*' OPTIONS=(--token-tls 1.2 --resource-tls 1.2 --signatures pkcs1) ;;
    tls1.3) WANT_TLS=1.3 WANT_SIGNATURE='RSA-PSS-RSAE-SHA*' OPTIONS=(--token-tls 1.3 --resource-tls 1.3) ;;
    *) fail "no mode $1" ;;
  esac
}

start() { # mode, further options of the emulator: an environment with identity web
  MODE=$1
  mode_options "$1"
  shift
  kg_env_start "${OPTIONS[@]}" "$@"
  store_ready
  kg_env_identity web
  # The token side may speak 1.3 only, and ask for the certificate there: keyguardctl need not go further than issuing.
  keyguardctl provision web >"$KG_RUN/provision.log" 2>&1 || fail "keyguardctl provision: $(cat "$KG_RUN/provision.log")"
  eval "$(keyguardctl env web)"
  CERT_URI=$KEYGUARD_CERT_URI KEY_URI=$KEYGUARD_KEY_URI
  expect 'pkcs11:token=web;object=web;type=cert pkcs11:token=web;object=web;type=private' "$CERT_URI $KEY_URI" 'URIs'
  keyguardctl status web --json >"$KG_RUN/status.json" || fail 'keyguardctl status'
  TOKEN_URL=$(status .token_endpoint) RESOURCE_URL=$AZURE_EMULATOR_RESOURCE_URL CA=$AZURE_EMULATOR_CA
  FORM="client_id=$(status .client_id)&grant_type=client_credentials"
  FORM+='&scope=https%3A%2F%2Fvault.azure.net%2F.default&token_type=mtls_pop'
  sanitized
  own_thumbprint
}

sanitized() { # stock programs load a module that was built with sanitizers only after the sanitizers' runtime
  [ -n "${KG_PRELOAD:-}" ] || return 0
  export LD_PRELOAD=$KG_PRELOAD
}

stop() { unset LD_PRELOAD; kg_env_stop; }

status() { jq -r ".identities[0] | $1" "$KG_RUN/status.json"; }

# Of the certificate as the module shows it, calculated by OpenSSL: no part of ours is asked.
own_thumbprint() {
  CERTIFICATE=$KG_RUN/web.pem
  pkcs11-tool --module "$KEYGUARD_MODULE" --token-label web --read-object --type cert --label web \
    --output-file "$KG_RUN/web.der" >/dev/null 2>"$KG_RUN/pkcs11-tool.log" || fail "no certificate: $(cat "$KG_RUN/pkcs11-tool.log")"
  openssl x509 -inform DER -in "$KG_RUN/web.der" -out "$CERTIFICATE"
  THUMBPRINT=$(openssl dgst -sha256 -binary "$KG_RUN/web.der" | basenc --base64url -w0 | tr -d =)
}

url_port() { local rest=${1#https://}; rest=${rest%%/*}; printf '%s\n' "${rest##*:}"; }
url_path() { printf '/%s\n' "${1#https://*/}"; }

# --- what must hold ----------------------------------------------------------------------------------------------

counters() { curl -fsS "$AZURE_EMULATOR_URL/emulator/counters" | jq -r "$1"; }

json() { jq -r "$1 // empty" "$2" 2>/dev/null || true; }

claim() { # path of a claim, token
  cut -d. -f2 <<<"$2" | tr '_-' '/+' | awk '{ n = length($0) % 4; print $0 (n ? substr("===", n) : "") }' | base64 -d | jq -r "$1"
}

check_token() { # file with the answer to a token request; leaves the header line in $AUTHORIZATION
  local token
  expect mtls_pop "$(json .token_type "$1")" "token_type of $(head -c 300 "$1")"
  token=$(json .access_token "$1")
  expect "$THUMBPRINT" "$(claim '.cnf."x5t#S256"' "$token")" 'certificate that the token is bound to'
  AUTHORIZATION=$KG_RUN/authorization
  (umask 077 && printf 'Authorization: mtls_pop %s\n' "$token" >"$AUTHORIZATION")
}

check_handshake() { # endpoint: what the emulator saw of the last client there
  local last
  last=$(counters ".$1.last | [.tls, .signature, .client_certificate.thumbprint] | map(. // \"none\") | join(\" \")")
  expect "$WANT_TLS" "${last%% *}" "$1: TLS version"
  expect "$THUMBPRINT" "${last##* }" "$1: client certificate"
  last=${last#* }
  expect_like "$WANT_SIGNATURE" "${last%% *}" "$1: signature of the client"
}

client_thief() {
  bounded curl --silent --show-error --cacert "$CA" --header "@$1" --output /dev/null --write-out '%{http_code}' "$RESOURCE_URL"
}

walk() { # token, resource, thief; in the environment that is there
  client_token "$KG_RUN/token.json" || fail 'the token request failed'
  check_token "$KG_RUN/token.json"
  check_handshake token
  expect 200 "$(client_call "$AUTHORIZATION")" 'resource with token and key'
  check_handshake resource
  expect 401 "$(client_thief "$AUTHORIZATION")" 'resource with the token alone'
  printf '%-13s token mtls_pop, bound to %s; resource 200; without certificate 401 (TLS %s, %s)\n' "$MODE" "$THUMBPRINT" \
    "$WANT_TLS" "$(counters '.token.last.signature')"
}

matrix() { # modes: all of the above in each
  local mode
  for mode in "$@"; do
    start "$mode"
    client_ready
    walk
    [ "$mode" != "${*: -1}" ] || [ "${RENEWAL:-}" != 'at once' ] || across_renewals
    stop
  done
}

store_ready() { :; }  # what the key's store needs before the identity is provisioned
client_ready() { :; } # what a client needs when the environment is there, e.g. a configuration file

# --- HTTP for clients that only do TLS ---------------------------------------------------------------------------

http_post() {
  printf 'POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n' "$(url_path "$TOKEN_URL")"
  printf 'Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s' "${#FORM}" "$FORM"
}

http_get() { # file with a header line
  printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n\r\n' "$(url_path "$RESOURCE_URL")" "$(cat "$1")"
}

http_body() { tr -d '\r' | sed '1,/^$/d'; }
http_status() { awk 'NR == 1 { print $2 }'; }
