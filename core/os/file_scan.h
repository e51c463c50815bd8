/* A file's contents piece by piece: between file.c and the file for each system. */
#ifndef KG_CORE_OS_FILE_SCAN_H
#define KG_CORE_OS_FILE_SCAN_H

#include "core/os/file.h"

/* May fail with KG_E_NO_MEMORY alone. `piece` is wiped afterwards. */
typedef enum kg_status kg_file_take(void *user, struct kg_span piece);

/* The checks, the cap and the statuses of kg_file_read; what was taken before a failure is the caller's to drop. */
KG_MUST_USE enum kg_status kg_file_scan(const char *path, size_t cap, enum kg_file_trust trust, kg_file_take *take,
                                        void *user, struct kg_file_id *id, struct kg_error *error);

#endif
