/* Whole files: read with a cap, replaced atomically, trusted only where nobody else may write. */
#ifndef KG_CORE_OS_FILE_H
#define KG_CORE_OS_FILE_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/base/hash.h"
#include "core/os/trust.h"

#include <stdint.h>

struct kg_file_id { /* which contents a name had when we looked; {0}: none */
  uint64_t device, inode, size;
  int64_t mtime_ns;
};

/* Opens without blocking (a FIFO is refused, not waited for), checks the open descriptor, reads at most `cap` bytes.
 * KG_E_NOT_FOUND, KG_E_ACCESS, KG_E_UNTRUSTED, KG_E_IO. `id` may be NULL. */
KG_MUST_USE enum kg_status kg_file_read(const char *path, size_t cap, enum kg_file_trust trust, struct kg_buf *out,
                                        struct kg_file_id *id, struct kg_error *error);
/* Of a failure of these functions: it says nothing of the file (no descriptor, no memory, a device or a server that did
 * not answer), and may not be there in a moment. */
bool kg_file_failure_may_pass(const struct kg_error *error);
/* May fail with KG_E_NO_MEMORY alone. `piece` is wiped afterwards. */
typedef enum kg_status kg_file_take(void *user, struct kg_span piece);
/* The same piece by piece, so that a file's size costs no memory. What was taken before a failure is the caller's to
 * drop. `id` is not NULL. */
KG_MUST_USE enum kg_status kg_file_scan(const char *path, size_t cap, enum kg_file_trust trust, kg_file_take *take,
                                        void *user, struct kg_file_id *id, struct kg_error *error);
/* The same for a file of which only the hash is wanted. `digest` has kg_hash_size() bytes. */
KG_MUST_USE enum kg_status kg_file_hash(const char *path, size_t cap, enum kg_file_trust trust, enum kg_hash hash,
                                        unsigned char *digest, struct kg_error *error);
/* The same checks for a file (or folder, which "regular" then does not exclude) that somebody else is going to open. */
KG_MUST_USE enum kg_status kg_file_check(const char *path, enum kg_file_trust trust, struct kg_error *error);
KG_MUST_USE enum kg_status kg_file_identify(const char *path, struct kg_file_id *id); /* one stat, no open */
bool kg_file_is_read_only(const char *path); /* its file system is mounted so; false where that is not known */
bool kg_file_id_equal(const struct kg_file_id *a, const struct kg_file_id *b);
/* Temporary file beside it, mode by descriptor, fsync, rename, fsync of the folder: old or new contents, never neither.
 */
KG_MUST_USE enum kg_status kg_file_replace(const char *path, struct kg_span contents, unsigned mode,
                                           struct kg_error *error);
/* Whether we could put so many bytes into this folder, without doing it. KG_E_NOT_FOUND also where it is no folder;
 * KG_E_ACCESS: not ours to write, or read-only; KG_E_IO: full. */
KG_MUST_USE enum kg_status kg_file_check_room(const char *folder, size_t bytes, struct kg_error *error);
KG_MUST_USE enum kg_status kg_file_make_directory(const char *path, unsigned mode, struct kg_error *error);
bool kg_file_may_write_in(const char *directory); /* as far as rights tell; Windows does not */
char *kg_file_join(const char *directory, const char *name, const char *suffix); /* free() it; NULL: no memory */

#endif
