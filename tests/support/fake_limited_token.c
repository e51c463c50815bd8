#include "fake_token.h"

#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT extern struct fake_token fake_token;
struct fake_token fake_token;
EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list);

static CK_FUNCTION_LIST *real, ours, incomplete;

/* SoftHSM2 makes its one object at the first call, whichever that is, without a lock: threads that come in after
 * C_Finalize, or during C_Initialize, would make several and corrupt the heap. Here they are told what they are to
 * know. */
static atomic_bool is_up;
/* As a thread found it on entering: what it was given before (a session's number) is of that time. */
static _Thread_local bool was_up;
static _Thread_local CK_RV verdict;
#define REAL(name, arguments) (may_do(#name) ? real->name arguments : verdict)

static bool is_named(const char *variable, const char *function) {
  const char *name = getenv(variable);
  return name != NULL && strcmp(name, function) == 0;
}

/* In the environment: a function that never comes back, and one that ends the process. */
static void misbehave(const char *function) {
  while (is_named("FAKE_TOKEN_HANG", function))
    (void)pause();
  if (is_named("FAKE_TOKEN_CRASH", function)) (void)raise(SIGKILL);
}

static CK_RV decide(const char *function) {
  misbehave(function);
  CK_RV (*decider)(const char *) = atomic_load(&fake_token.decide);
  return decider != NULL ? decider(function) : CKR_OK;
}

static bool may_do(const char *function) {
  verdict = was_up ? decide(function) : CKR_CRYPTOKI_NOT_INITIALIZED;
  return verdict == CKR_OK;
}

static void note_most(atomic_int *most, int now) {
  int seen = atomic_load(most);
  while (now > seen && !atomic_compare_exchange_weak(most, &seen, now))
    continue;
}

/* Gives way between entering and working, so that two threads in here at once see each other. */
static void enter(void) {
  was_up = atomic_load(&is_up);
  note_most(&fake_token.most_inside, atomic_fetch_add(&fake_token.inside, 1) + 1);
  sched_yield();
}

static CK_RV leave(CK_RV rv) {
  atomic_fetch_sub(&fake_token.inside, 1);
  return rv;
}

#define PASS(name, parameters, arguments)                                                                              \
  static CK_RV pass_##name parameters {                                                                                \
    enter();                                                                                                           \
    return leave(REAL(name, arguments));                                                                               \
  }

PASS(C_GetSessionInfo, (CK_SESSION_HANDLE session, CK_SESSION_INFO *info), (session, info))
PASS(C_GetAttributeValue, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE *template, CK_ULONG count),
     (session, object, template, count))
PASS(C_FindObjects, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE *objects, CK_ULONG max, CK_ULONG *count),
     (session, objects, max, count))
PASS(C_FindObjectsFinal, (CK_SESSION_HANDLE session), (session))
PASS(C_DestroyObject, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object), (session, object))
PASS(C_VerifyInit, (CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key),
     (session, mechanism, key))
PASS(C_Verify, (CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG signature_len),
     (session, data, len, signature, signature_len))

static void pad(CK_UTF8CHAR *field, size_t size, const char *text) {
  if (text == NULL) return;
  memset(field, ' ', size);
  memcpy(field, text, strlen(text));
}

static CK_RV get_info(CK_INFO *info) {
  enter();
  CK_RV rv = REAL(C_GetInfo, (info));
  pad(info->manufacturerID, sizeof info->manufacturerID, atomic_load(&fake_token.manufacturer));
  pad(info->libraryDescription, sizeof info->libraryDescription, atomic_load(&fake_token.description));
  return leave(rv);
}

/* As many readers without a card in front of SoftHSM2's slots as the test wants; their numbers mean nothing to it. */
static CK_RV get_slot_list(CK_BBOOL present, CK_SLOT_ID *slots, CK_ULONG *count) {
  CK_ULONG more = atomic_load(&fake_token.more_slots), room = *count;
  enter();
  CK_RV rv = REAL(C_GetSlotList, (present, NULL, count));
  *count += more;
  if (rv != CKR_OK || slots == NULL) return leave(rv);
  if (room < *count) return leave(CKR_BUFFER_TOO_SMALL);
  for (CK_ULONG i = 0; i < more; i++)
    slots[i] = 0x70000000UL + i;
  CK_ULONG rest = room - more;
  rv = REAL(C_GetSlotList, (present, slots + more, &rest));
  *count = more + rest;
  return leave(rv);
}

static CK_RV get_slot_info(CK_SLOT_ID slot, CK_SLOT_INFO *info) {
  enter();
  CK_RV rv = REAL(C_GetSlotInfo, (slot, info));
  if (atomic_load(&fake_token.hardware_slot)) info->flags |= CKF_HW_SLOT;
  return leave(rv);
}

