# Sourced first: runs the script once more where its mounts are its own and end with it.
# shellcheck shell=bash
if [ -z "${KG_PRIVATE_MOUNTS:-}" ]; then
  if [ "$(id -u)" = 0 ] && unshare --mount true 2>/dev/null; then
    KG_PRIVATE_MOUNTS=1 exec unshare --mount "$0" "$@"
  fi
  printf 'skipped: no right to mount\n'
  exit 77
fi
