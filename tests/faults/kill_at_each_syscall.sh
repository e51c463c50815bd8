#!/usr/bin/env bash
# SIGKILL, and each plausible error, at every system call between the first byte of a new binding and the lock's release:
# afterwards there is the old binding or the new one, whole, and the next provisioning works.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/../e2e/harness.sh"

command -v strace >/dev/null || { printf 'skipped: no strace\n'; exit 77; }
strace -qq -o /dev/null true 2>/dev/null || { printf 'skipped: processes may not be traced\n'; exit 77; }

# Of one provisioning in which nothing happens: "NAME N" for the N-th call of that name, one a line, from the one that
# makes the temporary file to the one that gives the lock up.
calls() { # file of strace
  awk -v state="$KG_RUN/state/demo.json" '
    { name = $0; sub(/\(.*/, "", name); if (name !~ /^[a-z_0-9]+$/) next; n[name]++ }
    name == "openat" && index($0, state ".") && /O_CREAT/ { on = 1 }
    on { print name, n[name] }
    on && name == "ftruncate" { ending = 1 }
    ending && name == "close" { exit }' "$1"
}

traced() { # strace options, then keyguardctl arguments: STATUS
  STATUS=0
  # the shell that tells of killed children is one without an output
  (strace -qq -o "$KG_RUN/trace" "$@" >"$KG_RUN/out" 2>&1; exit $?) 2>/dev/null || STATUS=$?
}

old_or_new() { # what was there before: the binding is whole, and is usable
  [ -s "$(binding demo)" ] || fail "there is no binding after $2"
  succeeds status demo --check-key
  BINDING=$(cat "$(binding demo)")
  [ "$BINDING" = "$1" ] || [ "$(jq -r .binding.sha256 "$(binding demo)")" = "$(counter .issue.last.issued_thumbprint |
    tr '_-' '/+' | base64 -di 2>/dev/null | od -An -tx1 | tr -d ' \n')" ] || fail "neither old nor new after $2"
}

case_kill() {
  local name n before killed=0 tried=0
  gates demo true false software
  succeeds provision demo
  traced "$KG_BUILD/ctl/keyguardctl" provision demo --force
  equal 0 "$STATUS" 'exit without a fault'
  calls "$KG_RUN/trace" >"$KG_RUN/calls"
  [ "$(wc -l <"$KG_RUN/calls")" -ge 8 ] || fail "only these calls: $(cat "$KG_RUN/calls")"
  grep -q '^rename' "$KG_RUN/calls" && grep -q '^fsync' "$KG_RUN/calls" || fail "calls are missing: $(cat "$KG_RUN/calls")"
  BINDING=$(cat "$(binding demo)")
  while read -r name n; do
    before=$BINDING
    traced -e inject="$name":signal=KILL:when="$n" "$KG_BUILD/ctl/keyguardctl" provision demo --force
    tried=$((tried + 1))
    [ "$STATUS" != 137 ] || killed=$((killed + 1))
    old_or_new "$before" "SIGKILL at $name $n"
  done <"$KG_RUN/calls"
  [ "$killed" -ge $((tried - 2)) ] || fail "only $killed of $tried were killed"
  succeeds provision demo --force
  printf '        killed at %d of %d calls\n' "$killed" "$tried"
}

case_kill_cold() { # without an old one: none, or a whole new one
  local name n
  gates demo true false software
  succeeds provision demo # which also makes the key
  rm "$(binding demo)"
  traced "$KG_BUILD/ctl/keyguardctl" provision demo
  calls "$KG_RUN/trace" | grep -E '^(openat|write|fsync|rename)' >"$KG_RUN/calls"
  while read -r name n; do
    rm -f "$(binding demo)"
    traced -e inject="$name":signal=KILL:when="$n" "$KG_BUILD/ctl/keyguardctl" provision demo
    kg status demo --check-key
    [ ! -e "$(binding demo)" ] || equal 0 "$STATUS" "status after SIGKILL at $name $n ($OUT)"
    succeeds provision demo
  done <"$KG_RUN/calls"
}

case_errors() { # each is told with the path and remembered; the old binding stays, and no temporary file does
  local name n error before
  gates demo true false software
  succeeds provision demo
  traced "$KG_BUILD/ctl/keyguardctl" provision demo --force
  calls "$KG_RUN/trace" >"$KG_RUN/calls"
  for name in openat:ENOSPC openat:EROFS fchmod:EPERM write:ENOSPC write:EIO write:EDQUOT fsync:EIO close:EIO rename:ENOSPC; do
    error=${name#*:} name=${name%:*}
    n=$(awk -v name="$name" '$1 == name { print $2; exit }' "$KG_RUN/calls")
    before=$(cat "$(binding demo)")
    traced -e inject="$name":error="$error":when="$n" "$KG_BUILD/ctl/keyguardctl" provision demo --force
    [ "$STATUS" = 1 ] || [ "$STATUS" = 12 ] || fail "$error of $name $n: exit $STATUS: $(cat "$KG_RUN/out")"
    grep -q "$KG_RUN/state/demo.json" "$KG_RUN/out" || fail "$error of $name: no path in: $(cat "$KG_RUN/out")"
    equal "$before" "$(cat "$(binding demo)")" "the binding after $error of $name"
    equal '' "$(find "$KG_RUN/state" -mindepth 1 ! -name demo.json ! -name demo.failure ! -name '.pin.????????????????????????????????' ! -name '*lock')" "files left after $error of $name"
  done
}

case_interrupted_write_goes_on() {
  local n
  gates demo true false software
  succeeds provision demo
  traced "$KG_BUILD/ctl/keyguardctl" provision demo --force
  n=$(calls "$KG_RUN/trace" | awk '$1 == "write" { print $2; exit }')
  traced -e inject=write:error=EINTR:when="$n" "$KG_BUILD/ctl/keyguardctl" provision demo --force
  equal 0 "$STATUS" "exit after EINTR ($(cat "$KG_RUN/out"))"
  succeeds status demo --check-key
}

run_cases "$@"
