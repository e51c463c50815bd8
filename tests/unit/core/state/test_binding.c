#include "core/state/binding.h"

#include "core/base/encoding.h"
#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "core/os/machine.h"
#include "core/state/binding_facts.h"
#include "core/state/binding_member.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"
#include "tests/unit/core/state/binding_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char *text_of(const struct kg_binding *binding) {
  struct kg_buf out = {0};
  assert_int_equal(kg_binding_format(binding, &out), KG_OK);
  assert_int_equal(strlen((char *)out.data), out.len);
  return (char *)out.data;
}

static void assert_same_buf(const struct kg_buf *a, const struct kg_buf *b) {
  assert_true(kg_span_equal(kg_buf_span(a), kg_buf_span(b)));
}

static void assert_same_text(const char *a, const char *b) {
  if (a != NULL && b != NULL)
    assert_string_equal(a, b);
  else
    assert_true(a == b);
}

static void assert_same_certificate(const struct kg_certificate *a, const struct kg_certificate *b) {
  assert_same_buf(&a->der, &b->der);
  assert_same_buf(&a->subject, &b->subject);
  assert_same_buf(&a->issuer, &b->issuer);
  assert_same_buf(&a->serial, &b->serial);
  assert_same_buf(&a->id, &b->id);
  assert_int_equal(a->not_before, b->not_before);
  assert_int_equal(a->not_after, b->not_after);
}

static void assert_same(const struct kg_binding *a, const struct kg_binding *b) {
  assert_same_text(a->identity, b->identity);
  assert_int_equal(a->selector, b->selector);
  assert_same_text(a->selector_value, b->selector_value);
  assert_same_text(a->client_id, b->client_id);
  assert_same_text(a->tenant_id, b->tenant_id);
  assert_same_text(a->identity_type, b->identity_type);
  assert_same_text(a->mtls_authentication_endpoint, b->mtls_authentication_endpoint);
  assert_same_text(a->token_endpoint, b->token_endpoint);
  assert_int_equal(a->attested, b->attested);
  assert_int_equal(a->strength, b->strength);
  assert_same_text(a->key_store, b->key_store);
  assert_int_equal(a->key_bits, b->key_bits);
  assert_int_equal(a->capabilities, b->capabilities);
  assert_same_buf(&a->modulus, &b->modulus);
  assert_same_buf(&a->exponent, &b->exponent);
  assert_same_buf(&a->public_key_info, &b->public_key_info);
  assert_same_certificate(&a->leaf, &b->leaf);
  assert_int_equal(a->chain_count, b->chain_count);
  for (size_t i = 0; i < a->chain_count; i++)
    assert_same_certificate(&a->chain[i], &b->chain[i]);
  assert_memory_equal(a->sha256, b->sha256, sizeof a->sha256);
  assert_memory_equal(a->sha1, b->sha1, sizeof a->sha1);
  assert_int_equal(a->issued_at, b->issued_at);
  assert_int_equal(a->token_not_after, b->token_not_after);
  assert_same_text(a->machine_id, b->machine_id);
  assert_same_text(a->boot_id, b->boot_id);
}

static void every_member_survives_a_round_trip(void **state) {
  struct kg_binding *bindings[] = {fixture_binding(), fixture_bare_binding()};
  (void)state;
  for (size_t i = 0; i < COUNT(bindings); i++) {
    struct kg_binding *again = NULL;
    struct kg_error error = {0};
    char *text = text_of(bindings[i]);
    if (kg_binding_parse(kg_span_text(text), &again, &error) != KG_OK) print_error("%s\n", error.text);
    assert_non_null(again);
    assert_same(bindings[i], again);
    char *second = text_of(again);
    assert_string_equal(text, second);
    kg_binding_free(&again);
    kg_binding_free(&bindings[i]);
    free(text), free(second);
  }
}

