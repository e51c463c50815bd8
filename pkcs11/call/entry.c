/* The C_* functions: guard, call, map, expanded from entry.def, and the tables that hand them out. The functions of the
 * tables are our own statics, so no library with the same names can come between (-Bsymbolic sees to the three
 * exports). */
#include "core/base/log.h"
#include "core/os/cancel.h"
#include "pkcs11/call/digesting.h"
#include "pkcs11/call/general_purpose.h"
#include "pkcs11/call/object_management.h"
#include "pkcs11/call/searching.h"
#include "pkcs11/call/session_management.h"
#include "pkcs11/call/signatures.h"
#include "pkcs11/call/slot_management.h"
#include "pkcs11/call/state_saving.h"
#include "pkcs11/module.h"
#include "pkcs11/out_buffer.h"

#include <string.h>

#if defined(_WIN32)
#define EXPORT /* exports.def */
#else
#define EXPORT __attribute__((visibility("default")))
#endif

/* A backing token may lead back to us (it loads OpenSSL, whose configuration loads a provider, which loads this
 * module): what could reach the token again is refused before it waits for anything. */
static CK_RV enter(struct kg_call *call, unsigned flags) {
  CK_RV rv = kg_module_enter(call);
  if (rv != CKR_OK || !(flags & KG_CALL_REACHES_STORE) || !kg_key_is_inside_store()) return rv;
  kg_module_leave(call);
  return CKR_FUNCTION_FAILED;
}

static void allow_cancel(const struct kg_call *call) {
  if (call->cancel != KG_CANCEL_KEPT) kg_cancel_restore(call->cancel);
}

static CK_RV begin(struct kg_call *call, unsigned flags) {
  call->identity = NULL;
  call->cancel = (flags & KG_CALL_BRIEF) == 0 ? kg_cancel_defer() : KG_CANCEL_KEPT;
  kg_error_begin(&call->error);
  CK_RV rv = enter(call, flags);
  if (rv != CKR_OK) allow_cancel(call);
  return rv;
}

/* A cause is worth a line to the operator; without one it is the caller's affair. */
static void report(const struct kg_call *call, const char *name, CK_RV rv) {
  enum kg_log_level level = call->error.status != KG_OK ? KG_LOG_ERROR : KG_LOG_DEBUG;
  if (!kg_log_enabled(level)) return;
  int before = kg_cancel_defer(); /* a log waits, whatever the call */
  kg_log(level, "%s: 0x%08lx%s%s%s%s", name, (unsigned long)rv, call->identity != NULL ? ": identity " : "",
         call->identity != NULL ? call->identity : "", call->error.status != KG_OK ? ": " : "",
         call->error.status != KG_OK ? call->error.text : "");
  kg_cancel_restore(before);
}

static CK_RV end(struct kg_call *call, const char *name, CK_RV rv) {
  if (rv != CKR_OK) report(call, name, rv);
  kg_module_leave(call);
  allow_cancel(call);
  return rv;
}

/* Behind a handler, whose answer goes on. */
static CK_RV release(struct kg_call *call, CK_SESSION_HANDLE handle, CK_RV rv) {
  kg_module_release_session(call, handle);
  return rv;
}

static CK_RV refuse(const char *name, CK_RV answer) {
  struct kg_call call;
  CK_RV rv = begin(&call, 0);
  return rv == CKR_OK ? end(&call, name, answer) : rv;
}

#define KG_OWN(name)
#define KG_ENTRY(name, parameters, arguments, flags, handler)                                                          \
  static CK_RV entry_##name parameters {                                                                               \
    struct kg_call call;                                                                                               \
    CK_RV rv = begin(&call, flags);                                                                                    \
    return rv == CKR_OK ? end(&call, #name, handler arguments) : rv;                                                   \
  }
#define KG_SLOT_ENTRY(name, parameters, arguments, flags, handler)                                                     \
  static CK_RV entry_##name parameters {                                                                               \
    struct kg_call call;                                                                                               \
    CK_RV rv = begin(&call, flags);                                                                                    \
    if (rv != CKR_OK) return rv;                                                                                       \
    struct kg_slot *slot = NULL;                                                                                       \
    rv = kg_module_require_slot(&call, id, &slot);                                                                     \
    return end(&call, #name, rv == CKR_OK ? handler arguments : rv);                                                   \
  }
#define KG_SESSION_ENTRY(name, parameters, arguments, flags, handler)                                                  \
  static CK_RV entry_##name parameters {                                                                               \
    struct kg_call call;                                                                                               \
    CK_RV rv = begin(&call, flags);                                                                                    \
    if (rv != CKR_OK) return rv;                                                                                       \
    struct kg_session *session = NULL;                                                                                 \
    rv = kg_module_acquire_session(&call, handle, &session);                                                           \
    return end(&call, #name, rv == CKR_OK ? release(&call, handle, handler arguments) : rv);                           \
  }
#define KG_STUB(name, parameters, answer)                                                                              \
  static CK_RV entry_##name parameters {                                                                               \
    return refuse(#name, answer);                                                                                      \
  }
