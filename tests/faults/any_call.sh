#!/usr/bin/env bash
# Whole commands and module sessions in which any call may fail by a seeded choice; see any_call.c.
#   any_call.sh BUILD [--all] SEED...     a number or a range: 1-300
set -euo pipefail
KG_BUILD=$(cd "$1" && pwd -P)
HERE=$(cd "$(dirname "$0")/../.." && pwd -P)
shift
# shellcheck source=script/environment.sh
. "$HERE/script/environment.sh"
KG_RUN=$KG_BUILD/tests/faults/run.any_call.$$
trap kg_env_stop EXIT
kg_env_start

# The token's library is the one that can be told to fail; it passes on to SoftHSM2.
FAKE_TOKEN_LIBRARY=$(kg_env_softhsm_module)
export FAKE_TOKEN_LIBRARY
ln -s "$KG_BUILD/tests/support/fake_limited_token.so" "$KG_RUN/token.so"
kg_env_softhsm_module() { printf '%s\n' "$KG_RUN/token.so"; }
printf 'token-cache = true\n' >>"$KEYGUARD_CONF"
kg_env_identity web
kg_env_identity cold
keyguardctl provision web >"$KG_RUN/provision.log" 2>&1 || { cat "$KG_RUN/provision.log"; exit 1; }
mv "$KG_RUN/state" "$KG_RUN/state.old"
mv "$KG_RUN/softhsm" "$KG_RUN/softhsm.old"
"$KG_BUILD/tests/faults/any_call" "$KG_RUN" "$@"
