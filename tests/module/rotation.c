/* The certificate is renewed, the key is replaced, the key is destroyed: what sessions of before and after see. */
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

static struct host *host;
static struct host_identity *web;
static atomic_bool stop;
static atomic_long signatures;

enum { THREADS = 64, SEARCHERS = 4, RENEWALS = 1000 };

static void pause_ms(long milliseconds) {
  const struct timespec moment = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&moment, NULL);
}

static size_t value_of(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_BYTE out[4096]) {
  CK_ATTRIBUTE wanted = {type, out, 4096};
  must_be(CKR_OK, host->p11->C_GetAttributeValue(session, object, &wanted, 1));
  return wanted.ulValueLen;
}

static bool shows(CK_SESSION_HANDLE session, const unsigned char *der, size_t len) {
  CK_BYTE value[4096];
  return value_of(session, host_find(host, session, CKO_CERTIFICATE), CKA_VALUE, value) == len &&
         memcmp(value, der, len) == 0;
}

/* A session whose search finds the binding as it is now; the module looks once a second, so it is asked for a while. */
static CK_SESSION_HANDLE open_when_seen(void) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  for (int i = 0; i < 600; i++) {
    if (shows(session, web->der, web->der_len)) return session;
    pause_ms(50);
  }
  host_fail(__FILE__, __LINE__, "the new certificate is not seen", 0);
}

/* One of many on one session: another's search may be under way, and others that follow may have left behind what this
 * one found. */
static void search_in(CK_SESSION_HANDLE session) {
  CK_OBJECT_CLASS class = CKO_CERTIFICATE;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_RV rv = host->p11->C_FindObjectsInit(session, &wanted, 1);
  must(rv == CKR_OK || rv == CKR_OPERATION_ACTIVE);
  if (rv != CKR_OK) return;
  CK_OBJECT_HANDLE certificate = 0;
  CK_ULONG count = 0;
  must_be(CKR_OK, host->p11->C_FindObjects(session, &certificate, 1, &count));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  CK_BYTE value[4096];
  CK_ATTRIBUTE wanted_value = {CKA_VALUE, value, sizeof value};
  rv = host->p11->C_GetAttributeValue(session, certificate, &wanted_value, 1);
  must(count == 1 && (rv == CKR_OK || rv == CKR_OBJECT_HANDLE_INVALID));
}

/* Some search as well, in one session that they share. */
static void *sign_on_and_on(void *shared) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  CK_BYTE signature[256];
  do {
    must_be(CKR_OK, host_sign(host, session, key, signature));
    if (shared != NULL) search_in(*(const CK_SESSION_HANDLE *)shared);
    atomic_fetch_add(&signatures, 1);
  } while (!atomic_load(&stop));
  host_sign_checked(host, session, key, web->key);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
  return NULL;
}

static void renewals_do_not_disturb_those_who_sign(void) {
  CK_SESSION_HANDLE before = host_open(host, 0);
  pthread_t threads[THREADS];
  for (int i = 0; i < THREADS; i++)
    must(pthread_create(&threads[i], NULL, sign_on_and_on, i < SEARCHERS ? &before : NULL) == 0);
  for (int i = 0; i < RENEWALS; i++) {
    host_bind(web);
    if (i % 100 == 0) must_be(CKR_OK, host->p11->C_CloseSession(open_when_seen()));
  }
  must_be(CKR_OK, host->p11->C_CloseSession(open_when_seen()));
  atomic_store(&stop, true);
  for (int i = 0; i < THREADS; i++)
    pthread_join(threads[i], NULL);
  must(atomic_load(&signatures) >= THREADS);
  must(shows(before, web->der, web->der_len));
  must_be(CKR_OK, host->p11->C_CloseSession(before));
}

static void the_same_key_keeps_handle_and_id(void) {
  CK_SESSION_HANDLE before = host_open(host, 0), after = 0;
  CK_OBJECT_HANDLE key = host_find(host, before, CKO_PRIVATE_KEY);
  CK_OBJECT_HANDLE certificate = host_find(host, before, CKO_CERTIFICATE);
  CK_BYTE id[4096], again[4096];
  size_t len = value_of(before, key, CKA_ID, id);
  for (int i = 0; i < 5; i++) {
    host_bind(web);
    after = open_when_seen();
    must(host_find(host, after, CKO_PRIVATE_KEY) == key);
    must(host_find(host, after, CKO_CERTIFICATE) != certificate);
    must(value_of(after, key, CKA_ID, again) == len && memcmp(id, again, len) == 0);
    must_be(i == 0 ? CKR_OK : CKR_OBJECT_HANDLE_INVALID,
            host->p11->C_GetAttributeValue(after, certificate, &(CK_ATTRIBUTE){CKA_ID, NULL, 0}, 1));
    host_sign_checked(host, after, key, web->key);
    must_be(CKR_OK, host->p11->C_CloseSession(after));
  }
  host_sign_checked(host, before, key, web->key);
  must_be(CKR_OK, host->p11->C_CloseSession(before));
}

