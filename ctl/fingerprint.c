#include "ctl/fingerprint.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/os/file.h"
#include "ctl/environment.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* With its NUL, so that "ab","c" is not "a","bc"; NULL and "" are the same. */
static void add(struct kg_hash_ctx *hash, const char *text) {
  kg_hash_update(hash, kg_span_of(text != NULL ? text : "", text != NULL ? strlen(text) + 1 : 1));
}

/* Which contents a file has: an edited one is another. One that is not there is all zeros. */
static void add_file(struct kg_hash_ctx *hash, const char *path) {
  struct kg_file_id id = {0};
  if (path != NULL && kg_file_identify(path, &id) != KG_OK) memset(&id, 0, sizeof id);
  char text[128];
  snprintf(text, sizeof text, "%" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64, id.device, id.inode, id.size,
           id.mtime_ns);
  add(hash, path);
  add(hash, text);
}

static void add_identity(struct kg_hash_ctx *hash, const struct kg_identity *identity) {
  char text[64];
  snprintf(text, sizeof text, "%d %d %d %d", identity->proof_of_possession, identity->attestation, (int)identity->floor,
           (int)identity->selector);
  add(hash, identity->name);
  add(hash, kg_key_uri_shown(identity->key_store));
  add(hash, identity->selector_value);
  add(hash, text);
}

char *kg_fingerprint(const struct kg_config *config, const struct kg_identity *identity) {
  char *endpoint = NULL;
  struct kg_error ignored = {0};
  if (kg_environment_metadata_endpoint(config, &endpoint, &ignored) != KG_OK)
    endpoint = NULL; /* a refused address is the attempt's to report */
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  add(&hash, KEYGUARD_VERSION);
  add_file(&hash, config->path);
  add(&hash, config->plugin);
  add(&hash, endpoint);
  add_file(&hash, config->attestation_library);
  add(&hash, config->attestation_library_sha256);
  for (size_t i = 0; i < config->allowed_hosts_count; i++)
    add(&hash, config->allowed_hosts[i]);
  add_identity(&hash, identity);
  free(endpoint);
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_final(&hash, digest)) return NULL;
  return kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
}
