/* What the tests of the `pkcs11:` store share: a private SoftHSM2 with a token "t", the fake library over it, and a way
 * to the token past the store. */
#ifndef KG_TESTS_STORE_TOKEN_H
#define KG_TESTS_STORE_TOKEN_H

#include "core/base/error.h"
#include "core/key/key.h"
#include "fake_token.h"
#include "keyguard/cryptoki.h"
#include "softhsm.h"
#include "tests/support/unit.h"

struct token {
  struct kg_softhsm *softhsm;
  struct fake_token *fake;         /* controls of KG_FAKE_TOKEN, all zero at first */
  const CK_FUNCTION_LIST *library; /* KG_FAKE_TOKEN as an application would use it */
};

/* cmocka's set-up and tear-down: *state is a struct token. */
int token_setup(void **state);
int token_teardown(void **state);
#define TOKEN_CASE(path, function)                                                                                     \
  { path, function, token_setup, token_teardown, NULL }

/* A URI through the fake library; free() it. */
char *token_uri(struct token *token, const char *object);
/* The key of `uri`, made where it is missing; fails the test with the store's text. */
struct kg_key *token_open(const char *uri);
struct kg_key *token_open_object(struct token *token, const char *object);
/* The status of opening `uri`, which is closed again; the text is in `error`. */
enum kg_status token_try(const char *uri, unsigned flags, struct kg_error *error);

/* PSS SHA-256, salt 32, over a digest of `byte`s; fails the test, or asserts, as cmocka does. */
void token_sign(struct kg_key *key, unsigned char byte);
enum kg_status token_try_sign(struct kg_key *key, struct kg_error *error);
/* What OpenSSL says of a signature, with exactly that salt length. */
bool token_verify(const struct kg_key_info *info, const struct kg_sign_params *params, struct kg_span input,
                  const unsigned char *signature);

/* Past the store: a logged in read-write session of an application on token "t". Initialises the library if needed;
 * `token_leave` closes the session and finalises the library where `token_enter` initialised it. */
struct application {
  const CK_FUNCTION_LIST *f;
  CK_SLOT_ID slot;
  CK_SESSION_HANDLE session;
  bool initialized;
};
void token_enter(struct token *token, const char *label, struct application *application);
void token_leave(struct application *application);
/* The only object of a class and label; 0: none. */
CK_OBJECT_HANDLE application_find(struct application *application, CK_OBJECT_CLASS class, const char *label);
/* An RSA key pair with more attributes for the private key. */
void application_generate(struct application *application, const char *label, CK_ULONG bits, CK_ATTRIBUTE *more,
                          CK_ULONG more_count);
/* Runs `function` in `count` threads to their end. */
void run_threads(unsigned count, void *(*function)(void *), void *argument);

#endif
