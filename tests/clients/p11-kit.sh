# Sourced: runs a command with our module in p11-kit's configuration, without changing the machine's.
# shellcheck shell=bash
#
# As root p11-kit reads the system's configuration alone: a mount namespace of our own shows another one. Others are
# given a home folder with a configuration.

p11_kit_module_file() { # the one that is installed as /usr/share/p11-kit/modules/keyguard.module, for this build
  sed "s|^module:.*|module: $KEYGUARD_MODULE|" "$KG_ROOT/p11-kit/keyguard.module.in"
}

p11_kit_prepare() {
  P11_KIT_HOME=$KG_RUN/home P11_KIT_SYSTEM=$KG_RUN/p11-kit-modules
  mkdir -p "$P11_KIT_HOME/.config/pkcs11/modules" "$P11_KIT_SYSTEM"
  p11_kit_module_file >"$P11_KIT_SYSTEM/keyguard.module"
  cp "$P11_KIT_SYSTEM/keyguard.module" "$P11_KIT_HOME/.config/pkcs11/modules/"
}

p11_kit_possible() { # or ends as skipped
  [ "$(id -u)" = 0 ] || return 0
  [ -d /usr/share/p11-kit/modules ] || skip 'no /usr/share/p11-kit/modules (Debian: p11-kit-modules)'
  unshare --mount true 2>/dev/null || skip 'a mount namespace is not permitted here, and as root p11-kit reads only the system configuration'
}

with_p11_kit() { under_p11_kit bounded "$@"; } # command

under_p11_kit() { # what bounds it, command
  local bound=$1
  shift
  if [ "$(id -u)" = 0 ]; then
    # shellcheck disable=SC2016  # expanded by the inner shell
    "$bound" unshare --mount "$BASH" -c 'mount --bind "$0" /usr/share/p11-kit/modules && exec "$@"' "$P11_KIT_SYSTEM" "$@"
  else
    HOME=$P11_KIT_HOME "$bound" "$@"
  fi
}
