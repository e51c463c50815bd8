#include "ctl/error_json.h"

#include "core/base/json.h"
#include "core/base/json_add.h"

#include <stddef.h>

static const struct text {
  const char *name;
  size_t offset, size; /* in struct kg_error */
} texts[] = {
    {"oauth_error", offsetof(struct kg_error, oauth_error), sizeof((struct kg_error *)0)->oauth_error},
    {"aadsts", offsetof(struct kg_error, aadsts), sizeof((struct kg_error *)0)->aadsts},
    {"correlation_id", offsetof(struct kg_error, correlation_id), sizeof((struct kg_error *)0)->correlation_id}};
#define TEXT_COUNT (sizeof texts / sizeof texts[0])

void kg_error_json_add(cJSON *object, const struct kg_error *error) {
  kg_json_add_filled(object, "sub_code", kg_error_sub_code(error));
  kg_json_add_filled(object, "status", kg_status_name(error->status));
  kg_json_add_filled(object, "text", error->text);
  if (error->http_status) cJSON_AddNumberToObject(object, "http_status", error->http_status);
  if (error->native_code) cJSON_AddNumberToObject(object, "native_code", (double)error->native_code);
  for (const struct text *text = texts; text < texts + TEXT_COUNT; text++)
    kg_json_add_filled(object, text->name, (const char *)error + text->offset);
}

bool kg_error_json_parse(const cJSON *object, struct kg_error *out) {
  const char *name = NULL, *text = NULL;
  enum kg_status status = KG_OK;
  int64_t http_status = 0, native_code = 0;
  if (kg_json_require_string(object, "status", KG_E_BINDING, &name, NULL) != KG_OK || !kg_status_parse(name, &status) ||
      kg_json_require_string(object, "text", KG_E_BINDING, &text, NULL) != KG_OK ||
      !kg_json_get_int(object, "http_status", 0, 999, &http_status) ||
      !kg_json_get_int(object, "native_code", INT32_MIN, INT32_MAX, &native_code))
    return false;
  (void)kg_error_set_code(out, status, (long)native_code, "%s", text);
  out->http_status = (int)http_status;
  kg_json_copy_text(object, "sub_code", out->sub_code, sizeof out->sub_code);
  for (const struct text *member = texts; member < texts + TEXT_COUNT; member++)
    kg_json_copy_text(object, member->name, (char *)out + member->offset, member->size);
  return true;
}
