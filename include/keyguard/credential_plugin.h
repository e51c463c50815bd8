/* The credential plugin interface: given an identity and a key that can sign, obtain a credential for that key.
 * A plugin is a shared library that exports a function `keyguard_credential_plugin`. It runs in keyguardctl's process,
 * one call at a time, never inside an application that uses the key. The process's main has initialised libcurl and
 * OpenSSL before; a plugin leaves their global state alone, and is never unloaded. examples/plugin is a whole one.
 *
 * Throughout: lengths are bytes, texts are UTF-8 that ends with NUL, flags are 0 or 1. Pointers in a request are the
 * caller's and end with the call. Within one version members are only added at a structure's end: `size` is what its
 * maker was compiled with, and whoever reads it looks there before what was added later. */
#ifndef KEYGUARD_CREDENTIAL_PLUGIN_H
#define KEYGUARD_CREDENTIAL_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define KG_CREDENTIAL_PLUGIN_VERSION 1

enum kg_plugin_selector { /* which of the machine's identities; the value is in selector_value */
                          KG_PLUGIN_SYSTEM_ASSIGNED = 0,
                          KG_PLUGIN_CLIENT_ID,
                          KG_PLUGIN_OBJECT_ID,
                          KG_PLUGIN_RESOURCE_ID
};

struct kg_plugin_bytes {
  const unsigned char *data;
  size_t len;
};

/* Services of the caller, for the thread that called; all are set. `log` takes one line without its end, at level 1
 * (error), 2 (warning), 3 (information) or 4 (debug); no line may hold a secret. */
struct kg_plugin_host {
  void *context;
  void (*log)(void *context, int level, const char *line);
  int64_t (*wall_s)(void *context);     /* seconds since 1970-01-01 UTC */
  int64_t (*elapsed_ms)(void *context); /* milliseconds; counts suspend; only differences mean anything */
  void (*sleep_ms)(void *context, int64_t milliseconds);
};

struct kg_plugin_key {
  void *context;
  struct kg_plugin_bytes public_key_info; /* DER SubjectPublicKeyInfo, rsaEncryption */
  unsigned bits;                          /* of the modulus: 2048 to 4096, a multiple of 8 */
  int strength;                           /* 1 software, 2 hardware, 3 keyguard */
  /* RSASSA-PSS, SHA-256, MGF1 SHA-256, salt 32 over a 32-byte digest; `signature` takes bits / 8 bytes. 0: done. Else
   * the key failed, and the caller has logged why. May be called any number of times during the call, and not after. */
  int (*sign_pss_sha256)(void *context, const unsigned char digest[32], unsigned char *signature);
  uintptr_t native_handle; /* NCRYPT_KEY_HANDLE on Windows, else 0 */
};

struct kg_plugin_request {
  uint32_t size; /* sizeof(struct kg_plugin_request) as the caller was compiled */
  const struct kg_plugin_host *host;
  const struct kg_plugin_key *key; /* NULL: the machine alone is asked for */
  const char *identity;            /* the configured name: 1 to 32 of A-Z a-z 0-9 . _ - */
  enum kg_plugin_selector selector;
  const char *selector_value;             /* a GUID or a resource id; NULL when system-assigned */
  int proof_of_possession;                /* gate 1 */
  int attestation;                        /* gate 2; without gate 1 the request is refused before any I/O */
  int bypass_cache;                       /* a re-mint after a rejection */
  int drop_attestation;                   /* the attestation token is to blame: do not reuse a cached one */
  const char *metadata_endpoint;          /* http(s)://host[:port]; NULL: the built-in address */
  const char *attestation_library;        /* absolute path; NULL: beside the plugin */
  const char *attestation_library_sha256; /* 64 hex digits, or NULL: any */
  const char *const *allowed_hosts; /* suffixes for attestation and token endpoints; NULL-terminated, empty: any */
  int64_t deadline_ms;              /* a point on host->elapsed_ms: the whole acquisition ends before it */
  uint64_t retry_seed;              /* spreads retries of machines that start together; 0: exact waits */
  const char *ca_file; /* PEM, trusted in addition to the system's by what is asked over https; NULL: none */
};

/* Owned by the plugin, with all it points to, until release_credential. The caller looks at it before it is used: the
 * certificate must be for the request's key and valid now (or in 5 minutes), and every text must be there, 1 to 2048
 * bytes long. What does not keep to that is KG_E_PLUGIN or KG_E_INVALID_CERTIFICATE, and is not stored. */
