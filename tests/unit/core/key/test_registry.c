/* The registry with rows of its own: a store that is inside, and shared objects, good ones and bad ones. The rows of
 * the product are looked at by test_stores.c. */
#include "core/key/registry.h"

#include "core/key/stores.h"
#include "tests/support/open_key.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static unsigned parsed, freed; /* places */

/* NAME, in lower case; what stands behind a '?' is a secret. */
static enum kg_status parse(const char *text, void **place, char **shown, struct kg_error *error) {
  const char *name = strchr(text, ':') + 1;
  size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz");
  if (len == 0 || (name[len] != '\0' && name[len] != '?'))
    return kg_error_set(error, KG_E_USAGE, "the name is not one");
  char *copy = kg_strdup(name);
  *shown = kg_strdup(text);
  assert_true(copy != NULL && *shown != NULL);
  copy[len] = '\0';
  (*shown)[strlen(text) - strlen(name) + len] = '\0';
  *place = copy;
  parsed++;
  return KG_OK;
}

static void free_place(void *place) {
  freed++;
  free(place);
}

static unsigned inside_opens;
static const void *inside_place;

static enum kg_status inside_open(const void *place, unsigned flags, struct kg_key **out, struct kg_error *error) {
  (void)flags, (void)out;
  inside_opens++;
  inside_place = place;
  return kg_error_set(error, KG_E_KEY_NOT_FOUND, "the store that is inside was asked");
}

static const struct kg_key_store_ops inside = {.open = inside_open};

#define OBJECT(name, file)                                                                                             \
  { .scheme = name, .traits = KG_STORE_VERIFIES, .parse = parse, .free_place = free_place, .object = file }

const struct kg_key_store kg_key_stores[] = {
    {.scheme = "inside:",
     .traits = KG_STORE_PER_BOOT | KG_STORE_REPLACES_DEAD,
     .parse = parse,
     .free_place = free_place,
     .ops = &inside},
    OBJECT("object:", "fake_store"),
    OBJECT("absent:", "fake_store_absent"),
    OBJECT("mute:", "fake_store_mute"),
    OBJECT("older:", "fake_store_older"),
    OBJECT("hole:", "fake_store_hole"),
    OBJECT("text:", "text"),
    {0},
};

static const char *folder = FAKE_STORE_FOLDER;

char *kg_key_stores_folder(void) {
  return kg_strdup(folder);
}

static int setup(void **state) {
  parsed = freed = inside_opens = 0;
  folder = FAKE_STORE_FOLDER;
  return scratch_setup(state);
}

static int teardown(void **state) {
  assert_int_equal(parsed, freed);
  return scratch_teardown(state);
}

static void a_uri_is_for_the_store_of_its_scheme(void **state) {
  (void)state;
  struct kg_key_uri *uri = NULL;
  assert_int_equal(kg_key_uri_parse("inside:web", &uri, NULL), KG_OK);
  assert_ptr_equal(kg_key_uri_store(uri), &kg_key_stores[0]);
  assert_string_equal(kg_key_uri_place(uri), "web");
  assert_true(kg_key_uri_has(uri, KG_STORE_PER_BOOT) && kg_key_uri_has(uri, KG_STORE_REPLACES_DEAD));
  assert_false(kg_key_uri_has(uri, KG_STORE_VERIFIES) || kg_key_uri_has(uri, KG_STORE_NATIVE_HANDLE));
  struct kg_key *key = NULL;
  assert_int_equal(kg_key_open(uri, 0, &key, NULL), KG_E_KEY_NOT_FOUND);
  assert_null(key);
  assert_int_equal(inside_opens, 1);
  assert_ptr_equal(inside_place, kg_key_uri_place(uri));
  assert_int_equal(parsed, 1); /* once, and not again to be opened */
  kg_key_uri_free(&uri);
  assert_null(uri);
  kg_key_uri_free(&uri);
}

static void what_is_no_store_is_refused_with_the_list(void **state) {
  static const char *const texts[] = {NULL,          "",      "SECRET", "cng:SECRET", "Inside:SECRET", "inside",
                                      " inside:web", "object"};
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_key_uri *uri = NULL;
    struct kg_error error = {0};
    assert_int_equal(kg_key_uri_parse(texts[i], &uri, &error), KG_E_USAGE);
    assert_null(uri);
    assert_non_null(strstr(error.text, "inside:, object:, absent:, mute:, older:, hole:, text:"));
    assert_null(strstr(error.text, "SECRET"));
  }
}

static void the_stores_own_rules_refuse_too(void **state) {
  (void)state;
  struct kg_key_uri *uri = NULL;
  struct kg_error error = {0};
  assert_int_equal(kg_key_uri_parse("inside:SECRET", &uri, &error), KG_E_USAGE);
  assert_null(uri);
  assert_string_equal(error.text, "the name is not one");
}

