# Sourced: a whole private Azure on loopback (emulator, SoftHSM2 token, configuration) in one folder.
# Nothing outside that folder is touched. Used by script/demo and by the tests.
# shellcheck shell=bash
#
#   KG_BUILD  build folder        KG_RUN  the run folder, created
# kg_env_start [emulator options...]   sets and exports what `script/demo --help` documents
# kg_env_stop                          ends the emulator by its process id and removes the folder

kg_env_emulator() {
  local deadline=$((SECONDS + 20))
  "$KG_BUILD/tests/azure/azure-emulator" --directory "$KG_RUN/azure" --exit-with-parent "$@" >"$KG_RUN/emulator.log" 2>&1 &
  KG_EMULATOR_PID=$!
  until [ -s "$KG_RUN/azure/emulator.env" ]; do
    if ! kill -0 "$KG_EMULATOR_PID" 2>/dev/null || [ "$SECONDS" -ge "$deadline" ]; then
      printf 'the emulator did not start:\n' >&2
      cat "$KG_RUN/emulator.log" >&2
      return 1
    fi
    sleep 0.02
  done
  set -a
  # shellcheck disable=SC1091
  . "$KG_RUN/azure/emulator.env"
  set +a
}

kg_env_token() { # label: a SoftHSM2 token with PIN file; keyguardctl makes the key
  mkdir -p "$KG_RUN/softhsm"
  printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n' \
    "$KG_RUN/softhsm" >"$KG_RUN/softhsm2.conf"
  export SOFTHSM2_CONF=$KG_RUN/softhsm2.conf
  (umask 077 && printf '1234\n' >"$KG_RUN/pin")
  softhsm2-util --init-token --free --label "$1" --pin 1234 --so-pin 12345678 >/dev/null
}

kg_env_softhsm_module() { # path of Debian's SoftHSM2
  local path
  for path in /usr/lib/softhsm/libsofthsm2.so /usr/lib/*/softhsm/libsofthsm2.so; do
    [ -e "$path" ] && { printf '%s\n' "$path"; return; }
  done
  printf 'SoftHSM2 is not installed\n' >&2
  return 1
}

kg_env_key_uri() { # token, object: the key-store value; KG_STORE_MODULE: another library that leads to the token
  printf 'pkcs11:token=%s;object=%s?module-path=%s&pin-source=file:%s' \
    "$1" "$2" "${KG_STORE_MODULE:-$(kg_env_softhsm_module)}" "$KG_RUN/pin"
}

kg_env_conf() { # writes the configuration's [keyguard] section
  cat >"$KEYGUARD_CONF" <<CONF
[keyguard]
state-dir = $KG_RUN/state
plugin = $KG_BUILD/plugin/imds.so
metadata-endpoint = $AZURE_EMULATOR_URL
attestation-library = $KG_BUILD/tests/azure/fake_attestation_client_lib.so
ca-file = $AZURE_EMULATOR_CA
deadline = 60
CONF
}

kg_env_identity() { # name, then further "key = value" lines: an identity that may be provisioned here
  local name=$1 line
  shift
  {
    printf '\n[identity %s]\nkey-store = %s\n' "$name" "$(kg_env_key_uri keyguard-backing "$name")"
    printf 'mtls-proof-of-possession = true\nwith-attestation-support = true\nminimum-strength = software\n'
    for line in "$@"; do printf '%s\n' "$line"; done
  } >>"$KEYGUARD_CONF"
}

kg_env_start() {
  umask 022
  rm -rf "$KG_RUN"
  mkdir -p "$KG_RUN/azure" "$KG_RUN/state"
  unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
  export KEYGUARD_MODULE=$KG_BUILD/pkcs11/keyguard-pkcs11.so KEYGUARD_CONF=$KG_RUN/keyguard.conf
  export PATH=$KG_BUILD/ctl:$PATH
  kg_env_emulator "$@"
  kg_env_token keyguard-backing
  kg_env_conf
}

kg_env_stop() {
  if [ -n "${KG_EMULATOR_PID:-}" ]; then
    kill "$KG_EMULATOR_PID" 2>/dev/null || true
    wait "$KG_EMULATOR_PID" 2>/dev/null || true
    KG_EMULATOR_PID=
  fi
  if [ -n "${KG_RUN:-}" ]; then rm -rf "$KG_RUN"; fi
}
