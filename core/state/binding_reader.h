/* Reading a binding: strict, and everything checked before anybody looks at it. */
#ifndef KG_CORE_STATE_BINDING_READER_H
#define KG_CORE_STATE_BINDING_READER_H

#include "core/base/error.h"
#include "core/os/file.h"
#include "core/state/binding.h"

/* KG_E_NOT_FOUND: none. KG_E_BINDING: damaged or of a newer version, text says where. `id` may be NULL. */
KG_MUST_USE enum kg_status kg_binding_load(const char *path, struct kg_binding **out, struct kg_file_id *id,
                                           struct kg_error *error);
KG_MUST_USE enum kg_status kg_binding_parse(struct kg_span text, struct kg_binding **out, struct kg_error *error);

#endif
