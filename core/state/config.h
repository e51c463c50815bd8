/* The configuration: one INI file, read strictly. Every refusal names file, line and key. */
#ifndef KG_CORE_STATE_CONFIG_H
#define KG_CORE_STATE_CONFIG_H

#include "core/base/log.h"
#include "core/state/identity.h"

#include <stddef.h>

struct kg_config {
  char *path;
  char *state_dir;
  bool mounted_state;        /* state_dir is another machine's, which writes it: a container's view of its host */
  char *plugin;              /* "imds", or an absolute path */
  char *metadata_endpoint;   /* NULL: the built-in address (or, in keyguardctl, the environment's) */
  char *attestation_library; /* absolute path; NULL: beside our own files */
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

const struct kg_identity *kg_config_find(const struct kg_config *config, const char *name);
void kg_config_free(struct kg_config **config);

#endif
