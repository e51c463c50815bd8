/* The checks that an issued certificate has to pass (docs/protocol.md 6.4). */
#ifndef KG_PLUGIN_CERTIFICATE_CHECK_H
#define KG_PLUGIN_CERTIFICATE_CHECK_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <stdint.h>

struct kg_certificate_rules {
  struct kg_span public_key_info; /* of our key, DER */
  const char *client_id;          /* its common name, in any case */
  int64_t now, server_time;       /* seconds since 1970; server_time 0: the answer had no Date */
};

struct kg_certificate_times {
  int64_t not_before, not_after;
};

/* `base64`: one DER certificate and nothing else. KG_E_INVALID_CERTIFICATE says which rule it breaks. */
KG_MUST_USE enum kg_status kg_certificate_check(const char *base64, const struct kg_certificate_rules *rules,
                                                struct kg_buf *der, struct kg_certificate_times *times,
                                                struct kg_error *error);

#endif
