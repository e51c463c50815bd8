#include "core/os/machine.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/os/file.h"

#include <stdlib.h>
#include <string.h>

#define SALT "keyguard-pkcs11 machine 1:"

/* The file's first line, of at least 32 characters: machine-id(5) allows "uninitialized", too, and images have it
 * empty. */
static enum kg_status read_id(const char *path, struct kg_buf *out) {
  enum kg_status status = kg_file_read(path, 256, KG_TRUST_ANY, out, NULL, NULL);
  if (status != KG_OK) return status;
  out->len = strcspn((char *)out->data, "\r\n");
  out->data[out->len] = '\0';
  return out->len >= 32 ? KG_OK : KG_E_NOT_FOUND;
}

char *kg_machine_id(void) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  struct kg_buf id = {0};
  struct kg_hash_ctx ctx;
  char *text = NULL;
  if (read_id("/etc/machine-id", &id) == KG_OK) {
    kg_hash_init(&ctx, KG_HASH_SHA256);
    kg_hash_update(&ctx, kg_span_text(SALT));
    kg_hash_update(&ctx, kg_buf_span(&id));
    if (kg_hash_final(&ctx, digest)) text = kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
  }
  kg_buf_clear(&id);
  return text;
}

char *kg_boot_id(void) {
  struct kg_buf id = {0};
  char *text = NULL;
  if (read_id("/proc/sys/kernel/random/boot_id", &id) == KG_OK) text = kg_strdup((char *)id.data);
  kg_buf_clear(&id);
  return text;
}
