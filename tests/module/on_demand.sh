#!/usr/bin/env bash
# provision-on-demand with the real keyguardctl: a session on a slot that has no token makes a certificate appear.
#   on_demand.sh BUILD-FOLDER
set -euo pipefail
here=$(cd "$(dirname "$0")/../.." && pwd -P)
# shellcheck source=script/environment.sh
. "$here/script/environment.sh"
KG_BUILD=$1
KG_RUN=$KG_BUILD/run/module.on_demand.$$
trap kg_env_stop EXIT

fail() { printf '%s\n' "$*" >&2; exit 1; }
open() { "$KG_BUILD/tests/module/module_on_demand" --open; } # a host: C_Initialize, C_OpenSession on the first slot
issued() { curl -s "$AZURE_EMULATOR_URL/emulator/counters" | jq -r '.issue.requests // 0'; }

kg_env_start
printf 'provision-on-demand = true\n' >>"$KEYGUARD_CONF"
kg_env_identity web
# What stands in keyguardctl's place starts it, and says where this test's token and its Azure are.
printf 'exec' >"$KG_RUN/fake.mode"
{ printf '%s\n' "$KG_BUILD/ctl/keyguardctl" && env | grep -E '^(KEYGUARD_CONF|SOFTHSM2_CONF|AZURE_EMULATOR_CA)='; } >"$KG_RUN/fake.exec"

keyguardctl provision web >/dev/null 2>&1 || fail 'keyguardctl provision' # the key, which may take its time
rm "$KG_RUN/state/web.json"
before=$(issued)
open || fail "one host: $?"
[ -s "$KG_RUN/state/web.json" ] || fail 'no binding was written'
[ "$(issued)" = $((before + 1)) ] || fail "$(issued) certificates instead of $((before + 1))"
open || fail "the same again: $?"
[ "$(issued)" = $((before + 1)) ] || fail 'a present token was provisioned again'

rm "$KG_RUN/state/web.json"
pids=()
for _ in 1 2 3 4; do open & pids+=($!); done
for pid in "${pids[@]}"; do wait "$pid" || fail "one of four hosts: $?"; done
[ "$(issued)" = $((before + 2)) ] || fail "four hosts at once: $(($(issued) - before - 1)) certificates"
printf 'a certificate for one host, and one for four\n'
