# Sourced by the end-to-end tests: keyguardctl as a process against the emulator as a process, with a real SoftHSM2 token.
# shellcheck shell=bash disable=SC2034
#
# A test file defines functions case_<name> and ends with `run_cases BUILD_FOLDER`. Each case starts with an emulator
# without faults, zero counters, an empty state folder and a fresh configuration; keys in the token stay.
# case_<number>_<name>: of the protocol's acceptance list; docs/acceptance.md has them all.
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=script/environment.sh
. "$HERE/script/environment.sh"

# Leaks are for the unit tests to find: where hundreds of processes end, LeakSanitizer's own tracer crashes now and then.
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=0}

# --- what a case says --------------------------------------------------------------------------------------------

fail() { printf '  %s\n' "$*" >&2; exit 1; }

skip() { printf '  %s\n' "$*" >&2; exit 77; } # of this case alone

equal() { [ "$1" = "$2" ] || fail "${3:-value}: expected '$1', got '$2'"; }

matches() { [[ $2 =~ $1 ]] || fail "${3:-text}: '$2' does not match '$1'"; }

identity() { kg_env_identity "$@"; } # name, "key = value"...: see environment.sh; SoftHSM2, both gates, floor software

gates() { # name, pop, attestation, floor: an identity with exactly these
  printf '\n[identity %s]\nkey-store = %s\nmtls-proof-of-possession = %s\nwith-attestation-support = %s\n%s\n' "$1" \
    "$(kg_env_key_uri keyguard-backing "$1")" "$2" "$3" "${4:+minimum-strength = $4}" >>"$KEYGUARD_CONF"
}

emulator() { # method, path, body: to the emulator's control side
  curl --silent --show-error --fail-with-body --max-time 20 --request "$1" ${3:+--data "$3" --header 'Content-Type: application/json'} \
    "$AZURE_EMULATOR_URL/emulator/$2"
}

fault() { emulator POST faults "$1" >/dev/null || fail "the emulator refused the fault $1"; }

counter() { emulator GET counters | jq -r "$1"; } # a jq path into the counters

requests() { counter ".$1.requests // 0"; } # of an endpoint: metadata, issue, attestation, token, resource

requests_are() { # "metadata=1 issue=0 ...": exactly these numbers of requests were seen
  local pair
  for pair in $1; do equal "${pair#*=}" "$(requests "${pair%%=*}")" "requests to ${pair%%=*}"; done
}

kg() { # keyguardctl --json with these arguments: STATUS, OUT
  STATUS=0
  OUT=$(keyguardctl --json "$@" </dev/null 2>"$KG_RUN/stderr") || STATUS=$?
}

out() { jq -r "$1" <<<"$OUT"; }

succeeds() {
  kg "$@"
  [ "$STATUS" = 0 ] || fail "keyguardctl $*: exit $STATUS: $OUT $(cat "$KG_RUN/stderr")"
}

error() { jq -r "[.. | objects | select(has(\"sub_code\"))][0].$1 // empty" <<<"$OUT"; } # a member of the error

refused() { # exit code, sub-code, pattern of the text, then the arguments
  local exit_code=$1 sub_code=$2 pattern=$3
  shift 3
  kg "$@"
  equal "$exit_code" "$STATUS" "exit of keyguardctl $* ($OUT)"
  [ "$sub_code" = . ] || equal "$sub_code" "$(error sub_code)" "sub-code ($OUT)"
  matches "$pattern" "$(error text)" 'error text'
}

stock() { # a program of Debian's that will load our module: after the sanitizers' runtime, where we were built with them
  env ${KG_PRELOAD:+LD_PRELOAD="$KG_PRELOAD" ASAN_OPTIONS=detect_leaks=0} "$@"
}

ready() { # the identity demo is provisioned and the counters are zero
  identity demo
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
}

spoiled() { # fault, pattern of the text, [sub-code]: provision is refused and the old binding stays
  local before
  ready
  before=$(cat "$(binding demo)")
  fault "$1"
  refused 6 "${3:-managed_identity_request_failed}" "$2" provision demo --force
  equal "$before" "$(cat "$(binding demo)")" 'the old binding'
}

binding() { printf '%s/state/%s.json' "$KG_RUN" "$1"; }

thumbprint() { jq -r '.binding.certificate.sha256 // .binding.sha256' "$(binding "$1")"; }

conf_set() { # key, value: of the [keyguard] section, instead of what stands there
  sed -i -e "/^$1 = /d" -e "s|^\[keyguard\]$|&\n$1 = $2|" "$KEYGUARD_CONF"
}

