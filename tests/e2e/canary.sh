#!/usr/bin/env bash
# Every secret that passes, looked for wherever none may be: outputs at the highest log level, files, memory.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net
PIN=canary-pin-$RANDOM$RANDOM$RANDOM
FORGED=eyJjYW5hcnkiOnRydWV9.eyJmb3JnZWQiOiJjYW5hcnkifQ.Zm9yZ2VkLWNhbmFyeS1zaWduYXR1cmU # in what a service answers
SECRETS=$(mktemp)

# A token with a PIN worth looking for, and a key whose private half the test knows.
canary_identity() { # "key = value"...
  local line
  if [ ! -e "$KG_RUN/canary.pin" ]; then
    (umask 077 && printf '%s\n' "$PIN" >"$KG_RUN/canary.pin")
    softhsm2-util --init-token --free --label canary-backing --pin "$PIN" --so-pin "$PIN" >/dev/null
    openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out "$SECRETS.key"
    softhsm2-util --import "$SECRETS.key" --token canary-backing --label canary --id 0c --pin "$PIN" >/dev/null
  fi
  {
    printf '\n[identity canary]\nkey-store = %s\n' \
      "$(kg_env_key_uri canary-backing canary | sed "s|$KG_RUN/pin|$KG_RUN/canary.pin|")"
    printf 'mtls-proof-of-possession = true\nminimum-strength = software\n'
    for line in "$@"; do printf '%s\n' "$line"; done
  } >>"$KEYGUARD_CONF"
  conf_set log-level debug
}

patterns() { # what to look for, one a line; of a JWT also its signature, of a request its end, which is the signature
  awk '{ print $2; n = split($2, part, "."); if (n == 3) print part[3]; if ($1 == "csr") print substr($2, length($2) - 99) }' "$SECRETS"
  printf '%s\n' "$PIN" "$FORGED"
}

nowhere() { # what is searched, for the message, then files and folders
  local what=$1 found
  shift
  [ "$(patterns | wc -l)" -ge "${LEAST:-3}" ] || fail 'there are no secrets to look for'
  found=$(patterns | LC_ALL=C grep -rlaF -f - "$@" 2>/dev/null) || return 0
  fail "$what: a secret is in $found: $(patterns | LC_ALL=C grep -rohaF -f - "$@" | sort | uniq -c | cut -c1-60 | head -5)"
}

loud() { # name, keyguardctl arguments: all of standard error, and standard output where no token belongs there
  local name=$1
  shift
  if [ "$1" = token ]; then
    keyguardctl -vvv "$@" >/dev/null 2>>"$KG_RUN/outputs/$name.err" || true
  else
    keyguardctl -vvv "$@" >>"$KG_RUN/outputs/$name.out" 2>>"$KG_RUN/outputs/$name.err" || true
    keyguardctl -vvv --json "$@" >>"$KG_RUN/outputs/$name.out" 2>>"$KG_RUN/outputs/$name.err" || true
  fi
}

faulty() { # a fault, then as loud
  fault "$1"
  shift
  loud "$@"
  emulator DELETE faults >/dev/null
}

case_113_log_redaction() {
  mkdir -p "$KG_RUN/outputs"
  canary_identity 'with-attestation-support = true'
  loud provision provision canary
  loud provision provision canary --force
  loud renew renew --all
  loud status status --check-key
  loud token token canary --scope $VAULT
  loud token token canary --scope $VAULT --output header
  loud token token canary --scope $VAULT --token-type bearer --json
  loud token token canary --scope $VAULT --claims '{"a":{"b":null}}'
  loud exec exec canary -- sh -c 'env | grep KEYGUARD'
  loud env env canary
  loud doctor doctor
  loud capabilities capabilities
  local name=failures forged="{\"error\":\"invalid_request\",\"error_description\":\"we got $FORGED from you\",\"message\":\"$FORGED\"}"
  faulty "{\"endpoint\":\"metadata\",\"status\":400,\"body\":$forged}" $name provision canary --force
  faulty "{\"endpoint\":\"issue\",\"status\":400,\"body\":$forged}" $name provision canary --force
  faulty "{\"endpoint\":\"issue\",\"replace\":{\"certificate\":\"$FORGED\"}}" $name provision canary --force
  faulty "{\"endpoint\":\"issue\",\"replace\":{\"mtls_authentication_endpoint\":\"https://a:$FORGED@b\"}}" $name provision canary --force
  faulty "{\"endpoint\":\"attestation\",\"status\":400,\"body\":$forged}" $name provision canary --force
  faulty '{"endpoint":"attestation","wrong_key":true}' $name provision canary --force
  faulty '{"endpoint":"attestation","replace":{"token":"a.b"}}' $name provision canary --force
  loud $name provision canary --force
  faulty "{\"endpoint\":\"token\",\"status\":400,\"times\":2,\"body\":$forged}" $name token canary --scope $VAULT
  faulty '{"endpoint":"token","cnf":"wrong"}' $name token canary --scope $VAULT
  faulty '{"endpoint":"token","token_type":"Bearer"}' $name token canary --scope $VAULT
  faulty '{"endpoint":"token","truncate":true}' $name token canary --scope $VAULT
  faulty '{"endpoint":"token","oauth_error":{"error":"invalid_client","error_codes":[1000612]}}' $name token canary --scope $VAULT
  printf 'wrong-%s\n' "$PIN" >"$KG_RUN/canary.pin"
  loud $name provision canary --force
  printf '%s\n' "$PIN" >"$KG_RUN/canary.pin"
  printf 'data' >"$KG_RUN/data"
  stock pkcs11-tool --module "$KEYGUARD_MODULE" --token-label canary --sign --mechanism RSA-PKCS-PSS --hash-algorithm SHA256 \
    --input-file "$KG_RUN/data" --output-file "$KG_RUN/signature" >"$KG_RUN/outputs/module.out" 2>"$KG_RUN/outputs/module.err" || true
  local least
  for least in provision.err token.err failures.err; do [ -s "$KG_RUN/outputs/$least" ] || fail "$least is empty: nothing was logged"; done
  grep -q debug "$KG_RUN/outputs/provision.err" || fail 'the log is not at its highest level'
  nowhere outputs "$KG_RUN/outputs"
  nowhere 'the state folder' "$KG_RUN/state"
  LEAST=20 nowhere configuration "$KEYGUARD_CONF"
  ! grep -rq 'eyJ' "$KG_RUN/outputs" || fail "something like a token: $(grep -rho 'eyJ.\{20\}' "$KG_RUN/outputs" | head -3)"
}

