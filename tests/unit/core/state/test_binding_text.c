#include "core/state/binding.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"

#include "tests/support/unit.h"
#include "tests/unit/core/state/binding_fixture.h"

#include <cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *text_of(const struct kg_binding *binding) {
  struct kg_buf out = {0};
  assert_int_equal(kg_binding_format(binding, &out), KG_OK);
  assert_int_equal(strlen((char *)out.data), out.len);
  return (char *)out.data;
}

static void text_has_the_published_frame(void **state) {
  struct kg_binding *binding = fixture_binding();
  char *text = text_of(binding), *body = fixture_body(text), *framed = fixture_frame("1", body);
  (void)state;
  assert_string_equal(text, framed);
  free(text), free(body), free(framed);
  kg_binding_free(&binding);
}

static void assert_refused(const char *text, size_t length, const char *reason) {
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  enum kg_status status = kg_binding_parse(kg_span_of(text, length), &binding, &error);
  if (status != KG_E_BINDING || strstr(error.text, reason) == NULL) print_error("%.3000s\n%s\n", text, error.text);
  assert_int_equal(status, KG_E_BINDING);
  assert_int_equal(error.status, KG_E_BINDING);
  assert_non_null(strstr(error.text, reason));
  assert_null(binding);
}

static void every_flipped_bit_is_seen(void **state) {
  struct kg_binding *binding = fixture_bare_binding();
  char *text = text_of(binding);
  size_t length = strlen(text);
  (void)state;
  for (size_t i = 0; i < 8 * length; i++) {
    text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
    /* Version 1 with a bit flipped may be a newer one. */
    assert_refused(text, length, i / 8 == strlen("{\"version\":") ? "" : "damaged");
    text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
  }
  free(text);
  kg_binding_free(&binding);
}

static void every_truncation_is_seen(void **state) {
  struct kg_binding *binding = fixture_binding();
  char *text = text_of(binding);
  size_t length = strlen(text);
  (void)state;
  for (size_t i = 0; i < length; i++) {
    char *cut = malloc(i ? i : 1); /* exactly as large, so that a read beyond it is one beyond the allocation */
    assert_non_null(cut);
    memcpy(cut, text, i);
    assert_refused(cut, i, "damaged");
    free(cut);
  }
  text = realloc(text, length + 2);
  strcpy(text + length, "\n");
  assert_refused(text, length + 1, "damaged");
  free(text);
  kg_binding_free(&binding);
}

static void newer_versions_are_named(void **state) {
  static const struct {
    const char *version, *reason;
  } cases[] = {
      {"2", "written by a newer keyguard: version 2, and this one reads 1"},
      {"12", "written by a newer keyguard: version 12, and this one reads 1"},
      {"999999999", "written by a newer keyguard: version 999999999, and this one reads 1"},
      {"9999999999999999999999", "newer keyguard"},
      {"0", "damaged"},
      {"-1", "damaged"},
      {"", "damaged"},
      {"\"1\"", "damaged"},
      {"01", "damaged"},
      {"1.0", "damaged"},
      {" 1", "damaged"},
  };
  (void)state;
  char text[200];
  for (size_t i = 0; i < COUNT(cases); i++) {
    sprintf(text, "{\"version\":%s,\"what\":\"a later one writes\"}", cases[i].version);
    assert_refused(text, strlen(text), cases[i].reason);
  }
}

static void wrong_checksum_is_named(void **state) {
  struct kg_binding *binding = fixture_binding();
  char *text = text_of(binding), *sum = strstr(text, "\"sha256\":\"") + strlen("\"sha256\":\"");
  (void)state;
  memset(sum, '0', 64);
  assert_refused(text, strlen(text), "damaged: its checksum does not match");
  free(text);
  kg_binding_free(&binding);
}

/* Refused because of `change` to its body's JSON, with a right checksum. Deletes `body`. */
static void assert_body_refused(cJSON *body, const char *reason) {
  char *printed = cJSON_PrintUnformatted(body), *text = fixture_frame("1", printed);
  assert_refused(text, strlen(text), reason);
  cJSON_free(printed);
  cJSON_Delete(body);
  free(text);
}