static void what_is_shown_has_no_secret(void **state) {
  (void)state;
  struct kg_key_uri *uri = NULL;
  assert_int_equal(kg_key_uri_parse("object:web?SECRET", &uri, NULL), KG_OK);
  assert_string_equal(kg_key_uri_shown(uri), "object:web");
  kg_key_uri_free(&uri);
}

static void the_last_owner_frees(void **state) {
  (void)state;
  struct kg_key_uri *uri = NULL;
  assert_int_equal(kg_key_uri_parse("inside:web", &uri, NULL), KG_OK);
  struct kg_key_uri *other = kg_key_uri_share(uri);
  kg_key_uri_free(&uri);
  assert_int_equal(freed, 0);
  assert_string_equal(kg_key_uri_place(other), "web");
  kg_key_uri_free(&other);
  assert_int_equal(freed, 1);
}

static void an_object_is_loaded_and_signs(void **state) {
  static const unsigned char digest[32];
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  struct kg_span input = kg_span_of(digest, sizeof digest);
  (void)state;
  for (int i = 0; i < 2; i++) { /* the second time it is there already */
    struct kg_key *key = NULL;
    struct kg_error error = {0};
    if (open_key_of("object:web", KG_KEY_CREATE, &key, &error) != KG_OK) fail_msg("%s", error.text);
    assert_int_equal(freed, i); /* the key keeps its place, which its opener has given up */
    assert_int_equal(kg_key_info(key)->strength, KG_STRENGTH_HARDWARE);
    assert_true(kg_key_info(key)->created);
    assert_true(kg_span_equal(kg_buf_span(&kg_key_info(key)->modulus), kg_span_text("web")));
    assert_int_equal(kg_key_native_handle(key), 0);
    unsigned char signature[KG_SIGNATURE_MAX];
    assert_int_equal(kg_key_sign(key, &params, input, signature, &error), KG_OK);
    assert_int_equal(kg_key_verify(key, &params, input, kg_span_of(signature, 256), &error), KG_OK);
    assert_int_equal(kg_key_probe(key, &error), KG_OK);
    assert_int_equal(kg_key_delete(&key, &error), KG_OK);
    assert_null(key);
    folder = "/nowhere";
  }
}

static void refused(const char *text, enum kg_status expected, const char *because) {
  struct kg_key *key = NULL;
  struct kg_error error = {0};
  enum kg_status status = open_key_of(text, 0, &key, &error);
  if (status != expected || strstr(error.text, because) == NULL)
    fail_msg("%s: %s: %s", text, kg_status_name(status), error.text);
  assert_null(key);
}

static void an_object_that_is_not_right_is_refused(void **state) {
  (void)state;
  refused("absent:web", KG_E_KEY_STORE, "the key store absent: is a file of its own");
  refused("absent:web", KG_E_KEY_STORE, FAKE_STORE_FOLDER "/fake_store_absent.so is not there");
  refused("mute:web", KG_E_KEY_STORE, "it lacks keyguard_key_store()");
  refused("older:web", KG_E_KEY_STORE, "is of release 0.0.1, and this is " KEYGUARD_VERSION);
  refused("hole:web", KG_E_KEY_STORE, "lacks a function of a hole: key store");
  refused("hole:web", KG_E_KEY_STORE, "lacks a function"); /* and is not remembered as good */
  folder = scratch_folder();
  scratch_write("text.so", "no library", 0644);
  refused("text:web", KG_E_KEY_STORE, "cannot load");
}

static void an_object_that_others_may_write_is_refused(void **state) {
  (void)state;
  folder = scratch_folder();
  scratch_write("text.so", "no library", 0644);
  assert_int_equal(chmod(scratch_path("text.so"), 0666), 0);
  refused("text:web", KG_E_UNTRUSTED, "may be written by others");
  assert_int_equal(chmod(scratch_path("text.so"), 0644), 0);
  assert_int_equal(chmod(scratch_folder(), 0777), 0);
  refused("text:web", KG_E_UNTRUSTED, "may be written by others");
  assert_int_equal(chmod(scratch_folder(), 0700), 0);
}

int main(void) {
#define REGISTRY(function)                                                                                             \
  { "/registry/" #function, function, setup, teardown, NULL }
  static const struct CMUnitTest cases[] = {
      REGISTRY(a_uri_is_for_the_store_of_its_scheme),
      REGISTRY(what_is_no_store_is_refused_with_the_list),
      REGISTRY(the_stores_own_rules_refuse_too),
      REGISTRY(what_is_shown_has_no_secret),
      REGISTRY(the_last_owner_frees),
      REGISTRY(an_object_is_loaded_and_signs),
      REGISTRY(an_object_that_is_not_right_is_refused),
      REGISTRY(an_object_that_others_may_write_is_refused),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
