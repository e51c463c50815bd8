/* The configuration: one INI file, read strictly. Every refusal names file, line and key. */
#ifndef KG_CORE_CONFIG_H
#define KG_CORE_CONFIG_H

#include "core/identity.h"
#include "core/log.h"

#include <stddef.h>

struct kg_config {
  char *path;
  char *state_dir;
  char *plugin;                     /* "imds", or an absolute path */
  char *metadata_endpoint;          /* NULL: the built-in address (or, in keyguardctl, the environment's) */
  char *attestation_library;        /* absolute path; NULL: beside our own files */
  char *attestation_library_sha256; /* 64 hex digits, or NULL: not pinned */
  char *ca_file;                    /* extra trust for https legs (PEM); NULL: the system's store */
  char *proxy;                      /* for https legs; NULL: none. Metadata legs never use one */
  char **allowed_hosts;             /* host suffixes for attestation and token endpoints; empty: any */
  size_t allowed_hosts_count;
  int tls_max;         /* 12 or 13: keyguardctl's token leg */
  unsigned deadline_s; /* of one acquisition, all retries included */
  bool provision_on_demand;
  bool token_cache; /* keyguardctl token keeps what it bought, for the user who asked */
  enum kg_log_level log_level;
  enum kg_log_sink log_sink;
  struct kg_identity *identities;
  size_t identities_count;
};

/* KEYGUARD_CONF (ignored in set-uid and capability-raised processes), else the built-in path. Borrowed. */
const char *kg_config_path(void);
/* Fails whole; `*out` is then NULL. A missing file is KG_E_CONFIG, as a wrong one is; KG_E_UNTRUSTED where others may
 * write the file. */
KG_MUST_USE enum kg_status kg_config_load(const char *path, struct kg_config **out, struct kg_error *error);
/* The same from memory; `path` is for messages. */
KG_MUST_USE enum kg_status kg_config_parse(const char *path, struct kg_span text, struct kg_config **out,
                                           struct kg_error *error);
const struct kg_identity *kg_config_find(const struct kg_config *config, const char *name);
void kg_config_free(struct kg_config **config);

#endif