/* Accepted in spite of it. Deletes `body`. */
static void assert_body_taken(cJSON *body) {
  char *printed = cJSON_PrintUnformatted(body), *text = fixture_frame("1", printed);
  struct kg_binding *binding = NULL;
  assert_int_equal(kg_binding_parse(kg_span_text(text), &binding, NULL), KG_OK);
  kg_binding_free(&binding);
  cJSON_free(printed);
  cJSON_Delete(body);
  free(text);
}

static cJSON *fixture_json(void) {
  struct kg_binding *binding = fixture_binding();
  char *text = text_of(binding), *body = fixture_body(text);
  cJSON *json = cJSON_Parse(body);
  assert_non_null(json);
  free(text), free(body);
  kg_binding_free(&binding);
  return json;
}

/* The object of the JSON that `path` ends in: "leaf", "chain" or the body itself. */
static cJSON *object_at(cJSON *body, int where) {
  if (where == 1) return cJSON_GetObjectItem(body, "certificate");
  if (where == 2) return cJSON_GetArrayItem(cJSON_GetObjectItem(body, "chain"), 0);
  return body;
}

static bool is_optional(const char *name) {
  return strcmp(name, "selector_value") == 0 || strcmp(name, "token_not_after") == 0 ||
         strcmp(name, "machine_id") == 0 || strcmp(name, "boot_id") == 0;
}

/* Names of the members there, at most 32 of them. */
static int names_of(cJSON *object, char names[32][40]) {
  int count = 0;
  const cJSON *member;
  cJSON_ArrayForEach(member, object) snprintf(names[count++], sizeof names[0], "%s", member->string);
  return count;
}

static void every_missing_member_is_named(void **state) {
  (void)state;
  char names[32][40], reason[64];
  int seen = 0;
  for (int where = 0; where < 3; where++) {
    cJSON *first = fixture_json();
    int count = names_of(object_at(first, where), names);
    cJSON_Delete(first);
    for (int i = 0; i < count; i++, seen++) {
      cJSON *body = fixture_json();
      cJSON_DeleteItemFromObject(object_at(body, where), names[i]);
      snprintf(reason, sizeof reason, "'%.39s'", names[i]);
      if (!is_optional(names[i]) || strcmp(names[i], "selector_value") == 0)
        assert_body_refused(body, reason);
      else
        assert_body_taken(body);
    }
  }
  assert_int_equal(seen, 24 + 7 + 7);
}

static void every_wrong_type_is_named(void **state) {
  (void)state;
  char names[32][40], reason[64];
  for (int where = 0; where < 3; where++) {
    cJSON *first = fixture_json();
    int count = names_of(object_at(first, where), names);
    cJSON_Delete(first);
    for (int i = 0; i < 3 * count; i++) {
      const char *name = names[i / 3];
      cJSON *body = fixture_json(), *item = cJSON_CreateObject();
      if (i % 3 == 1) cJSON_Delete(item), item = cJSON_CreateNumber(0.5);
      if (i % 3 == 2) cJSON_Delete(item), item = cJSON_CreateString("\x01");
      assert_true(cJSON_ReplaceItemInObject(object_at(body, where), name, item));
      snprintf(reason, sizeof reason, "'%.39s'", name);
      assert_body_refused(body, reason);
    }
  }
}

