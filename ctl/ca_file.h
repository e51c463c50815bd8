/* The configured ca-file: whoever may write it says whom we trust, so it is as trusted as every other file. */
#ifndef KG_CTL_CA_FILE_H
#define KG_CTL_CA_FILE_H

#include "core/base/error.h"
#include "core/state/config.h"

/* KG_OK where none is configured. */
KG_MUST_USE enum kg_status kg_ca_file_check(const struct kg_config *config, struct kg_error *error);

#endif
