/* What sessions see of renewals, however old they are: the entry points themselves, over a key store and a clock of the
 * test's own. */
#include "core/base/clock.h"
#include "core/state/binding_writer.h"
#include "keyguard/cryptoki.h"
#include "sample.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static CK_FUNCTION_LIST_3_0 *p11;
static CK_SLOT_ID slot;
static CK_SESSION_HANDLE session, another;

const struct kg_clock *__wrap_kg_clock_system(void);
const struct kg_clock *__wrap_kg_clock_system(void) {
  return &sample_clock;
}

static int set_up(void **state) {
  if (scratch_setup(state) != 0) return -1;
  char text[1024];
  (void)snprintf(text, sizeof text,
                 "[keyguard]\nstate-dir = %s\n[identity web]\nkey-store = pkcs11:object=o?module-path=/m.so\n"
                 "mtls-proof-of-possession = true\nminimum-strength = software\n",
                 scratch_folder());
  scratch_write("keyguard.conf", text, 0600);
  setenv("KEYGUARD_CONF", scratch_path("keyguard.conf"), 1);
  CK_INTERFACE *interface = NULL;
  if (C_GetInterface(NULL, NULL, &interface, 0) != CKR_OK) return -1;
  p11 = interface->pFunctionList;
  return 0;
}

/* Another file under the same name, as a renewal makes it; nothing here survives a crash, so nothing is synced. */
static void write_binding(const char *identity, unsigned char key, unsigned char serial) {
  struct kg_binding *binding = sample_binding(identity, key, serial);
  struct kg_buf text = {0};
  assert_int_equal(kg_binding_format(binding, &text), KG_OK);
  assert_int_equal(kg_buf_append(&text, kg_span_of("", 1)), KG_OK);
  scratch_write("next", (const char *)text.data, 0644);
  assert_int_equal(rename(scratch_path("next"), scratch_path("web.json")), 0);
  kg_buf_clear(&text);
  kg_binding_free(&binding);
}

static void a_second_later(void) {
  sample_elapsed_ms += 1000;
}

static void renew(unsigned char key, unsigned char serial) {
  write_binding("web", key, serial);
  a_second_later();
}

static CK_SESSION_HANDLE open_session(void) {
  CK_SESSION_HANDLE opened = 0;
  assert_int_equal(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &opened), CKR_OK);
  return opened;
}

/* A token of key 1 and certificate 1, and two sessions that have seen it. */
static int begin(void **state) {
  (void)state;
  sample_wall = SAMPLE_NOW + 60;
  fake_key_store = (struct fake_key_store){1, KG_OK, 0, 0, 0};
  renew(1, 1);
  CK_ULONG count = 1;
  if (p11->C_Initialize(NULL) != CKR_OK || p11->C_GetSlotList(CK_TRUE, &slot, &count) != CKR_OK || count != 1)
    return -1;
  session = open_session();
  another = open_session();
  return 0;
}

static int end(void **state) {
  (void)state;
  if (p11->C_Finalize(NULL) != CKR_OK) return -1;
  return fake_key_store.opened == fake_key_store.closed ? 0 : -1;
}

/* All of one class; the last one's handle, 0: none. */
static CK_OBJECT_HANDLE find(CK_SESSION_HANDLE in, CK_OBJECT_CLASS class) {
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_OBJECT_HANDLE found = 0;
  CK_ULONG count = 1;
  assert_int_equal(p11->C_FindObjectsInit(in, &wanted, 1), CKR_OK);
  while (count > 0)
    assert_int_equal(p11->C_FindObjects(in, &found, 1, &count), CKR_OK);
  assert_int_equal(p11->C_FindObjectsFinal(in), CKR_OK);
  return found;
}

static CK_RV read_serial(CK_SESSION_HANDLE in, CK_OBJECT_HANDLE certificate, int *serial) {
  CK_BYTE value[3] = {0};
  CK_ATTRIBUTE wanted = {CKA_SERIAL_NUMBER, value, sizeof value};
  CK_RV rv = p11->C_GetAttributeValue(in, certificate, &wanted, 1);
  *serial = value[2];
  return rv;
}

static int serial_of(CK_SESSION_HANDLE in, CK_OBJECT_HANDLE certificate) {
  int serial = 0;
  assert_int_equal(read_serial(in, certificate, &serial), CKR_OK);
  return serial;
}

/* The certificate that a search in this session finds; 0: none. */
static int found_in(CK_SESSION_HANDLE in) {
  CK_OBJECT_HANDLE certificate = find(in, CKO_CERTIFICATE);
  return certificate != 0 ? serial_of(in, certificate) : 0;
}

