#!/usr/bin/env bash
# A copied disk, a machine or an identity that was made anew: the binding is good in all that can be seen from here, and is
# somebody else's.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

elsewhere() { emulator POST settings "{\"other_$1\":true}" >/dev/null; } # machine, identity

renew() { # expected result
  succeeds renew demo
  equal "$1" "$(out '.identities[0].result')" "renew ($OUT $(cat "$KG_RUN/stderr"))"
}

machine() { out '.checks[] | select(.check == "machine") | .level + " " + .symptom + " " + (.cure // "")'; }

is_issued_anew() { # what the messages name
  local before
  ready
  renew not_due
  before=$(thumbprint demo)
  elsewhere "$1"
  kg doctor demo
  equal 11 "$STATUS" "exit of doctor ($OUT)"
  matches "^fail .*issued for $2 .*keyguardctl renew" "$(machine)" 'doctor'
  succeeds status demo # knows nothing of it
  renew renewed
  equal 1 "$(grep -c "issued for $2" "$KG_RUN/stderr")" 'lines in the log of renew'
  [ "$before" != "$(thumbprint demo)" ] || fail 'the certificate is the same'
  requests_are 'issue=1'
  renew not_due
  succeeds doctor demo
  matches '^ok ' "$(machine)" 'doctor afterwards'
}

case_copied_disk() { is_issued_anew machine 'virtual machine'; }

case_identity_that_was_made_anew() { is_issued_anew identity client; }

case_copied_disk_of_a_scale_set() {
  emulator POST settings '{"scale_set":true}' >/dev/null
  identity demo
  succeeds provision demo
  emulator POST settings '{"scale_set":false}' >/dev/null # what it does not say does not differ
  renew not_due
  emulator POST settings '{"other_machine":true}' >/dev/null
  renew renewed
}

case_tokens_of_the_original_are_not_used() {
  conf_set token-cache true
  ready
  succeeds token demo --scope https://vault.azure.net
  succeeds token demo --scope https://vault.azure.net
  requests_are 'token=1'
  elsewhere machine
  renew renewed
  succeeds token demo --scope https://vault.azure.net
  requests_are 'token=2'
}

case_no_answer_takes_nothing_away() {
  ready
  fault '{"endpoint":"metadata","status":400,"times":-1}'
  renew not_due
  matches 'not known whether its binding is for this machine' "$(cat "$KG_RUN/stderr")" 'the log'
  conf_set metadata-endpoint http://127.0.0.1:9
  renew not_due
  matches 'not known whether' "$(cat "$KG_RUN/stderr")" 'the log without a service'
}

case_refused_here_keeps_the_old_one() {
  local before
  ready
  before=$(cat "$(binding demo)")
  elsewhere machine
  fault '{"endpoint":"issue","status":400,"times":1}'
  kg renew demo
  equal 6 "$STATUS" "exit ($OUT)"
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  kg renew demo # remembered as any failure is
  equal 6 "$STATUS" "exit ($OUT)"
  requests_are 'issue=1'
}

case_provision_and_token_do_not_ask() {
  ready
  elsewhere machine
  succeeds provision demo
  succeeds token demo --scope https://vault.azure.net
  requests_are 'metadata=0 issue=0 token=1'
}

run_cases "$@"
