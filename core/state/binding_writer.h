/* Writing a binding. In an archive of its own that only keyguardctl links: the module never writes one. */
#ifndef KG_CORE_STATE_BINDING_WRITER_H
#define KG_CORE_STATE_BINDING_WRITER_H

#include "core/base/error.h"
#include "core/state/binding.h"

/* The file's text: {"version":1,"sha256":"<of the next member's bytes>","binding":{...}} */
KG_MUST_USE enum kg_status kg_binding_format(const struct kg_binding *binding, struct kg_buf *out);
/* Atomic; mode 0644: a binding is public, the key store decides who can sign. */
KG_MUST_USE enum kg_status kg_binding_store(const char *path, const struct kg_binding *binding, struct kg_error *error);

#endif
