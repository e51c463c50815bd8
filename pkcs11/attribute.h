/* Attribute sets: built once, then only read. An attribute is present, present but sensitive, or absent, and the three
 * answers of C_GetAttributeValue follow from that. Values are borrowed from what the set describes. */
#ifndef KG_PKCS11_ATTRIBUTE_H
#define KG_PKCS11_ATTRIBUTE_H

#include "core/base/buf.h"
#include "keyguard/cryptoki.h"

#include <stdint.h>

struct kg_attribute {
  CK_ATTRIBUTE_TYPE type;
  bool sensitive;    /* it exists, and its value is never told */
  const void *value; /* NULL: `small` */
  size_t len;
  union {
    CK_ULONG number;
    CK_BBOOL flag;
    CK_DATE date;
  } small;
};

struct kg_attributes { /* {0} is an empty one */
  struct kg_attribute *items;
  size_t count, room;
  bool incomplete; /* an addition found no memory; asked once, at the end */
};

void kg_attributes_add_bytes(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, struct kg_span value);
void kg_attributes_add_number(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, CK_ULONG number);
void kg_attributes_add_flag(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, bool flag);
void kg_attributes_add_date(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, int64_t seconds);
void kg_attributes_add_sensitive(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type);
void kg_attributes_clear(struct kg_attributes *set);

/* NULL: absent. */
const struct kg_attribute *kg_attributes_find(const struct kg_attributes *set, CK_ATTRIBUTE_TYPE type);
/* Every attribute of the template is there with that value. An empty template matches. */
bool kg_attributes_match(const struct kg_attributes *set, const CK_ATTRIBUTE *wanted, CK_ULONG count);
/* All entries are processed whatever fails (PKCS#11 3.0 section 5.7.5). */
CK_RV kg_attributes_get(const struct kg_attributes *set, CK_ATTRIBUTE *wanted, CK_ULONG count);
/* Bytes of all values. */
size_t kg_attributes_size(const struct kg_attributes *set);

#endif
