# Sourced: doctor's verdict against what provision --force and token then do.
# shellcheck shell=bash disable=SC2034
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "${BASH_SOURCE[0]}")/harness.sh"

export HOME=/nonexistent # no registration with p11-kit of whoever runs this
SCOPE=https://vault.azure.net

begin() { # an identity demo that is well; what is asked of the emulator for it once is kept for the next ones
  kg_env_conf
  conf_set deadline 8
  identity demo
  rm -rf "$KG_RUN/state"
  if [ -d "$KG_RUN/kept" ]; then
    cp -a "$KG_RUN/kept" "$KG_RUN/state"
  else
    mkdir "$KG_RUN/state"
    succeeds provision demo
    cp -a "$KG_RUN/state" "$KG_RUN/kept"
  fi
}

hurry() { conf_set deadline 2; } # where attempts would be repeated

finding() { # check: level, symptom and cure of its worst finding in $DOCTOR_OUT
  jq -r --arg check "$1" '[.checks[] | select(.check == $check)] | sort_by({"fail": 0, "warn": 1, "skip": 2, "ok": 3}[.level])[0]
    | .level + " " + .symptom + " -> " + (.cure // "")' <<<"$DOCTOR_OUT"
}

judge() { # doctor's exit code, and those of provision and token, with all that can be said of any case
  kg doctor
  DOCTOR=$STATUS DOCTOR_OUT=$OUT
  equal "$([ "$DOCTOR" = 0 ] && echo true || echo false)" "$(out .healthy)" healthy
  kg provision demo --force
  PROVISION=$STATUS
  kg token demo --scope "$SCOPE"
  TOKEN=$STATUS
  VERDICTS="doctor $DOCTOR, provision $PROVISION, token $TOKEN: $(jq -r '.checks[]? | .level + " " + .check + ": " + .symptom' <<<"$DOCTOR_OUT")"
}

well() { # nothing fails anywhere
  judge
  [ "$DOCTOR $PROVISION $TOKEN" = '0 0 0' ] || fail "$* is no fault: $VERDICTS"
}

fails() { # check, pattern: doctor fails there, and one of the others fails in the same way
  judge
  [ "$PROVISION $TOKEN" != '0 0' ] || fail "they work after all: $VERDICTS"
  [ "$DOCTOR" != 0 ] || fail "doctor is content: $VERDICTS"
  [ "$DOCTOR" = "$PROVISION" ] || [ "$DOCTOR" = "$TOKEN" ] || fail "another exit code: $VERDICTS"
  matches "^fail .*$2.* -> ." "$(finding "$1")" "finding '$1'"
}

unasked() { # check: doctor cannot know it, and says so
  judge
  [ "$PROVISION $TOKEN" != '0 0' ] || fail "they work after all: $VERDICTS"
  equal 0 "$DOCTOR" "doctor ($VERDICTS)"
  matches '^skip not asked' "$(finding "$1")" "finding '$1'"
}

mends() { # check: doctor fails, and its advice is what is done next, after which all is well
  kg doctor
  DOCTOR_OUT=$OUT
  [ "$STATUS" != 0 ] || fail "doctor is content: $OUT"
  matches '^fail .* -> keyguardctl provision demo' "$(finding "$1")" "finding '$1'"
  succeeds provision demo
  well "$1 after provision"
}

refuses_value() { # key, values: a line that is refused is refused to all three
  local key=$1 value
  shift
  begin
  for value in "$@"; do
    place "$key" "$value"
    fails configuration "$key"
    equal 3 "$DOCTOR" doctor
  done
}

place() { # key, value: where it belongs
  if sed -n '/^static const struct kg_config_key keyguard_keys/,/^};/p' "$HERE/core/state/config_key.c" | grep -q "{\"$1\""; then
    conf_set "$1" "$2"
  else
    sed -i "/^$1 = /d" "$KEYGUARD_CONF"
    printf '%s = %s\n' "$1" "$2" >>"$KEYGUARD_CONF"
  fi
}
