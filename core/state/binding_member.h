/* The members of a binding's JSON and where they live in memory: one table for the writer and the reader. Only
 * core/state/binding_*.c includes this. */
#ifndef KG_CORE_STATE_BINDING_MEMBER_H
#define KG_CORE_STATE_BINDING_MEMBER_H

#include "core/state/binding.h"

#define KG_BINDING_VERSION 1
#define KG_BINDING_SIZE_MAX (256 * 1024) /* bytes of a file */

/* The outer object is compared byte by byte, so that the checksum covers exactly what lies between. */
#define KG_BINDING_VERSION_HEAD "{\"version\":"
#define KG_BINDING_SUM_HEAD ",\"sha256\":\""
#define KG_BINDING_BODY_HEAD "\",\"binding\":"
#define KG_BINDING_TAIL "}\n"

#define KG_BINDING_LEAF "certificate"
#define KG_BINDING_CHAIN "chain"
#define KG_BINDING_CHAIN_MAX 8

enum kg_member_kind {
  KG_MEMBER_TEXT,          /* char *, not empty */
  KG_MEMBER_OPTIONAL_TEXT, /* char *, NULL: absent */
  KG_MEMBER_BASE64,        /* struct kg_buf */
  KG_MEMBER_HEX,           /* struct kg_buf */
  KG_MEMBER_DIGEST,        /* unsigned char[max], as hex */
  KG_MEMBER_TIME,          /* int64_t, as RFC 3339 */
  KG_MEMBER_OPTIONAL_TIME, /* int64_t, 0: absent */
  KG_MEMBER_FLAG,          /* bool */
  KG_MEMBER_NUMBER,        /* unsigned */
  KG_MEMBER_SELECTOR,      /* enum kg_selector, by name */
  KG_MEMBER_STRENGTH       /* enum kg_strength, by name */
};

struct kg_member {
  const char *name; /* NULL ends a table */
  enum kg_member_kind kind;
  size_t offset;
  size_t min, max; /* bytes of text or data, or value of a number */
};

extern const struct kg_member kg_binding_members[];
extern const struct kg_member kg_certificate_members[];

#endif
