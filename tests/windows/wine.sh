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

kg_wine_prefix() { # once a build folder: a prefix that says it is Windows 10
  [ ! -e "$WINEPREFIX/ready" ] || return 0
  rm -rf "$WINEPREFIX"
  wine wineboot -i >"$1/wine.log" 2>&1 8>&-
  wine reg add 'HKCU\Software\Wine' /v Version /d win10 /f >>"$1/wine.log" 2>&1 8>&-
  touch "$WINEPREFIX/ready"
}

kg_wine_fakes() { # into system32, where the product looks for them: it has no hook for tests
  local target=$WINEPREFIX/drive_c/windows/system32/ncrypt.dll
  cmp -s "$1/tests/windows/ncrypt.dll" "$target" || cp -f "$1/tests/windows/ncrypt.dll" "$target"
}