static void wrong_sizes_and_values_are_named(void **state) {
  static const struct {
    int where;
    const char *name, *value, *reason;
  } cases[] = {
      {0, "identity", "../web", "'identity' is not a valid name"},
      {0, "identity", "123456789012345678901234567890123", "member 'identity' has a wrong length"},
      {0, "identity", "", "member 'identity' is empty"},
      {0, "selector", "system", "'selector' and 'selector_value' do not go together"},
      {0, "selector", "name", "member 'selector' has no known value"},
      {0, "strength", "strong", "member 'strength' has no known value"},
      {0, "client_id", "a\x1f", "member 'client_id' holds a control character"},
      {0, "client_id", "a\x7f", "member 'client_id' holds a control character"},
      {0, "client_id", "a\nb", "member 'client_id' holds a control character"},
      {0, "mtls_authentication_endpoint", "http://host", "'mtls_authentication_endpoint' is not an https URL"},
      {0, "mtls_authentication_endpoint", "https://", "'mtls_authentication_endpoint' is not an https URL"},
      {0, "token_endpoint", "ftp://host", "'token_endpoint' is not an https URL"},
      {0, "modulus", "AAAA", "member 'modulus' has a wrong length"},
      {0, "modulus", "not base64", "member 'modulus' is not base64"},
      {0, "exponent", "AAEAAQ==", "'exponent' begins with a zero"},
      {0, "exponent", "AQEBAQEBAQEB", "member 'exponent' has a wrong length"},
      {0, "exponent", "", "member 'exponent' is empty"},
      {0, "sha256", "00", "member 'sha256' has a wrong length"},
      {0, "sha256", "0000000000000000000000000000000000000000000000000000000000000000",
       "'sha256' is not the certificate's"},
      {0, "sha256", "00000000000000000000000000000000000000000000000000000000000000", "member 'sha256' has a wrong"},
      {0, "sha1", "0000000000000000000000000000000000000000", "'sha1' is not the certificate's"},
      {0, "sha1", "000000000000000000000000000000000000000g", "member 'sha1' is not hexadecimal"},
      {0, "issued_at", "2026-11-26", "member 'issued_at' is not a time"},
      {0, "issued_at", "1970-01-01T00:00:00Z", "member 'issued_at' is not a time"},
      {0, "token_not_after", "soon", "member 'token_not_after' is not a time"},
      {0, "token_not_after", "2020-01-01T00:00:00Z", "the certificate ends before it begins"},
      {1, "id", "00112233445566778899aabbccddeeff001122", "member 'id' has a wrong length"},
      {1, "id", "00112233445566778899aabbccddeeff0011223344", "member 'id' has a wrong length"},
      {1, "serial", "0", "member 'serial' is not hexadecimal"},
      {1, "der", "MIIB", "'sha256' is not the certificate's"},
      {1, "not_after", "2026-11-26T21:58:46Z", "the certificate ends before it begins"},
      {1, "not_before", "2026-11-26T21:58:46+01:00", "'certificate': member 'not_before' is not a time"},
      {2, "id", "00", "'chain': member 'id' has a wrong length"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    cJSON *body = fixture_json();
    assert_true(
        cJSON_ReplaceItemInObject(object_at(body, cases[i].where), cases[i].name, cJSON_CreateString(cases[i].value)));
    assert_body_refused(body, cases[i].reason);
  }
}

static void wrong_numbers_are_named(void **state) {
  static const struct {
    const char *name;
    double value;
    const char *reason;
  } cases[] = {
      {"key_bits", 2056, "'modulus' has not as many bits as 'key_bits' says"},
      {"key_bits", 2047, "'modulus' has not as many bits as 'key_bits' says"},
      {"key_bits", 1023, "member 'key_bits' is out of range"},
      {"key_bits", 1e9, "member 'key_bits' is out of range"},
      {"key_bits", -2048, "member 'key_bits' is out of range"},
      {"capabilities", -1, "member 'capabilities' is out of range"},
      {"capabilities", 4294967296.0, "member 'capabilities' is out of range"},
      {"capabilities", 1.5, "member 'capabilities' is not a whole number"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    cJSON *body = fixture_json();
    assert_true(cJSON_ReplaceItemInObject(body, cases[i].name, cJSON_CreateNumber(cases[i].value)));
    assert_body_refused(body, cases[i].reason);
  }
}

static void modulus_must_have_its_highest_bit(void **state) {
  struct kg_binding *binding = fixture_binding();
  (void)state;
  binding->modulus.data[0] = 0x7F;
  char *text = text_of(binding);
  assert_refused(text, strlen(text), "'modulus' has not as many bits as 'key_bits' says");
  free(text);
  kg_binding_free(&binding);
}

static void unknown_members_are_ignored(void **state) {
  cJSON *body = fixture_json();
  (void)state;
  assert_non_null(cJSON_AddStringToObject(body, "later", "addition"));
  assert_non_null(cJSON_AddObjectToObject(object_at(body, 1), "more"));
  assert_body_taken(body);
}

static void duplicate_members_are_refused(void **state) {
  cJSON *body = fixture_json();
  (void)state;
  cJSON_AddItemToObject(body, "client_id", cJSON_CreateString("another"));
  assert_body_refused(body, "member 'client_id' is there twice");
}

static void first_bad_one_of_a_chain_is_enough(void **state) {
  cJSON *body = fixture_json(), *chain = cJSON_GetObjectItem(body, "chain");
  (void)state;
  cJSON_AddItemToArray(chain, cJSON_Duplicate(cJSON_GetArrayItem(chain, 0), 1));
  cJSON_DeleteItemFromObject(cJSON_GetArrayItem(chain, 0), "id");
  assert_body_refused(body, "'chain': member 'id' is missing");
}

static void sizes_at_their_limits_are_taken(void **state) {
  static const struct {
    const char *name;
    size_t length;
  } cases[] = {{"client_id", 1}, {"client_id", 2048}, {"machine_id", 1}, {"machine_id", 128}, {"identity", 32}};
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    cJSON *body = fixture_json();
    char *text = calloc(1, cases[i].length + 2);
    assert_non_null(text);
    memset(text, 'a', cases[i].length);
    cJSON_ReplaceItemInObject(body, cases[i].name, cJSON_CreateString(text));
    assert_body_taken(body);
    text[cases[i].length] = 'a';
    if (cases[i].length > 1) {
      body = fixture_json();
      cJSON_ReplaceItemInObject(body, cases[i].name, cJSON_CreateString(text));
      assert_body_refused(body, "has a wrong length");
    }
    free(text);
  }
}

static void chain_ends_at_eight(void **state) {
  cJSON *body = fixture_json(), *chain = cJSON_GetObjectItem(body, "chain");
  (void)state;
  while (cJSON_GetArraySize(chain) < 8)
    cJSON_AddItemToArray(chain, cJSON_Duplicate(cJSON_GetArrayItem(chain, 0), 1));
  assert_body_taken(cJSON_Duplicate(body, 1));
  cJSON_AddItemToArray(chain, cJSON_Duplicate(cJSON_GetArrayItem(chain, 0), 1));
  assert_body_refused(body, "'chain': is missing, not an array or longer than 8");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/binding_text/text_has_the_published_frame", text_has_the_published_frame),
      CASE("/binding_text/every_flipped_bit_is_seen", every_flipped_bit_is_seen),
      CASE("/binding_text/every_truncation_is_seen", every_truncation_is_seen),
      CASE("/binding_text/newer_versions_are_named", newer_versions_are_named),
      CASE("/binding_text/wrong_checksum_is_named", wrong_checksum_is_named),
      CASE("/binding_text/every_missing_member_is_named", every_missing_member_is_named),
      CASE("/binding_text/every_wrong_type_is_named", every_wrong_type_is_named),
      CASE("/binding_text/wrong_sizes_and_values_are_named", wrong_sizes_and_values_are_named),
      CASE("/binding_text/wrong_numbers_are_named", wrong_numbers_are_named),
      CASE("/binding_text/modulus_must_have_its_highest_bit", modulus_must_have_its_highest_bit),
      CASE("/binding_text/unknown_members_are_ignored", unknown_members_are_ignored),
      CASE("/binding_text/duplicate_members_are_refused", duplicate_members_are_refused),
      CASE("/binding_text/first_bad_one_of_a_chain_is_enough", first_bad_one_of_a_chain_is_enough),
      CASE("/binding_text/sizes_at_their_limits_are_taken", sizes_at_their_limits_are_taken),
      CASE("/binding_text/chain_ends_at_eight", chain_ends_at_eight),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