static void stored_is_loaded_and_public(void **state) {
  struct kg_binding *binding = fixture_binding();
  char *path = kg_binding_path(scratch_folder(), "web");
  mode_t before = umask(077);
  (void)state;
  assert_string_equal(path, scratch_path("web.json"));
  assert_int_equal(kg_binding_store(path, binding, NULL), KG_OK);
  umask(before);
  struct kg_binding *again = NULL;
  struct kg_file_id id = {0};
  assert_int_equal(kg_binding_load(path, &again, &id, NULL), KG_OK);
  assert_same(binding, again);
  struct kg_file_id now = {0};
  assert_int_equal(kg_file_identify(path, &now), KG_OK);
  assert_true(kg_file_id_equal(&id, &now));
  struct stat found;
  assert_int_equal(stat(path, &found), 0);
  assert_int_equal(found.st_mode & 07777, 0644);
  kg_binding_free(&again);
  assert_null(again);
  kg_binding_free(&again);
  kg_binding_free(NULL);
  assert_int_equal(kg_binding_load(path, &again, NULL, NULL), KG_OK);
  kg_binding_free(&again);
  kg_binding_free(&binding);
  free(path);
}

static void what_could_not_be_loaded_is_not_stored(void **state) {
  struct kg_binding *binding = fixture_binding();
  const char *path = scratch_path("kept.json");
  (void)state;
  assert_int_equal(kg_binding_store(path, binding, NULL), KG_OK);
  char *before = scratch_read(path);
  free(binding->tenant_id);
  binding->tenant_id = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_binding_store(path, binding, &error), KG_E_BUG);
  assert_int_equal(error.status, KG_E_BUG);
  assert_non_null(strstr(error.text, "kept.json' would not be readable: member 'tenant_id' is missing"));
  char *after = scratch_read(path);
  assert_string_equal(before, after);
  kg_binding_free(&binding);
  free(before), free(after);
}

static void assert_load_fails(const char *path, enum kg_status status, const char *reason) {
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_binding_load(path, &binding, NULL, &error), status);
  assert_non_null(strstr(error.text, path));
  assert_non_null(strstr(error.text, reason));
  assert_null(binding);
}

static void load_says_what_is_wrong_with_the_file(void **state) {
  const char *folder = scratch_mkdir("open-state", 0777);
  char *large = calloc(1, KG_BINDING_SIZE_MAX + 2);
  (void)state;
  assert_non_null(large);
  memset(large, ' ', KG_BINDING_SIZE_MAX + 1);
  assert_load_fails(scratch_path("missing.json"), KG_E_NOT_FOUND, "No such file");
  assert_load_fails(scratch_write("empty.json", "", 0644), KG_E_BINDING, "damaged");
  assert_load_fails(scratch_write("html.json", "<html>", 0644), KG_E_BINDING, "damaged");
  assert_load_fails(scratch_write("large.json", large, 0644), KG_E_IO, "is larger than 262144 bytes");
  assert_load_fails(scratch_write("open.json", "{}", 0666), KG_E_UNTRUSTED, "may be written by others");
  const char *path = scratch_write("open-state/web.json", "{}", 0644);
  assert_int_equal(kg_binding_load(path, &(struct kg_binding *){NULL}, NULL, NULL), KG_E_UNTRUSTED);
  assert_load_fails(folder, KG_E_UNTRUSTED, "");
  free(large);
}

static void key_must_be_the_certificates(void **state) {
  struct kg_binding *binding = fixture_binding();
  struct kg_key_info key = {.bits = 2048};
  (void)state;
  assert_int_equal(kg_buf_set(&key.modulus, kg_buf_span(&binding->modulus)), KG_OK);
  assert_int_equal(kg_buf_set(&key.exponent, kg_buf_span(&binding->exponent)), KG_OK);
  struct kg_error error = {0};
  assert_int_equal(kg_binding_check_key(binding, &key, &error), KG_OK);
  key.modulus.data[255] ^= 1;
  assert_int_equal(kg_binding_check_key(binding, &key, &error), KG_E_BINDING_STALE);
  assert_string_equal(error.text, "the certificate of 'web' is for another key than the one in its store");
  key.modulus.data[255] ^= 1;
  key.exponent.data[0] = 3;
  assert_int_equal(kg_binding_check_key(binding, &key, NULL), KG_E_BINDING_STALE);
  kg_buf_clear(&key.modulus);
  kg_buf_clear(&key.exponent);
  assert_int_equal(kg_binding_check_key(binding, &key, NULL), KG_E_BINDING_STALE);
  kg_binding_free(&binding);
}

static void assert_stale(const struct kg_binding *binding, const struct kg_identity *identity, const char *reason) {
  struct kg_error error = {0};
  assert_int_equal(kg_binding_check_identity(binding, identity, &error), KG_E_BINDING_STALE);
  assert_non_null(strstr(error.text, reason));
}

/* The linker leads core's own calls here (--wrap): which machine this is. */
static const char *this_machine, *this_boot;