static CK_RV get_token_info(CK_SLOT_ID slot, CK_TOKEN_INFO *info) {
  CK_RV failure = atomic_load(&fake_token.fail_token_info);
  if (failure != CKR_OK) return failure;
  enter();
  CK_RV rv = REAL(C_GetTokenInfo, (slot, info));
  info->flags |= atomic_load(&fake_token.token_flags);
  pad(info->manufacturerID, sizeof info->manufacturerID, atomic_load(&fake_token.token_manufacturer));
  pad(info->serialNumber, sizeof info->serialNumber, atomic_load(&fake_token.token_serial));
  return leave(rv);
}

static CK_RV get_mechanism_info(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO *info) {
  if (type == CKM_RSA_PKCS_PSS && atomic_load(&fake_token.no_pss)) return CKR_MECHANISM_INVALID;
  enter();
  return leave(REAL(C_GetMechanismInfo, (slot, type, info)));
}

static void call(_Atomic(void (*)(void)) *hook) {
  void (*function)(void) = atomic_load(hook);
  if (function != NULL) function();
}

static CK_RV initialize(void *arguments) {
  CK_RV rv = atomic_load(&fake_token.fail_initialize);
  if (rv != CKR_OK) return rv;
  enter();
  call(&fake_token.during_initialize);
  rv = decide("C_Initialize");
  if (rv == CKR_OK) rv = real->C_Initialize(arguments);
  if (rv == CKR_OK) atomic_fetch_add(&fake_token.initialized, 1);
  if (rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED) atomic_store(&is_up, true);
  return leave(rv);
}

static CK_RV finalize(void *reserved) {
  enter();
  bool before = atomic_exchange(&is_up, false);
  CK_RV rv = decide("C_Finalize");
  if (rv == CKR_OK) rv = real->C_Finalize(reserved);
  if (rv != CKR_OK) atomic_store(&is_up, before);
  if (rv == CKR_OK) {
    atomic_fetch_add(&fake_token.finalized, 1);
    atomic_store(&fake_token.open, 0);
  }
  return leave(rv);
}

static CK_RV open_session(CK_SLOT_ID slot, CK_FLAGS flags, void *application, CK_NOTIFY notify,
                          CK_SESSION_HANDLE *session) {
  int max = atomic_load(&fake_token.max_sessions), now = atomic_fetch_add(&fake_token.open, 1) + 1;
  CK_RV refusal = atomic_load(&fake_token.refuse_with);
  enter();
  CK_RV rv = refusal != CKR_OK ? refusal : CKR_SESSION_COUNT;
  if (max == 0 || now <= max) rv = REAL(C_OpenSession, (slot, flags, application, notify, session));
  if (rv == CKR_OK) {
    note_most(&fake_token.most_open, now);
    atomic_fetch_add(&fake_token.opened, 1);
  } else {
    atomic_fetch_sub(&fake_token.open, 1);
  }
  return leave(rv);
}

static CK_RV close_session(CK_SESSION_HANDLE session) {
  enter();
  CK_RV rv = REAL(C_CloseSession, (session));
  if (rv == CKR_OK) atomic_fetch_sub(&fake_token.open, 1);
  if (rv == CKR_OK) atomic_fetch_add(&fake_token.closed, 1);
  return leave(rv);
}

static CK_RV close_all_sessions(CK_SLOT_ID slot) {
  enter();
  CK_RV rv = REAL(C_CloseAllSessions, (slot));
  if (rv == CKR_OK) atomic_store(&fake_token.open, 0);
  return leave(rv);
}

static CK_RV login(CK_SESSION_HANDLE session, CK_USER_TYPE user, CK_UTF8CHAR *pin, CK_ULONG len) {
  if (atomic_load(&fake_token.pinless) > 0 && atomic_fetch_sub(&fake_token.pinless, 1) > 0)
    return CKR_USER_PIN_NOT_INITIALIZED;
  enter();
  CK_RV rv = REAL(C_Login, (session, user, pin, len));
  if (rv == CKR_OK) atomic_fetch_add(&fake_token.logins, 1);
  if (rv == CKR_PIN_INCORRECT) atomic_fetch_add(&fake_token.refused_logins, 1);
  return leave(rv);
}

static CK_RV find_objects_init(CK_SESSION_HANDLE session, CK_ATTRIBUTE *template, CK_ULONG count) {
  CK_OBJECT_CLASS none = CKO_VENDOR_DEFINED | 0x4b47;
  CK_ATTRIBUTE nothing = {CKA_CLASS, &none, sizeof none};
  bool is_public =
      count > 0 && template[0].type == CKA_CLASS && *(const CK_OBJECT_CLASS *)template[0].pValue == CKO_PUBLIC_KEY;
  enter();
  if (is_public && atomic_load(&fake_token.no_public_key))
    return leave(REAL(C_FindObjectsInit, (session, &nothing, 1)));
  return leave(REAL(C_FindObjectsInit, (session, template, count)));
}

static CK_RV generate_key_pair(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_ATTRIBUTE *public_template,
                               CK_ULONG public_count, CK_ATTRIBUTE *private_template, CK_ULONG private_count,
                               CK_OBJECT_HANDLE *public_key, CK_OBJECT_HANDLE *private_key) {
  CK_RV rv = atomic_load(&fake_token.fail_generate);
  if (rv != CKR_OK) return rv;
  enter();
  return leave(REAL(C_GenerateKeyPair, (session, mechanism, public_template, public_count, private_template,
                                        private_count, public_key, private_key)));
}

