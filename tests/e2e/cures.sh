#!/usr/bin/env bash
# Every remedy that doctor can print (ctl/cure.def) is carried out here, as it is printed, and then doctor is content.
# shellcheck source=tests/e2e/truth.sh
. "$(dirname "$0")/truth.sh"

# Not to be had here: Windows' own (a key store that replaces dead keys, VBS), a disk that fails, a device that is too
# busy, and one that hangs (e2e.hang).
ELSEWHERE='KEY_DEAD_REPLACED VBS IO KEY_BUSY KEY_HANGS'

cures() { # "NAME text" of each row
  sed -n '/^CURE(/,$p' "$HERE/ctl/cure.def" | tr '\n' ' ' | sed -E 's/" +"//g; s/CURE\(([A-Z0-9_]+), "/\n\1 /g' |
    sed -E 's/"\) *$//; /^ *$/d'
}

text() { cures | sed -n "s/^$1 //p"; } # name: as the table has it

advised() { # name, check: the worst finding of that check advises it; ADVICE is what is printed
  local wanted printed
  kg doctor "${WITH[@]}"
  DOCTOR_OUT=$OUT
  wanted=$(text "$1")
  [ -n "$wanted" ] || fail "the table has no $1"
  printed=$(finding "$2")
  ADVICE=${printed##* -> }
  if [[ $wanted == *@* ]]; then
    [[ $ADVICE == "${wanted%%@*}"*"${wanted##*@}" ]] || fail "$1: '$wanted' is not advised by '$printed' ($OUT)"
  else
    equal "$wanted" "$ADVICE" "$1 ($OUT)"
  fi
  ! grep -q '^ok' <<<"$printed" || fail "$1: advised where all is well"
}

obey() { # the command that the advice begins with, as it is typed
  local command
  command=$(grep -oE '^(as root: )?(keyguardctl|chown) .*' <<<"$ADVICE" | sed -E 's/^as root: //; s/( makes| tries| obtains|;).*//')
  [ -n "$command" ] || fail "no command in '$ADVICE'"
  STATUS=0
  OUT=$(eval "$command" 2>&1) || STATUS=$?
  equal 0 "$STATUS" "$command ($OUT)"
}

content() { # check: nothing is wrong any more, there and in all
  kg doctor "${WITH[@]}"
  DOCTOR_OUT=$OUT
  equal 0 "$STATUS" "doctor ($OUT)"
  [[ $(finding "$1") != fail* && $(finding "$1") != warn* ]] || fail "$(finding "$1")"
}

WITH=()

case_every_remedy_has_a_case() {
  local name count=0
  while read -r name _; do
    count=$((count + 1))
    [[ " $ELSEWHERE " == *" $name "* ]] || declare -F "case_$name" >/dev/null || fail "no case for the remedy $name"
  done < <(cures)
  [ "$count" -ge 40 ] || fail "only $count remedies were found: is the table read right?"
  ! grep -nE '(kg_doctor_warn|kg_doctor_fail[a-z_]*)\([^,]*, *"[^"]*", *"' "$HERE"/ctl/*.c || fail 'a remedy that is not in the table'
}

# --- the configuration -------------------------------------------------------------------------------------------

case_CONFIGURATION() {
  begin
  printf 'colour = blue\n' >>"$KEYGUARD_CONF"
  advised CONFIGURATION configuration
  matches 'keyguard.conf:[0-9]+' "$(finding configuration)" 'the line that is named'
  sed -i "$(grep -oE 'keyguard.conf:[0-9]+' <<<"$(finding configuration)" | head -1 | cut -d: -f2)d" "$KEYGUARD_CONF"
  content configuration
}

case_CONFIGURATION_MISSING() {
  begin
  mv "$KEYGUARD_CONF" "$KG_RUN/aside"
  advised CONFIGURATION_MISSING configuration
  mv "$KG_RUN/aside" "$KEYGUARD_CONF"
  content configuration
}

case_CONFIGURATION_NAME() {
  begin
  KEYGUARD_CONF=keyguard.conf advised CONFIGURATION_NAME configuration
  content configuration
}

case_NO_IDENTITY() {
  begin
  kg_env_conf
  advised NO_IDENTITY configuration
  identity demo
  content configuration
}

case_ACCESS() {
  needs_nobody
  begin
  give_nobody_the_token
  export SOFTHSM2_CONF=$KG_RUN/nobody.conf WITH=(--user nobody)
  chmod 0600 "$KEYGUARD_CONF"
  advised ACCESS configuration
  chgrp nogroup "$KEYGUARD_CONF" && chmod 0640 "$KEYGUARD_CONF"
  content configuration
}

case_UNTRUSTED() {
  begin
  chmod 0666 "$KEYGUARD_CONF"
  advised UNTRUSTED configuration
  chmod go-w "$KEYGUARD_CONF"
  content configuration
  chmod 0644 "$KG_RUN/pin"
  advised UNTRUSTED 'key store'
  chmod 0600 "$KG_RUN/pin"
  content 'key store'
}

# --- the state folder, the locks ---------------------------------------------------------------------------------

case_STATE_FOLDER() { # with the file that was named: what is printed can be typed
  begin
  cp "$KEYGUARD_CONF" "$KG_RUN/other.conf"
  sed -i "s|^state-dir = .*|state-dir = $KG_RUN/made|" "$KG_RUN/other.conf"
  WITH=(--config "$KG_RUN/other.conf")
  advised STATE_FOLDER 'state folder'
  obey
  content 'state folder'
  rm -r "$KG_RUN/made"
}

case_STATE_FOLDER_PLACE() {
  begin
  conf_set state-dir "$KG_RUN/above/state"
  advised STATE_FOLDER_PLACE 'state folder'
  mkdir "$KG_RUN/above"
  succeeds provision demo
  content 'state folder'
}

case_STATE_FOLDER_TRUST() {
  begin
  chmod 0777 "$KG_RUN/state"
  advised STATE_FOLDER_TRUST 'state folder'
  chmod go-w "$KG_RUN/state"
  content 'state folder'
}

case_STATE_STRAYS() {
  needs_nobody
  begin
  chown 65534:65534 "$KG_RUN/state"
  touch "$KG_RUN/state/left.lock"
  advised STATE_STRAYS 'state folder'
  obey
  content 'state folder'
}

case_STATE_FULL() {
  [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null || skip 'no right to a mount namespace'
  begin
  cat >"$KG_RUN/full" <<SH
mount -t tmpfs -o size=128k none $KG_RUN/state || exit 77
cp $KG_RUN/kept/demo.json $KG_RUN/state
head -c 128k /dev/zero >$KG_RUN/state/fill 2>/dev/null
$KG_BUILD/ctl/keyguardctl doctor >$KG_RUN/before
rm $KG_RUN/state/fill
$KG_BUILD/ctl/keyguardctl doctor >$KG_RUN/after
SH
  unshare --mount sh "$KG_RUN/full" || [ $? != 77 ] || skip 'no tmpfs'
  matches "$(text STATE_FULL)" "$(grep '^FAIL state folder' "$KG_RUN/before")"
  grep -q '^ok   state folder' "$KG_RUN/after" || fail "$(cat "$KG_RUN/after")"
}

hold() { # holds demo's lock until the descriptor is closed, as another keyguardctl would
  python3 - "$KG_RUN/state/demo.lock" >/dev/null 2>&1 <<'PY' &
import fcntl, os, struct, sys, time
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.fcntl(fd, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))  # F_OFD_SETLK
open(sys.argv[1] + ".held", "w").close()
time.sleep(20)
PY
  HOLDER=$!
  until [ -e "$KG_RUN/state/demo.lock.held" ]; do sleep 0.05; done
  rm "$KG_RUN/state/demo.lock.held"
}

case_LOCK_BUSY() {
  begin
  hold
  kg doctor
  kill "$HOLDER"
  equal "$(text LOCK_BUSY)" "$(out '.checks[] | select(.check == "lock").cure')" 'cure'
  wait "$HOLDER" || true
  content lock
}

case_LOCK_FILE() {
  begin
  rm -f "$KG_RUN/state/demo.lock" && mkdir "$KG_RUN/state/demo.lock"
  advised LOCK_FILE lock
  rm -r "$KG_RUN/state/demo.lock"
  content lock
}

# --- what is loaded ----------------------------------------------------------------------------------------------

case_PLUGIN() {
  begin
  conf_set plugin /nonexistent/imds.so
  advised PLUGIN plugin
  conf_set plugin "$KG_BUILD/plugin/imds.so"
  content plugin
}

case_ATTESTATION_LIBRARY() {
  begin
  conf_set attestation-library /nonexistent/lib.so
  advised ATTESTATION_LIBRARY 'attestation library'
  conf_set attestation-library "$KG_BUILD/tests/azure/fake_attestation_client_lib.so"
  content 'attestation library'
  conf_set attestation-library-sha256 "$(printf '0%.0s' {1..64})"
  advised ATTESTATION_LIBRARY 'attestation library'
  conf_set attestation-library-sha256 "$(sha256sum "$KG_BUILD/tests/azure/fake_attestation_client_lib.so" | cut -d' ' -f1)"
  content 'attestation library'
}

case_MODULE() {
  begin
  KEYGUARD_MODULE=/nonexistent/keyguard-pkcs11.so advised MODULE module
  content module
}

case_P11KIT_MODULE() {
  begin
  export HOME=$KG_RUN/home
  mkdir -p "$HOME/.config/pkcs11/modules"
  printf 'module: %s\n' "$HOME/keyguard-pkcs11.so" >"$HOME/.config/pkcs11/modules/keyguard.module"
  advised P11KIT_MODULE p11-kit
  cp "$KEYGUARD_MODULE" "$HOME/keyguard-pkcs11.so"
  content p11-kit
}

case_P11KIT_NONE() {
  begin
  export HOME=$KG_RUN/home
  rm -rf "$HOME"
  mkdir -p "$HOME/.config/pkcs11/modules"
  kg doctor
  DOCTOR_OUT=$OUT
  ! grep -q '^ok' <<<"$(finding p11-kit)" || skip 'the module is registered on this machine'
  advised P11KIT_NONE p11-kit
  printf 'module: %s\n' "$KEYGUARD_MODULE" >"$HOME/.config/pkcs11/modules/keyguard.module"
  content p11-kit
}

case_OPENSSL_DEFAULT() {
  begin
  printf 'openssl_conf = init\n[init]\nproviders = list\n[list]\npkcs11 = p\n[p]\nactivate = 1\n' >"$KG_RUN/openssl.cnf"
  export OPENSSL_CONF=$KG_RUN/openssl.cnf
  advised OPENSSL_DEFAULT openssl.cnf
  sed -i -e '/^\[list\]/a default = default_sect' -e '$a [default_sect]\nactivate = 1' "$KG_RUN/openssl.cnf"
  content openssl.cnf
}

case_OPENSSL_FILE() {
  begin
  printf '[broken\n' >"$KG_RUN/openssl.cnf"
  export OPENSSL_CONF=$KG_RUN/openssl.cnf
  advised OPENSSL_FILE openssl.cnf
  : >"$KG_RUN/openssl.cnf"
  content openssl.cnf
}

# --- who answers -------------------------------------------------------------------------------------------------

spoil() { # name, check, key, wrong value, right value: of the configuration
  begin
  place "$3" "$4"
  advised "$1" "$2"
  place "$3" "$5"
  content "$2"
}

case_CA_FILE() { spoil CA_FILE ca-file ca-file /nonexistent/ca.pem "$AZURE_EMULATOR_CA"; }

case_TLS() { spoil TLS 'token service' ca-file "$AZURE_EMULATOR_ISSUER_CA" "$AZURE_EMULATOR_CA"; }

case_METADATA() { spoil METADATA metadata metadata-endpoint http://127.0.0.1:1 "$AZURE_EMULATOR_URL"; }

case_METADATA_NAME() {
  begin
  sed -i '/^metadata-endpoint = /d' "$KEYGUARD_CONF"
  AZURE_POD_IDENTITY_AUTHORITY_HOST=ftp://127.0.0.1 advised METADATA_NAME metadata
  export AZURE_POD_IDENTITY_AUTHORITY_HOST=$AZURE_EMULATOR_URL
  content metadata
}

case_TRANSPORT() {
  begin
  conf_set proxy http://127.0.0.1:1
  advised TRANSPORT 'token service'
  sed -i '/^proxy = /d' "$KEYGUARD_CONF"
  content 'token service'
}

case_TIMEOUT() {
  begin
  emulator POST settings '{}' >/dev/null
  python3 -c 'import socket, time
s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1], flush=True); time.sleep(20)' >"$KG_RUN/port" 2>/dev/null &
  local silent=$!
  until [ -s "$KG_RUN/port" ]; do sleep 0.05; done
  conf_set proxy "http://127.0.0.1:$(cat "$KG_RUN/port")"
  kg doctor
  kill "$silent"
  equal "$(text TIMEOUT)" "$(out '.checks[] | select(.check == "token service").cure')" 'cure'
  sed -i '/^proxy = /d' "$KEYGUARD_CONF"
  content 'token service'
}

case_CLOCK() {
  begin
  emulator POST clock '{"offset_s":100}' >/dev/null
  advised CLOCK clock
  emulator POST clock '{"offset_s":0}' >/dev/null
  content clock
}

case_DISABLED() { begin; MSAL_MI_DISABLE_IMDS_V2=1 advised DISABLED gates; content gates; }

case_ENVIRONMENT() { begin; IDENTITY_ENDPOINT=x IDENTITY_HEADER=y advised ENVIRONMENT gates; content gates; }

case_IDENTITY() {
  begin
  fault '{"endpoint":"metadata","status":400,"body":{"error":"invalid_request","error_description":"Identity not found"},"times":-1}'
  advised IDENTITY machine
  emulator DELETE faults >/dev/null
  content machine
}

case_MACHINE() {
  begin
  emulator POST settings '{"other_machine":true}' >/dev/null
  advised MACHINE machine
  obey
  content machine
}

# --- keys, gates and bindings ------------------------------------------------------------------------------------

case_POP() { begin; place with-attestation-support false; place mtls-proof-of-possession false; advised POP gates
  place mtls-proof-of-possession true; succeeds provision demo; content gates; }

case_ATTESTATION_POP() { spoil ATTESTATION_POP gates mtls-proof-of-possession false true; }

case_FLOOR() { spoil FLOOR 'key store' minimum-strength hardware software; }

case_KEY_STORE() {
  begin
  sed -i 's|module-path=[^&]*|module-path=/nonexistent/hsm.so|' "$KEYGUARD_CONF"
  advised KEY_STORE 'key store'
  sed -i "s|module-path=[^&]*|module-path=$(kg_env_softhsm_module)|" "$KEYGUARD_CONF"
  content 'key store'
}

case_KEY_NOT_FOUND() {
  begin
  sed -i 's|object=demo|object=fresh|' "$KEYGUARD_CONF"
  advised KEY_NOT_FOUND 'key store'
  obey
  content 'key store'
}

case_KEY_PIN() {
  begin
  printf '0000\n' >"$KG_RUN/pin"
  advised KEY_PIN 'key store'
  printf '1234\n' >"$KG_RUN/pin"
  content 'key store'
}

token_tool() { pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 "$@" >/dev/null 2>&1; }

odd_key() { # object, type: a key of that name which is none of ours
  begin
  token_tool --keypairgen --key-type "$2" --label "$1" --id 0b
  sed -i "s|object=demo|object=$1|" "$KEYGUARD_CONF"
}

case_KEY_MECHANISM() {
  odd_key curve EC:prime256v1
  advised KEY_MECHANISM 'key store'
  sed -i 's|object=curve|object=demo|' "$KEYGUARD_CONF"
  content 'key store'
}

case_KEY_AMBIGUOUS() {
  odd_key twice rsa:2048
  token_tool --keypairgen --key-type rsa:2048 --label twice --id 0c
  advised KEY_AMBIGUOUS 'key store'
  sed -i 's|object=twice|object=demo|' "$KEYGUARD_CONF"
  content 'key store'
}

case_PROVISION() { begin; rm "$(binding demo)"; advised PROVISION binding; obey; content binding; }

case_BINDING() { begin; printf '{' >"$(binding demo)"; advised BINDING binding; obey; content binding; }

case_BINDING_STALE() {
  begin
  place user-assigned-client-id "$AZURE_EMULATOR_USER1_CLIENT_ID"
  advised BINDING_STALE binding
  obey
  content binding
}

case_LAST_ATTEMPT() { # and what is advised beside it forces the attempt, which is forbidden for a while
  begin
  rm "$(binding demo)"
  fault '{"endpoint":"issue","status":400}'
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'the fault is none'
  advised PROVISION binding
  advised LAST_ATTEMPT 'last attempt'
  obey
  content 'last attempt'
}

case_TIMER() { # which runs renew
  kg_env_conf
  gates demo true false software
  succeeds provision demo
  TRAVELLED=0
  travel $((6 * 86400))
  advised TIMER binding
  succeeds renew
  content binding
}

more() { # number: an identity whose certificate is demo's
  printf '\n[identity more%d]\nkey-store = %s\nmtls-proof-of-possession = true\nwith-attestation-support = true\nminimum-strength = software\n' \
    "$1" "$(kg_env_key_uri keyguard-backing demo)" >>"$KEYGUARD_CONF"
  python3 - "$(binding demo)" "$(binding "more$1")" "more$1" <<'PY'
import hashlib, sys
head, body = open(sys.argv[1]).read().rstrip().split('"binding":', 1)
body = body[:-1].replace('"identity":"demo"', '"identity":"%s"' % sys.argv[3], 1)
digest = hashlib.sha256(body.encode()).hexdigest()
open(sys.argv[2], "w").write('{"version":1,"sha256":"%s","binding":%s}\n' % (digest, body))
PY
}

case_SLOTS() { # 48 with a certificate are seen by GnuTLS, and with one more none is
  begin
  local i
  for i in {1..47}; do more "$i"; done
  sees_token yes
  cp "$KEYGUARD_CONF" "$KG_RUN/48.conf"
  more 48
  sees_token no
  kg doctor demo
  equal "$(text SLOTS)" "$(out '.checks[] | select(.check == "slots").cure')" 'cure'
  equal 0 "$STATUS" 'a warning'
  cp "$KG_RUN/48.conf" "$KEYGUARD_CONF"
  kg doctor demo
  equal '' "$(out '.checks[] | select(.check == "slots").symptom')" 'of 48'
}

sees_token() { # yes or no: whether GnuTLS 3.7 does
  local seen=no
  [[ $(p11tool --version 2>/dev/null) == *' 3.7.'* ]] || return 0
  [[ $(stock p11tool --batch --provider "$KEYGUARD_MODULE" --list-token-urls 2>/dev/null) == *token=demo* ]] && seen=yes
  equal "$1" "$seen" 'what p11tool sees'
}

case_KEY_DEAD() { # a public key without its private one's like: made anew by name alone
  odd_key dead rsa:2048
  token_tool --delete-object --type privkey --label dead
  openssl genrsa -out "$KG_RUN/dead.pem" 2048 2>/dev/null
  openssl rsa -in "$KG_RUN/dead.pem" -outform DER -out "$KG_RUN/dead.der" 2>/dev/null
  token_tool --write-object "$KG_RUN/dead.der" --type privkey --label dead --id 0b --usage-sign
  kg doctor
  DOCTOR_OUT=$OUT
  grep -q 'KG_E_KEY_DEAD' <<<"$OUT" || skip 'this store tells it otherwise'
  advised KEY_DEAD "$(out '[.checks[] | select(.status == "KG_E_KEY_DEAD").check][0]')"
  obey
  content signature
}

run_cases "$@"