is_sanitized() { grep -q '^KEYGUARD_SANITIZE:STRING=.\+' "$KG_BUILD/CMakeCache.txt"; }

provisions_once() { # identity: the second time there is nothing to do
  local before
  identity "$1"
  succeeds provision "$1"
  before=$(cat "$(binding "$1")")
  succeeds provision "$1"
  requests_are 'metadata=1 issue=1'
  equal "$before" "$(cat "$(binding "$1")")" 'the binding'
}

needs_nobody() { # the case runs keyguardctl as another user
  [ "$(id -u)" = 0 ] || skip 'only root can become somebody else'
  as_nobody test -x "$KG_BUILD/ctl/keyguardctl" || skip 'nobody may not reach the build folder'
}

as_nobody() { setpriv --reuid=65534 --regid=65534 --clear-groups "$@"; }

# A token, a PIN and SoftHSM2's configuration ($KG_RUN/nobody.conf) of nobody's own, with the keys that there are.
give_nobody_the_token() {
  rm -rf "$KG_RUN/nobody-softhsm"
  cp -r "$KG_RUN/softhsm" "$KG_RUN/nobody-softhsm"
  printf 'directories.tokendir = %s\nobjectstore.backend = file\n' "$KG_RUN/nobody-softhsm" >"$KG_RUN/nobody.conf"
  (umask 077 && cp "$KG_RUN/pin" "$KG_RUN/nobody.pin")
  sed -i "s|file:$KG_RUN/pin|file:$KG_RUN/nobody.pin|" "$KEYGUARD_CONF"
  chown -R 65534:65534 "$KG_RUN/nobody-softhsm" "$KG_RUN/nobody.pin"
}

token_payload() { cut -d. -f2 <<<"$1" | tr '_-' '/+' | base64 -di 2>/dev/null; } # the claims of a JWT

# --- time ---------------------------------------------------------------------------------------------------------

FAKETIME_LIBRARY=
for FAKETIME_LIBRARY in /usr/lib/*/faketime/libfaketime.so.1; do :; done

# seconds: from now on keyguardctl's wall clock, and the cloud's, are ahead by so much. Intervals stay real ones. The
# substitute of the attestation library proves freshness by the machine's clock, so identities here are not attested.
travel() {
  drift "$1"
  emulator POST clock "{\"offset_s\":$1}" >/dev/null
}

drift() { # seconds, perhaps negative: keyguardctl's clock alone
  [ -e "$FAKETIME_LIBRARY" ] || skip 'libfaketime is not installed'
  ! is_sanitized || skip 'libfaketime does not go with sanitizers'
  TRAVELLED=$1
}

keyguardctl() {
  if [ "${TRAVELLED:-0}" = 0 ]; then
    command keyguardctl "$@"
  else
    # NO_FAKE_STAT: a configuration does not look edited because time went on
    LD_PRELOAD=$FAKETIME_LIBRARY NO_FAKE_STAT=1 FAKETIME="$(printf '%+ds' "$TRAVELLED")" FAKETIME_DONT_FAKE_MONOTONIC=1 command keyguardctl "$@"
  fi
}

# --- running them ------------------------------------------------------------------------------------------------

fresh() {
  emulator POST reset '{}' >/dev/null
  emulator DELETE faults >/dev/null
  emulator POST clock '{"offset_s":0}' >/dev/null
  rm -rf "$KG_RUN/state"
  mkdir "$KG_RUN/state"
  kg_env_conf
}

run_cases() { # build folder, then the emulator's options; KG_CASE: the only one
  local name status passed=0 failed=0 skipped=0 only=${KG_CASE:-}
  KG_BUILD=$(cd "$1" && pwd -P)
  KG_RUN=$KG_BUILD/tests/e2e/run.$(basename "$0" .sh).$$
  shift
  trap kg_env_stop EXIT
  kg_env_start "$@"
  for name in $(declare -F | awk '$3 ~ /^case_/ { print $3 }'); do
    [ -z "$only" ] || [ "case_$only" = "$name" ] || continue
    fresh
    set +e # and not "|| status=$?", which would switch errexit off inside, too
    (set -e; "$name")
    status=$?
    set -e
    case $status in
      0) printf 'ok      %s\n' "${name#case_}"; passed=$((passed + 1)) ;;
      77) printf 'skipped %s\n' "${name#case_}"; skipped=$((skipped + 1)) ;;
      *) printf 'FAILED  %s\n' "${name#case_}"; failed=$((failed + 1)) ;;
    esac
  done
  printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
  [ "$failed" = 0 ] || exit 1
  [ "$passed" -gt 0 ] || exit 77
}
