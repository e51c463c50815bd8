/* A random walk over all calls of signing, verifying, digesting and searching, next to a model of one page: every
 * answer is predicted. KG_STEPS and KG_SEED (environment) make it longer or another one. */
#include "host.h"

#include <string.h>

static struct host *host;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key, public_key;
static unsigned long long seed = 1;

static unsigned roll(unsigned sides) {
  seed = seed * 6364136223846793005u + 1442695040888963407u;
  return (unsigned)(seed >> 33) % sides;
}

/* --- the model --- */

enum kind { NONE, SINGLE, HASHED }; /* SINGLE: hashed by the caller, no parts */
struct operation {
  enum kind kind;
  bool updated;
};
static struct operation sign, verify, digest;
static bool finding;
static CK_ULONG left; /* objects not yet handed out */

static CK_RV end_with(struct operation *operation, CK_RV rv) {
  operation->kind = NONE;
  operation->updated = false;
  return rv;
}

static CK_RV predict_init(struct operation *operation, enum kind kind, CK_RV checked) {
  if (checked != CKR_OK) return checked;
  if (operation->kind != NONE) return CKR_OPERATION_ACTIVE;
  operation->kind = kind;
  return CKR_OK;
}

static CK_RV predict_update(struct operation *operation, bool good) {
  if (operation->kind != HASHED) return end_with(operation, CKR_OPERATION_NOT_INITIALIZED);
  if (!good) return end_with(operation, CKR_ARGUMENTS_BAD);
  operation->updated = true;
  return CKR_OK;
}

/* How an ending call is made. */
enum mode { QUERY, SHORT, NO_LENGTH, NO_DATA, REAL, MODES };

static CK_RV predict_end(struct operation *operation, bool once, enum mode mode, CK_RV real) {
  if (operation->kind == NONE || (once && operation->updated) || (!once && operation->kind == SINGLE))
    return end_with(operation, CKR_OPERATION_NOT_INITIALIZED);
  switch (mode) {
  case QUERY:
    return CKR_OK;
  case SHORT:
    return CKR_BUFFER_TOO_SMALL;
  case NO_LENGTH:
    return end_with(operation, CKR_ARGUMENTS_BAD);
  case NO_DATA:
    return end_with(operation, once ? CKR_ARGUMENTS_BAD : real);
  default:
    return end_with(operation, real);
  }
}

/* --- the calls --- */

static CK_MECHANISM hashed = {CKM_SHA256_RSA_PKCS, NULL, 0}, absent = {CKM_RSA_X_509, NULL, 0};
static CK_MECHANISM sha = {CKM_SHA256, NULL, 0};
static CK_BYTE out[256];

struct init { /* one way to call an Init, and what its arguments are worth */
  CK_MECHANISM *mechanism;
  bool bad_key;
  enum kind kind;
  CK_RV checked;
};
static const struct init inits[] = {{&host_pss, false, SINGLE, CKR_OK},
                                    {&host_pss, false, SINGLE, CKR_OK},
                                    {&hashed, false, HASHED, CKR_OK},
                                    {&hashed, false, HASHED, CKR_OK},
                                    {&absent, false, NONE, CKR_MECHANISM_INVALID},
                                    {&hashed, true, NONE, CKR_KEY_HANDLE_INVALID}};

typedef CK_RV (*init_function)(CK_SESSION_HANDLE, CK_MECHANISM *, CK_OBJECT_HANDLE);

static void do_init(init_function function, struct operation *operation, CK_OBJECT_HANDLE key) {
  const struct init *init = &inits[roll(sizeof inits / sizeof inits[0])];
  if (roll(8) == 0) {
    must_be(end_with(operation, CKR_OK), function(session, NULL, 0));
    return;
  }
  must_be(predict_init(operation, init->kind, init->checked),
          function(session, init->mechanism, init->bad_key ? 0 : key));
}

static void do_update(CK_RV (*function)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG), struct operation *operation) {
  bool good = roll(6) != 0;
  must_be(predict_update(operation, good), function(session, good ? host_digest : NULL, roll(3) ? 32 : 1));
}

/* C_Sign and C_Digest; and with `data` NULL their Final. */
typedef CK_RV (*once_function)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG, CK_BYTE *, CK_ULONG *);
typedef CK_RV (*final_function)(CK_SESSION_HANDLE, CK_BYTE *, CK_ULONG *);

static void do_output(once_function once, final_function final, struct operation *operation) {
  enum mode mode = (enum mode)roll(MODES);
  CK_ULONG len = mode == SHORT ? roll(32) : mode == QUERY ? roll(1000) : sizeof out;
  CK_BYTE *buffer = mode == QUERY || (mode == NO_LENGTH && roll(2)) ? NULL : out;
  CK_ULONG *room = mode == NO_LENGTH ? NULL : &len;
  CK_RV expected = predict_end(operation, once != NULL, mode, CKR_OK);
  if (once != NULL)
    must_be(expected, once(session, mode == NO_DATA ? NULL : host_digest, 32, buffer, room));
  else
    must_be(expected, final(session, buffer, room));
}

