/* The keys of the configuration: their names, where their values go, and what a good value is. Only
 * config_parse.c includes this. */
#ifndef KG_CORE_STATE_CONFIG_KEY_H
#define KG_CORE_STATE_CONFIG_KEY_H

#include "core/base/error.h"
#include "core/state/config.h"

enum kg_config_section { KG_SECTION_NONE = 0, KG_SECTION_KEYGUARD, KG_SECTION_IDENTITY };

struct kg_config_key {
  const char *name;
  bool continues; /* its value may go on in indented lines, because it may be long */
  /* Stores the value, or says in a few words why not; the words never hold the value, which may be a secret. */
  const char *(*set)(void *field, const char *value);
  size_t field; /* offset in struct kg_config or struct kg_identity */
  /* In place of `set`, where more than a few words may be said of what is wrong; on failure `error` says it. */
  enum kg_status (*parse)(void *field, const char *value, struct kg_error *error);
};

extern const char kg_config_no_memory[]; /* what `set` returns then */

const struct kg_config_key *kg_config_key_find(enum kg_config_section section, const char *name);
/* Position in its section's table: for a set of those already seen. Below 32. */
unsigned kg_config_key_index(enum kg_config_section section, const struct kg_config_key *key);
/* The key of this section that an unknown one was probably meant to be; NULL: none is near. */
const char *kg_config_key_suggest(enum kg_config_section section, const char *name);

#endif
