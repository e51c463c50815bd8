/* What is there now in the place of what was opened: another key, another device, many more slots. */
#include "judged_token.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void destroy(struct application *application, CK_OBJECT_CLASS class, const char *label) {
  CK_OBJECT_HANDLE object = application_find(application, class, label);
  assert_int_not_equal(object, 0);
  assert_int_equal(application->f->C_DestroyObject(application->session, object), CKR_OK);
}

/* The old public key stays on the token, as where somebody replaces the private key alone: signatures of the new key
 * would be taken for the old one's. */
static void another_private_key_beside_the_old_public_key_does_not_sign(void **state) {
  struct kg_key *key = token_open_object(*state, "web");
  token_sign(key, 1);
  struct application application;
  token_enter(*state, "t", &application);
  destroy(&application, CKO_PRIVATE_KEY, "web");
  application_generate(&application, "new", 2048, NULL, 0);
  destroy(&application, CKO_PUBLIC_KEY, "new");
  CK_OBJECT_HANDLE fresh = application_find(&application, CKO_PRIVATE_KEY, "new");
  CK_ATTRIBUTE label = {CKA_LABEL, (void *)"web", 3};
  assert_int_equal(application.f->C_SetAttributeValue(application.session, fresh, &label, 1), CKR_OK);
  token_leave(&application);
  struct kg_error error;
  assert_int_equal(token_try_sign(key, &error), KG_E_KEY_DEAD);
  assert_non_null(strstr(error.text, "replaced"));
  assert_int_equal(kg_key_probe(key, &error), KG_E_KEY_DEAD);
  assert_int_equal(kg_key_delete(&key, &error), KG_E_KEY_DEAD);
  assert_non_null(key);
  token_enter(*state, "t", &application);
  assert_int_not_equal(application_find(&application, CKO_PRIVATE_KEY, "web"), 0);
  token_leave(&application);
  kg_key_close(&key);
}

/* As when the device is pulled out. */
static void lose_sessions(struct token *token) {
  struct application application;
  token_enter(token, "t", &application);
  CK_SLOT_ID slot = application.slot;
  token_leave(&application);
  assert_int_equal(token->library->C_CloseAllSessions(slot), CKR_OK);
}

/* The same key on another device: a spare HSM, a restored token. */
static void another_device_with_the_same_key_goes_on(void **state) {
  struct token *token = *state;
  char *uri = token_uri(token, "web");
  atomic_store(&token->fake->token_serial, "0001");
  struct kg_key *key = token_open(uri), *other = token_open(uri);
  token_sign(key, 1);
  lose_sessions(token);
  atomic_store(&token->fake->token_serial, "0002");
  token_sign(key, 2);
  token_sign(other, 3);
  kg_key_close(&key);
  kg_key_close(&other);
  free(uri);
}

static void a_device_named_by_its_serial_number_is_not_replaced(void **state) {
  struct token *token = *state;
  char *base = token_uri(token, "web"), uri[1024];
  snprintf(uri, sizeof uri, "pkcs11:serial=0001;%s", base + strlen("pkcs11:"));
  atomic_store(&token->fake->token_serial, "0001");
  struct kg_key *key = token_open(uri);
  lose_sessions(token);
  atomic_store(&token->fake->token_serial, "0002");
  struct kg_error error;
  assert_int_equal(token_try_sign(key, &error), KG_E_KEY_DEAD);
  assert_non_null(strstr(error.text, "0001"));
  atomic_store(&token->fake->token_serial, "0001");
  token_sign(key, 2);
  kg_key_close(&key);
  free(base);
}

static void the_token_is_found_behind_any_number_of_slots(void **state) {
  static const unsigned long counts[] = {255, 256, 257, 5000};
  struct token *token = *state;
  for (size_t i = 0; i < COUNT(counts); i++) {
    atomic_store(&token->fake->more_slots, counts[i]);
    struct kg_key *key = token_open_object(token, "web");
    token_sign(key, 1);
    kg_key_close(&key);
  }
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      TOKEN_CASE("/replaced/another_private_key_beside_the_old_public_key_does_not_sign",
                 another_private_key_beside_the_old_public_key_does_not_sign),
      TOKEN_CASE("/replaced/another_device_with_the_same_key_goes_on", another_device_with_the_same_key_goes_on),
      TOKEN_CASE("/replaced/a_device_named_by_its_serial_number_is_not_replaced",
                 a_device_named_by_its_serial_number_is_not_replaced),
      TOKEN_CASE("/replaced/the_token_is_found_behind_any_number_of_slots",
                 the_token_is_found_behind_any_number_of_slots),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