struct kg_plugin_credential {
  uint32_t size;
  struct kg_plugin_bytes certificate;                /* one DER X.509 certificate, at most 65536 bytes */
  const struct kg_plugin_bytes *chain;               /* issuers in the same form, nearest first; NULL where none */
  size_t chain_count;                                /* at most 8 */
  const char *client_id, *tenant_id, *identity_type; /* shown and stored as they are */
  const char *mtls_authentication_endpoint;          /* the https origin of the token service */
  const char *token_endpoint;  /* the whole https URL to POST the token request to; its host among allowed_hosts */
  int attested;                /* must be 1 where the request asked for attestation */
  int64_t server_time_s;       /* Date of the issuing answer, seconds since 1970-01-01 UTC; 0 unknown */
  const char *vm_id, *vmss_id; /* the machine's, as the service has them: 1 to 256 bytes; NULL: unknown */
};

/* Whom the service takes us for. Given to the plugin zeroed but for `size`; what is not known stays empty. */
#define KG_PLUGIN_ID 257
struct kg_plugin_machine {
  uint32_t size;
  char client_id[KG_PLUGIN_ID], tenant_id[KG_PLUGIN_ID], vm_id[KG_PLUGIN_ID], vmss_id[KG_PLUGIN_ID];
};

/* Why a call failed. Given to `acquire` zeroed but for `size`; the plugin fills in what it knows, with NULs. `status`
 * is the kind and decides keyguardctl's exit code; docs/errors.md, which is installed, has them all. A plugin's own are
 * KG_E_CONFIG (3), KG_E_PLUGIN (3), KG_E_KEY_DEAD (5), KG_E_IMDS_FAILED (the issuer refused: 6), KG_E_IDENTITY (6),
 * KG_E_INVALID_CERTIFICATE (6), KG_E_ATTESTATION_FAILED (7), KG_E_TLS, KG_E_TRANSPORT, KG_E_TIMEOUT (9) and
 * KG_E_NO_MEMORY (1). */
#define KG_PLUGIN_TEXT 512
struct kg_plugin_error {
  uint32_t size;
  char code[40];     /* MSI_V2_ATTESTATION_REQUIRES_POP, MSI_V2_KEYGUARD_UNAVAILABLE, MSI_V2_ERROR */
  char sub_code[64]; /* finer than the status, e.g. attestation_failed; empty: the status's own */
  char status[40];   /* e.g. "KG_E_TRANSPORT"; empty or unknown: told from code, sub_code and http_status */
  int http_status;   /* 0: none */
  long native_code;  /* attestation library's return code, CURLcode, ...; 0: none */
  char oauth_error[64];
  char aadsts[24];
  char correlation_id[40];
  char text[KG_PLUGIN_TEXT]; /* one line, no secret: what, where, what to do */
  uint32_t requests;         /* sent to the service in this call; 0: the failure is a local one, and not remembered */
  int64_t retry_after_s;     /* seconds, as the service's last answer asked for; 0: nothing */
};

struct kg_credential_plugin {
  uint32_t version;           /* KG_CREDENTIAL_PLUGIN_VERSION */
  const char *name, *release; /* static, for people */
  /* 0: `*credential` is the plugin's, to be released once. Else `error` says why, `*credential` is not looked at, and
   * nothing is left behind. Never waits beyond the request's deadline, asks nobody at a terminal, and starts nothing
   * that outlives the call. */
  int (*acquire)(const struct kg_plugin_request *request, struct kg_plugin_credential **credential,
                 struct kg_plugin_error *error);
  void (*release_credential)(struct kg_plugin_credential *credential); /* NULL is allowed */
};

#if defined(_WIN32)
#define KG_PLUGIN_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define KG_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define KG_PLUGIN_EXPORT
#endif
/* A plugin may export a second function, keyguard_credential_plugin_check: whether what `acquire` would need of this
 * machine for such a request is there (libraries, files, settings), found out without asking anybody over the network
 * and without a key, which is NULL. 0: it is. Else `error` says what is missing, as `acquire` would. `keyguardctl
 * doctor` calls it; of a plugin without it doctor says that it did not look. */
typedef int kg_credential_plugin_check_function(const struct kg_plugin_request *request, struct kg_plugin_error *error);
KG_PLUGIN_EXPORT int keyguard_credential_plugin_check(const struct kg_plugin_request *request,
                                                      struct kg_plugin_error *error);

/* NULL where `version` is not supported. The answer is static. */
typedef const struct kg_credential_plugin *kg_credential_plugin_function(uint32_t version);
KG_PLUGIN_EXPORT const struct kg_credential_plugin *keyguard_credential_plugin(uint32_t version);

/* A plugin may export this, too: it asks who we are and has nothing issued, by which keyguardctl tells a copied disk
 * and an identity that was made anew. Otherwise as `acquire`, with a request that has no key. */
typedef int kg_credential_plugin_identify_function(const struct kg_plugin_request *request,
                                                   struct kg_plugin_machine *machine, struct kg_plugin_error *error);
KG_PLUGIN_EXPORT int keyguard_credential_plugin_identify(const struct kg_plugin_request *request,
                                                         struct kg_plugin_machine *machine,
                                                         struct kg_plugin_error *error);

#ifdef __cplusplus
}
#endif
#endif
