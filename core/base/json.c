#include "core/base/json.h"

#include "core/base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than any answer or binding needs; they bound the work of looking for duplicates, too. */
#define SIZE_LIMIT ((size_t)1024 * 1024)
#define DEPTH_LIMIT 32
#define MEMBER_LIMIT 128

#define WHOLE_MAX 9007199254740991.0 /* 2^53 - 1: above it a double skips numbers */

static bool has_duplicate(const cJSON *object, const char **name) {
  size_t count = 0;
  for (const cJSON *a = object->child; a != NULL; a = a->next) {
    if (++count > MEMBER_LIMIT) {
      *name = NULL;
      return true;
    }
    for (const cJSON *b = object->child; b != a; b = b->next) {
      if (strcmp(a->string, b->string) != 0) continue;
      *name = a->string;
      return true;
    }
  }
  return false;
}

static enum kg_status check_tree(const cJSON *item, unsigned depth, enum kg_status on_error, struct kg_error *error) {
  if (depth > DEPTH_LIMIT) return kg_error_set(error, on_error, "JSON is nested deeper than %d levels", DEPTH_LIMIT);
  const char *name = NULL;
  if (cJSON_IsObject(item) && has_duplicate(item, &name)) {
    if (name == NULL) return kg_error_set(error, on_error, "JSON object has more than %d members", MEMBER_LIMIT);
    return kg_error_set(error, on_error, "member '%s' is there twice", name);
  }
  enum kg_status status = KG_OK;
  for (const cJSON *child = item->child; child != NULL && status == KG_OK; child = child->next)
    status = check_tree(child, depth + 1, on_error, error);
  return status;
}

/* cJSON ends a string at an escaped NUL, and ends the text at a raw one: what follows would be lost without a word. */
static bool has_nul(struct kg_span text) {
  static const char escaped[] = "\\u0000";
  if (memchr(text.data, '\0', text.len) != NULL) return true;
  for (size_t i = 0; i + sizeof escaped - 1 <= text.len; i++)
    if (memcmp(text.data + i, escaped, sizeof escaped - 1) == 0) return true;
  return false;
}

static bool is_blank(struct kg_span text) {
  for (size_t i = 0; i < text.len; i++)
    if (strchr(" \t\r\n", text.data[i]) == NULL) return false;
  return true;
}

cJSON *kg_json_parse(struct kg_span text, enum kg_status on_error, struct kg_error *error) {
  const char *start = (const char *)text.data;
  if (text.len == 0) return kg_error_set(error, on_error, "JSON is empty"), NULL;
  if (text.len > SIZE_LIMIT) return kg_error_set(error, on_error, "JSON is larger than %zu bytes", SIZE_LIMIT), NULL;
  if (has_nul(text)) return kg_error_set(error, on_error, "JSON holds a NUL character"), NULL;
  const char *end = NULL;
  cJSON *root = cJSON_ParseWithLengthOpts(start, text.len, &end, 0);
  enum kg_status status = KG_OK;
  if (root == NULL)
    status = kg_error_set(error, on_error, "not JSON, at byte %zu", end != NULL ? (size_t)(end - start) : 0);
  else if (!is_blank(kg_span_of(end, text.len - (size_t)(end - start))))
    status = kg_error_set(error, on_error, "text after the JSON, at byte %zu", (size_t)(end - start));
  else if (!cJSON_IsObject(root))
    status = kg_error_set(error, on_error, "JSON is not an object");
  else
    status = check_tree(root, 1, on_error, error);
  if (status == KG_OK) return root;
  cJSON_Delete(root);
  return NULL;
}

void kg_json_clear(cJSON **object) {
  for (cJSON *item = *object != NULL ? (*object)->child : NULL; item != NULL; item = item->next)
    if (cJSON_IsString(item) && !(item->type & cJSON_IsReference))
      kg_wipe(item->valuestring, strlen(item->valuestring));
  cJSON_Delete(*object);
  *object = NULL;
}

static const cJSON *find_member(const cJSON *object, const char *name) {
  const cJSON *member = cJSON_GetObjectItemCaseSensitive(object, name);
  return member != NULL && !cJSON_IsNull(member) ? member : NULL;
}

enum kg_status kg_json_optional_string(const cJSON *object, const char *name, enum kg_status on_error, const char **out,
                                       struct kg_error *error) {
  const cJSON *member = find_member(object, name);
  *out = NULL;
  if (member == NULL) return KG_OK;
  if (!cJSON_IsString(member)) return kg_error_set(error, on_error, "member '%s' is not a string", name);
  *out = member->valuestring;
  return KG_OK;
}

enum kg_status kg_json_require_string(const cJSON *object, const char *name, enum kg_status on_error, const char **out,
                                      struct kg_error *error) {
  enum kg_status status = kg_json_optional_string(object, name, on_error, out, error);
  if (status != KG_OK) return status;
  if (*out == NULL) return kg_error_set(error, on_error, "member '%s' is missing", name);
  if (!**out) {
    *out = NULL;
    return kg_error_set(error, on_error, "member '%s' is empty", name);
  }
  return KG_OK;
}

static bool parse_decimal(const char *text, int64_t *out) {
  const char *digits = *text == '-' ? text + 1 : text;
  if (!*digits || strspn(digits, "0123456789") != strlen(digits)) return false;
  errno = 0;
  char *end = NULL;
  long long value = strtoll(text, &end, 10);
  if (errno || *end) return false;
  *out = value;
  return true;
}

static bool parse_number(double number, int64_t *out) {
  if (!(number >= -WHOLE_MAX && number <= WHOLE_MAX)) return false; /* not a number fails, too */
  *out = (int64_t)number;
  return (double)*out == number;
}

enum kg_status kg_json_optional_int(const cJSON *object, const char *name, int64_t fallback, enum kg_status on_error,
                                    int64_t *out, struct kg_error *error) {
  const cJSON *member = find_member(object, name);
  int64_t value = fallback;
  bool good = true;
  if (cJSON_IsNumber(member))
    good = parse_number(member->valuedouble, &value);
  else if (cJSON_IsString(member))
    good = parse_decimal(member->valuestring, &value);
  else
    good = member == NULL;
  if (!good) return kg_error_set(error, on_error, "member '%s' is not a whole number", name);
  *out = value;
  return KG_OK;
}

enum kg_status kg_json_require_int(const cJSON *object, const char *name, enum kg_status on_error, int64_t *out,
                                   struct kg_error *error) {
  if (find_member(object, name) == NULL) return kg_error_set(error, on_error, "member '%s' is missing", name);
  return kg_json_optional_int(object, name, 0, on_error, out, error);
}

bool kg_json_get_int(const cJSON *object, const char *name, int64_t low, int64_t high, int64_t *out) {
  return kg_json_optional_int(object, name, 0, KG_E_BINDING, out, NULL) == KG_OK && *out >= low && *out <= high;
}

bool kg_json_get_time(const cJSON *object, const char *name, int64_t *out) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  *out = text != NULL ? kg_time_parse(text) : -1;
  return *out >= 0;
}

void kg_json_copy_text(const cJSON *object, const char *name, char *out, size_t size) {
  const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
  if (text != NULL) snprintf(out, size, "%s", text);
}