static void another_key_has_another_id_and_the_old_one_is_removed(void) {
  CK_SESSION_HANDLE before = host_open(host, 0);
  CK_OBJECT_HANDLE old_key = host_find(host, before, CKO_PRIVATE_KEY);
  CK_BYTE old_id[4096];
  size_t len = value_of(before, old_key, CKA_ID, old_id);
  host_sign_checked(host, before, old_key, web->key);
  host_new_key(host, web);
  host_bind(web);
  CK_SESSION_HANDLE after = open_when_seen();
  CK_OBJECT_HANDLE new_key = host_find(host, after, CKO_PRIVATE_KEY);
  must(new_key != old_key);
  CK_BYTE new_id[4096];
  must(value_of(after, new_key, CKA_ID, new_id) == len && memcmp(old_id, new_id, len) != 0);
  host_sign_checked(host, after, new_key, web->key);
  CK_BYTE signature[256];
  must_be(CKR_KEY_HANDLE_INVALID, host_sign(host, before, old_key, signature));
  must_be(CKR_KEY_HANDLE_INVALID, host_sign(host, after, old_key, signature));
  host_sign_checked(host, after, new_key, web->key);
  must_be(CKR_OK, host->p11->C_CloseSession(before));
  must_be(CKR_OK, host->p11->C_CloseSession(after));
}

/* The store has another key by now, and the binding is still the old one's: nobody signs with the wrong key. */
static void a_key_that_is_not_the_bindings_is_removed(void) {
  host_new_key(host, web);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  host_start(host);
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_BYTE signature[256];
  for (int i = 0; i < 3; i++)
    must_be(CKR_KEY_HANDLE_INVALID, host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature));
  host_bind(web);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
  session = open_when_seen();
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), web->key);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

/* As pkcs11-helper does it: at this code another session is opened and the signature tried again, for as long as the
 * token is there. */
static void nobody_is_kept_trying(void) {
  host_drop_key(host, web);
  int attempts = 0;
  CK_RV rv = CKR_DEVICE_REMOVED;
  while (rv == CKR_DEVICE_REMOVED && attempts++ < 10) {
    CK_TOKEN_INFO info;
    must_be(CKR_OK, host->p11->C_GetTokenInfo(host_slot(host, "web"), &info));
    CK_SESSION_HANDLE session = host_open(host, 0);
    CK_BYTE signature[256];
    rv = host_sign(host, session, host_find(host, session, CKO_PRIVATE_KEY), signature);
    must_be(CKR_OK, host->p11->C_CloseSession(session));
  }
  must(rv != CKR_OK && attempts == 1);
  EVP_PKEY_free(web->key);
  web->key = NULL; /* there is none to be replaced */
  host_new_key(host, web);
  host_bind(web);
  CK_SESSION_HANDLE session = open_when_seen();
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), web->key);
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static void a_destroyed_key_has_one_code(void) {
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE key = host_find(host, session, CKO_PRIVATE_KEY);
  host_sign_checked(host, session, key, web->key);
  host_drop_key(host, web);
  CK_BYTE signature[256];
  for (int i = 0; i < 3; i++)
    must_be(CKR_KEY_HANDLE_INVALID, host_sign(host, session, key, signature));
  must_be(CKR_OK, host->p11->C_CloseSession(session));
}

static const struct host_case cases[] = {
    {"/rotation/renewals_do_not_disturb_those_who_sign", renewals_do_not_disturb_those_who_sign},
    {"/rotation/the_same_key_keeps_handle_and_id", the_same_key_keeps_handle_and_id},
    {"/rotation/another_key_has_another_id_and_the_old_one_is_removed",
     another_key_has_another_id_and_the_old_one_is_removed},
    {"/rotation/a_key_that_is_not_the_bindings_is_removed", a_key_that_is_not_the_bindings_is_removed},
    {"/rotation/nobody_is_kept_trying", nobody_is_kept_trying},
    {"/rotation/a_destroyed_key_has_one_code", a_destroyed_key_has_one_code},
};

int main(int argc, char **argv) {
  host = host_new();
  web = &host->identities[0];
  host_start(host);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