#if defined(__GNUC__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wunused-parameter" /* a stub has no use for any */
#endif
#include "pkcs11/call/entry.def"
#if defined(__GNUC__)
#pragma GCC diagnostic pop
#endif

static CK_RV entry_C_Initialize(void *args) {
  int before = kg_cancel_defer();
  CK_RV rv = kg_module_initialize(args);
  kg_cancel_restore(before);
  return rv;
}

static CK_RV entry_C_Finalize(void *reserved) {
  int before = kg_cancel_defer();
  CK_RV rv = kg_key_is_inside_store() ? CKR_FUNCTION_FAILED : kg_module_finalize(reserved);
  kg_cancel_restore(before);
  return rv;
}

static CK_RV entry_C_GetFunctionList(CK_FUNCTION_LIST **list);
static CK_RV entry_C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count);
static CK_RV entry_C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags);

/* Who came by the list of 2.40 is told 2.40. */
static CK_RV entry_2_40_C_GetInfo(CK_INFO *info) {
  CK_RV rv = entry_C_GetInfo(info);
  if (rv == CKR_OK) {
    info->cryptokiVersion.major = 2;
    info->cryptokiVersion.minor = 40;
  }
  return rv;
}

/* And is shown less than one who came by the other (find.h). */
static CK_RV entry_2_40_C_FindObjectsInit(CK_SESSION_HANDLE handle, CK_ATTRIBUTE *attributes, CK_ULONG count) {
  struct kg_call call;
  CK_RV rv = begin(&call, 0);
  if (rv != CKR_OK) return rv;
  struct kg_session *session = NULL;
  rv = kg_module_acquire_session(&call, handle, &session);
  if (rv == CKR_OK) rv = release(&call, handle, kg_find_call_begin(&call, session, attributes, count, KG_FIND_2_40));
  return end(&call, "C_FindObjectsInit", rv);
}

#define MEMBER(name) .name = entry_##name,
static CK_FUNCTION_LIST_3_0 list_3_0 = {.version = {3, 0},
                                        KG_CRYPTOKI_FUNCTIONS_2_40(MEMBER) KG_CRYPTOKI_FUNCTIONS_3_0(MEMBER)};

#define entry_C_GetInfo entry_2_40_C_GetInfo
#define entry_C_FindObjectsInit entry_2_40_C_FindObjectsInit
static CK_FUNCTION_LIST list_2_40 = {.version = {2, 40}, KG_CRYPTOKI_FUNCTIONS_2_40(MEMBER)};
#undef entry_C_GetInfo
#undef entry_C_FindObjectsInit

static CK_UTF8CHAR interface_name[] = "PKCS 11";
/* Without CKF_INTERFACE_FORK_SAFE, which promises that a child goes on with its parent's sessions (PKCS#11 3.0 section
 * 5.4.4): ours begins anew, and so do the backing tokens. */
static CK_INTERFACE interfaces[] = {
    {(void *)interface_name, &list_3_0, 0}, /* the default; headers differ in whether the name is char or CK_UTF8CHAR */
    {(void *)interface_name, &list_2_40, 0},
};
#define INTERFACES (sizeof interfaces / sizeof interfaces[0])

static CK_RV entry_C_GetFunctionList(CK_FUNCTION_LIST **list) {
  if (list == NULL) return CKR_ARGUMENTS_BAD;
  *list = &list_2_40;
  return CKR_OK;
}

static CK_RV entry_C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count) {
  CK_RV rv = CKR_OK;
  if (kg_out_buffer_judge(list, count, INTERFACES, &rv) == KG_OUT_WRITE) memcpy(list, interfaces, sizeof interfaces);
  return rv;
}

static bool is_wanted(const CK_INTERFACE *offered, const CK_UTF8CHAR *name, const CK_VERSION *version, CK_FLAGS flags) {
  const CK_VERSION *has = offered->pFunctionList;
  if (name != NULL && strcmp((const char *)name, (const char *)offered->pInterfaceName) != 0) return false;
  if (version != NULL && (version->major != has->major || version->minor != has->minor)) return false;
  return (flags & ~offered->flags) == 0;
}

static CK_RV entry_C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags) {
  if (out == NULL) return CKR_ARGUMENTS_BAD;
  for (size_t i = 0; i < INTERFACES; i++) {
    if (!is_wanted(&interfaces[i], name, version, flags)) continue;
    *out = &interfaces[i];
    return CKR_OK;
  }
  return CKR_FUNCTION_FAILED; /* PKCS#11 3.0 section 5.4.5 lists no finer one */
}

EXPORT CK_RV C_GetFunctionList(CK_FUNCTION_LIST **list) {
  return entry_C_GetFunctionList(list);
}

EXPORT CK_RV C_GetInterfaceList(CK_INTERFACE *list, CK_ULONG *count) {
  return entry_C_GetInterfaceList(list, count);
}

EXPORT CK_RV C_GetInterface(CK_UTF8CHAR *name, CK_VERSION *version, CK_INTERFACE **out, CK_FLAGS flags) {
  return entry_C_GetInterface(name, version, out, flags);
}
