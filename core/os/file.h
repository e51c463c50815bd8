/* Whole files: read with a cap, replaced atomically, trusted only where nobody else may write. */
#ifndef KG_CORE_OS_FILE_H
#define KG_CORE_OS_FILE_H

#include "core/base/buf.h"
#include "core/base/hash.h"

#include <stdint.h>

struct kg_file_id { /* which contents a name had when we looked; {0}: none */
  uint64_t device, inode, size;
  int64_t mtime_ns;
};

enum kg_file_trust {
  KG_TRUST_ANY = 0,
  KG_TRUST_SHARED, /* any owner, but not writable by group or others, nor is any folder above */
  KG_TRUST_OWNER,  /* regular file, owned by root or us, not writable by group or others, nor is any folder above */
  KG_TRUST_PRIVATE /* the same, and not readable by group or others either */
};

/* Opens without blocking (a FIFO is refused, not waited for), checks the open descriptor, reads at most `cap` bytes.
 * KG_E_NOT_FOUND, KG_E_ACCESS, KG_E_UNTRUSTED, KG_E_IO. `id` may be NULL. */
KG_MUST_USE enum kg_status kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                                        struct kg_file_id *id, struct kg_error *error);
/* The same for a file of which only the hash is wanted: its size costs no memory. `digest` has kg_hash_size() bytes. */
KG_MUST_USE enum kg_status kg_file_hash(const char *path, size_t cap, enum kg_file_trust trust, enum kg_hash hash,
                                        unsigned char *digest, struct kg_error *error);
/* The same checks for a file (or folder, which "regular" then does not exclude) that somebody else is going to open. */
KG_MUST_USE enum kg_status kg_file_check(const char *path, enum kg_file_trust trust, struct kg_error *error);
KG_MUST_USE enum kg_status kg_file_identify(const char *path, struct kg_file_id *id); /* one stat, no open */
bool kg_file_id_equal(const struct kg_file_id *a, const struct kg_file_id *b);
/* Temporary file beside it, mode by descriptor, fsync, rename, fsync of the folder: old or new contents, never neither.
 */
KG_MUST_USE enum kg_status kg_file_replace(const char *path, struct kg_span contents, unsigned mode,
                                           struct kg_error *error);
KG_MUST_USE enum kg_status kg_file_make_directory(const char *path, unsigned mode, struct kg_error *error);
char *kg_file_join(const char *directory, const char *name, const char *suffix); /* free() it; NULL: no memory */

#endif
