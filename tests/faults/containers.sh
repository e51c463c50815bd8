#!/usr/bin/env bash
# Containers with a machine id of their own that see their host's state folder, and a disk that was copied: a mount
# namespace in which other files are where the kernel and the system say which machine this is.
# shellcheck source=tests/faults/private_mounts.sh
. "$(dirname "$0")/private_mounts.sh"
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"

another_machine() { # its machine id, and a boot of its own: a host that was restarted, seen from a container
  [ -s /etc/machine-id ] || skip 'this machine has no id'
  printf '%s\n' 0123456789abcdef0123456789abcdef >"$KG_RUN/machine-id"
  printf '%s\n' 00000000-1111-4222-8333-444444444444 >"$KG_RUN/boot-id"
  mount --bind "$KG_RUN/machine-id" /etc/machine-id && mount --bind "$KG_RUN/boot-id" /proc/sys/kernel/random/boot_id ||
    skip 'no right to mount over the machine id'
}

home_again() { umount /etc/machine-id /proc/sys/kernel/random/boot_id; }

read_only() { mount --bind "$KG_RUN/state" "$KG_RUN/state" && mount -o remount,bind,ro "$KG_RUN/state"; }

shown() { stock pkcs11-tool --module "$KEYGUARD_MODULE" --token-label demo --list-objects --type cert 2>/dev/null | grep -q demo; }

serves_as_at_home() {
  succeeds status demo --check-key
  succeeds provision demo
  equal good "$(out .result)" result
  succeeds renew demo
  succeeds token demo --scope https://vault.azure.net
  succeeds doctor demo
  shown || fail 'the module does not show it'
  requests_are 'issue=0 token=1'
}

case_copied_disk_does_not_use_the_originals() {
  ready
  another_machine
  refused 11 . 'another machine' status demo
  ! shown || fail 'the module shows the certificate of another machine'
  succeeds renew demo
  equal renewed "$(out '.identities[0].result')" renew
  shown || fail 'the module does not show the new one'
  home_again
}

case_folder_that_is_mounted_read_only() {
  ready
  another_machine
  read_only
  serves_as_at_home
  kg provision demo --force
  equal 12 "$STATUS" "exit ($OUT)"
  requests_are 'issue=0'
  umount "$KG_RUN/state"
  home_again
}

case_folder_that_the_configuration_calls_mounted() {
  local before
  ready
  before=$(cat "$(binding demo)")
  conf_set mounted-state true
  another_machine
  serves_as_at_home
  refused 3 . 'mounted-state.*keyguardctl provision demo' provision demo --force
  requests_are 'issue=0'
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  home_again
  conf_set mounted-state false
  succeeds provision demo # the host goes on as if nobody had been there
  equal good "$(out .result)" result
}

case_folder_that_is_mounted_and_cannot_provision_on_demand() {
  identity demo
  conf_set mounted-state true
  conf_set provision-on-demand true
  refused 3 . 'provision-on-demand does not go with mounted-state' status demo
}

run_cases "$@"
