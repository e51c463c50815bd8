/* "cng:name=NAME;scope=user|machine;allow=SID,SID": which KeyGuard key, and who may use a machine's. All are optional.
 */
#ifndef KG_CORE_KEY_CNG_KEY_NAME_H
#define KG_CORE_KEY_CNG_KEY_NAME_H

#include "core/base/error.h"

#include <stdbool.h>
#include <wchar.h>

/* Our own, so that making it anew cannot kill the certificates of other programs (docs/protocol.md 3.2);
 * name=KeyGuardRSAKey shares the key of MSAL.NET and MSAL Go. */
#define KG_CNG_DEFAULT_NAME "KeyguardPkcs11Key"
#define KG_CNG_NAME_MAX 128
#define KG_CNG_ALLOW_MAX 8 /* SIDs */
#define KG_CNG_ACCESS_MAX 2048

struct kg_cng_name {
  char name[KG_CNG_NAME_MAX + 1];
  bool machine; /* NCRYPT_MACHINE_KEY_FLAG: another name space than any user's */
  /* Security descriptor (SDDL) for a new key of the machine: system and administrators may do all, those that are
   * allowed may read, which is to sign. "": what Windows gives by itself, to the system and administrators. */
  char access[KG_CNG_ACCESS_MAX];
};

/* KG_E_USAGE names the part that is wrong. A name is 1 to 128 of [A-Za-z0-9._-]; allow= goes with scope=machine only.
 */
KG_MUST_USE enum kg_status kg_cng_name_parse(const char *store, struct kg_cng_name *out, struct kg_error *error);
/* The registry's: a struct kg_cng_name. There is nothing secret in it. */
KG_MUST_USE enum kg_status kg_cng_place_parse(const char *text, void **place, char **shown, struct kg_error *error);
void kg_cng_place_free(void *place);
void kg_cng_name_wide(const struct kg_cng_name *name, wchar_t out[KG_CNG_NAME_MAX + 1]);

/* "Global\KeyguardPkcs11_" and 32 hex digits of SHA-256 over scope, owner and upper-cased name: container names
 * do not tell case apart. The owner is the user's SID for user keys. */
#define KG_CNG_MUTEX_NAME_SIZE 64
KG_MUST_USE enum kg_status kg_cng_mutex_name(const struct kg_cng_name *name, wchar_t out[KG_CNG_MUTEX_NAME_SIZE],
                                             struct kg_error *error);

#endif
