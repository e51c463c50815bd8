/* A token of one key, without any lock, that is strict about processes: after a fork it wants C_Initialize again, and a
 * session of the parent is no session in a child. SoftHSM2 cannot stand in here: a child that is forked while another
 * thread is inside it, or inside its libcrypto, inherits their locks and half-changed state whatever we do.
 * The signature is the input, then the process that made it. */
#define _DEFAULT_SOURCE
#include "keyguard/cryptoki.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))
#define SESSIONS 1024
#define KEY 7

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

/* Of the thread that sets it: its next C_OpenSession or C_Sign calls this once, which may fork, and returns in both
 * processes. */
EXPORT extern _Thread_local void (*fake_fork_token_inside)(void);
_Thread_local void (*fake_fork_token_inside)(void);

static void call_inside(void) {
  if (fake_fork_token_inside != NULL) fake_fork_token_inside();
  fake_fork_token_inside = NULL;
}

static atomic_int owner; /* process */
static struct {
  atomic_int owner; /* process; 0: closed */
  bool searching, signing;
} sessions[SESSIONS];

static bool is_initialized(void) {
  return atomic_load(&owner) == getpid();
}

static CK_RV check(CK_SESSION_HANDLE session) {
  if (!is_initialized()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (session == 0 || session >= SESSIONS || atomic_load(&sessions[session].owner) != getpid())
    return CKR_SESSION_HANDLE_INVALID;
  return CKR_OK;
}

static CK_RV initialize(void *arguments) {
  (void)arguments;
  if (is_initialized()) return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  atomic_store(&owner, getpid());
  return CKR_OK;
}

static CK_RV finalize(void *reserved) {
  (void)reserved;
  if (!is_initialized()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  atomic_store(&owner, 0);
  return CKR_OK;
}

/* FAKE_FORK_TOKEN_TPM2 in the environment: called like the library that takes one call at a time. */
static CK_RV get_info(CK_INFO *info) {
  static const char tpm2[] = "TPM2.0 Cryptoki";
  memset(info, ' ', sizeof *info);
  if (getenv("FAKE_FORK_TOKEN_TPM2") != NULL) memcpy(info->libraryDescription, tpm2, sizeof tpm2 - 1);
  return is_initialized() ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
  (void)present;
  if (!is_initialized()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  if (slots != NULL) slots[0] = 0;
  *count = 1;
  return CKR_OK;
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
  (void)slot;
  memset(info, 0, sizeof *info);
  return CKR_OK;
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
  (void)slot;
  memset(info, ' ', sizeof *info);
  info->label[0] = 't';
  info->serialNumber[0] = '1';
  info->flags = CKF_TOKEN_INITIALIZED;
  return is_initialized() ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
  (void)slot;
  (void)type;
  *info = (CK_MECHANISM_INFO){1024, 4096, CKF_SIGN};
  return CKR_OK;
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session) {
  (void)slot;
  (void)flags;
  (void)application;
  (void)notify;
  if (!is_initialized()) return CKR_CRYPTOKI_NOT_INITIALIZED;
  for (CK_SESSION_HANDLE i = 1; i < SESSIONS; i++) {
    int closed = 0;
    if (!atomic_compare_exchange_strong(&sessions[i].owner, &closed, getpid())) continue;
    sessions[i].searching = sessions[i].signing = false;
    *session = i;
    call_inside();
    return CKR_OK;
  }
  return CKR_SESSION_COUNT;
}

static CK_RV close_session(CK_SESSION_HANDLE session) {
  CK_RV rv = check(session);
  if (rv == CKR_OK) atomic_store(&sessions[session].owner, 0);
  return rv;
}

static CK_RV get_session_info(CK_SESSION_HANDLE session, CK_SESSION_INFO *info) {
  memset(info, 0, sizeof *info);
  return check(session);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len) {
  (void)user;
  (void)pin;
  (void)len;
  return check(session);
}

/* One attribute at a time, as the store asks; every other one is not there. */
static CK_RV get_attribute_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template,
                                 CK_ULONG count) {
  static const CK_KEY_TYPE rsa = CKK_RSA;
  static const CK_BBOOL yes = CK_TRUE;
  static const CK_BYTE exponent[] = {1, 0, 1}, modulus[256] = {0xc1, 0xc2, 0xc3};
  static const CK_ATTRIBUTE known[] = {{CKA_KEY_TYPE, (void *)&rsa, sizeof rsa},
                                       {CKA_SIGN, (void *)&yes, sizeof yes},
                                       {CKA_MODULUS, (void *)modulus, sizeof modulus},
                                       {CKA_PUBLIC_EXPONENT, (void *)exponent, sizeof exponent}};
  CK_RV rv = check(session);
  if (rv != CKR_OK || count != 1 || object != KEY) return rv != CKR_OK ? rv : CKR_OBJECT_HANDLE_INVALID;
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    if (known[i].type != template->type) continue;
    if (template->ulValueLen < known[i].ulValueLen) return CKR_BUFFER_TOO_SMALL;
    memcpy(template->pValue, known[i].pValue, known[i].ulValueLen);
    template->ulValueLen = known[i].ulValueLen;
    return CKR_OK;
  }
  return CKR_ATTRIBUTE_TYPE_INVALID;
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count) {
  CK_RV rv = check(session);
  (void)count;
  if (rv == CKR_OK) sessions[session].searching = *(const CK_OBJECT_CLASS *)template[0].pValue == CKO_PRIVATE_KEY;
  return rv;
}

static CK_RV find_objects(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count) {
  CK_RV rv = check(session);
  *count = 0;
  if (rv != CKR_OK || max == 0 || !sessions[session].searching) return rv;
  sessions[session].searching = false;
  objects[0] = KEY;
  *count = 1;
  return CKR_OK;
}

static CK_RV find_objects_final(CK_SESSION_HANDLE session) {
  return check(session);
}

static CK_RV destroy_object(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object) {
  (void)object;
  return check(session);
}

static CK_RV generate_random(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len) {
  memset(out, 1, len);
  return check(session);
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *a, CK_ULONG b,
                               CK_ATTRIBUTE *c, CK_ULONG d, CK_OBJECT_HANDLE *e, CK_OBJECT_HANDLE *f) {
  (void)session;
  (void)mechanism;
  (void)a;
  (void)b;
  (void)c;
  (void)d;
  (void)e;
  (void)f;
  return CKR_FUNCTION_NOT_SUPPORTED;
}

static CK_RV start(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  CK_RV rv = check(session);
  (void)mechanism;
  if (rv != CKR_OK || key != KEY) return rv != CKR_OK ? rv : CKR_KEY_HANDLE_INVALID;
  if (sessions[session].signing) return CKR_OPERATION_ACTIVE;
  sessions[session].signing = true;
  return CKR_OK;
}

/* Takes long enough for most forks to find a thread in here. */
static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *signature_len) {
  CK_RV rv = check(session);
  int process = getpid();
  if (rv != CKR_OK) return rv;
  if (!sessions[session].signing) return CKR_OPERATION_NOT_INITIALIZED;
  usleep(100);
  sessions[session].signing = false;
  memset(signature, 0, 256);
  memcpy(signature, data, len);
  memcpy(signature + 256 - sizeof process, &process, sizeof process);
  *signature_len = 256;
  call_inside();
  return CKR_OK;
}

