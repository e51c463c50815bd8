/* Typed access to cJSON. Foreign JSON: size and depth capped, duplicates refused, every error names the member. */
#ifndef KG_CORE_BASE_JSON_H
#define KG_CORE_BASE_JSON_H

#include "core/base/buf.h"
#include "core/base/error.h"

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>

/* The whole text must be one JSON object of at most 32 levels. NULL and `error` otherwise. cJSON_Delete() it. */
cJSON *kg_json_parse(struct kg_span text, enum kg_status on_error, struct kg_error *error);

/* Wipes the strings of its first level, which may be secrets, and deletes it; safe on NULL. */
void kg_json_clear(cJSON **object);

/* Non-empty string member; else `on_error` with "member 'x' is missing|is not a string|is empty". Borrowed. */
KG_MUST_USE enum kg_status kg_json_require_string(const cJSON *object, const char *name, enum kg_status on_error,
                                                  const char **out, struct kg_error *error);
/* NULL where absent or null; an error where it is something else than a string. */
KG_MUST_USE enum kg_status kg_json_optional_string(const cJSON *object, const char *name, enum kg_status on_error,
                                                   const char **out, struct kg_error *error);
/* A whole number, as number or decimal string (the token service sends both); `fallback` where absent. */
KG_MUST_USE enum kg_status kg_json_optional_int(const cJSON *object, const char *name, int64_t fallback,
                                                enum kg_status on_error, int64_t *out, struct kg_error *error);
KG_MUST_USE enum kg_status kg_json_require_int(const cJSON *object, const char *name, enum kg_status on_error,
                                               int64_t *out, struct kg_error *error);

/* Of a file of our own, which is good or is not. A whole number within the limits, 0 where it is absent. */
bool kg_json_get_int(const cJSON *object, const char *name, int64_t low, int64_t high, int64_t *out);
bool kg_json_get_time(const cJSON *object, const char *name, int64_t *out); /* as kg_json_add_time() writes it */
/* Cut to `size`; `out` stays as it is where there is none. */
void kg_json_copy_text(const cJSON *object, const char *name, char *out, size_t size);

#endif
