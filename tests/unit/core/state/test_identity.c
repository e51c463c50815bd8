#include "core/state/identity.h"

#include "core/base/buf.h"
#include "core/base/strength.h"
#include "tests/support/unit.h"

#include <string.h>

static void good_names_are_valid(void **state) {
  static const char *const good[] = {"a", "Z", "0", "web", "web-1.prod_x", "12345678901234567890123456789012"};
  (void)state;
  for (size_t i = 0; i < COUNT(good); i++)
    assert_true(kg_identity_name_is_valid(good[i]));
}

static void names_that_harm_are_not(void **state) {
  static const char *const bad[] = {"",
                                    ".",
                                    "..",
                                    ".hidden",
                                    "-option",
                                    "_x",
                                    "a/b",
                                    "../x",
                                    "a b",
                                    "a;b",
                                    "a%20b",
                                    "a\nb",
                                    "a\\",
                                    "web]",
                                    "w\xc3\xbc",
                                    "a:b",
                                    "123456789012345678901234567890123"};
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++)
    assert_false(kg_identity_name_is_valid(bad[i]));
  assert_false(kg_identity_name_is_valid(NULL));
}

static void gates_are_explicit_and_in_order(void **state) {
  static const struct {
    bool pop, attestation;
    enum kg_status status;
    const char *text;
  } cases[] = {
      {true, true, KG_OK, ""},
      {true, false, KG_OK, ""},
      {false, true, KG_E_ATTESTATION_REQUIRES_POP,
       "identity 'web': with-attestation-support needs mtls-proof-of-possession = true"},
      {false, false, KG_E_POP_REQUIRED,
       "identity 'web': mtls-proof-of-possession is not set to true, and nothing else is served here"},
  };
  char name[] = "web";
  (void)state;
  for (size_t i = 0; i < COUNT(cases); i++) {
    struct kg_identity identity = {.name = name};
    identity.proof_of_possession = cases[i].pop;
    identity.attestation = cases[i].attestation;
    struct kg_error error = {0};
    assert_int_equal(kg_identity_check_gates(&identity, &error), cases[i].status);
    assert_int_equal(kg_identity_check_gates(&identity, NULL), cases[i].status);
    assert_string_equal(error.text, cases[i].text);
  }
}

static void selectors_have_the_services_names(void **state) {
  static const char *const names[] = {"system", "client_id", "object_id", "mi_res_id"};
  (void)state;
  enum kg_selector selector = KG_SELECT_SYSTEM;
  for (size_t i = 0; i < COUNT(names); i++) {
    assert_string_equal(kg_selector_name((enum kg_selector)i), names[i]);
    assert_int_equal(kg_selector_parse(names[i], &selector), KG_OK);
    assert_int_equal(selector, i);
  }
  assert_string_equal(kg_selector_name((enum kg_selector)4), "");
  assert_int_equal(kg_selector_parse("Client_Id", &selector), KG_E_USAGE);
  assert_int_equal(kg_selector_parse("", &selector), KG_E_USAGE);
  assert_int_equal(kg_selector_parse(NULL, &selector), KG_E_USAGE);
}

static void clear_leaves_nothing(void **state) {
  static const struct kg_identity empty;
  struct kg_identity identity = {.floor = KG_STRENGTH_KEYGUARD, .line = 7};
  (void)state;
  identity.name = kg_strdup("web");
  identity.key_store = NULL; /* wiped with its last owner: unit.registry */
  identity.selector_value = kg_strdup("value");
  kg_identity_clear(&identity);
  assert_memory_equal(&identity, &empty, sizeof empty);
  kg_identity_clear(&identity);
  kg_identity_clear(NULL);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/identity/good_names_are_valid", good_names_are_valid),
      CASE("/identity/names_that_harm_are_not", names_that_harm_are_not),
      CASE("/identity/gates_are_explicit_and_in_order", gates_are_explicit_and_in_order),
      CASE("/identity/selectors_have_the_services_names", selectors_have_the_services_names),
      CASE("/identity/clear_leaves_nothing", clear_leaves_nothing),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