char *__wrap_kg_machine_id(void);
char *__wrap_kg_boot_id(void);

char *__wrap_kg_machine_id(void) {
  return kg_strdup(this_machine);
}

char *__wrap_kg_boot_id(void) {
  return kg_strdup(this_boot);
}

static int set_machine(void **state) {
  this_machine = "machine of the test", this_boot = "boot of the test";
  return scratch_setup(state);
}

/* Issued here and now. */
static void bring_home(struct kg_binding *binding) {
  free(binding->machine_id), free(binding->boot_id);
  binding->machine_id = kg_machine_id();
  binding->boot_id = kg_boot_id();
}

static void identity_must_be_the_one_configured(void **state) {
  struct kg_binding *binding = fixture_binding();
  struct kg_identity identity = fixture_identity(binding);
  char other[] = "other";
  (void)state;
  bring_home(binding);
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK);
  identity.name = other;
  assert_stale(binding, &identity, "the binding of 'other' was issued for another identity");
  identity = fixture_identity(binding);
  identity.selector_value = other;
  assert_stale(binding, &identity, "another user-assigned or system-assigned identity");
  identity = fixture_identity(binding);
  identity.selector_value = NULL;
  assert_stale(binding, &identity, "another user-assigned or system-assigned identity");
  identity = fixture_identity(binding);
  identity.selector = KG_SELECT_OBJECT_ID;
  assert_stale(binding, &identity, "another user-assigned or system-assigned identity");
  identity.selector = KG_SELECT_SYSTEM;
  identity.selector_value = NULL;
  assert_stale(binding, &identity, "another user-assigned or system-assigned identity");
  identity = fixture_identity(binding);
  identity.attestation = false;
  assert_stale(binding, &identity, "was issued with attestation, which is configured to be off");
  binding->attested = false;
  identity.attestation = true;
  assert_stale(binding, &identity, "was issued without attestation, which is configured to be on");
  kg_binding_free(&binding);
}

static void strength_must_reach_the_floor(void **state) {
  struct kg_binding *binding = fixture_bare_binding();
  struct kg_identity identity = fixture_identity(binding);
  (void)state;
  for (int strength = KG_STRENGTH_NONE; strength <= KG_STRENGTH_KEYGUARD; strength++)
    for (int floor = KG_STRENGTH_NONE; floor <= KG_STRENGTH_KEYGUARD; floor++) {
      binding->strength = (enum kg_strength)strength;
      identity.floor = (enum kg_strength)floor;
      if (strength >= floor)
        assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK);
      else
        assert_stale(binding, &identity, "below minimum-strength");
    }
  kg_binding_free(&binding);
}

static void another_machine_is_foreign_unless_its_boot_is_ours(void **state) {
  struct kg_binding *binding = fixture_binding();
  struct kg_identity identity = fixture_identity(binding);
  char *machine = kg_machine_id();
  (void)state;
  assert_stale(binding, &identity, "was issued on another machine");
  free(binding->boot_id);
  binding->boot_id = kg_boot_id(); /* another root file system on the same kernel: a container */
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK);
  free(binding->boot_id), free(binding->machine_id);
  binding->machine_id = machine, binding->boot_id = kg_strdup("00000000-1111-2222-3333-444444444444");
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK); /* an older boot of this machine */
  free(binding->boot_id), free(binding->machine_id);
  binding->machine_id = binding->boot_id = NULL;
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK); /* unknown is not foreign */
  binding->machine_id = kg_strdup("another"), this_boot = NULL;
  assert_stale(binding, &identity, "was issued on another machine");
  identity.mounted_state = true; /* or a folder that another machine writes */
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK);
  identity.mounted_state = false;
  binding->boot_id = kg_strdup("another"); /* ours cannot be read just now: that says nothing of the binding */
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_E_IO);
  this_machine = NULL;
  assert_int_equal(kg_binding_check_identity(binding, &identity, NULL), KG_OK); /* nor is it where we are unknown */
  kg_binding_free(&binding);
}

static void end_is_the_earlier_of_the_two(void **state) {
  struct kg_binding *binding = fixture_binding();
  (void)state;
  assert_int_equal(kg_binding_end(binding), FIXTURE_TOKEN_NOT_AFTER);
  binding->token_not_after = 0;
  assert_int_equal(kg_binding_end(binding), FIXTURE_NOT_AFTER);
  binding->token_not_after = FIXTURE_NOT_AFTER + 1;
  assert_int_equal(kg_binding_end(binding), FIXTURE_NOT_AFTER);
  kg_binding_free(&binding);
}

