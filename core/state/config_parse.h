/* The configuration from its text. */
#ifndef KG_CORE_STATE_CONFIG_PARSE_H
#define KG_CORE_STATE_CONFIG_PARSE_H

#include "core/base/buf.h"
#include "core/base/error.h"
#include "core/state/config.h"

#define KG_CONFIG_LINE_MAX 8192 /* bytes, its end not counted; a value may be longer in indented lines */

/* Fails whole; `*out` is then NULL. `path` is for messages. */
KG_MUST_USE enum kg_status kg_config_parse(const char *path, struct kg_span text, struct kg_config **out,
                                           struct kg_error *error);

#endif