static CK_RV verify(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature,
                    CK_ULONG signature_len) {
  (void)data;
  (void)len;
  (void)signature;
  (void)signature_len;
  return check(session);
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  static CK_FUNCTION_LIST functions = {
      .version = {2, 40},
      .C_Initialize = initialize,
      .C_Finalize = finalize,
      .C_GetInfo = get_info,
      .C_GetFunctionList = C_GetFunctionList,
      .C_GetSlotList = get_slot_list,
      .C_GetSlotInfo = get_slot_info,
      .C_GetTokenInfo = get_token_info,
      .C_GetMechanismInfo = get_mechanism_info,
      .C_OpenSession = open_session,
      .C_CloseSession = close_session,
      .C_GetSessionInfo = get_session_info,
      .C_Login = login,
      .C_GetAttributeValue = get_attribute_value,
      .C_FindObjectsInit = find_objects_init,
      .C_FindObjects = find_objects,
      .C_FindObjectsFinal = find_objects_final,
      .C_DestroyObject = destroy_object,
      .C_GenerateKeyPair = generate_key_pair,
      .C_GenerateRandom = generate_random,
      .C_SignInit = start,
      .C_Sign = sign,
      .C_VerifyInit = start,
      .C_Verify = verify,
  };
  *list = &functions;
  return CKR_OK;
}
