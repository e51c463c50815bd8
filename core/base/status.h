/* What came of a call, and the one table that maps it outwards. */
#ifndef KG_CORE_BASE_STATUS_H
#define KG_CORE_BASE_STATUS_H

#include "core/base/compiler.h"

#include <stdbool.h>

enum kg_status {
  KG_OK = 0,
  KG_E_BUG, /* a promise between our own parts was broken */
  KG_E_NO_MEMORY,
  KG_E_USAGE,  /* an argument of keyguardctl's, or text that a parser refuses; never an application's */
  KG_E_CONFIG, /* text names file, line and key */
  KG_E_IO,     /* native_code: errno */
  KG_E_ACCESS, /* permission denied; never treated as "absent" */
  KG_E_NOT_FOUND,
  KG_E_UNTRUSTED,     /* a file or folder that others may write */
  KG_E_LOCK_BUSY,     /* bounded wait for a lock ended */
  KG_E_BINDING,       /* a binding that cannot be read: damaged, newer version */
  KG_E_BINDING_STALE, /* readable, but expired, foreign, or not for this key */
  KG_E_KEY_STORE,     /* the backing store failed; native_code: CK_RV or SECURITY_STATUS */
  KG_E_KEY_NOT_FOUND,
  KG_E_KEY_DEAD,      /* the key is there and does not sign, or is another key */
  KG_E_KEY_PIN,       /* PIN wrong, locked or missing */
  KG_E_KEY_MECHANISM, /* the store cannot do this padding or hash */
  KG_E_KEY_INPUT,     /* data of a wrong length */
  KG_E_KEY_DATA,      /* of a right one, and not what the store signs: no DigestInfo */
  KG_E_KEY_BUSY,      /* no backing session within the bound */
  KG_E_SIGNATURE,     /* a verification said no */
  KG_E_ATTESTATION_REQUIRES_POP,
  KG_E_POP_REQUIRED,
  KG_E_KEYGUARD_UNAVAILABLE, /* key below the configured floor */
  KG_E_PLUGIN,               /* the credential plugin cannot be loaded or broke its contract */
  KG_E_DISABLED,             /* kill switch */
  KG_E_ENVIRONMENT,          /* a managed identity source without mTLS proof of possession */
  KG_E_IMDS_V1_ONLY,
  KG_E_IMDS_FAILED,        /* a metadata leg: status, header or field; http_status is kept */
  KG_E_IDENTITY,           /* the identity asked for is not assigned or another one answered */
  KG_E_ATTESTATION_FAILED, /* native_code: the attestation library's return code */
  KG_E_INVALID_CERTIFICATE,
  KG_E_TOKEN_REJECTED, /* the token service said no: oauth_error, aadsts */
  KG_E_TOKEN_TYPE_MISSING,
  KG_E_TOKEN_TYPE_MISMATCH,
  KG_E_TOKEN_INVALID, /* empty, expired, or bound to another certificate */
  KG_E_TLS,           /* server not trusted, handshake failed; native_code: CURLcode */
  KG_E_TRANSPORT,     /* refused, reset, DNS, oversize; native_code: CURLcode */
  KG_E_TIMEOUT,
  KG_STATUS_COUNT
};

const char *kg_status_name(enum kg_status status);           /* "KG_E_CONFIG" */
bool kg_status_parse(const char *name, enum kg_status *out); /* an error's name */
const char *kg_status_code(enum kg_status status);           /* "MSI_V2_ERROR", "MSI_V2_KEYGUARD_UNAVAILABLE", ... */
const char *kg_status_sub_code(enum kg_status status);       /* "managed_identity_request_failed", ... */
unsigned long kg_status_ckr(enum kg_status status);          /* CKR_* */
int kg_status_exit_code(enum kg_status status); /* keyguardctl's exit codes, documented in keyguardctl(1) */
bool kg_status_needs_a_person(int exit_code);   /* trying again mends nothing */
#endif
