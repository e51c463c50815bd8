/* One configured identity: a section [identity NAME] of the configuration. */
#ifndef KG_CORE_STATE_IDENTITY_H
#define KG_CORE_STATE_IDENTITY_H

#include "core/base/error.h"
#include "core/base/strength.h"
#include "core/key/uri.h"

#include <stdbool.h>

/* A token label has 32 bytes (PKCS#11 3.0 section 3.4 CK_TOKEN_INFO), and the name is the label. */
#define KG_IDENTITY_NAME_MAX 32

enum kg_selector { /* how the metadata service is told which identity; the parameter names of docs/protocol.md 2.3 */
                   KG_SELECT_SYSTEM = 0,
                   KG_SELECT_CLIENT_ID,  /* client_id */
                   KG_SELECT_OBJECT_ID,  /* object_id */
                   KG_SELECT_RESOURCE_ID /* mi_res_id */
};

struct kg_identity {
  char *name;
  struct kg_key_uri *key_store;
  bool proof_of_possession; /* mtls-proof-of-possession */
  bool attestation;         /* with-attestation-support */
  enum kg_strength floor;   /* minimum-strength, KG_STRENGTH_KEYGUARD unless configured */
  bool mounted_state;       /* the configuration's: where a binding was issued does not matter */
  enum kg_selector selector;
  char *selector_value; /* NULL for KG_SELECT_SYSTEM */
  unsigned line;        /* of the section's head, for messages */
  unsigned key_store_line;
};

/* 1 to 32 of [A-Za-z0-9._-], beginning with a letter or digit: safe as a label, a file name and in a URI. */
bool kg_identity_name_is_valid(const char *name);
/* Both gates, before any I/O: KG_E_ATTESTATION_REQUIRES_POP, KG_E_POP_REQUIRED. */
KG_MUST_USE enum kg_status kg_identity_check_gates(const struct kg_identity *identity, struct kg_error *error);
const char *kg_selector_name(enum kg_selector selector); /* "system", "client_id", "object_id", "mi_res_id" */
KG_MUST_USE enum kg_status kg_selector_parse(const char *text, enum kg_selector *out);
void kg_identity_clear(struct kg_identity *identity);

#endif