static CK_RV begin_sign(CK_SESSION_HANDLE in, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  return p11->C_SignInit(in, &mechanism, key);
}

static CK_RV end_sign(CK_SESSION_HANDLE in) {
  CK_BYTE data[3] = {1, 2, 3}, signature[256];
  CK_ULONG len = sizeof signature;
  return p11->C_Sign(in, data, sizeof data, signature, &len);
}

static CK_RV sign(CK_SESSION_HANDLE in, CK_OBJECT_HANDLE key) {
  CK_RV rv = begin_sign(in, key);
  return rv == CKR_OK ? end_sign(in) : rv;
}

static void a_search_sees_a_renewal_at_once(void **state) {
  (void)state;
  CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY);
  assert_int_equal(found_in(session), 1);
  renew(1, 2);
  assert_int_equal(found_in(session), 2);
  assert_int_equal(find(session, CKO_PRIVATE_KEY), key);
  assert_int_equal(found_in(another), 2);
}

static void a_search_sees_what_was_written_just_now(void **state) {
  (void)state;
  assert_int_equal(found_in(session), 1);
  write_binding("web", 1, 2);
  assert_int_equal(found_in(session), 2);
  assert_int_equal(rename(scratch_path("web.json"), scratch_path("away")), 0);
  assert_int_equal(found_in(session), 0);
  assert_int_equal(rename(scratch_path("away"), scratch_path("web.json")), 0);
  assert_int_equal(found_in(another), 2);
}

/* Hosts ask for slots and tokens by the hundred. */
static void who_asks_for_the_token_has_the_file_looked_at_once_a_second(void **state) {
  (void)state;
  a_second_later();
  CK_TOKEN_INFO info;
  assert_int_equal(p11->C_GetTokenInfo(slot, &info), CKR_OK);
  assert_int_equal(rename(scratch_path("web.json"), scratch_path("away")), 0);
  sample_elapsed_ms += 999;
  assert_int_equal(p11->C_GetTokenInfo(slot, &info), CKR_OK);
  sample_elapsed_ms += 1;
  assert_int_equal(p11->C_GetTokenInfo(slot, &info), CKR_TOKEN_NOT_PRESENT);
}

static void a_handle_keeps_its_meaning_over_the_next_search(void **state) {
  (void)state;
  CK_OBJECT_HANDLE first = find(session, CKO_CERTIFICATE);
  renew(1, 2);
  CK_OBJECT_HANDLE second = find(session, CKO_CERTIFICATE);
  assert_true(first != second);
  assert_int_equal(serial_of(session, first), 1);
  assert_int_equal(serial_of(session, second), 2);
  assert_int_equal(found_in(session), 2);
  assert_int_equal(serial_of(session, first), 1);
  renew(1, 3);
  assert_int_equal(found_in(session), 3);
  assert_int_equal(serial_of(session, second), 2);
  assert_int_equal(found_in(another), 3);
  int serial = 0;
  assert_int_equal(read_serial(session, first, &serial), CKR_OBJECT_HANDLE_INVALID);
  assert_int_equal(read_serial(another, first, &serial), CKR_OK); /* where it was shown when the session was opened */
}

/* Clients keep what they found for as long as they run, and sessions in a pool that do nothing but sign. */
static void a_session_that_does_not_search_keeps_what_it_has(void **state) {
  (void)state;
  CK_OBJECT_HANDLE certificate = find(session, CKO_CERTIFICATE), key = find(session, CKO_PRIVATE_KEY);
  for (unsigned char serial = 2; serial < 20; serial++) {
    renew(1, serial);
    assert_int_equal(found_in(another), serial);
    assert_int_equal(serial_of(session, certificate), 1);
    assert_int_equal(sign(session, key), CKR_OK);
  }
  assert_int_equal(fake_key_store.opened, 1);
}

