#define _XOPEN_SOURCE 700 /* realpath */
#include "core/key/pkcs11/load.h"

#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/host.h"
#include "core/os/errno_posix.h"
#include "core/os/file.h"
#include "core/os/library.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void anchor(void) {}

/* Both would lead back to us: p11-kit's proxy loads every configured module, ours among them. Its other name is
 * libp11-kit itself, known by a function that no token's library has. */
static enum kg_status refuse_ourselves(void *handle, CK_C_GetFunctionList get, const char *path,
                                       struct kg_error *error) {
  const void *library = kg_library_of((kg_library_function *)get);
  if (library == NULL || library == kg_library_of(anchor))
    return kg_error_set(error, KG_E_CONFIG, "module-path %s is this module itself, not a token's library", path);
  kg_library_function *p11kit = kg_library_find(handle, "p11_kit_modules_load");
  if (p11kit != NULL && kg_library_of(p11kit) == library)
    return kg_error_set(error, KG_E_CONFIG, "module-path %s is p11-kit's proxy: name the token's own library", path);
  return KG_OK;
}

/* Every function that we call; a library that leaves one out would be a jump to nowhere later. */
static bool is_complete(const CK_FUNCTION_LIST *f) {
  return f->C_Initialize != NULL && f->C_Finalize != NULL && f->C_GetInfo != NULL && f->C_GetSlotList != NULL &&
         f->C_GetSlotInfo != NULL && f->C_GetTokenInfo != NULL && f->C_GetMechanismInfo != NULL &&
         f->C_OpenSession != NULL && f->C_CloseSession != NULL && f->C_GetSessionInfo != NULL && f->C_Login != NULL &&
         f->C_GetAttributeValue != NULL && f->C_FindObjectsInit != NULL && f->C_FindObjects != NULL &&
         f->C_FindObjectsFinal != NULL && f->C_DestroyObject != NULL && f->C_GenerateKeyPair != NULL &&
         f->C_GenerateRandom != NULL && f->C_SignInit != NULL && f->C_Sign != NULL && f->C_VerifyInit != NULL &&
         f->C_Verify != NULL;
}

/* What was loaded stays loaded, whatever follows: a library's handlers (atexit, atfork) may outlive our use of it. */
static enum kg_status load(const char *path, const CK_FUNCTION_LIST **f, struct kg_error *error) {
  struct kg_library_failure failure;
  void *handle = kg_library_open(path, &failure);
  if (handle == NULL) return kg_error_set(error, KG_E_KEY_STORE, "cannot load %s: %s", path, failure.text);
  CK_C_GetFunctionList get = (CK_C_GetFunctionList)kg_library_find(handle, "C_GetFunctionList");
  if (get == NULL)
    return kg_error_set(error, KG_E_KEY_STORE, "%s is not a PKCS#11 library: it has no C_GetFunctionList", path);
  enum kg_status status = refuse_ourselves(handle, get, path, error);
  if (status != KG_OK) return status;
  CK_FUNCTION_LIST *list = NULL;
  CK_RV rv = get(&list);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_GetFunctionList", rv);
  kg_host_learn(handle);
  if (list == NULL || list->version.major < 2 || list->version.major > 3 || !is_complete(list))
    return kg_error_set(error, KG_E_KEY_STORE, "%s: its PKCS#11 function list is missing or incomplete", path);
  *f = list;
  return KG_OK;
}

/* The check walks the path as written, links included; behind it nobody else can change where the path leads. */
enum kg_status kg_backing_library_load(const char *path, char **resolved, const CK_FUNCTION_LIST **f,
                                       struct kg_error *error) {
  *resolved = NULL;
  enum kg_status status = kg_file_check(path, KG_TRUST_OWNER, error);
  if (status == KG_E_NOT_FOUND) status = KG_E_KEY_STORE; /* what is not found is the store, and no binding */
  if (status != KG_OK) return kg_error_prefix(error, status, "module-path %s", path);
  char *real = realpath(path, NULL);
  if (real == NULL) return kg_errno_report(errno, "open", path, error);
  status = load(real, f, error);
  if (status == KG_OK)
    *resolved = real;
  else
    free(real);
  return status;
}
