# Sourced after the harness: callers that run beside the test.
# shellcheck shell=bash disable=SC2034

start() { # name, then keyguardctl's arguments: runs on, with output in $KG_RUN/NAME.out; its process id is PID
  local name=$1
  shift
  command keyguardctl "$@" >"$KG_RUN/$name.out" 2>&1 </dev/null &
  PID=$!
}

in_flight() { # endpoint: waits until a request is being answered there
  local deadline=$((SECONDS + 30))
  until [ "$(counter ".$1.max_in_flight")" -ge 1 ]; do
    [ "$SECONDS" -lt "$deadline" ] || fail "nobody asks $1"
    sleep 0.05
  done
}

ends_with() { # exit status, process id, name
  local status=0
  wait "$2" 2>/dev/null || status=$?
  [ "$1" = "$status" ] || fail "$3 ended with $status, not $1: $(cat "$KG_RUN/$3.out")"
}
