/* ncrypt.dll's functions, loaded from System32 on first use, and what its codes mean for a KeyGuard key. */
#ifndef KG_CORE_KEY_CNG_API_H
#define KG_CORE_KEY_CNG_API_H

#include "core/base/error.h"

#include <stdbool.h>
#include <windows.h>

#include <bcrypt.h>
#include <ncrypt.h>

/* Missing in mingw-w64 10's ncrypt.h. Values: docs/protocol.md 3.1, GO/keyprovider_windows.go. */
#ifndef NCRYPT_USE_VIRTUAL_ISOLATION_FLAG
#define NCRYPT_USE_VIRTUAL_ISOLATION_FLAG 0x00020000
#endif
#ifndef NCRYPT_USE_PER_BOOT_KEY_FLAG
#define NCRYPT_USE_PER_BOOT_KEY_FLAG 0x00040000
#endif
#define KG_CNG_PROPERTY_VIRTUAL_ISO L"Virtual Iso" /* 4-byte number, non-zero: isolated (GO/keyprovider_windows.go) */

typedef SECURITY_STATUS WINAPI kg_ncrypt_open_storage_provider(NCRYPT_PROV_HANDLE *, LPCWSTR, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_open_key(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE *, LPCWSTR, DWORD, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_create_persisted_key(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE *, LPCWSTR, LPCWSTR,
                                                              DWORD, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_set_property(NCRYPT_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_get_property(NCRYPT_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD *, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_finalize_key(NCRYPT_KEY_HANDLE, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_export_key(NCRYPT_KEY_HANDLE, NCRYPT_KEY_HANDLE, LPCWSTR, BCryptBufferDesc *,
                                                    PBYTE, DWORD, DWORD *, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_sign_hash(NCRYPT_KEY_HANDLE, void *, PBYTE, DWORD, PBYTE, DWORD, DWORD *,
                                                   DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_delete_key(NCRYPT_KEY_HANDLE, DWORD);
typedef SECURITY_STATUS WINAPI kg_ncrypt_free_object(NCRYPT_HANDLE);

struct kg_ncrypt {
  kg_ncrypt_open_storage_provider *open_storage_provider;
  kg_ncrypt_open_key *open_key;
  kg_ncrypt_create_persisted_key *create_persisted_key;
  kg_ncrypt_set_property *set_property;
  kg_ncrypt_get_property *get_property;
  kg_ncrypt_finalize_key *finalize_key;
  kg_ncrypt_export_key *export_key;
  kg_ncrypt_sign_hash *sign_hash;
  kg_ncrypt_delete_key *delete_key;
  kg_ncrypt_free_object *free_object;
};

/* The library stays loaded. KG_E_KEY_STORE with the system's error where it is missing. */
KG_MUST_USE enum kg_status kg_ncrypt_load(const struct kg_ncrypt **out, struct kg_error *error);

enum kg_cng_meaning {
  KG_CNG_OTHER = 0,
  KG_CNG_ABSENT,      /* no key of that name */
  KG_CNG_DEAD,        /* its material died with the boot it was made in */
  KG_CNG_UNUSABLE,    /* the material cannot be used: the same, where signing says it */
  KG_CNG_EXISTS,      /* somebody made it meanwhile */
  KG_CNG_DENIED,      /* a permission; never taken for absent */
  KG_CNG_UNAVAILABLE, /* no virtualization-based security, where a key is created */
  KG_CNG_NO_VBS,      /* the same, wherever it is said */
  KG_CNG_MEMORY
};

enum kg_cng_meaning kg_cng_meaning_of(SECURITY_STATUS code);
const char *kg_cng_code_name(SECURITY_STATUS code); /* "NTE_BAD_KEYSET"; "unnamed" for others */
/* `status` with "what: NAME (0x...)" as text and the number as native_code. */
enum kg_status kg_cng_error(struct kg_error *error, enum kg_status status, SECURITY_STATUS code, const char *what);

#endif
