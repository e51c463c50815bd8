#!/usr/bin/env bash
# docs/who-owns-what.md carried out, as the users it speaks of: its commands, its configuration and its tables are read from
# the page, with a folder of ours before every path and numbers for the service's user, who is in no password file.
# shellcheck source=tests/e2e/harness.sh
. "$(dirname "$0")/harness.sh"

PAGE=$HERE/docs/who-owns-what.md
WEB=4711 THIRD=4712
VAULT=https://vault.azure.net
ROOT_RENEWS='Root renews, a service signs' ALL_SERVICE='One service user does everything'

needs_users() {
  [ "$(id -u)" = 0 ] || skip 'only root can become somebody else'
  as $WEB test -x "$KG_BUILD/ctl/keyguardctl" || skip 'another user may not reach the build folder'
}

as() { # user, command
  setpriv --reuid="$1" --regid="$1" --clear-groups env HOME="$KG_RUN/home.$1" "${@:2}"
}

keyguardctl() { # as WHO, the harness's kg too
  local program=$KG_BUILD/ctl/keyguardctl
  if [ -n "${WHO:-}" ]; then as "$WHO" "$program" "$@"; else env HOME="$KG_RUN/home.0" "$program" "$@"; fi
}

section() { awk -v head="## $1" '/^## / { inside = $0 == head } inside' "$PAGE"; }

here() { # of the page's text: the paths below our folder, the service by its number
  sed -E "s#(~web|/(etc|var|run)/)#$D\1#g; s#$D~web#$KG_RUN/home.$WEB#g; s/--init-groups/--clear-groups/g; s#-([og]) web#-\1 $WEB#g
    s/(chown|install)(.*) web:web/\1\2 $WEB:$WEB/; s/=web --/=$WEB --/g; s/:web\b/:$WEB/g; s/^(\| [^|]* \| )web:/\1$WEB:/
    s#/usr/lib/softhsm/libsofthsm2.so#$(kg_env_softhsm_module)#"
}

blocks() { awk -v fence="\`\`\`$1" '$0 == fence { inside = 1; next } /^```/ { inside = 0 } inside'; }

block_of() { # path: the lines of the page's block for that file
  awk -v first="# $1" '/^```/ { inside = 0 } inside; $0 == first { inside = 1 }' "$PAGE" | here
}

