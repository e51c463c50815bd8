/* The caller's side of the plugin interface: a clock that only moves when somebody sleeps, a log that is kept, a key.
 */
#ifndef SUPPORT_HOST_H
#define SUPPORT_HOST_H

#include "keyguard/credential_plugin.h"
#include "plugin/acquisition.h"

#include <openssl/evp.h>
#include <stdbool.h>

#define SUPPORT_CLIENT "11111111-2222-3333-4444-555555555555"
#define SUPPORT_TENANT "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
#define SUPPORT_VM "99999999-8888-7777-6666-555555555555"

struct support_host {
  struct kg_plugin_host host;
  int64_t wall_s, elapsed_ms;
  int64_t slept_ms[32];
  size_t sleeps;
  char *log; /* all lines, each "LEVEL text\n" */
  size_t log_len;

  EVP_PKEY *pair;
  struct kg_plugin_key key;
  unsigned signatures;
  bool refuse_to_sign, sign_wrongly;

  struct kg_plugin_request request; /* a good one, system-assigned, without attestation, 120 s */
  struct kg_acquisition acquisition;
};

/* The RSA key is made once a process. */
void support_host_init(struct support_host *host, const char *metadata_endpoint);
void support_host_clear(struct support_host *host);
bool support_host_logged(const struct support_host *host, const char *part);
EVP_PKEY *support_host_key(void); /* RSA 2048, one a process, borrowed */

#endif
