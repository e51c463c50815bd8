#include "ctl/token_request.h"

#include "core/base/json.h"
#include "wire/http.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SCOPE "/.default" /* MIC/Internal/Requests/ManagedIdentityAuthRequest.cs */

#if defined(_WIN32)
#define OS_NAME "Windows"
#elif defined(__linux__)
#define OS_NAME "Linux"
#else
#define OS_NAME "Unix"
#endif

static const char *const type_names[] = {"mtls_pop", "bearer"};

const char *kg_token_type_name(enum kg_token_type type) {
  return type_names[type];
}

enum kg_status kg_token_type_parse(const char *text, enum kg_token_type *out, struct kg_error *error) {
  for (int type = 0; type < 2; type++) {
    *out = (enum kg_token_type)type;
    if (strcmp(text, type_names[type]) == 0) return KG_OK;
  }
  return kg_error_set(error, KG_E_USAGE, "token type '%.32s' is not one of mtls_pop, bearer", text);
}

static bool is_scope(const char *text) {
  for (; *text; text++) {
    unsigned char c = (unsigned char)*text;
    if (c <= 0x20 || c >= 0x7F || c == '"' || c == '\\') return false;
  }
  return true;
}

enum kg_status kg_token_scope(const char *resource, char **out, struct kg_error *error) {
  size_t len = strlen(resource), suffix = sizeof DEFAULT_SCOPE - 1;
  *out = NULL;
  if (!is_scope(resource))
    return kg_error_set(error, KG_E_USAGE, "the scope must be one resource, such as https://vault.azure.net");
  if (len >= suffix && strcmp(resource + len - suffix, DEFAULT_SCOPE) == 0) len -= suffix;
  if (len > 0 && resource[len - 1] == '/') len--;
  if (len == 0) return kg_error_set(error, KG_E_USAGE, "the scope is empty");
  *out = malloc(len + suffix + 1);
  if (*out == NULL) return kg_error_no_memory(error, "for the scope");
  memcpy(*out, resource, len);
  memcpy(*out + len, DEFAULT_SCOPE, suffix + 1);
  return KG_OK;
}

enum kg_status kg_token_request_check(const struct kg_token_request *request, struct kg_error *error) {
  if (request->claims == NULL) return KG_OK;
  cJSON *claims = kg_json_parse(kg_span_text(request->claims), KG_E_USAGE, error);
  if (claims == NULL) return kg_error_prefix(error, KG_E_USAGE, "claims");
  cJSON_Delete(claims);
  return KG_OK;
}

static enum kg_status add_field(struct kg_buf *form, const char *name, const char *value) {
  char *escaped = kg_http_escape(value);
  enum kg_status status = escaped != NULL ? KG_OK : KG_E_NO_MEMORY;
  if (status == KG_OK && form->len) status = kg_buf_append(form, kg_span_text("&"));
  if (status == KG_OK) status = kg_buf_append(form, kg_span_text(name));
  if (status == KG_OK) status = kg_buf_append(form, kg_span_text("="));
  if (status == KG_OK) status = kg_buf_append(form, kg_span_text(escaped));
  free(escaped);
  return status;
}

enum kg_status kg_token_request_form(const struct kg_token_request *request, const char *client_id, struct kg_buf *out,
                                     struct kg_error *error) {
  enum kg_status status = add_field(out, "client_id", client_id);
  if (status == KG_OK) status = add_field(out, "grant_type", "client_credentials");
  if (status == KG_OK) status = add_field(out, "scope", request->scope);
  if (status == KG_OK) status = add_field(out, "token_type", kg_token_type_name(request->type));
  if (status == KG_OK && request->claims != NULL) status = add_field(out, "claims", request->claims);
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "for the token request");
}

void kg_token_headers_init(struct kg_token_headers *headers, const char *request_id) {
  /* The names are MIC/OAuth2/OAuthConstants.cs and MIC/Internal/MsalIdHelper.cs; the values are our own. Retry-After is
   * honoured (wire/retry.h), so x-ms-lib-capability may say so (MIC/OAuth2/Throttling/ThrottleCommon.cs). */
  static const char *const fixed[] = {"Content-Type: application/x-www-form-urlencoded",
                                      "Accept: application/json",
                                      "return-client-request-id: true",
                                      "x-client-SKU: keyguard-pkcs11",
                                      "x-client-Ver: " KEYGUARD_VERSION,
                                      "x-client-OS: " OS_NAME,
                                      "x-ms-lib-capability: retry-after, h429"};
  size_t count = sizeof fixed / sizeof fixed[0];
  _Static_assert(sizeof fixed / sizeof fixed[0] + 2 <= KG_TOKEN_HEADERS, "room for the id and the end");
  memcpy(headers->list, fixed, sizeof fixed);
  snprintf(headers->request_id, sizeof headers->request_id, "client-request-id: %s", request_id);
  headers->list[count] = headers->request_id;
  headers->list[count + 1] = NULL;
}
