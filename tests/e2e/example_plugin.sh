#!/usr/bin/env bash
# The example of a credential plugin, as somebody has it who only has what is installed: built against the installed headers
# through pkg-config, loaded by the installed keyguardctl; the installed module shows the certificate and signs.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

installed() { # the project below $ROOT, and pkg-config's view of it; once for all cases
  ROOT=$KG_RUN/root
  if [ ! -e "$ROOT/done" ]; then
    DESTDIR=$ROOT cmake --install "$KG_BUILD" >"$KG_RUN/install.log" 2>&1 || fail "the installation: $(cat "$KG_RUN/install.log")"
    mkdir -p "$KG_RUN/example" "$ROOT/usr/include" # the second: OpenSSL's, which CMake wants to be there
    cp "$HERE"/examples/plugin/* "$KG_RUN/example/"
    touch "$ROOT/done"
  fi
  local folder
  folder=$(dirname "$(find "$ROOT" -name keyguard-plugin.pc)")
  export PKG_CONFIG_PATH=$folder
  PLUGIN_FOLDER=$(pkg-config --variable=plugindir keyguard-plugin)
  KEYGUARD_MODULE=$ROOT$(pkg-config --variable=module keyguard-plugin)
  PATH=$(dirname "$(find "$ROOT" -name keyguardctl -type f)"):$PATH
  [ -e "$KEYGUARD_MODULE" ] || fail "no module at $KEYGUARD_MODULE"
}

ours() { PKG_CONFIG_SYSROOT_DIR=$ROOT pkg-config "$@" keyguard-plugin; } # in $ROOT instead of /

authority() { # an authority as openssl makes one
  export KEYGUARD_LOCAL_CA=$KG_RUN/ca.pem
  [ -e "$KEYGUARD_LOCAL_CA" ] || (umask 077 && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -subj /CN=laboratory \
    -keyout "$KG_RUN/ca.key" -out "$KG_RUN/ca.crt" 2>/dev/null && cat "$KG_RUN/ca.crt" "$KG_RUN/ca.key" >"$KEYGUARD_LOCAL_CA")
}

p11() { stock pkcs11-tool --module "$KEYGUARD_MODULE" --token-label "$1" "${@:2}" 2>"$KG_RUN/err" || fail "pkcs11-tool ${*:2}: $(cat "$KG_RUN/err")"; }

shows_and_signs() { # identity: what other programs see of it
  p11 "$1" --read-object --type cert --label "$1" --output-file "$KG_RUN/$1.der"
  openssl x509 -inform DER -in "$KG_RUN/$1.der" -out "$KG_RUN/$1.pem"
  openssl verify -CAfile "$KG_RUN/ca.crt" -purpose sslclient "$KG_RUN/$1.pem" >"$KG_RUN/err" 2>&1 || fail "$(cat "$KG_RUN/err")"
  equal "subject=CN = $1" "$(openssl x509 -in "$KG_RUN/$1.pem" -noout -subject)" subject
  printf 'to be signed' >"$KG_RUN/data"
  p11 "$1" --sign --mechanism SHA256-RSA-PKCS --label "$1" --input-file "$KG_RUN/data" --output-file "$KG_RUN/signature" >/dev/null
  openssl x509 -in "$KG_RUN/$1.pem" -noout -pubkey >"$KG_RUN/public.pem"
  openssl dgst -sha256 -verify "$KG_RUN/public.pem" -signature "$KG_RUN/signature" "$KG_RUN/data" >/dev/null || fail 'the signature does not verify'
}

issues() { # path of the plugin: an identity of its own each
  local name
  name=$(basename "$(dirname "$1")")
  conf_set plugin "$1"
  gates "$name" true false software
  succeeds provision "$name"
  equal LocalAuthority "$(jq -r .binding.identity_type "$(binding "$name")")" 'kind of identity'
  equal false "$(jq -r .binding.attested "$(binding "$name")")" attested
  succeeds status "$name"
  shows_and_signs "$name"
  requests_are 'metadata=0 issue=0 attestation=0'
}

case_built_with_pkg_configs_flags_alone() {
  installed
  authority
  mkdir -p "$KG_RUN/by-hand"
  # shellcheck disable=SC2046 # flags
  ${CC:-cc} -std=c11 -Wall -Wextra -Werror -fPIC -shared -fvisibility=hidden -o "$KG_RUN/by-hand/local_ca.so" "$KG_RUN/example/local_ca.c" \
    $(ours --cflags --libs) $(pkg-config --cflags --libs libcrypto) || fail 'the plugin does not compile'
  issues "$KG_RUN/by-hand/local_ca.so"
}

case_built_as_a_project_of_its_own() {
  installed
  authority
  { PKG_CONFIG_SYSROOT_DIR=$ROOT cmake -S "$KG_RUN/example" -B "$KG_RUN/by-cmake" -DCMAKE_C_FLAGS=-Werror &&
    cmake --build "$KG_RUN/by-cmake" && DESTDIR=$KG_RUN/second cmake --install "$KG_RUN/by-cmake"; } >"$KG_RUN/cmake.log" 2>&1 || fail "$(cat "$KG_RUN/cmake.log")"
  local found
  found=$(find "$KG_RUN/second" -name local_ca.so)
  [[ $found == *"$PLUGIN_FOLDER/local_ca.so" ]] || fail "it is not in $PLUGIN_FOLDER but $found"
  [ -e "$ROOT$PLUGIN_FOLDER/imds.so" ] || fail "and $PLUGIN_FOLDER is not where plugins are"
  issues "$KG_RUN/by-cmake/local_ca.so"
}

case_plugin_folder_is_where_keyguardctl_looks() {
  installed
  conf_set plugin nothing_of_this_name
  identity demo
  refused 3 credential_plugin_failed "no credential plugin at $PLUGIN_FOLDER/nothing_of_this_name.so" provision demo
}

in_tree() {
  authority
  conf_set plugin "$KG_BUILD/examples/plugin/local_ca.so"
}

case_attestation_is_refused_and_nothing_is_issued() {
  in_tree
  gates demo true true software
  refused 7 attestation_failed 'attests nothing' provision demo
  [ ! -e "$(binding demo)" ] || fail 'there is a binding'
}

case_authority_that_cannot_be_read_is_named() {
  in_tree
  gates demo true false software
  printf 'no certificate\n' >"$KG_RUN/none.pem"
  openssl ec -in "$KG_RUN/ca.key" -aes128 -passout pass:word -out "$KG_RUN/locked.key" 2>/dev/null
  cat "$KG_RUN/ca.crt" "$KG_RUN/locked.key" >"$KG_RUN/locked.pem"
  openssl ecparam -name P-256 -genkey -noout | cat "$KG_RUN/ca.crt" - >"$KG_RUN/other.pem"
  local path
  for path in "$KG_RUN/missing.pem" "$KG_RUN/none.pem" "$KG_RUN/locked.pem" "$KG_RUN/other.pem" "$KG_RUN/ca.crt"; do
    KEYGUARD_LOCAL_CA=$path refused 3 configuration_invalid 'KEYGUARD_LOCAL_CA must name' provision demo
  done
  unset KEYGUARD_LOCAL_CA
  refused 3 configuration_invalid 'KEYGUARD_LOCAL_CA must name' provision demo
  [ ! -e "$(binding demo)" ] || fail 'there is a binding'
}

case_renewal_is_another_certificate_for_the_same_key() {
  in_tree
  gates demo true false software
  succeeds provision demo
  local before
  before=$(jq -r '.binding.certificate.id + " " + .binding.certificate.serial' "$(binding demo)")
  succeeds provision demo --force
  equal "${before% *}" "$(jq -r .binding.certificate.id "$(binding demo)")" 'id of the key'
  [ "${before#* }" != "$(jq -r .binding.certificate.serial "$(binding demo)")" ] || fail 'the same serial number'
}

case_headers_stand_alone() {
  installed
  local header flags
  for header in "$(ours --variable=includedir)"/keyguard/*.h; do
    header=${header#"$(ours --variable=includedir)"/}
    flags=$(ours --cflags)
    case $header in
      */cryptoki_v3.h) continue ;; # cryptoki.h has it
      */cryptoki.h) flags+=" $(pkg-config --cflags p11-kit-1)" ;;
    esac
    # shellcheck disable=SC2086 # flags
    printf '#include <%s>\ntypedef int not_empty;\n' "$header" | ${CC:-cc} -std=c11 -Wall -Wextra -Wpedantic -Werror $flags -fsyntax-only -x c - ||
      fail "$header"
  done
}

case_header_names_statuses_that_there_are() {
  installed
  local name
  for name in $(grep -oE 'KG_E_[A-Z0-9_]+' "$(ours --variable=includedir)/keyguard/credential_plugin.h" | sort -u); do
    grep -q "^| $name |" "$HERE/docs/errors.md" || fail "$name is no status"
  done
  [ -e "$(find "$ROOT" -path '*/doc/*' -name errors.md)" ] || fail 'the page of statuses is not installed'
}

run_cases "$@"
