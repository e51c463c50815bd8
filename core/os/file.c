/* What is the same on every system. */
#include "core/os/file.h"

static enum kg_status keep(void *user, struct kg_span piece) {
  return kg_buf_append(user, piece);
}

enum kg_status kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                            struct kg_file_id *id, struct kg_error *error) {
  struct kg_buf contents = {0};
  struct kg_file_id found = {0};
  enum kg_status status = kg_file_scan(path, cap, trust, keep, &contents, &found, error);
  if (status != KG_OK) {
    kg_buf_clear(&contents);
    return status;
  }
  kg_buf_clear(out);
  *out = contents;
  if (id != NULL) *id = found;
  return KG_OK;
}

static enum kg_status hash_piece(void *user, struct kg_span piece) {
  kg_hash_update(user, piece);
  return KG_OK;
}

enum kg_status kg_file_hash(const char *path, size_t cap, enum kg_file_trust trust, enum kg_hash hash,
                            unsigned char *digest, struct kg_error *error) {
  struct kg_hash_ctx context;
  struct kg_file_id ignored;
  kg_hash_init(&context, hash);
  enum kg_status status = kg_file_scan(path, cap, trust, hash_piece, &context, &ignored, error);
  if (status != KG_OK)
    kg_hash_clear(&context);
  else if (!kg_hash_final(&context, digest))
    status = kg_error_no_memory(error, "to hash '%s'", path);
  return status;
}

bool kg_file_id_equal(const struct kg_file_id *a, const struct kg_file_id *b) {
  return a->device == b->device && a->inode == b->inode && a->size == b->size && a->mtime_ns == b->mtime_ns;
}