static void time_must_be_within(void **state) {
  static const struct {
    int64_t now;
    enum kg_status status;
    const char *text;
  } cases[] = {
      {FIXTURE_NOT_BEFORE, KG_OK, ""},
      {FIXTURE_NOT_BEFORE - 10, KG_OK, ""},
      {FIXTURE_NOT_BEFORE - 300, KG_OK, ""},
      {FIXTURE_NOT_BEFORE - 301, KG_E_BINDING_STALE,
       "the certificate of 'web' becomes valid at 2026-11-26T21:58:46Z; this machine's clock says "
       "2026-11-26T21:53:45Z"},
      {0, KG_E_BINDING_STALE,
       "the certificate of 'web' becomes valid at 2026-11-26T21:58:46Z; this machine's clock says "
       "1970-01-01T00:00:00Z"},
      {FIXTURE_TOKEN_NOT_AFTER - 1, KG_OK, ""},
      {FIXTURE_TOKEN_NOT_AFTER, KG_E_BINDING_STALE,
       "the certificate of 'web' ended at 2026-12-03T21:58:46Z; this machine's clock says 2026-12-03T21:58:46Z"},
      {FIXTURE_NOT_AFTER + 86400, KG_E_BINDING_STALE,
       "the certificate of 'web' ended at 2026-12-03T21:58:46Z; this machine's clock says 2026-12-11T21:58:46Z"},
  };
  struct kg_binding *binding = fixture_binding();
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct kg_error error = {0};
    assert_int_equal(kg_binding_check_time(binding, cases[i].now, &error), cases[i].status);
    assert_string_equal(error.text, cases[i].text);
  }
  kg_binding_free(&binding);
}

static void facts_are_what_a_client_needs(void **state) {
  struct kg_binding *binding = fixture_binding();
  char *facts = kg_binding_facts(binding);
  (void)state;
  char *thumbprint = kg_base64url_format(kg_span_of(binding->sha256, 32));
  char *key_id = kg_hex_format(kg_buf_span(&binding->leaf.id));
  char expected[2000];
  snprintf(
      expected, sizeof expected,
      "{\"client_id\":\"11111111-2222-3333-4444-555555555555\","
      "\"tenant_id\":\"aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee\",\"identity_type\":\"System Assigned\","
      "\"token_endpoint\":\"https://westeurope.mtlsauth.microsoft.com/aaaaaaaa/oauth2/v2.0/token?a=\\\"b\\\"&c=\\\\\","
      "\"mtls_authentication_endpoint\":\"https://westeurope.mtlsauth.microsoft.com\","
      "\"not_before\":\"2026-11-26T21:58:46Z\",\"not_after\":\"2026-12-03T21:58:46Z\",\"attested\":true,"
      "\"strength\":\"software\",\"thumbprint\":\"%s\",\"key_id\":\"%s\"}",
      thumbprint, key_id);
  assert_string_equal(facts, expected);
  assert_int_equal(strlen(thumbprint), 43);
  free(facts), free(thumbprint), free(key_id);
  kg_binding_free(&binding);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/binding/every_member_survives_a_round_trip", every_member_survives_a_round_trip),
      CASE("/binding/stored_is_loaded_and_public", stored_is_loaded_and_public),
      CASE("/binding/what_could_not_be_loaded_is_not_stored", what_could_not_be_loaded_is_not_stored),
      CASE("/binding/load_says_what_is_wrong_with_the_file", load_says_what_is_wrong_with_the_file),
      CASE("/binding/key_must_be_the_certificates", key_must_be_the_certificates),
      CASE("/binding/identity_must_be_the_one_configured", identity_must_be_the_one_configured),
      CASE("/binding/strength_must_reach_the_floor", strength_must_reach_the_floor),
      CASE("/binding/another_machine_is_foreign_unless_its_boot_is_ours",
           another_machine_is_foreign_unless_its_boot_is_ours),
      CASE("/binding/end_is_the_earlier_of_the_two", end_is_the_earlier_of_the_two),
      CASE("/binding/time_must_be_within", time_must_be_within),
      CASE("/binding/facts_are_what_a_client_needs", facts_are_what_a_client_needs),
  };
  return cmocka_run_group_tests(cases, set_machine, scratch_teardown);
}