static void what_one_session_finds_is_good_in_the_others(void **state) {
  (void)state;
  assert_int_equal(found_in(another), 1);
  renew(2, 2);
  fake_key_store.key = 2;
  CK_OBJECT_HANDLE certificate = find(session, CKO_CERTIFICATE), key = find(session, CKO_PRIVATE_KEY);
  assert_int_equal(serial_of(another, certificate), 2);
  assert_int_equal(sign(another, key), CKR_OK);
  CK_ULONG size = 0;
  assert_int_equal(p11->C_GetObjectSize(another, key, &size), CKR_OK);
  assert_int_equal(p11->C_DestroyObject(another, key), CKR_SESSION_READ_ONLY);
  renew(1, 3);
  assert_int_equal(found_in(session), 3);
  assert_int_equal(serial_of(another, certificate), 2);
  renew(1, 4);
  assert_int_equal(found_in(session), 4);
  int serial = 0;
  assert_int_equal(read_serial(another, certificate, &serial), CKR_OBJECT_HANDLE_INVALID);
  assert_int_equal(begin_sign(another, key), CKR_KEY_HANDLE_INVALID);
  assert_int_equal(p11->C_GetObjectSize(another, key, &size), CKR_OBJECT_HANDLE_INVALID);
  assert_int_equal(p11->C_DestroyObject(another, key), CKR_OBJECT_HANDLE_INVALID);
}

static void what_was_begun_ends_with_the_key_it_was_begun_with(void **state) {
  (void)state;
  CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY);
  assert_int_equal(sign(session, key), CKR_OK);
  assert_int_equal(begin_sign(session, key), CKR_OK);
  for (unsigned char other = 2; other < 6; other++) {
    renew(other, other);
    fake_key_store.key = other;
    assert_int_equal(found_in(session), other);
    assert_int_equal(found_in(another), other);
    assert_int_equal(sign(another, find(another, CKO_PRIVATE_KEY)), CKR_OK);
  }
  int opened = fake_key_store.opened;
  CK_ULONG len = 0;
  assert_int_equal(p11->C_Sign(session, NULL, 0, NULL, &len), CKR_OK);
  assert_int_equal(len, 256);
  assert_int_equal(end_sign(session), CKR_OK);
  assert_int_equal(fake_key_store.opened, opened);
  assert_int_equal(begin_sign(session, key), CKR_KEY_HANDLE_INVALID);
}

/* However one ends: cancelled, by an error, by the end of its session, or replaced by a saved one. */
static void an_operation_that_is_given_up_gives_its_generation_back(void **state) {
  (void)state;
  CK_BYTE saved[512];
  CK_ULONG len = sizeof saved;
  CK_MECHANISM digest = {CKM_SHA256, NULL, 0};
  assert_int_equal(p11->C_DigestInit(another, &digest), CKR_OK);
  assert_int_equal(p11->C_GetOperationState(another, saved, &len), CKR_OK);
  for (unsigned char way = 0; way < 5; way++) {
    CK_SESSION_HANDLE short_lived = open_session();
    fake_key_store.key = 10 + way;
    renew(10 + way, way);
    CK_OBJECT_HANDLE key = find(short_lived, CKO_PRIVATE_KEY);
    assert_int_equal(sign(short_lived, key), CKR_OK);
    assert_int_equal(begin_sign(short_lived, key), CKR_OK);
    if (way == 0) assert_int_equal(p11->C_SessionCancel(short_lived, CKF_SIGN), CKR_OK);
    if (way == 1) assert_int_equal(p11->C_SignUpdate(short_lived, NULL, 1), CKR_ARGUMENTS_BAD);
    if (way == 2) assert_int_equal(p11->C_Sign(short_lived, NULL, 0, NULL, NULL), CKR_ARGUMENTS_BAD);
    if (way == 3) assert_int_equal(p11->C_SetOperationState(short_lived, saved, len, 0, 0), CKR_OK);
    assert_int_equal(begin_sign(short_lived, key), way < 4 ? CKR_OK : CKR_OPERATION_ACTIVE);
    assert_int_equal(p11->C_CloseSession(short_lived), CKR_OK);
  }
  renew(1, 1);
  assert_int_equal(found_in(session), 1);
  renew(1, 2);
  assert_int_equal(found_in(session), 2);
  assert_int_equal(fake_key_store.opened, fake_key_store.closed);
}

static void a_search_hands_out_what_was_there_when_it_began(void **state) {
  (void)state;
  CK_OBJECT_HANDLE found[32];
  CK_ULONG count = 0;
  assert_int_equal(p11->C_FindObjectsInit(session, NULL, 0), CKR_OK);
  assert_int_equal(p11->C_FindObjects(session, found, 2, &count), CKR_OK);
  assert_int_equal(count, 2);
  renew(2, 2);
  assert_int_equal(p11->C_FindObjectsInit(session, NULL, 0), CKR_OPERATION_ACTIVE);
  assert_int_equal(found_in(another), 2);
  renew(3, 3);
  assert_int_equal(found_in(another), 3);
  renew(4, 4);
  assert_int_equal(found_in(another), 4);
  assert_int_equal(p11->C_FindObjects(session, found, 32, &count), CKR_OK);
  assert_true(count > 2);
  CK_OBJECT_CLASS class = 0;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  for (CK_ULONG i = 0; i < count; i++)
    assert_int_equal(p11->C_GetAttributeValue(session, found[i], &wanted, 1), CKR_OK);
  assert_int_equal(p11->C_FindObjectsFinal(session), CKR_OK);
  assert_int_equal(found_in(session), 4);
}