case_secrets_on_disk_are_in_the_private_cache_alone() {
  canary_identity
  conf_set token-cache true
  conf_set log-level off
  succeeds token canary --scope $VAULT
  succeeds token canary --scope $VAULT
  equal cache "$(out .source)" source
  patterns | grep -rqaF -f - "$KG_RUN/state/tokens" || fail 'the cache does not hold the token: is the search right?'
  mv "$KG_RUN/state/tokens" "$KG_RUN/tokens.aside"
  nowhere 'the state folder' "$KG_RUN/state"
}

# Runs keyguardctl to its last system call and takes its memory: CORE.
core_at_exit() {
  CORE=$KG_RUN/core
  command -v gdb >/dev/null || skip 'no gdb'
  ! is_sanitized || skip 'a sanitizer keeps what was freed'
  rm -f "$CORE"
  gdb -nx -batch -ex 'set debuginfod enabled off' -ex 'set startup-with-shell off' -ex 'set print inferior-events off' \
    -ex 'catch syscall exit_group' -ex run -ex "generate-core-file $CORE" -ex kill \
    --args "$KG_BUILD/ctl/keyguardctl" "$@" >"$KG_RUN/gdb.out" 2>&1 </dev/null || true
  [ -s "$CORE" ] || ! grep -qi 'not permitted\|ptrace' "$KG_RUN/gdb.out" || skip 'processes may not be traced'
  [ -s "$CORE" ] || fail "no core: $(tail -5 "$KG_RUN/gdb.out")"
  grep -q "exit_group" "$KG_RUN/gdb.out" || fail "it did not come to its end: $(tail -5 "$KG_RUN/gdb.out")"
}

holds() { LC_ALL=C grep -qaP "$1" "$CORE"; }

private_half() { # of the known key: 16 bytes of each number, as they are written and as OpenSSL keeps them
  openssl pkey -in "$SECRETS.key" -noout -text 2>/dev/null | awk '
    /^(privateExponent|prime1|prime2|exponent1|exponent2|coefficient):/ { name = $1; text = ""; next }
    /^ / { gsub(/[ :]/, ""); text = text $0; if (name != "" && length(text) >= 96) { print substr(text, 33, 32); name = "" } }'
}

case_core_at_the_end_of_token() {
  canary_identity
  conf_set log-level off
  succeeds provision canary
  : >"$SECRETS"
  core_at_exit token canary --scope $VAULT
  [ "$(requests token)" = 1 ] || fail 'no token was bought'
  LC_ALL=C grep -qaF "$KG_RUN" "$CORE" || fail 'the core holds nothing that we know: is the search right?'
  nowhere 'memory at the end of keyguardctl token' "$CORE"
  local hex
  for hex in $(private_half); do
    ! holds "$(sed 's/../\\x&/g' <<<"$hex")" || fail 'a part of the private key is in memory'
    ! holds "$(fold -w2 <<<"$hex" | tac | tr -d '\n' | sed 's/../\\x&/g')" || fail 'a part of the private key is in memory (reversed)'
  done
}

case_core_at_the_end_of_provision() { # the attestation library's own copies are its own affair: so without it
  canary_identity
  conf_set log-level off
  : >"$SECRETS"
  core_at_exit provision canary
  [ "$(requests issue)" = 1 ] || fail 'nothing was issued'
  nowhere 'memory at the end of keyguardctl provision' "$CORE"
}

case_no_core_of_a_crash() { # as it is started, the process leaves none at all
  canary_identity
  conf_set log-level off
  succeeds provision canary
  fault '{"endpoint":"token","delay_ms":20000}'
  command keyguardctl token canary --scope $VAULT >/dev/null 2>&1 &
  local pid=$! deadline=$((SECONDS + 15))
  until [ "$(counter .token.max_in_flight)" = 1 ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail 'no request'
    sleep 0.05
  done
  equal 0 "$(awk '/^Max core file size/ { print $5 }' "/proc/$pid/limits")" 'limit of core files'
  kill -TERM "$pid"
  wait "$pid" 2>/dev/null || true
}

trap 'rm -f "$SECRETS" "$SECRETS.key"' EXIT
(run_cases "$@" --record-secrets "$SECRETS")
