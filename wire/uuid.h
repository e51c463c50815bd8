/* Random UUIDs, for request ids. */
#ifndef KG_WIRE_UUID_H
#define KG_WIRE_UUID_H

#include "core/base/error.h"

#define KG_UUID_SIZE 37 /* 36 characters and the NUL */

/* Version 4 (RFC 9562 section 5.4), lower case. */
KG_MUST_USE enum kg_status kg_uuid_new(char out[KG_UUID_SIZE], struct kg_error *error);

#endif
