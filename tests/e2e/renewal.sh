#!/usr/bin/env bash
# The certificate's life: when it is renewed, what is used until then, and what a failure costs. Days pass by libfaketime.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

VAULT=https://vault.azure.net
HOUR=3600
DAY=86400

plain() { gates demo true false software; } # see travel

settings() { emulator POST settings "$1" >/dev/null; }

issued() { # settings of the emulator: provisioned with them, counters zero
  plain
  [ -z "${1:-}" ] || settings "$1"
  succeeds provision demo
  emulator POST reset '{}' >/dev/null
  [ -z "${1:-}" ] || settings "$1"
}

renewed() { # expected result of renew: renewed or not_due
  succeeds renew demo
  equal "$1" "$(out '.identities[0].result')" 'renew'
}

case_renewal_is_due_at_half_of_the_life_give_or_take_a_tenth() {
  issued
  renewed not_due
  travel $((3 * DAY)) # 3.15 to 3.85 days
  renewed not_due
  requests_are 'metadata=2 issue=0' # whom the service takes us for is asked each time
  travel $((4 * DAY))
  renewed renewed
  requests_are 'metadata=3 issue=1'
  equal false "$(counter .issue.last.bypass_cache)" 'bypass_cache'
  renewed not_due
  requests_are 'issue=1'
}

case_renewal_is_due_by_the_token_not_after() { # which ends a life of 14 days after 2
  issued '{"validity_s":1209600,"token_not_after_s":172800}'
  travel $((20 * HOUR))
  renewed not_due
  travel $((27 * HOUR))
  renewed renewed
}

case_renewal_of_several_goes_on_after_a_failure() {
  gates first true false software
  gates second true false keyguard # which this token cannot
  gates third true false software
  kg renew --all
  equal 4 "$STATUS" exit
  equal 'renewed null renewed' "$(out '[.identities[].result | tostring] | join(" ")')" results
  equal MSI_V2_KEYGUARD_UNAVAILABLE "$(out '.identities[1].error.code')" code
  requests_are 'issue=2'
}

case_failed_renewal_keeps_the_old_one_until_its_end() {
  issued
  local before
  before=$(cat "$(binding demo)")
  travel $((4 * DAY))
  fault '{"endpoint":"metadata","status":403,"times":-1}'
  kg renew demo
  equal 6 "$STATUS" exit
  matches '(2 d 23 h|3 d 0 h) more' "$(error text)" 'what is left'
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  requests_are metadata=1
  kg renew demo # at once again: nobody is bothered
  equal 6 "$STATUS" exit
  matches 'next attempt in' "$(error text)"
  requests_are metadata=1
  succeeds token demo --scope $VAULT # and what there is works
  requests_are 'metadata=1 issue=0 token=1'
  travel $((6 * DAY + 12 * HOUR))
  kg renew demo
  matches '90 %' "$(cat "$KG_RUN/stderr")" 'the log'
  travel $((8 * DAY))
  kg renew demo
  matches 'no binding to go on with' "$(error text)"
  kg status demo
  equal 11 "$STATUS" 'status after its end'
}

case_67_cert_reuse_on_refresh() {
  issued
  local first
  succeeds token demo --scope $VAULT --no-cache
  first=$(out .thumbprint)
  succeeds token demo --scope $VAULT --no-cache
  equal "$first" "$(out .thumbprint)" thumbprint
  requests_are 'issue=0 attestation=0 token=2'
  equal "$AZURE_EMULATOR_SYSTEM_CLIENT_ID" "$(counter .token.last.form.client_id)" 'canonical client id'
}

case_68_cert_24h_boundary() {
  issued
  travel $((6 * DAY - 60))
  succeeds token demo --scope $VAULT
  requests_are 'issue=0 token=1'
  travel $((6 * DAY + 1))
  succeeds token demo --scope $VAULT
  requests_are 'issue=1 token=2'
}

case_68_cert_24h_boundary_survives_a_service_that_is_down() {
  issued
  travel $((6 * DAY + 1))
  fault '{"endpoint":"metadata","status":403,"times":-1}'
  succeeds token demo --scope $VAULT
  requests_are 'issue=0 token=1'
}

case_69_cert_short() { # a life of one hour: used, and renewed at half of it
  issued '{"validity_s":3600}'
  succeeds provision demo
  succeeds token demo --scope $VAULT
  requests_are 'issue=0 token=1'
  travel $((HOUR * 2 / 3))
  succeeds provision demo
  equal issued "$(out .result)" result
  requests_are issue=1
}

case_70_cert_token_not_after() {
  issued '{"validity_s":1209600,"token_not_after_s":3600}'
  travel $((HOUR + 60))
  kg status demo
  equal 11 "$STATUS" 'status after the extension'
  succeeds token demo --scope $VAULT
  requests_are 'metadata=1 issue=1 token=1' # and not two: the service never saw the old one
}

case_100_proactive_rotation() { # what is in hand stays as it is, what comes next is of the new certificate
  issued
  local first token
  succeeds token demo --scope $VAULT
  first=$(out .thumbprint) token=$(out .access_token)
  travel $((4 * DAY))
  renewed renewed
  equal "$first" "$(token_payload "$token" | jq -r '.cnf."x5t#S256"')" 'the first token'
  succeeds token demo --scope $VAULT
  [ "$first" != "$(out .thumbprint)" ] || fail 'the next token is still of the first certificate'
  equal "$(out .thumbprint)" "$(token_payload "$(out .access_token)" | jq -r '.cnf."x5t#S256"')" 'the next token'
}

case_clock_skew() { # seconds this clock is off by, and whether what is issued (from 5 minutes ago, for 7 days) can be used
  local offset expected
  while read -r offset expected; do
    rm -rf "$KG_RUN/state"
    kg_env_conf
    plain
    drift "$offset"
    kg provision demo
    if [ "$expected" = good ]; then
      equal 0 "$STATUS" "exit at $offset s ($OUT)"
    else
      equal 6 "$STATUS" "exit at $offset s ($OUT)"
      equal invalid_certificate "$(error sub_code)" "sub-code at $offset s"
      matches "clock says .*the service's" "$(error text)" "text at $offset s"
    fi
    drift 0
  done <<<"-3600 bad
-300 good
-10 good
10 good
3600 good
691200 bad"
}

case_one_deadline_for_everything() { # what the token leg took is not there for the re-mint
  issued
  conf_set deadline 3
  fault '{"endpoint":"token","delay_ms":1500,"oauth_error":{"error":"invalid_client","error_codes":[]}}'
  fault '{"endpoint":"metadata","delay_ms":2500,"times":-1}'
  kg token demo --scope $VAULT
  equal 9 "$STATUS" "exit ($OUT)"
  matches 'certificate rejected .*, and not replaced' "$(error text)"
  requests_are 'issue=0 token=1'
}

case_clock_of_last_month() { # a clock that is behind what was issued calls nothing expired, and breaks nothing
  issued
  local before
  before=$(cat "$(binding demo)")
  drift $((-30 * DAY))
  fault '{"endpoint":"metadata","status":403,"times":-1}'
  kg provision demo
  [ "$STATUS" != 0 ] || fail 'a certificate of the future was taken for good'
  drift 0
  emulator DELETE faults >/dev/null
  equal "$before" "$(cat "$(binding demo)")" 'the binding'
  kg status demo
  equal 0 "$STATUS" 'status'
}

run_cases "$@"
