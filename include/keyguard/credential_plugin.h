/* The credential plugin interface: given an identity and a key that can sign, obtain a credential for that key.
 * A plugin is a shared library exporting one function, `keyguard_credential_plugin`. It runs in keyguardctl's process,
 * one call at a time, never inside an application that uses the key. The process's main has initialised libcurl and
 * OpenSSL before; a plugin leaves their global state alone, and is never unloaded. */
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

/* Services of the caller; all are set. `log` levels: 1 error, 2 warning, 3 information, 4 debug; lines hold no secret.
 */
struct kg_plugin_host {
  void *context;
  void (*log)(void *context, int level, const char *line);
  int64_t (*wall_s)(void *context);     /* seconds since 1970-01-01 UTC */
  int64_t (*elapsed_ms)(void *context); /* counts suspend; only differences mean anything */
  void (*sleep_ms)(void *context, int64_t milliseconds);
};

struct kg_plugin_key {
  void *context;
  struct kg_plugin_bytes public_key_info; /* DER SubjectPublicKeyInfo, rsaEncryption */
  unsigned bits;
  int strength; /* 1 software, 2 hardware, 3 keyguard */
  /* RSASSA-PSS, SHA-256, MGF1 SHA-256, salt 32 over a 32-byte digest; `signature` takes bits / 8 bytes. 0: done. */
  int (*sign_pss_sha256)(void *context, const unsigned char digest[32], unsigned char *signature);
  uintptr_t native_handle; /* NCRYPT_KEY_HANDLE on Windows, else 0 */
};

struct kg_plugin_request {
  uint32_t size; /* sizeof(struct kg_plugin_request) as the caller was compiled */
  const struct kg_plugin_host *host;
  const struct kg_plugin_key *key;
  const char *identity; /* the configured name, for messages */
  enum kg_plugin_selector selector;
  const char *selector_value;             /* NULL when system-assigned */
  int proof_of_possession;                /* gate 1 */
  int attestation;                        /* gate 2; without gate 1 the request is refused before any I/O */
  int bypass_cache;                       /* a re-mint after a rejection */
  int drop_attestation;                   /* the attestation token is to blame: do not reuse a cached one */
  const char *metadata_endpoint;          /* NULL: the built-in address */
  const char *attestation_library;        /* absolute path; NULL: beside the plugin */
  const char *attestation_library_sha256; /* hex or NULL */
  const char *const *allowed_hosts; /* suffixes for attestation and token endpoints; NULL-terminated, empty: any */
  int64_t deadline_ms;              /* on host->elapsed_ms: the whole acquisition ends before it */
  uint64_t retry_seed;              /* spreads retries of machines that start together; 0: exact waits */
};

struct kg_plugin_credential { /* owned by the plugin until released */
  uint32_t size;
  struct kg_plugin_bytes certificate;  /* DER */
  const struct kg_plugin_bytes *chain; /* issuers, nearest first */
  size_t chain_count;
  const char *client_id, *tenant_id, *identity_type;
  const char *mtls_authentication_endpoint;
  const char *token_endpoint; /* the whole URL to POST the token request to */
  int attested;
  int64_t server_time_s; /* Date of the issuing answer; 0 unknown */
};

#define KG_PLUGIN_TEXT 512
struct kg_plugin_error {
  uint32_t size;
  char code[40];     /* MSI_V2_ATTESTATION_REQUIRES_POP, MSI_V2_KEYGUARD_UNAVAILABLE, MSI_V2_ERROR */
  char sub_code[64]; /* e.g. attestation_failed; the list is in docs/errors.md */
  char status[40];   /* the kind, which decides the exit code: a name of core/base/status.h, e.g. "KG_E_TRANSPORT";
                        empty or unknown: told from code, sub_code and http_status */
  int http_status;   /* 0: none */
  long native_code;  /* attestation library's return code, CURLcode, ...; 0: none */
  char oauth_error[64];
  char aadsts[24];
  char correlation_id[40];
  char text[KG_PLUGIN_TEXT]; /* one line, no secret: what, where, what to do */
  uint32_t requests;         /* sent to the service in this call; 0: the failure is a local one */
  int64_t retry_after_s;     /* what the service's last answer asked for; 0: nothing */
};

struct kg_credential_plugin {
  uint32_t version; /* KG_CREDENTIAL_PLUGIN_VERSION */
  const char *name, *release;
  /* 0: `*credential` is filled. Else `error` is (the caller sets its `size` before), and nothing is left behind. */
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
/* NULL where `version` is not supported. The answer is static. */
typedef const struct kg_credential_plugin *kg_credential_plugin_function(uint32_t version);
KG_PLUGIN_EXPORT const struct kg_credential_plugin *keyguard_credential_plugin(uint32_t version);

#ifdef __cplusplus
}
#endif
#endif
