#include "pkcs11/attribute.h"

#include "core/base/clock.h"

#include <stdlib.h>
#include <string.h>

static struct kg_attribute *append(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type) {
  if (set->count == set->room) {
    size_t room = set->room ? 2 * set->room : 40;
    struct kg_attribute *items = realloc(set->items, room * sizeof *items);
    if (items == NULL) {
      set->incomplete = true;
      return NULL;
    }
    set->items = items;
    set->room = room;
  }
  struct kg_attribute *item = &set->items[set->count++];
  memset(item, 0, sizeof *item);
  item->type = type;
  return item;
}

void kg_attributes_add_bytes(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, struct kg_span value) {
  struct kg_attribute *item = append(set, type);
  if (item == NULL || value.len == 0) return;
  item->value = value.data;
  item->len = value.len;
}

void kg_attributes_add_number(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, CK_ULONG number) {
  struct kg_attribute *item = append(set, type);
  if (item == NULL) return;
  item->small.number = number;
  item->len = sizeof item->small.number;
}

void kg_attributes_add_flag(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, bool flag) {
  struct kg_attribute *item = append(set, type);
  if (item == NULL) return;
  item->small.flag = flag ? CK_TRUE : CK_FALSE;
  item->len = sizeof item->small.flag;
}

void kg_attributes_add_date(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type, int64_t seconds) {
  struct kg_attribute *item = append(set, type);
  if (item == NULL) return;
  /* 2026-11-26T... */
  char text[KG_TIME_TEXT_SIZE];
  kg_time_format(seconds, text);
  memcpy(item->small.date.year, text, 4);
  memcpy(item->small.date.month, text + 5, 2);
  memcpy(item->small.date.day, text + 8, 2);
  item->len = sizeof item->small.date;
}

void kg_attributes_add_sensitive(struct kg_attributes *set, CK_ATTRIBUTE_TYPE type) {
  struct kg_attribute *item = append(set, type);
  if (item != NULL) item->sensitive = true;
}

void kg_attributes_clear(struct kg_attributes *set) {
  free(set->items);
  memset(set, 0, sizeof *set);
}

const struct kg_attribute *kg_attributes_find(const struct kg_attributes *set, CK_ATTRIBUTE_TYPE type) {
  for (size_t i = 0; i < set->count; i++)
    if (set->items[i].type == type) return &set->items[i];
  return NULL;
}

static struct kg_span value_of(const struct kg_attribute *item) {
  return kg_span_of(item->value != NULL ? item->value : (const void *)&item->small, item->len);
}

bool kg_attributes_match(const struct kg_attributes *set, const CK_ATTRIBUTE *wanted, CK_ULONG count) {
  for (CK_ULONG i = 0; i < count; i++) {
    const struct kg_attribute *item = kg_attributes_find(set, wanted[i].type);
    if (item == NULL || item->sensitive) return false;
    if (!kg_span_equal(value_of(item), kg_span_of(wanted[i].pValue, wanted[i].ulValueLen))) return false;
  }
  return true;
}

static CK_RV get_one(const struct kg_attributes *set, CK_ATTRIBUTE *wanted) {
  const struct kg_attribute *item = kg_attributes_find(set, wanted->type);
  CK_ULONG room = wanted->ulValueLen;
  wanted->ulValueLen = CK_UNAVAILABLE_INFORMATION;
  if (item == NULL) return CKR_ATTRIBUTE_TYPE_INVALID;
  if (item->sensitive) return CKR_ATTRIBUTE_SENSITIVE;
  if (wanted->pValue != NULL && room < item->len) return CKR_BUFFER_TOO_SMALL;
  wanted->ulValueLen = (CK_ULONG)item->len;
  if (wanted->pValue != NULL && item->len) memcpy(wanted->pValue, value_of(item).data, item->len);
  return CKR_OK;
}

/* Which of several failures is told: the one that a second call with larger buffers cannot mend. */
static int weight(CK_RV rv) {
  switch (rv) {
  case CKR_ATTRIBUTE_SENSITIVE:
    return 3;
  case CKR_ATTRIBUTE_TYPE_INVALID:
    return 2;
  case CKR_BUFFER_TOO_SMALL:
    return 1;
  default:
    return 0;
  }
}

CK_RV kg_attributes_get(const struct kg_attributes *set, CK_ATTRIBUTE *wanted, CK_ULONG count) {
  CK_RV worst = CKR_OK;
  for (CK_ULONG i = 0; i < count; i++) {
    CK_RV rv = get_one(set, &wanted[i]);
    if (weight(rv) > weight(worst)) worst = rv;
  }
  return worst;
}

size_t kg_attributes_size(const struct kg_attributes *set) {
  size_t size = 0;
  for (size_t i = 0; i < set->count; i++)
    size += set->items[i].len;
  return size;
}