/* What a new program would learn, and what a search in an old session finds. */
static void assert_token(bool there, int serial) {
  CK_SLOT_INFO info;
  assert_int_equal(p11->C_GetSlotInfo(slot, &info), CKR_OK);
  assert_int_equal((info.flags & CKF_TOKEN_PRESENT) != 0, there);
  CK_ULONG count = 0;
  assert_int_equal(p11->C_GetSlotList(CK_TRUE, NULL, &count), CKR_OK);
  assert_int_equal(count, there);
  CK_RV expected = there ? CKR_OK : CKR_TOKEN_NOT_PRESENT;
  CK_TOKEN_INFO token;
  assert_int_equal(p11->C_GetTokenInfo(slot, &token), expected);
  assert_int_equal(p11->C_GetMechanismList(slot, NULL, &count), expected);
  CK_MECHANISM_INFO mechanism;
  assert_int_equal(p11->C_GetMechanismInfo(slot, CKM_RSA_PKCS, &mechanism), expected);
  CK_SESSION_HANDLE fresh = 0;
  assert_int_equal(p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &fresh), expected);
  if (there) assert_int_equal(found_in(fresh), serial);
  if (there) assert_int_equal(p11->C_CloseSession(fresh), CKR_OK);
  assert_int_equal(found_in(session), serial);
}

/* The token goes by `leave`, with it whatever a search would find, and comes back as it was: what a session had found
 * is good all the while. */
static void goes_and_comes_back(void (*leave)(void), void (*come_back)(void)) {
  CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY), certificate = find(session, CKO_CERTIFICATE);
  assert_token(true, 1);
  leave();
  assert_token(false, 0);
  CK_SESSION_INFO info;
  assert_int_equal(p11->C_GetSessionInfo(session, &info), CKR_OK);
  assert_int_equal(serial_of(session, certificate), 1);
  assert_int_equal(serial_of(another, certificate), 1);
  assert_int_equal(sign(session, key), CKR_OK);
  come_back();
  assert_token(true, 1);
  assert_int_equal(find(session, CKO_PRIVATE_KEY), key);
  assert_int_equal(find(session, CKO_CERTIFICATE), certificate);
  renew(1, 2);
  assert_token(true, 2);
  assert_int_equal(serial_of(session, certificate), 1);
}

static void let_it_end(void) {
  sample_wall = SAMPLE_NOW + 8 * 86400;
  a_second_later();
}

static void turn_the_clock_back(void) {
  sample_wall = SAMPLE_NOW + 60;
  a_second_later();
}

static void an_old_session_sees_that_the_binding_has_ended(void **state) {
  (void)state;
  goes_and_comes_back(let_it_end, turn_the_clock_back);
}

static void remove_it(void) {
  assert_int_equal(unlink(scratch_path("web.json")), 0);
  a_second_later();
}

static void bring_it_back(void) {
  renew(1, 1);
}

static void an_old_session_sees_that_the_binding_was_withdrawn(void **state) {
  (void)state;
  goes_and_comes_back(remove_it, bring_it_back);
}

static void give_it_to_another(void) {
  write_binding("other", 1, 9);
  a_second_later();
}

static void an_old_session_sees_that_the_binding_is_anothers(void **state) {
  (void)state;
  goes_and_comes_back(give_it_to_another, bring_it_back);
}

static void damage_it(void) {
  scratch_write("web.json", "{\"version\":1, trunca", 0644);
  a_second_later();
}

static void a_damaged_file_takes_nothing_away(void **state) {
  (void)state;
  damage_it();
  assert_token(true, 1);
  renew(1, 2);
  assert_token(true, 2);
}

static void the_mechanisms_are_those_of_what_is_found(void **state) {
  (void)state;
  CK_OBJECT_HANDLE key = find(session, CKO_PRIVATE_KEY);
  struct kg_binding *binding = sample_binding("web", 1, 2);
  binding->capabilities = KG_CAN_SIGN_PSS;
  struct kg_error error = {0};
  assert_int_equal(kg_binding_store(scratch_path("web.json"), binding, &error), KG_OK);
  kg_binding_free(&binding);
  a_second_later();
  CK_MECHANISM_INFO info;
  assert_int_equal(p11->C_GetMechanismInfo(slot, CKM_SHA256_RSA_PKCS, &info), CKR_MECHANISM_INVALID);
  assert_int_equal(found_in(session), 2);
  assert_int_equal(begin_sign(session, key), CKR_MECHANISM_INVALID);
}