set_up() { # section: as the page says; a second time as it was left the first time, which saves making keys
  local user made=$KG_RUN/made.${1// /_}
  needs_users
  D=$KG_RUN/d
  rm -rf "$D" "$KG_RUN"/home.*
  export KEYGUARD_CONF=$D/etc/keyguard/keyguard.conf SOFTHSM2_CONF=$D/etc/keyguard/softhsm2.conf PIN=1234 SO_PIN=12345678
  for user in 0 $WEB $THIRD; do install -d -m 0700 -o $user -g $user "$KG_RUN/home.$user"; done
  [ -d "$made" ] || carry_out "$1" "$made"
  cp -a "$made" "$D"
}

carry_out() { # section, where to leave it: configuration and commands of the page
  local commands
  mkdir -p "$D/etc/keyguard" "$D/var/lib" "$D/run"
  block_of /etc/keyguard/keyguard.conf >"$KEYGUARD_CONF"
  block_of /etc/keyguard/softhsm2.conf >"$SOFTHSM2_CONF"
  conf_set plugin "$KG_BUILD/plugin/imds.so"
  conf_set metadata-endpoint "$AZURE_EMULATOR_URL"
  conf_set ca-file "$AZURE_EMULATOR_CA"
  commands=$(section "$1" | blocks sh | here)
  [ "$(wc -l <<<"$commands")" -ge 4 ] || fail "the page has no commands for '$1'"
  (eval "set -e; $commands") >"$KG_RUN/commands.log" 2>&1 || fail "the page's commands for '$1': $(cat "$KG_RUN/commands.log")"
  mv "$D" "$2"
}

owners_are() { # section: every row of its table, and each names something that is there
  local path owner mode found file rows=0
  while IFS='|' read -r _ path owner mode _; do
    path=${path//[\` ]/} owner=${owner// /} mode=${mode// /}
    found=
    for file in $path; do
      [ -e "$file" ] || fail "nothing is '$path'"
      found+="$(stat -c '%u:%g 0%a' "$file") "
    done
    equal "${owner//root/0} $mode" "$(tr ' ' '\n' <<<"$found" | paste -d' ' - - | sort -u | grep -v '^ *$')" "$path"
    rows=$((rows + 1))
  done < <(section "$1" | grep '^| `' | here)
  [ $rows -ge 9 ] || fail "the page has no table for '$1'"
}

signs() { # user: through the module, as a stock program
  local out=$KG_RUN/signed.${1:-0}
  rm -rf "$out"
  install -d -m 0700 -o "${1:-0}" "$out"
  as "${1:-0}" env ${KG_PRELOAD:+LD_PRELOAD="$KG_PRELOAD" ASAN_OPTIONS=detect_leaks=0} pkcs11-tool --module "$KEYGUARD_MODULE" --token-label web \
    --sign --mechanism SHA256-RSA-PKCS --label web --input-file "$PAGE" --output-file "$out/signature" >"$KG_RUN/sign.log" 2>&1 || return 1
  [ -s "$out/signature" ]
}

must_sign() { signs "$@" || fail "user ${1:-0} cannot sign: $(cat "$KG_RUN/sign.log")"; }

buys() { # source
  succeeds token web --scope $VAULT
  equal "$1" "$(out .source)" 'source of the token'
}

is_well() {
  kg doctor
  [ "$STATUS" = 0 ] || fail "doctor as ${WHO:-0}: $OUT"
  equal '' "$(out '.checks[] | select(.check == "state folder" and .level != "ok") | .symptom')" 'what doctor says of the state folder'
}

lives() { # all that a deployment is for, as WHO
  succeeds provision web
  must_sign "${WHO:-0}"
  buys service
  buys cache
  succeeds renew --all
  succeeds status web
  is_well
}

all_belong_to() { # user: whatever is in the state folder
  equal '' "$(find "$D/var/lib/keyguard" ! -user "$1" -o ! -group "$1")" "what is not $1's"
}

refuse_a_certificate() { # so that there is a memory of it
  fault '{"endpoint":"token","times":-1,"oauth_error":{"error":"invalid_client","error_codes":[392204],"error_description":"AADSTS392204: spoiled"}}'
  kg token web --scope "$VAULT" --no-cache
  [ "$STATUS" != 0 ] || fail 'a token was granted'
  emulator DELETE faults >/dev/null
}

case_all_root() {
  set_up 'All root'
  lives
  refuse_a_certificate
  owners_are 'All root'
  ! signs $WEB || fail 'another user can sign'
}

case_root_renews_and_a_service_signs() {
  set_up "$ROOT_RENEWS"
  WHO=$WEB must_sign $WEB
  WHO=$WEB buys service
  WHO=$WEB buys cache
  WHO=$WEB is_well
  succeeds provision web --force
  succeeds renew --all
  is_well
  WHO=$WEB lives_on
  owners_are "$ROOT_RENEWS"
  all_belong_to 0
  WHO=$WEB refused 12 . "web.lock': its folder belongs to user 0, .*run this as that user" provision web --force
  all_belong_to 0
  ! signs $THIRD || fail 'a third user can sign'
}

lives_on() { # after a new certificate
  must_sign "${WHO:-0}"
  buys service
  is_well
}

case_one_service_user_does_everything() {
  set_up "$ALL_SERVICE"
  WHO=$WEB lives
  WHO=$WEB succeeds provision web --force
  WHO=$WEB lives_on
  owners_are "$ALL_SERVICE"
  all_belong_to $WEB
  ! signs $THIRD || fail 'a third user can sign'
}

# --- PIN files ---------------------------------------------------------------------------------------------------

pin_at() { # path: the service's own configuration, where the PIN is there
  mkdir -p "$(dirname "$1")"
  sed "s#file:.*#file:$1#" "$KEYGUARD_CONF" >"$D/etc/keyguard/web.conf"
  printf '1234\n' >"$1"
}

serves() { # with the PIN that only the service's configuration names
  KEYGUARD_CONF=$D/etc/keyguard/web.conf WHO=$WEB must_sign $WEB
  KEYGUARD_CONF=$D/etc/keyguard/web.conf WHO=$WEB succeeds token web --scope $VAULT --no-cache
  KEYGUARD_CONF=$D/etc/keyguard/web.conf WHO=$WEB is_well
}

may_read() { # user, file: an access list, as systemd writes it
  python3 - "$1" "$2" <<'PYTHON'
import os, struct, sys
entry = lambda tag, rights, who=0xFFFFFFFF: struct.pack("<HHI", tag, rights, who)
listed = struct.pack("<I", 2) + entry(1, 4) + entry(2, 4, int(sys.argv[1])) + entry(4, 0) + entry(16, 4) + entry(32, 0)
os.setxattr(sys.argv[2], "system.posix_acl_access", listed)
PYTHON
}

case_pin_as_systemds_credential() {
  set_up "$ROOT_RENEWS"
  local pin=$D/run/credentials/web.service/web.pin
  chown root:root "$D/etc/keyguard/web.pin"
  chmod 0600 "$D/etc/keyguard/web.pin"
  pin_at "$pin"
  chmod 0400 "$pin"
  chown $WEB:$WEB "$pin" # where there are no access lists (ramfs)
  serves
  chown root:root "$pin"
  may_read $WEB "$pin" 2>"$KG_RUN/stderr" || skip "no access list can be set here: $(tail -1 "$KG_RUN/stderr")"
  equal '0:0 440' "$(stat -c '%u:%g %a' "$pin")" 'the credential'
  serves
  ! KEYGUARD_CONF=$D/etc/keyguard/web.conf signs $THIRD || fail 'a third user can sign'
  succeeds provision web --force # root goes on with its own
  serves
}

case_pin_as_a_kubernetes_secret() {
  set_up "$ROOT_RENEWS"
  local volume=$D/run/secrets/keyguard turn
  for turn in 1 2; do # the kubelet makes another folder and exchanges the link
    pin_at "$volume/..$turn/pin"
    chown -R root:$WEB "$volume"
    chmod 0440 "$volume/..$turn/pin"
    chmod 2755 "$volume/..$turn"
    chmod 3777 "$volume"
    ln -sfn "..$turn" "$volume/..data_tmp"
    mv -T "$volume/..data_tmp" "$volume/..data"
    ln -sfn ..data/pin "$volume/pin"
    rm -rf "$volume/..$((turn - 1))"
    sed -i "s#file:.*#file:$volume/pin#" "$D/etc/keyguard/web.conf"
    serves
  done
  chmod 0444 "$volume/..2/pin"
  KEYGUARD_CONF=$D/etc/keyguard/web.conf WHO=$WEB refused 12 untrusted_file 'pin.*may be read by others .owner 0, mode 0444.: chmod o= it' \
    token web --scope $VAULT --no-cache
}

pin_is_refused() { # owner:group, mode, text: whoever reads it is told, by keyguardctl and doctor
  local pin=$D/etc/keyguard/web.pin
  chown "$1" "$pin"
  chmod "$2" "$pin"
  WHO=$WEB refused 12 untrusted_file "'$pin' $3" token web --scope $VAULT --no-cache
  WHO=$WEB kg doctor
  equal KG_E_UNTRUSTED "$(out '.checks[] | select(.check == "key store") | .status')" "what doctor says of $1 $2"
  ! signs $WEB || fail "the module signs with a PIN of $1, mode $2"
}

case_pin_that_others_may_touch() {
  set_up "$ROOT_RENEWS"
  pin_is_refused 0:$WEB 0660 'may be written by others .owner 0, mode 0660.: chmod go-w it'
  pin_is_refused 0:$WEB 0644 'may be read by others .owner 0, mode 0644.: chmod o= it'
  pin_is_refused $THIRD:$WEB 0640 "belongs to somebody else .owner $THIRD, mode 0640.: chown it to root or to user $WEB"
  pin_is_refused $WEB:$WEB 0640 "may be read by its group and is not root's .owner $WEB, mode 0640.: chmod g= it, or chown it to root"
  chown root:$WEB "$D/etc/keyguard/web.pin"
  WHO=$WEB buys service
}

# The state folder is root's: the service cannot write down that the token refused its PIN, but the token says so itself.
case_wrong_pin_of_a_service_that_cannot_write_it_down() {
  set_up "$ROOT_RENEWS"
  local pin=$D/run/credentials/web.service/web.pin
  pin_at "$pin"
  printf 'wrong\n' >"$pin"
  chown $WEB:$WEB "$pin"
  chmod 0400 "$pin"
  export KEYGUARD_CONF=$D/etc/keyguard/web.conf
  WHO=$WEB refused 5 key_pin 'CKR_PIN_INCORRECT' token web --scope $VAULT
  WHO=$WEB refused 5 key_pin 'so it is not tried: keyguardctl doctor says' token web --scope $VAULT
  ! signs $WEB || fail 'the module signs with a wrong PIN'
  printf '1234\n' >"$pin"
  WHO=$WEB is_well # as the error says; and the token's own memory of it is gone with that
  WHO=$WEB buys service
}

# --- root comes by -------------------------------------------------------------------------------------------------

case_one_run_of_roots_in_a_services_folder() {
  set_up "$ALL_SERVICE"
  local mask command
  chown root:$WEB "$D/etc/keyguard/web.pin"
  chmod 0640 "$D/etc/keyguard/web.pin"
  for mask in 077 000; do
    umask $mask
    fault '{"endpoint":"issue","status":400,"times":1}'
    kg provision web --force
    for command in 'provision web --force' 'renew --all' 'status web' "token web --scope $VAULT" 'doctor web'; do
      # shellcheck disable=SC2086 # words
      succeeds $command
      all_belong_to $WEB
    done
    refuse_a_certificate
    all_belong_to $WEB
    umask 022
    equal '' "$(find "$D/var/lib/keyguard-softhsm" ! -user $WEB)" 'what is not the service'"'"'s in the token'
    WHO=$WEB succeeds provision web --force
    WHO=$WEB lives_on
  done
}

case_root_comes_first_in_a_services_folder() { # and makes everything, in the order of the mistake
  set_up "$ALL_SERVICE"
  rm -rf "$D/var/lib/keyguard"
  install -d -m 0755 -o $WEB -g $WEB "$D/var/lib/keyguard"
  chown root:$WEB "$D/etc/keyguard/web.pin"
  chmod 0640 "$D/etc/keyguard/web.pin"
  lives
  refuse_a_certificate
  all_belong_to $WEB
  WHO=$WEB succeeds provision web --force
  WHO=$WEB lives_on
}

case_root_is_refused_the_services_pin_and_leaves_nothing() {
  set_up "$ALL_SERVICE"
  local command
  for command in 'provision web --force' 'renew web --force' "token web --scope $VAULT --no-cache" 'doctor web'; do
    # shellcheck disable=SC2086 # words
    kg $command
    [ "$STATUS" != 0 ] || fail "root was not refused: $command"
    all_belong_to $WEB
  done
  refused 12 untrusted_file "web.pin' belongs to somebody else .owner $WEB, mode 0600.: chown it to root, and let the group" provision web --force
  WHO=$WEB succeeds provision web --force
  WHO=$WEB lives_on
}

case_a_folder_of_roots_is_given_away_without_what_is_in_it() {
  set_up 'All root'
  lives
  refuse_a_certificate
  chown $WEB:$WEB "$D/var/lib/keyguard"
  chown -R $WEB:$WEB "$D/var/lib/keyguard-softhsm"
  chown root:$WEB "$D/etc/keyguard/web.pin"
  chmod 0640 "$D/etc/keyguard/web.pin"
  local user
  for user in $WEB 0; do
    WHO=$user kg doctor
    matches "belong.* to user 0.*" "$(out '.checks[] | select(.check == "state folder") | .symptom')" "what doctor says as $user"
    matches "chown -R $WEB:$WEB '$D/var/lib/keyguard'" "$(out '.checks[] | select(.check == "state folder") | .cure')" 'its cure'
  done
  WHO=$WEB refused 12 . "web.lock.* belongs to user 0, .*chown $WEB" provision web --force
  WHO=$WEB succeeds token web --scope $VAULT # not kept, and told why
  matches "no tokens are kept in .*/tokens.*chown -R $WEB" "$(cat "$KG_RUN/stderr")" 'what is said of tokens'
  succeeds provision web --force # root comes by
  buys service
  equal "$WEB:$WEB 700" "$(stat -c '%u:%g %a' "$D/var/lib/keyguard/tokens")" 'the folder of tokens'
  WHO=$WEB succeeds provision web --force
  WHO=$WEB buys service
  WHO=$WEB buys cache
  [ -n "$(find "$D/var/lib/keyguard/tokens" -name '*.token' -user $WEB)" ] || fail 'no token of the service is kept there'
  chown -R $WEB:$WEB "$D/var/lib/keyguard" # doctor's cure
  WHO=$WEB is_well
}

case_a_key_that_root_makes_is_given_on() {
  set_up "$ALL_SERVICE"
  chown root:$WEB "$D/etc/keyguard/web.pin"
  chmod 0640 "$D/etc/keyguard/web.pin"
  as $WEB pkcs11-tool --module "$(kg_env_softhsm_module)" --login --pin 1234 --delete-object --type privkey --label web >/dev/null 2>&1
  as $WEB pkcs11-tool --module "$(kg_env_softhsm_module)" --login --pin 1234 --delete-object --type pubkey --label web >/dev/null 2>&1
  succeeds provision web --force
  matches "made a key as root.* user $WEB" "$(cat "$KG_RUN/stderr")" 'warning'
  chown -R $WEB:$WEB "$D/var/lib/keyguard-softhsm" # as the warning and the page say
  WHO=$WEB lives_on
}

run_cases "$@"