static CK_RV generate_random(CK_SESSION_HANDLE session, CK_BYTE *out, CK_ULONG len) {
  CK_RV rv = atomic_load(&fake_token.fail_random);
  if (rv != CKR_OK) return rv;
  enter();
  return leave(REAL(C_GenerateRandom, (session, out, len)));
}

/* As tpm2-pkcs11 does: another salt length is refused at once. */
static bool is_foreign_salt(const CK_MECHANISM *mechanism) {
  const CK_RSA_PKCS_PSS_PARAMS *pss = mechanism->pParameter;
  return mechanism->mechanism == CKM_RSA_PKCS_PSS && atomic_load(&fake_token.salt_is_hash) &&
         pss->sLen != (pss->hashAlg == CKM_SHA256   ? 32
                       : pss->hashAlg == CKM_SHA384 ? 48
                                                    : 64);
}

static CK_RV sign_init(CK_SESSION_HANDLE session, CK_MECHANISM *mechanism, CK_OBJECT_HANDLE key) {
  CK_RV rv = atomic_load(&fake_token.fail_sign_init);
  if (rv != CKR_OK) return rv;
  if (is_foreign_salt(mechanism)) return CKR_MECHANISM_PARAM_INVALID;
  call(&fake_token.during_sign_init);
  enter();
  if (atomic_load(&fake_token.canned)) return leave(CKR_OK);
  return leave(REAL(C_SignInit, (session, mechanism, key)));
}

static CK_RV sign_canned(CK_BYTE *signature, CK_ULONG *len) {
  nanosleep(&(struct timespec){0, 200000}, NULL);
  memset(signature, 0, 256);
  *len = 256;
  atomic_fetch_add(&fake_token.signatures, 1);
  return leave(CKR_OK);
}

static CK_RV sign(CK_SESSION_HANDLE session, CK_BYTE *data, CK_ULONG len, CK_BYTE *signature, CK_ULONG *signature_len) {
  CK_RV rv = atomic_exchange(&fake_token.fail_sign, CKR_OK);
  if (rv != CKR_OK) return rv;
  enter();
  if (atomic_load(&fake_token.canned)) return sign_canned(signature, signature_len);
  call(&fake_token.during_sign);
  rv = REAL(C_Sign, (session, data, len, signature, signature_len));
  if (rv == CKR_OK && atomic_load(&fake_token.wrong_signature)) signature[*signature_len / 2] ^= 1;
  if (rv == CKR_OK) atomic_fetch_add(&fake_token.signatures, 1);
  return leave(rv);
}

static CK_FUNCTION_LIST *load(void) {
  const char *path = getenv("FAKE_TOKEN_LIBRARY");
  void *handle = path != NULL ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
  void *symbol = handle != NULL ? dlsym(handle, "C_GetFunctionList") : NULL;
  if (symbol == NULL) return NULL;
  CK_C_GetFunctionList get = NULL;
  memcpy(&get, &symbol, sizeof get);
  CK_FUNCTION_LIST *list = NULL;
  return get(&list) == CKR_OK ? list : NULL;
}

static void override(void) {
  ours.C_Initialize = initialize;
  ours.C_Finalize = finalize;
  ours.C_GetInfo = get_info;
  ours.C_GetFunctionList = C_GetFunctionList;
  ours.C_GetSlotList = get_slot_list;
  ours.C_GetSlotInfo = get_slot_info;
  ours.C_GetTokenInfo = get_token_info;
  ours.C_GetMechanismInfo = get_mechanism_info;
  ours.C_OpenSession = open_session;
  ours.C_CloseSession = close_session;
  ours.C_CloseAllSessions = close_all_sessions;
  ours.C_GetSessionInfo = pass_C_GetSessionInfo;
  ours.C_Login = login;
  ours.C_GetAttributeValue = pass_C_GetAttributeValue;
  ours.C_FindObjectsInit = find_objects_init;
  ours.C_FindObjects = pass_C_FindObjects;
  ours.C_FindObjectsFinal = pass_C_FindObjectsFinal;
  ours.C_DestroyObject = pass_C_DestroyObject;
  ours.C_GenerateKeyPair = generate_key_pair;
  ours.C_GenerateRandom = generate_random;
  ours.C_SignInit = sign_init;
  ours.C_Sign = sign;
  ours.C_VerifyInit = pass_C_VerifyInit;
  ours.C_Verify = pass_C_Verify;
}

static void start(void) {
  real = load();
  if (real == NULL) return;
  ours = *real;
  override();
  incomplete = ours;
  incomplete.C_Sign = NULL;
}

CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, start);
  *list = atomic_load(&fake_token.incomplete_list) ? &incomplete : &ours;
  return real != NULL ? CKR_OK : CKR_GENERAL_ERROR;
}
