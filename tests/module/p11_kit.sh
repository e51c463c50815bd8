#!/bin/sh
# The file that tells p11-kit of the module: p11_kit.sh MODULE KEYGUARD_MODULE_IN. p11-kit takes no user's configuration
# from root, so as root the programs run as nobody.
set -eu
module=$1
template=$2
fail() {
  echo "/p11_kit/$1: $2" >&2
  exit 1
}
command -v p11-kit >/dev/null || { echo "skipped: no p11-kit"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir -p "$folder/.config/pkcs11/modules"
cp "$module" "$folder/keyguard-pkcs11.so" # nobody may have no way into the build folder
sed "s|@KEYGUARD_MODULE@|$folder/keyguard-pkcs11.so|" "$template" >"$folder/.config/pkcs11/modules/keyguard.module"
as=
if [ "$(id -u)" = 0 ]; then
  chown -R 65534:65534 "$folder"
  as="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
list() {
  $as env -i PATH="$PATH" HOME="$folder" KEYGUARD_CONF="$1" p11-kit list-modules >"$folder.out" 2>"$folder.err" ||
    fail "$2" "exit status $?: $(cat "$folder.err")"
  [ ! -s "$folder.err" ] || fail "$2" "$(cat "$folder.err")"
  grep -q '^keyguard: ' "$folder.out" || fail "$2" "the module is not listed"
  grep -q '^p11-kit-trust: ' "$folder.out" || fail "$2" "the other modules are gone"
  rm -f "$folder.out" "$folder.err"
}

echo /p11_kit/no_configuration_harms_nobody
list /nonexistent no_configuration_harms_nobody

echo /p11_kit/a_broken_configuration_harms_nobody
printf '[keyguard\nnonsense\n' >"$folder/keyguard.conf"
list "$folder/keyguard.conf" a_broken_configuration_harms_nobody

echo /p11_kit/the_module_is_not_critical
if grep -v '^#' "$template" | grep -q critical; then fail the_module_is_not_critical "critical is set"; fi
