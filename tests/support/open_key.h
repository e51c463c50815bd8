/* A key by the text of its URI, for tests that have no configuration. */
#ifndef KG_TESTS_OPEN_KEY_H
#define KG_TESTS_OPEN_KEY_H

#include "core/base/error.h"
#include "core/key/key.h"

static inline enum kg_status open_key_of(const char *text, unsigned flags, struct kg_key **out,
                                         struct kg_error *error) {
  struct kg_key_uri *uri = NULL;
  *out = NULL;
  enum kg_status status = kg_key_uri_parse(text, &uri, error);
  if (status == KG_OK) status = kg_key_open(uri, flags, out, error);
  kg_key_uri_free(&uri);
  return status;
}

#endif
