# Sourced by common.sh: what the running client shows the token service when its certificate is renewed, when the old one
# has ended, when the key is another one, and when the binding was away. Measured where it counts, on the service's side.
# shellcheck shell=bash
#
# A script says RENEWAL=, one of the words of docs/clients.md, and has in the environment that is there:
#   client_token FILE     as ever; one more connection of the program that lives on
#   client_reload         what the page tells the operator to do (after a reload)

# A program that lives on, reads a file's name a line, writes the answer to its request there, and prints the status.
companion_start() { # command; one that takes the shell's place (exec), so that it has the process id
  coproc COMPANION { "$@" 2>"$KG_RUN/companion.log"; }
  # shellcheck disable=SC2153  # bash sets it
  PIDS+=("$COMPANION_PID")
  COMPANION_RUNNING=$COMPANION_PID
}
companion_ask() { # line; prints what comes back
  local line
  printf '%s\n' "$1" >&"${COMPANION[1]}" || fail "the program ended: $(cat "$KG_RUN/companion.log")"
  read -r -t 60 line <&"${COMPANION[0]}" || fail "no answer: $(cat "$KG_RUN/companion.log")"
  printf '%s\n' "$line"
}
companion_end() { # at the end of its input it ends by itself, and well
  local status=0
  eval "exec ${COMPANION[1]}>&-"
  wait "$COMPANION_RUNNING" || status=$?
  PIDS=()
  expect 0 "$status" "the program's end ($(cat "$KG_RUN/companion.log"))"
}

reissue() { # seconds that the certificate lives, or "" for the usual; the new one is in CERTIFICATE, THUMBPRINT
  emulator settings "{\"validity_s\":${1:-604800}}"
  LD_PRELOAD='' keyguardctl provision --force web >"$KG_RUN/provision.log" 2>&1 || fail "keyguardctl provision: $(cat "$KG_RUN/provision.log")"
  own_thumbprint
}
emulator() { curl -fsS --data "$2" "$AZURE_EMULATOR_URL/emulator/$1" >/dev/null || fail "the emulator refused $1 $2"; }

replace_key() { # as after a boot, where keys live for one
  local store=(pkcs11-tool --module "$(kg_env_softhsm_module)" --token-label keyguard-backing --login --pin 1234 --delete-object --label web)
  "${store[@]}" --type privkey >"$KG_RUN/store.log" 2>&1 || fail "the key could not be destroyed: $(cat "$KG_RUN/store.log")"
  "${store[@]}" --type pubkey >>"$KG_RUN/store.log" 2>&1 || fail "the key could not be destroyed: $(cat "$KG_RUN/store.log")"
}

connection() { # one more: "accepted THUMBPRINT", "refused THUMBPRINT", or "none" where no request came
  local before
  before=$(counters '.token.requests // 0')
  rm -f "$KG_RUN/token.json"
  client_token "$KG_RUN/token.json" >"$KG_RUN/connection.log" 2>&1 || true
  counters ".token | if (.requests // 0) == $before then \"none\" else
    (if .last.status == 200 then \"accepted \" else \"refused \" end) + (.last.client_certificate.thumbprint // \"without\") end"
}

# What the module shows is at most a second old: a connection is made until one shows what is expected.
comes_to() { # expected, what
  local i seen=
  for ((i = 0; i < 100; i++)); do
    seen=$(connection)
    # shellcheck disable=SC2053  # a pattern is meant
    [[ $seen != $1 ]] || return 0
    sleep 0.1
  done
  fail "$2: expected $1, got $seen ($(cat "$KG_RUN/connection.log"))"
}

module_looked() { sleep 1.2; } # whoever looked once a second would have seen it by now

sees_at_once() { # each run of the program is a process of its own
  expect "accepted $THUMBPRINT" "$(connection)" 'the run after the renewal'
  replace_key
  reissue
  expect "accepted $THUMBPRINT" "$(connection)" 'the run after a new key'
}

sees_at_the_next_connection() {
  comes_to "accepted $THUMBPRINT" 'after the renewal'
  emulator clock '{"offset_s":7200}'
  expect "accepted $THUMBPRINT" "$(connection)" 'after the end of the old certificate'
  emulator clock '{"offset_s":0}'
  replace_key
  reissue 608400 # libp11 takes the certificate that ends last, of all it ever saw: two of one second are alike to it
  comes_to "accepted $THUMBPRINT" 'after a new key'
  mv "$KG_RUN/state/web.json" "$KG_RUN/state/away"
  module_looked
  connection >/dev/null # what it holds may be good still, or it may have nothing to show
  mv "$KG_RUN/state/away" "$KG_RUN/state/web.json"
  comes_to "accepted $THUMBPRINT" 'after the binding was away'
}

sees_after_a_reload() { # first: the certificate before the renewal
  module_looked
  expect "accepted $1" "$(connection)" 'after the renewal, without a reload'
  emulator clock '{"offset_s":7200}'
  expect "refused $1" "$(connection)" 'after the end of the old certificate, without a reload'
  client_reload
  comes_to "accepted $THUMBPRINT" 'after the reload'
  emulator clock '{"offset_s":0}'
  replace_key
  reissue
  expect none "$(connection)" 'with a new key, without a reload'
  client_reload # at once, as a path unit does it
  comes_to "accepted $THUMBPRINT" 'after a new key and the reload'
}

across_renewals() { # in the environment that is there
  local first
  reissue 3600
  first=$THUMBPRINT
  [ "$RENEWAL" = 'at once' ] || client_ready
  expect "accepted $first" "$(connection)" 'before the renewal'
  reissue
  [ "$first" != "$THUMBPRINT" ] || fail 'the renewal issued nothing'
  case $RENEWAL in
    'at once') sees_at_once ;;
    'at the next connection') sees_at_the_next_connection ;;
    'after a reload') sees_after_a_reload "$first" ;;
    *) fail "no word $RENEWAL" ;;
  esac
  printf '%-13s a renewal is seen %s\n' "$MODE" "$RENEWAL"
}
