/* The program that loads the module, for the tests of tests/module: a private SoftHSM2 with a key of OpenSSL's making,
 * a binding for a self-signed certificate, a keyguard.conf; all in a folder that is gone at the end. The module is the
 * built file, opened with dlopen as any application does. */
#ifndef KG_TESTS_MODULE_HOST_H
#define KG_TESTS_MODULE_HOST_H

#include "core/key/key.h"
#include "fake_token.h"
#include "keyguard/cryptoki.h"
#include "softhsm.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

/* Ends the test with the place and the condition; works on every thread and in children. */
#define must(condition) ((condition) ? (void)0 : host_fail(__FILE__, __LINE__, #condition, 0))
#define must_be(expected, call) host_must_be(__FILE__, __LINE__, #call, (expected), (call))

void host_fail(const char *file, int line, const char *what, unsigned long value) __attribute__((noreturn));
void host_must_be(const char *file, int line, const char *what, CK_RV expected, CK_RV got);

struct host_case {
  const char *name; /* "/lifecycle/second_finalize" */
  void (*run)(void);
};
/* Runs them all, or those whose names are given; the program's exit status. */
int host_run(int argc, char **argv, const struct host_case *cases, size_t count);
#define HOST_MAIN(cases)                                                                                               \
  int main(int argc, char **argv) {                                                                                    \
    return host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);                                                \
  }

struct host_identity {
  char *name, *uri, *binding; /* the key store's URI; the binding's path */
  const char *token;
  EVP_PKEY *key;
  unsigned char *der; /* of the certificate in the binding */
  size_t der_len;
  long serial, days;
  size_t issuers; /* chain certificates in the binding */
  unsigned capabilities;
};

struct host {
  struct kg_softhsm *softhsm;
  char *state, *configuration;
  const char *extra; /* lines for [keyguard], NULL: none; read by host_configure() */
  struct host_identity identities[8];
  size_t count;
  void *library;
  CK_FUNCTION_LIST_3_0 *p11;
};

/* Everything in place, KEYGUARD_CONF set, one identity "web"; nothing loaded yet. */
struct host *host_new(void);
void host_free(struct host **host);
/* A further identity with a key and a binding; host_configure() makes it known. */
struct host_identity *host_add(struct host *host, const char *name);
/* Its key on another token, behind a copy of SoftHSM2's library, which is loaded when the key is first used. Two things
 * that SoftHSM 2.6 cannot do make this necessary for processes that sign while others do: initialise again in a child
 * whose parent's threads were inside (it locks their mutexes), and read a token's file while another process logs in
 * (which rewrites it). */
struct host_identity *host_add_apart(struct host *host, const char *name, const char *token);
/* Over fake_fork_token.so, which has no lock: its threads may be forked away from. The signature is the input, then the
 * number of the process that made it. */
struct host_identity *host_add_forkable(struct host *host, const char *name);
/* The same over fake_limited_token.so, which has moods; both libraries see the same keys. */
struct host_identity *host_add_fake(struct host *host, const char *name);
struct fake_token *host_fake_token(void);
void host_configure(struct host *host);
void host_bind(struct host_identity *identity);                       /* writes the binding, with a new certificate */
void host_new_key(struct host *host, struct host_identity *identity); /* in place of the old one; not yet bound */
void host_drop_key(struct host *host, const struct host_identity *identity);

void host_load(struct host *host);  /* dlopen and the function list; not initialised */
void host_start(struct host *host); /* and C_Initialize with OS locking */
/* The end of a program whose cases share one initialised module: host_run(), C_Finalize, host_free(); its result. */
int host_finish(struct host **host, int argc, char **argv, const struct host_case *cases, size_t count);
CK_SLOT_ID host_slot(const struct host *host, const char *label);
CK_SESSION_HANDLE host_open(const struct host *host, CK_FLAGS flags); /* on the first identity */
CK_OBJECT_HANDLE host_find(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class);
/* Init and once; `signature` takes 256 bytes. */
CK_RV host_sign(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE signature[256]);
/* A PSS SHA-256 signature over host_digest, checked by OpenSSL with exactly that salt length. */
void host_sign_checked(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, EVP_PKEY *public_key);
extern CK_BYTE host_digest[32];
extern CK_MECHANISM host_pss; /* CKM_RSA_PKCS_PSS, SHA-256, salt 32 */
bool host_verifies(EVP_PKEY *key, const struct kg_sign_params *params, struct kg_span digest, struct kg_span signature);

/* Every function of a list with its name, to be called with any words: the calling conventions we build for pass
 * integers and pointers alike, and a callee leaves alone what it does not expect. */
typedef CK_RV (*host_any)(CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG, CK_ULONG,
                          CK_ULONG);
struct host_entry {
  const char *name;
  host_any call;
};
#define HOST_ENTRIES 92 /* the first 68 are those of 2.40 */
void host_entries(const CK_FUNCTION_LIST_3_0 *list, struct host_entry out[HOST_ENTRIES]);
/* Some functions do their work without C_Initialize; all others say that it is missing. */
bool host_needs_initialize(const char *name);

/* Memory that ends where a page without access begins. */
void *host_guarded(size_t size);
/* Runs `function` in a forked child under an alarm; its exit status, or 128 + signal. */
int host_fork(int (*function)(void *), void *argument);
bool host_is_mapped(const char *name); /* a library of this name is in this process */

/* A file from start to end; free() it. */
char *host_read(const char *path);
/* Where the module is loaded from: the built file, or its copy while it is shared. */
const char *host_module(void);
/* For programs that go on as another user, who may have no way into the build folder: a copy that everybody may read.
 */
void host_share_module(void);
void host_unshare_module(void);
void host_spawn(const char *const arguments[]); /* waits; anything but exit status 0 fails the test */

#endif
