# Sourced: Wine for tests. kg_wine_prepare BUILD-FOLDER exports what a test program needs.
# shellcheck shell=bash
#
# The exit code alone proves nothing (a crash that Wine's debugger handles exits 0), so the debugger is off, and test
# programs close with "N passed, 0 failed".

kg_wine_prepare() {
  export WINEPREFIX=$1/wine WINEDEBUG=-all DISPLAY='' WINEDLLOVERRIDES='ncrypt=n;winedbg.exe=d;mscoree=d;mshtml=d'
  unset http_proxy https_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY all_proxy
  exec 8>"$1/wine.lock"
  flock 8
  kg_wine_prefix "$1"
  kg_wine_fakes "$1"
  flock -u 8
  exec 8>&-
}

kg_wine_prefix() { # once a build folder: a prefix that says it is Windows 10, on a machine of this identifier and boot
  [ ! -e "$WINEPREFIX/ready" ] || return 0
  rm -rf "$WINEPREFIX"
  {
    wine wineboot -i
    kg_wine_set 'HKCU\Software\Wine' Version REG_SZ win10
    kg_wine_set 'HKLM\SOFTWARE\Microsoft\Cryptography' MachineGuid REG_SZ 00112233-4455-6677-8899-aabbccddeeff
    kg_wine_set 'HKLM\SYSTEM\CurrentControlSet\Control\Session Manager\Memory Management\PrefetchParameters' \
      BootId REG_DWORD 42
  } >"$1/wine.log" 2>&1 8>&-
  touch "$WINEPREFIX/ready"
}

kg_wine_set() { wine reg add "$1" /v "$2" /t "$3" /d "$4" /f; }

# ncrypt.dll into system32, where the product looks for it: it has no hook for tests. The rest into C:\keyguard, as it
# would be installed: above that folder is only the prefix, whatever the rights of the folders above the build are.
kg_wine_fakes() {
  local file
  mkdir -p "$WINEPREFIX/drive_c/keyguard"
  kg_wine_copy "$1/tests/windows/ncrypt.dll" "$WINEPREFIX/drive_c/windows/system32"
  for file in pkcs11/keyguard-pkcs11.dll plugin/imds.dll ctl/keyguardctl.exe tests/windows/AttestationClientLib.dll \
    tests/windows/tls_client.exe; do
    [ ! -e "$1/$file" ] || kg_wine_copy "$1/$file" "$WINEPREFIX/drive_c/keyguard"
  done
}

kg_wine_copy() { cmp -s "$1" "$2/${1##*/}" || cp -f "$1" "$2"; }

kg_wine_path() { # a path as Windows sees it
  case $1 in
    "$WINEPREFIX"/drive_c/*) printf 'C:%s' "${1#"$WINEPREFIX"/drive_c}" ;;
    *) printf 'Z:%s' "$1" ;;
  esac
}
