# Sourced after tests/e2e/harness.sh: the same harness, but keyguardctl.exe runs under Wine, keys are in the fake
# ncrypt.dll, attestation is the fake AttestationClientLib.dll. MINGW: the build folder.
# shellcheck shell=bash
# shellcheck source=tests/windows/wine.sh
. "$HERE/tests/windows/wine.sh"
kg_wine_prepare "$MINGW"

windows() { kg_wine_path "$1"; }

INSTALLED=$WINEPREFIX/drive_c/keyguard

kg_env_start() { # in the prefix, see wine.sh
  umask 022
  KG_RUN=$WINEPREFIX/drive_c/run.$$
  rm -rf "$KG_RUN"
  mkdir -p "$KG_RUN/azure" "$KG_RUN/state"
  export KEYGUARD_CONF=$KG_RUN/keyguard.conf
  kg_env_emulator "$@"
  kg_env_conf
}

kg_env_key_uri() { printf 'cng:name=%s' "$2"; }

kg_env_conf() {
  export FAKE_NCRYPT_DIR FAKE_NCRYPT_EPOCH=1
  FAKE_NCRYPT_DIR=$(windows "$KG_RUN/keys")
  unset FAKE_NCRYPT_DEATH FAKE_NCRYPT_FAIL FAKE_NCRYPT_ZOMBIE_CODE FAKE_ATTESTATION_INIT FAKE_ATTESTATION_CODE FAKE_ATTESTATION_TOKEN
  rm -rf "$KG_RUN/keys"
  mkdir -p "$KG_RUN/keys"
  cat >"$KEYGUARD_CONF" <<CONF
[keyguard]
state-dir = $(windows "$KG_RUN/state")
metadata-endpoint = $AZURE_EMULATOR_URL
attestation-library = $(windows "$INSTALLED/AttestationClientLib.dll")
attestation-library-sha256 = $(sha256sum "$INSTALLED/AttestationClientLib.dll" | cut -d' ' -f1)
ca-file = $(windows "$AZURE_EMULATOR_CA")
deadline = 60
CONF
}

kg_env_identity() { # as in script/environment.sh, but the floor is KeyGuard's
  local name=$1 line
  shift
  {
    printf '\n[identity %s]\nkey-store = cng:name=%s\n' "$name" "$name"
    printf 'mtls-proof-of-possession = true\nwith-attestation-support = true\n'
    for line in "$@"; do printf '%s\n' "$line"; done
  } >>"$KEYGUARD_CONF"
}

keyguardctl() { KEYGUARD_CONF=$(windows "$KEYGUARD_CONF") wine "$INSTALLED/keyguardctl.exe" "$@"; }

key_files() { find "$KG_RUN/keys" -name '[um]_*' | wc -l; }

key_id() { jq -r .binding.certificate.id "$(binding "$1")"; }

modulus() { jq -r .binding.modulus "$(binding "$1")"; }

reboot() { # way of dying
  export FAKE_NCRYPT_EPOCH=2 FAKE_NCRYPT_DEATH=$1
}

client() { # identity, https URL, TLS version, further arguments; the request without its first line's URL on standard input
  local name=$1 rest=${2#https://} version=$3
  shift 3
  rest=${rest%%/*}
  KEYGUARD_CONF=$(windows "$KEYGUARD_CONF") wine "$INSTALLED/tls_client.exe" \
    "$(windows "$INSTALLED/keyguard-pkcs11.dll")" "$name" "$(windows "$AZURE_EMULATOR_CA")" "${rest%%:*}" "${rest##*:}" \
    "$version" "$@" 2>"$KG_RUN/client.log"
}

resource_status() { # identity, TLS version, further arguments of the client: with the identity's token
  local token
  token=$(keyguardctl token "$1" --scope https://vault.azure.net 2>"$KG_RUN/stderr") || fail "no token: $(cat "$KG_RUN/stderr")"
  printf 'GET /%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: mtls_pop %s\r\n\r\n' \
    "${AZURE_EMULATOR_RESOURCE_URL#https://*/}" "$token" |
    client "$1" "$AZURE_EMULATOR_RESOURCE_URL" "${@:2}" | awk 'NR == 1 { print $2 }'
}

conf_set() { # key, value: as in the harness; a path of ours becomes one of Windows
  local value=$2
  case $value in
    /subscriptions/*) ;;
    /*) value=$(windows "$value") ;;
  esac
  sed -i -e "/^$1 = /d" -e "s|^\[keyguard\]$|&\n$1 = $value|" "$KEYGUARD_CONF"
}

# Cases of tests/e2e that are not for here.
KG_NOT_HERE=(
  90_reset_once                            # Wine takes a reset away before recv() can tell it from an end
  107_retry_disabled                       # a program starts too slowly under Wine for a deadline of a second
  exec_and_env_give_scripts_what_they_need # a POSIX shell; e2e.sh has its own
  closed_descriptors_receive_nothing       # descriptors have numbers on POSIX alone
  47_att_cancelled                         # signals
  49_att_dll_hash_matches                  # pins the library for Linux; the configuration here pins this one
  22_capability_tiers                      # expects a software key
  no_space_and_read_only_state             # /dev and /proc
)

eval "$(declare -f run_cases | sed '1s/run_cases/run_all_cases/')"
run_cases() {
  local name
  for name in "${KG_NOT_HERE[@]}"; do unset -f "case_$name"; done
  run_all_cases "$@"
}
