#!/bin/sh
# The program itself: its arguments, its files, its end.
. "$(dirname "$0")/lib.sh"

bad() { # TEXT ARGUMENTS
  text=$1
  shift
  status=0
  "$EMULATOR" "$@" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
  equal "exit status of: $*" "$status" 2
  grep -qF -- "$text" "$WORK/err" || fail "no \"$text\" in: $(cat "$WORK/err")"
  [ ! -s "$WORK/out" ] || fail "something on stdout"
}
dir="--directory $WORK/env"
bad "--directory is required"
bad "--directory is required" --directory ""
# shellcheck disable=SC2086 # words
{
  bad "unrecognized option" $dir --nonsense
  bad "requires an argument" --directory
  bad "unexpected argument: x" $dir x
  bad "--token-tls 1.1" $dir --token-tls 1.1
  bad "--signatures dsa" $dir --signatures dsa
  bad "--token-auth early" $dir --token-auth early
  bad "--ca-names some" $dir --ca-names some
  bad "--identity three" $dir --identity three
  bad "--validity soon" $dir --validity soon
  bad "--validity " $dir --validity ""
  bad "--port 70000" $dir --port 70000
  bad "--ready-fd -1" $dir --ready-fd -1
  bad "TLS 1.3 has no PKCS #1" $dir --signatures pkcs1 --token-tls 1.3
}
[ ! -e "$WORK/env" ] || fail "a bad argument left files"
"$EMULATOR" --help >"$WORK/out" || fail "--help failed"
grep -q -- --token-not-after "$WORK/out" || fail "--help says too little"
"$EMULATOR" --version | grep -q '^azure-emulator [0-9]' || fail "--version"

# a folder that cannot be: an error, not a server without files
status=0
"$EMULATOR" --directory "$WORK/no/such" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
equal "exit status without a folder" "$status" 1
grep -q "cannot make" "$WORK/err" || fail "no reason: $(cat "$WORK/err")"

# ready-fd, both files, and their agreement
"$EMULATOR" --directory "$WORK/env" --ready-fd 3 3>"$WORK/ready3" >"$WORK/out" 2>"$WORK/emulator.err" </dev/null &
PID=$!
while ! grep -q '^ready ' "$WORK/ready3"; do sleep 0.05; done
grep -q "^ready pid=$PID url=http://127.0.0.1:" "$WORK/out" || fail "stdout: $(cat "$WORK/out")"
. "$WORK/env/emulator.env"
equal "url in the JSON" "$(jq -r .url "$WORK/env/emulator.json")" "$AZURE_EMULATOR_URL"
equal "keys in both" "$(jq -r 'keys_unsorted[] | "AZURE_EMULATOR_\(ascii_upcase)"' "$WORK/env/emulator.json" | sort)" \
  "$(cut -d= -f1 "$WORK/env/emulator.env" | sort)"
[ -z "$(find "$WORK/env" -name '.*.new')" ] || fail "temporary files are left"
ask "$AZURE_EMULATOR_URL/emulator/counters"
expect 200
ask "$(echo "$AZURE_EMULATOR_TOKEN_ORIGIN" | sed s/localhost/127.0.0.1/)/x" # the certificate names the address too
expect 404
status=0 # a port that is taken: an error, not two servers on one port
"$EMULATOR" --directory "$WORK/other" --port "${AZURE_EMULATOR_URL##*:}" >"$WORK/out" 2>"$WORK/err" </dev/null || status=$?
equal "exit status with a taken port" "$status" 1
grep -q "cannot listen" "$WORK/err" || fail "no reason: $(cat "$WORK/err")"
stop
[ ! -e "$WORK/env/emulator.env" ] || fail "emulator.env outlives the emulator"
ask "$AZURE_EMULATOR_URL/emulator/counters"
equal "answers after the end" "$STATUS" 000

# SIGINT too; twice the same port one after the other
"$EMULATOR" --directory "$WORK/env" --ready-fd 3 3>"$WORK/ready3" >/dev/null 2>"$WORK/emulator.err" </dev/null &
PID=$!
while ! grep -q '^ready ' "$WORK/ready3"; do sleep 0.05; done
env kill -INT "$PID" 2>/dev/null || kill -INT "$PID"
status=0
wait "$PID" || status=$?
PID=
# a shell without job control starts background processes with SIGINT ignored; the emulator asks for it again
equal "exit status after SIGINT" "$status" 0

# it ends with its parent, and with a pipe on its standard input
sh -c '"$1" --directory "$2" --exit-with-parent --ready-fd 3 3>"$3" >/dev/null 2>&1 </dev/null &
  while ! grep -q "^ready " "$3"; do sleep 0.05; done' sh "$EMULATOR" "$WORK/env" "$WORK/ready3"
gone() {
  tries=0
  while [ -e "$WORK/env/emulator.env" ]; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || fail "still there: $1"
    sleep 0.05
  done
}
gone "after its parent"
mkfifo "$WORK/in"
"$EMULATOR" --directory "$WORK/env" --exit-with-parent >"$WORK/out" 2>"$WORK/emulator.err" <"$WORK/in" &
PID=$!
exec 4>"$WORK/in"
while ! grep -q '^ready ' "$WORK/out"; do sleep 0.05; done
ls "$WORK/env/emulator.env" >/dev/null
exec 4>&-
gone "after its standard input"
wait "$PID" || fail "ended with $? after its standard input"
PID=
