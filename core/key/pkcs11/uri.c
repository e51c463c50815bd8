/* Includes p11-kit's header and so must not include keyguard/cryptoki.h (see there). */
#include "core/key/pkcs11/uri.h"

#include <p11-kit/uri.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SCHEME "pkcs11:"

/* What a key store's URI may say. Everything else is refused by name: a misspelt attribute that is silently left out
 * would select another key. slot-id is left out on purpose: tokens move between slots. */
static const char *const path_names[] = {"token", "manufacturer", "model", "serial", "object", "id", "type", NULL};
static const char *const query_names[] = {"module-path", "pin-source", "pin-value", NULL};
#define PIN_VALUE (1U << 2) /* its bit; what follows it may be the rest of a PIN and is not shown */

static bool is_scheme(const char *text) {
  return strncasecmp(text, SCHEME, sizeof SCHEME - 1) == 0;
}

/* Index of the name in `names`, or -1. */
static int find_name(const char *const *names, const char *name, size_t len) {
  for (int i = 0; names[i] != NULL; i++)
    if (strlen(names[i]) == len && memcmp(names[i], name, len) == 0) return i;
  return -1;
}

/* What looks like a name. Anything else may be a piece of a PIN whose & or ; was not escaped. */
static bool is_showable(const char *name, size_t len) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_";
  return len <= 40 && strspn(name, letters) >= len;
}

/* p11-kit ignores names it does not know, takes the last of two equal ones, drops spaces and ends a value at a zero
 * byte. Each of these would be a guess. `*seen` collects a bit for each name. */
static enum kg_status check_attribute(const char *const *names, const char *attribute, size_t len, unsigned *seen,
                                      struct kg_error *error) {
  const char *equals = memchr(attribute, '=', len);
  size_t name_len = equals != NULL ? (size_t)(equals - attribute) : len;
  int name = find_name(names, attribute, name_len);
  if ((equals == NULL || name < 0) && names == query_names && *seen & PIN_VALUE)
    return kg_error_set(error, KG_E_USAGE,
                        "PKCS#11 URI: what follows pin-value is not an attribute that a key store can "
                        "use; in a PIN, & is written as %%26");
  if (equals == NULL && name < 0 && len > 0)
    return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: a part of it is not NAME=VALUE");
  if (equals == NULL || name < 0)
    return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: \"%.*s\" is not an attribute that a key store can use",
                        is_showable(attribute, name_len) ? (int)name_len : 0, attribute);
  if (*seen & 1U << name) return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: \"%s\" is there twice", names[name]);
  *seen |= 1U << name;
  for (size_t i = name_len; i + 2 < len && strcmp(names[name], "id") != 0; i++)
    if (memcmp(attribute + i, "%00", 3) == 0)
      return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: \"%s\" has a zero byte", names[name]);
  return KG_OK;
}

static enum kg_status check_attributes(const char *const *names, const char *text, size_t len, char separator,
                                       struct kg_error *error) {
  unsigned seen = 0;
  while (len > 0) {
    const char *end = memchr(text, separator, len);
    size_t attribute_len = end != NULL ? (size_t)(end - text) : len;
    enum kg_status status = check_attribute(names, text, attribute_len, &seen, error);
    if (status != KG_OK) return status;
    if (end == NULL) break;
    text += attribute_len + 1;
    len -= attribute_len + 1;
  }
  return KG_OK;
}

static enum kg_status check_text(const char *text, struct kg_error *error) {
  if (text == NULL || !is_scheme(text)) return kg_error_set(error, KG_E_USAGE, "not a PKCS#11 URI (pkcs11:...)");
  for (const char *c = text; *c != '\0'; c++)
    if ((unsigned char)*c <= ' ' || *c == 0x7f)
      return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: spaces and control characters must be written as %%XX");
  const char *path = text + sizeof SCHEME - 1;
  const char *query = strchr(path, '?');
  size_t path_len = query != NULL ? (size_t)(query - path) : strlen(path);
  enum kg_status status = check_attributes(path_names, path, path_len, ';', error);
  if (status == KG_OK && query != NULL)
    status = check_attributes(query_names, query + 1, strlen(query + 1), '&', error);
  return status;
}

