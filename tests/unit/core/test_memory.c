/* Every allocation of core's readers and writers fails once: the call says so, keeps its promises and leaks nothing
 * (which the address sanitizer watches). */
#include "core/base/encoding.h"
#include "core/base/json.h"
#include "core/os/file.h"
#include "core/state/binding_facts.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"
#include "core/state/config.h"
#include "core/state/config_parse.h"
#include "tests/support/failing_malloc.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"
#include "tests/unit/core/state/binding_fixture.h"

#include <stdlib.h>
#include <string.h>

/* Runs `attempt` with the first, the second, ... allocation failing until all succeed; returns how many there were.
 * Where no memory cannot be told from something else, `or_else` is right, too. */
static int fail_each(enum kg_status (*attempt)(struct kg_error *error), enum kg_status or_else) {
  struct kg_error error;
  enum kg_status status;
  int failing = 0;
  for (;; failing++) {
    kg_error_clear(&error);
    failing_malloc_start(failing);
    status = attempt(&error);
    failing_malloc_stop();
    if (status == KG_OK) return failing;
    assert_true(status == KG_E_NO_MEMORY || status == or_else);
    assert_true(error.status == KG_OK || error.status == status); /* KG_OK: the call has no error to fill */
    assert_true(failing < 10000);
  }
}

static enum kg_status parse_config(struct kg_error *error) {
  static const char text[] = "[keyguard]\nstate-dir = /a\nplugin = b\nallowed-hosts = a, b, c\nca-file = /c\n"
                             "[identity web]\nkey-store = pkcs11:token=t;object=o\n  ?module-path=/m\n"
                             "user-assigned-object-id = 11111111-2222-3333-4444-555555555555\n"
                             "[identity db]\nkey-store = pkcs11:object=x?module-path=/m\n";
  struct kg_config *config = NULL;
  enum kg_status status = kg_config_parse("t.conf", kg_span_text(text), &config, error);
  if (status != KG_OK) assert_null(config);
  kg_config_free(&config);
  return status;
}

static void configuration(void **state) {
  (void)state;
  assert_true(fail_each(parse_config, KG_E_NO_MEMORY) > 10);
}

static struct kg_binding *binding;
static char *text;

static int make_binding(void **state) {
  (void)state;
  binding = fixture_binding();
  struct kg_buf out = {0};
  assert_int_equal(kg_binding_format(binding, &out), KG_OK);
  text = (char *)out.data;
  return 0;
}

static int free_binding(void **state) {
  (void)state;
  kg_binding_free(&binding);
  free(text);
  return 0;
}

static enum kg_status parse_binding(struct kg_error *error) {
  struct kg_binding *again = NULL;
  enum kg_status status = kg_binding_parse(kg_span_text(text), &again, error);
  if (status != KG_OK) assert_null(again);
  kg_binding_free(&again);
  return status;
}

static enum kg_status format_binding(struct kg_error *error) {
  struct kg_buf out = {0};
  enum kg_status status = kg_binding_format(binding, &out);
  (void)error;
  if (status != KG_OK) assert_null(out.data);
  kg_buf_clear(&out);
  return status;
}

static enum kg_status store_binding(struct kg_error *error) {
  return kg_binding_store(scratch_path("web.json"), binding, error);
}

static enum kg_status load_binding(struct kg_error *error) {
  struct kg_binding *again = NULL;
  enum kg_status status = kg_binding_load(scratch_path("web.json"), &again, NULL, error);
  kg_binding_free(&again);
  return status;
}

static enum kg_status list_facts(struct kg_error *error) {
  char *facts = kg_binding_facts(binding);
  enum kg_status status = facts != NULL ? KG_OK : KG_E_NO_MEMORY;
  (void)error;
  free(facts);
  return status;
}

static void bindings(void **state) {
  (void)state;
  assert_true(fail_each(parse_binding, KG_E_NO_MEMORY) > 50);
  assert_true(fail_each(format_binding, KG_E_NO_MEMORY) > 50);
  assert_true(fail_each(list_facts, KG_E_NO_MEMORY) > 10);
  assert_true(fail_each(store_binding, KG_E_BUG) > 50);
  assert_true(fail_each(load_binding, KG_E_NO_MEMORY) > 50);
}

static enum kg_status encode_and_decode(struct kg_error *error) {
  struct kg_span data = kg_span_text("some text to be encoded");
  char *hex = kg_hex_format(data), *base64 = kg_base64_format(data), *url = kg_base64url_format(data);
  enum kg_status status = hex != NULL && base64 != NULL && url != NULL ? KG_OK : KG_E_NO_MEMORY;
  (void)error;
  struct kg_buf out = {0};
  if (status == KG_OK) status = kg_hex_parse(hex, &out);
  if (status == KG_OK) status = kg_base64_parse(base64, &out);
  if (status == KG_OK) status = kg_base64url_parse(kg_span_text(url), &out);
  kg_buf_clear(&out);
  free(hex), free(base64), free(url);
  return status;
}

static void encodings(void **state) {
  (void)state;
  assert_true(fail_each(encode_and_decode, KG_E_NO_MEMORY) >= 6);
}

#define BINDING_CASE(path, function)                                                                                   \
  { path, function, make_binding, free_binding, NULL }

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/memory/configuration", configuration),
      BINDING_CASE("/memory/bindings", bindings),
      CASE("/memory/encodings", encodings),
  };
  return cmocka_run_group_tests(cases, scratch_setup, scratch_teardown);
}