/* Sessions, each with operations and what it found: after the first rounds nothing is added however many follow. */
static void renew_often(int renewals, const CK_SESSION_HANDLE *sessions, size_t count, bool new_keys) {
  size_t early = 0;
  for (int i = 0; i < renewals; i++) {
    unsigned char number = (unsigned char)(i % 200 + 1);
    fake_key_store.key = new_keys ? number : 1;
    renew(fake_key_store.key, number);
    for (size_t n = i % 3; n < count; n += 3) { /* not all of them search every time */
      assert_int_equal(found_in(sessions[n]), number);
      assert_int_equal(sign(sessions[n], find(sessions[n], CKO_PRIVATE_KEY)), CKR_OK);
    }
    assert_true(fake_key_store.opened - fake_key_store.closed <= 2 * (int)count + 2);
    size_t now = mallinfo2().uordblks;
    if (i == 100) early = now;
    if (i > 100 && now > early + 65536) fail_msg("%zu bytes more after renewal %d", now - early, i);
  }
}

static void a_thousand_renewals_add_nothing_to_a_session(void **state) {
  (void)state;
  for (int i = 0; i < 2; i++)
    renew_often(1000, (CK_SESSION_HANDLE[]){session, session, session}, 3, i);
}

static void renewals_add_nothing_to_many_sessions(void **state) {
  enum { MANY = 30 };
  CK_SESSION_HANDLE sessions[MANY];
  (void)state;
  for (int i = 0; i < MANY; i++)
    sessions[i] = open_session();
  for (int i = 0; i < 2; i++)
    renew_often(250, sessions, MANY, i);
}

#define WITH_TOKEN(path, function)                                                                                     \
  { "/renewal/" path, function, begin, end, NULL }

int main(void) {
  const struct CMUnitTest cases[] = {
      WITH_TOKEN("a_search_sees_a_renewal_at_once", a_search_sees_a_renewal_at_once),
      WITH_TOKEN("a_search_sees_what_was_written_just_now", a_search_sees_what_was_written_just_now),
      WITH_TOKEN("who_asks_for_the_token_has_the_file_looked_at_once_a_second",
                 who_asks_for_the_token_has_the_file_looked_at_once_a_second),
      WITH_TOKEN("a_handle_keeps_its_meaning_over_the_next_search", a_handle_keeps_its_meaning_over_the_next_search),
      WITH_TOKEN("a_session_that_does_not_search_keeps_what_it_has", a_session_that_does_not_search_keeps_what_it_has),
      WITH_TOKEN("what_one_session_finds_is_good_in_the_others", what_one_session_finds_is_good_in_the_others),
      WITH_TOKEN("what_was_begun_ends_with_the_key_it_was_begun_with",
                 what_was_begun_ends_with_the_key_it_was_begun_with),
      WITH_TOKEN("an_operation_that_is_given_up_gives_its_generation_back",
                 an_operation_that_is_given_up_gives_its_generation_back),
      WITH_TOKEN("a_search_hands_out_what_was_there_when_it_began", a_search_hands_out_what_was_there_when_it_began),
      WITH_TOKEN("an_old_session_sees_that_the_binding_has_ended", an_old_session_sees_that_the_binding_has_ended),
      WITH_TOKEN("an_old_session_sees_that_the_binding_was_withdrawn",
                 an_old_session_sees_that_the_binding_was_withdrawn),
      WITH_TOKEN("an_old_session_sees_that_the_binding_is_anothers", an_old_session_sees_that_the_binding_is_anothers),
      WITH_TOKEN("a_damaged_file_takes_nothing_away", a_damaged_file_takes_nothing_away),
      WITH_TOKEN("the_mechanisms_are_those_of_what_is_found", the_mechanisms_are_those_of_what_is_found),
      WITH_TOKEN("a_thousand_renewals_add_nothing_to_a_session", a_thousand_renewals_add_nothing_to_a_session),
      WITH_TOKEN("renewals_add_nothing_to_many_sessions", renewals_add_nothing_to_many_sessions),
  };
  return cmocka_run_group_tests(cases, set_up, scratch_teardown);
}