/* A field of CK_TOKEN_INFO without its padding; p11-kit leaves one that the URI does not name all zero. */
static enum kg_status take_field(const unsigned char *field, size_t size, char **out) {
  if (field[0] == '\0') return KG_OK;
  while (size > 0 && field[size - 1] == ' ')
    size--;
  *out = calloc(1, size + 1);
  if (*out == NULL) return KG_E_NO_MEMORY;
  memcpy(*out, field, size);
  return KG_OK;
}

static enum kg_status take_text(const char *text, char **out) {
  if (text == NULL) return KG_OK;
  *out = kg_strdup(text);
  return *out != NULL ? KG_OK : KG_E_NO_MEMORY;
}

static enum kg_status take_label(P11KitUri *uri, char **out) {
  const CK_ATTRIBUTE *label = p11_kit_uri_get_attribute(uri, CKA_LABEL);
  if (label == NULL) return KG_OK;
  *out = calloc(1, label->ulValueLen + 1);
  if (*out == NULL) return KG_E_NO_MEMORY;
  if (label->ulValueLen > 0) memcpy(*out, label->pValue, label->ulValueLen);
  return KG_OK;
}

static enum kg_status take_id(P11KitUri *uri, struct kg_buf *out) {
  const CK_ATTRIBUTE *id = p11_kit_uri_get_attribute(uri, CKA_ID);
  if (id == NULL) return KG_OK;
  return kg_buf_set(out, kg_span_of(id->pValue, id->ulValueLen));
}

/* "file:/x" and "file:///x" (RFC 8089) and a bare "/x"; a command ("|...") is refused like anything else. */
static enum kg_status take_pin_source(const char *source, char **out, struct kg_error *error) {
  if (source == NULL) return KG_OK;
  if (strncmp(source, "file:", 5) == 0) {
    source += 5;
    if (strncmp(source, "///", 3) == 0) source += 2;
  }
  if (source[0] != '/' || source[1] == '/' || source[1] == '\0')
    return kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: pin-source is not the absolute path of a file");
  if (take_text(source, out) == KG_OK) return KG_OK;
  return kg_error_no_memory(error, "for a key-store URI");
}

static enum kg_status take_all(P11KitUri *uri, struct kg_pkcs11_uri *out, struct kg_error *error) {
  const CK_TOKEN_INFO *token = p11_kit_uri_get_token_info(uri);
  enum kg_status status = take_field(token->label, sizeof token->label, &out->token);
  if (status == KG_OK) status = take_field(token->manufacturerID, sizeof token->manufacturerID, &out->manufacturer);
  if (status == KG_OK) status = take_field(token->model, sizeof token->model, &out->model);
  if (status == KG_OK) status = take_field(token->serialNumber, sizeof token->serialNumber, &out->serial);
  if (status == KG_OK) status = take_label(uri, &out->object);
  if (status == KG_OK) status = take_id(uri, &out->id);
  if (status == KG_OK) status = take_text(p11_kit_uri_get_module_path(uri), &out->module_path);
  const char *pin = p11_kit_uri_get_pin_value(uri);
  if (status == KG_OK && pin != NULL) status = kg_buf_set(&out->pin_value, kg_span_text(pin));
  if (status == KG_E_NO_MEMORY) return kg_error_no_memory(error, "for a key-store URI");
  return take_pin_source(p11_kit_uri_get_pin_source(uri), &out->pin_source, error);
}

/* p11-kit frees without wiping. */
static void free_uri(P11KitUri *uri) {
  const char *pin = uri != NULL ? p11_kit_uri_get_pin_value(uri) : NULL;
  if (pin != NULL) kg_wipe((char *)pin, strlen(pin));
  p11_kit_uri_free(uri);
}

