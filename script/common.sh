# Sourced by the scripts: where things are, and as whom to run.
# shellcheck shell=bash

KG_ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)

# Packages are installed as root; all else runs as the owner of the checkout, because a configuration in a folder that
# somebody else may write is refused (and because nobody wants files of root's in a checkout after `sudo script/demo`).
kg_bootstrap_then_drop() { # part, then the caller's own "$0" "$@"
  local part=$1 owner group
  shift
  kg_check_checkout
  "$KG_ROOT/script/bootstrap" "$part"
  owner=$(stat -c %u "$KG_ROOT") group=$(stat -c %g "$KG_ROOT")
  if [ "$(id -u)" = 0 ] && [ "$owner" != 0 ] && [ -z "${KG_DROPPED:-}" ]; then
    KG_DROPPED=1 exec setpriv --reuid="$owner" --regid="$group" --clear-groups \
      env HOME="$(getent passwd "$owner" | cut -d: -f6)" "$@"
  fi
}

# What we run refuses libraries and configurations that others may write, so say it before the build, with the remedy.
kg_check_checkout() {
  [ -n "$(find "$KG_ROOT" -maxdepth 0 -perm /022)" ] || return 0
  printf '%s: %s may be written by others than its owner, so nothing below it is trusted: chmod go-w %s\n' "${0##*/}" \
    "$KG_ROOT" "$KG_ROOT" >&2
  return 1
}

kg_build() { # preset, then targets (none: all)
  local preset=$1 log
  shift
  umask 022
  log=$KG_ROOT/build/$preset.log
  mkdir -p "$KG_ROOT/build"
  if ! { cd "$KG_ROOT" && cmake --preset "$preset" && cmake --build --preset "$preset" ${1:+--target "$@"}; } >"$log" 2>&1; then
    cat "$log" >&2
    printf '%s: the build failed (preset %s)\n' "${0##*/}" "$preset" >&2
    return 1
  fi
}