/* NO_LENGTH stands for a signature of the wrong length, QUERY and SHORT for none at all. */
static CK_RV verify_answer(enum mode mode) {
  return mode == QUERY || mode == SHORT ? CKR_ARGUMENTS_BAD
         : mode == NO_LENGTH            ? CKR_SIGNATURE_LEN_RANGE
                                        : CKR_SIGNATURE_INVALID;
}

static void do_verify(bool once) {
  enum mode mode = (enum mode)roll(MODES);
  CK_BYTE wrong[256] = {0}, *signature = mode == QUERY || mode == SHORT ? NULL : wrong;
  CK_ULONG len = mode == NO_LENGTH ? 255 : 256;
  CK_RV expected = predict_end(&verify, once, mode == NO_DATA ? NO_DATA : REAL, verify_answer(mode));
  if (once)
    must_be(expected, host->p11->C_Verify(session, mode == NO_DATA ? NULL : host_digest, 32, signature, len));
  else
    must_be(expected, host->p11->C_VerifyFinal(session, signature, len));
}

static void do_find(void) {
  CK_OBJECT_HANDLE objects[3];
  CK_ULONG count = 0, room = roll(4);
  CK_RV expected = finding ? CKR_OK : CKR_OPERATION_NOT_INITIALIZED;
  switch (roll(3)) {
  case 0:
    must_be(finding ? CKR_OPERATION_ACTIVE : CKR_OK, host->p11->C_FindObjectsInit(session, NULL, 0));
    if (!finding) left = 8;
    finding = true;
    break;
  case 1:
    must_be(expected, host->p11->C_FindObjects(session, objects, room, &count));
    if (finding) must(count == (left < room ? left : room));
    left -= count;
    break;
  default:
    must_be(expected, host->p11->C_FindObjectsFinal(session));
    finding = false;
  }
}

static void do_cancel(void) {
  unsigned which = roll(16);
  CK_FLAGS flags = (which & 1 ? CKF_SIGN : 0) | (which & 2 ? CKF_VERIFY : 0) | (which & 4 ? CKF_DIGEST : 0) |
                   (which & 8 ? CKF_FIND_OBJECTS : 0) | CKF_ENCRYPT;
  must_be(CKR_OK, host->p11->C_SessionCancel(session, flags));
  if (which & 1) (void)end_with(&sign, CKR_OK);
  if (which & 2) (void)end_with(&verify, CKR_OK);
  if (which & 4) (void)end_with(&digest, CKR_OK);
  if (which & 8) finding = false;
}

/* Saving and restoring ends signatures and leaves the digest as it was. */
static void do_state(void) {
  CK_BYTE state[512];
  CK_ULONG len = sizeof state;
  CK_RV expected = sign.kind || verify.kind ? CKR_STATE_UNSAVEABLE
                   : digest.kind            ? CKR_OK
                                            : CKR_OPERATION_NOT_INITIALIZED;
  must_be(expected, host->p11->C_GetOperationState(session, state, &len));
  if (expected != CKR_OK) return;
  must_be(CKR_OK, host->p11->C_SetOperationState(session, state, len, 0, 0));
}

static void do_digest_init(void) {
  if (roll(5) == 0)
    must_be(end_with(&digest, CKR_OK), host->p11->C_DigestInit(session, NULL));
  else
    must_be(predict_init(&digest, HASHED, CKR_OK), host->p11->C_DigestInit(session, &sha));
}

static void step(void) {
  const CK_FUNCTION_LIST_3_0 *p11 = host->p11;
  switch (roll(14)) {
  case 0:
    do_init(p11->C_SignInit, &sign, private_key);
    break;
  case 1:
    do_update(p11->C_SignUpdate, &sign);
    break;
  case 2:
    do_output(p11->C_Sign, NULL, &sign);
    break;
  case 3:
    do_output(NULL, p11->C_SignFinal, &sign);
    break;
  case 4:
    do_init(p11->C_VerifyInit, &verify, public_key);
    break;
  case 5:
    do_update(p11->C_VerifyUpdate, &verify);
    break;
  case 6:
  case 7:
    do_verify(roll(2) != 0);
    break;
  case 8:
    do_digest_init();
    break;
  case 9:
    do_update(p11->C_DigestUpdate, &digest);
    break;
  case 10:
    do_output(p11->C_Digest, NULL, &digest);
    break;
  case 11:
    do_output(NULL, p11->C_DigestFinal, &digest);
    break;
  case 12:
    do_find();
    break;
  default:
    if (roll(4) == 0)
      do_cancel();
    else
      do_state();
  }
}

static void every_answer_is_the_models(void) {
  unsigned long steps = getenv("KG_STEPS") != NULL ? strtoul(getenv("KG_STEPS"), NULL, 10) : 100000;
  if (getenv("KG_SEED") != NULL) seed = strtoull(getenv("KG_SEED"), NULL, 10);
  for (unsigned long i = 0; i < steps; i++) {
    step();
    if (roll(200) == 0 && sign.kind == NONE) host_sign_checked(host, session, private_key, host->identities[0].key);
  }
}

static const struct host_case cases[] = {{"/state_machine/every_answer_is_the_models", every_answer_is_the_models}};

int main(int argc, char **argv) {
  host = host_new();
  host_start(host);
  session = host_open(host, 0);
  private_key = host_find(host, session, CKO_PRIVATE_KEY);
  public_key = host_find(host, session, CKO_PUBLIC_KEY);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