/* On KG_OK the caller frees `*out`. */
static enum kg_status parse(const char *text, P11KitUri **out, struct kg_error *error) {
  enum kg_status status = check_text(text, error);
  if (status != KG_OK) return status;
  P11KitUri *uri = p11_kit_uri_new();
  if (uri == NULL) return kg_error_no_memory(error, "for a key-store URI");
  int result = p11_kit_uri_parse(text, P11_KIT_URI_FOR_OBJECT_ON_TOKEN_AND_MODULE, uri);
  if (result != P11_KIT_URI_OK)
    status = kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: %s", p11_kit_uri_message(result));
  else if (p11_kit_uri_any_unrecognized(uri))
    status = kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: a value is longer than its field or of an unknown type");
  if (status != KG_OK)
    free_uri(uri);
  else
    *out = uri;
  return status;
}

/* p11-kit allocates with the C library's malloc, so what it formats is freed with free. */
static enum kg_status format_without_pin(P11KitUri *uri, char **out, struct kg_error *error) {
  const char *pin = p11_kit_uri_get_pin_value(uri);
  if (pin != NULL) kg_wipe((char *)pin, strlen(pin));
  p11_kit_uri_set_pin_value(uri, NULL);
  p11_kit_uri_set_pin_source(uri, NULL);
  if (p11_kit_uri_format(uri, P11_KIT_URI_FOR_ANY, out) == P11_KIT_URI_OK) return KG_OK;
  *out = NULL;
  return kg_error_no_memory(error, "for a key-store URI");
}

enum kg_status kg_pkcs11_uri_parse(const char *text, struct kg_pkcs11_uri *out, char **shown, struct kg_error *error) {
  *out = (struct kg_pkcs11_uri){0};
  P11KitUri *uri = NULL;
  enum kg_status status = parse(text, &uri, error);
  if (status != KG_OK) return status;
  const CK_ATTRIBUTE *type = p11_kit_uri_get_attribute(uri, CKA_CLASS);
  if (type != NULL && *(const CK_OBJECT_CLASS *)type->pValue != CKO_PRIVATE_KEY)
    status = kg_error_set(error, KG_E_USAGE, "PKCS#11 URI: a key store needs type=private, or no type");
  else
    status = take_all(uri, out, error);
  if (status == KG_OK && shown != NULL) status = format_without_pin(uri, shown, error);
  free_uri(uri);
  if (status != KG_OK) kg_pkcs11_uri_clear(out);
  return status;
}

void kg_pkcs11_uri_clear(struct kg_pkcs11_uri *uri) {
  free(uri->token);
  free(uri->manufacturer);
  free(uri->model);
  free(uri->serial);
  free(uri->object);
  kg_buf_clear(&uri->id);
  free(uri->module_path);
  free(uri->pin_source);
  kg_buf_clear(&uri->pin_value);
  *uri = (struct kg_pkcs11_uri){0};
}

static enum kg_status check_enough(const struct kg_pkcs11_uri *uri, struct kg_error *error) {
  if (uri->module_path == NULL || uri->module_path[0] != '/')
    return kg_error_set(error, KG_E_USAGE, "the key store's URI needs module-path= with an absolute path");
  if (uri->object == NULL && uri->id.len == 0)
    return kg_error_set(error, KG_E_USAGE, "the key store's URI needs object= or id=");
  return KG_OK;
}

enum kg_status kg_pkcs11_place_parse(const char *text, void **place, char **shown, struct kg_error *error) {
  struct kg_pkcs11_uri *uri = calloc(1, sizeof *uri);
  if (uri == NULL) return kg_error_no_memory(error, "for a key-store URI");
  char *redacted = NULL;
  enum kg_status status = kg_pkcs11_uri_parse(text, uri, &redacted, error);
  if (status == KG_OK) status = check_enough(uri, error);
  if (status != KG_OK) {
    free(redacted);
    kg_pkcs11_place_free(uri);
    return status;
  }
  *place = uri;
  *shown = redacted;
  return KG_OK;
}

void kg_pkcs11_place_free(void *place) {
  kg_pkcs11_uri_clear(place);
  free(place);
}

bool kg_pkcs11_place_holds_secret(const void *place) {
  const struct kg_pkcs11_uri *uri = place;
  return uri->pin_value.data != NULL;
}
