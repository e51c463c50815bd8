#include "core/state/binding_reader.h"

#include "core/base/clock.h"
#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/state/binding_member.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum kg_status fail_member(const struct kg_member *member, const char *reason, struct kg_error *error) {
  return kg_error_set(error, KG_E_BINDING, "member '%s' %s", member->name, reason);
}

static enum kg_status fail_memory(struct kg_error *error) {
  return kg_error_no_memory(error, "to read a binding");
}

static enum kg_status read_text(const struct kg_member *member, const char *text, char **field,
                                struct kg_error *error) {
  if (text == NULL) return KG_OK;
  if (strlen(text) < member->min || strlen(text) > member->max) return fail_member(member, "has a wrong length", error);
  for (const char *at = text; *at; at++)
    if ((unsigned char)*at < ' ' || *at == 0x7F) return fail_member(member, "holds a control character", error);
  *field = kg_strdup(text);
  return *field != NULL ? KG_OK : fail_memory(error);
}

static enum kg_status read_bytes(const struct kg_member *member, const char *text, struct kg_buf *field,
                                 struct kg_error *error) {
  bool is_base64 = member->kind == KG_MEMBER_BASE64;
  enum kg_status status = is_base64 ? kg_base64_parse(text, field) : kg_hex_parse(text, field);
  if (status == KG_E_NO_MEMORY) return fail_memory(error);
  if (status != KG_OK) return fail_member(member, is_base64 ? "is not base64" : "is not hexadecimal", error);
  if (field->len < member->min || field->len > member->max) return fail_member(member, "has a wrong length", error);
  return KG_OK;
}

static enum kg_status read_digest(const struct kg_member *member, const char *text, void *field,
                                  struct kg_error *error) {
  struct kg_buf bytes = {0};
  enum kg_status status = read_bytes(member, text, &bytes, error);
  if (status == KG_OK) memcpy(field, bytes.data, member->max);
  kg_buf_clear(&bytes);
  return status;
}

static enum kg_status read_time(const struct kg_member *member, const char *text, int64_t *field,
                                struct kg_error *error) {
  if (text == NULL) return KG_OK;
  *field = kg_time_parse(text);
  return *field > 0 ? KG_OK : fail_member(member, "is not a time", error);
}

static enum kg_status read_flag(const struct kg_member *member, const cJSON *object, bool *field,
                                struct kg_error *error) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member->name);
  if (item == NULL) return fail_member(member, "is missing", error);
  if (!cJSON_IsBool(item)) return fail_member(member, "is neither true nor false", error);
  *field = cJSON_IsTrue(item);
  return KG_OK;
}

static enum kg_status read_number(const struct kg_member *member, const cJSON *object, unsigned *field,
                                  struct kg_error *error) {
  const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, member->name);
  if (item != NULL && !cJSON_IsNumber(item)) return fail_member(member, "is not a number", error);
  int64_t value = 0;
  enum kg_status status = kg_json_require_int(object, member->name, KG_E_BINDING, &value, error);
  if (status != KG_OK) return status;
  if (value < (int64_t)member->min || value > (int64_t)member->max)
    return fail_member(member, "is out of range", error);
  *field = (unsigned)value;
  return KG_OK;
}

/* Those that are strings in JSON, whatever they become. */
static enum kg_status read_string(const struct kg_member *member, const char *text, void *field,
                                  struct kg_error *error) {
  switch (member->kind) {
  case KG_MEMBER_BASE64:
  case KG_MEMBER_HEX:
    return read_bytes(member, text, field, error);
  case KG_MEMBER_DIGEST:
    return read_digest(member, text, field, error);
  case KG_MEMBER_TIME:
  case KG_MEMBER_OPTIONAL_TIME:
    return read_time(member, text, field, error);
  case KG_MEMBER_SELECTOR:
    return kg_selector_parse(text, field) != KG_OK ? fail_member(member, "has no known value", error) : KG_OK;
  case KG_MEMBER_STRENGTH:
    return kg_strength_parse(text, field) != KG_OK ? fail_member(member, "has no known value", error) : KG_OK;
  default:
    return read_text(member, text, field, error);
  }
}

static enum kg_status read_member(const struct kg_member *member, const cJSON *object, void *field,
                                  struct kg_error *error) {
  bool is_optional = member->kind == KG_MEMBER_OPTIONAL_TEXT || member->kind == KG_MEMBER_OPTIONAL_TIME;
  if (member->kind == KG_MEMBER_FLAG) return read_flag(member, object, field, error);
  if (member->kind == KG_MEMBER_NUMBER) return read_number(member, object, field, error);
  const char *text = NULL;
  enum kg_status status = is_optional ? kg_json_optional_string(object, member->name, KG_E_BINDING, &text, error)
                                      : kg_json_require_string(object, member->name, KG_E_BINDING, &text, error);
  return status != KG_OK ? status : read_string(member, text, field, error);
}

static enum kg_status read_members(const struct kg_member *members, const cJSON *object, void *base,
                                   struct kg_error *error) {
  enum kg_status status = KG_OK;
  for (const struct kg_member *member = members; status == KG_OK && member->name != NULL; member++)
    status = read_member(member, object, (char *)base + member->offset, error);
  return status;
}

static enum kg_status read_certificate(const cJSON *object, struct kg_certificate *out, struct kg_error *error) {
  if (!cJSON_IsObject(object)) return kg_error_set(error, KG_E_BINDING, "is missing or not an object");
  return read_members(kg_certificate_members, object, out, error);
}

static enum kg_status read_chain(const cJSON *array, struct kg_binding *out, struct kg_error *error) {
  int count = cJSON_GetArraySize(array);
  if (!cJSON_IsArray(array) || count > KG_BINDING_CHAIN_MAX)
    return kg_error_set(error, KG_E_BINDING, "is missing, not an array or longer than %d", KG_BINDING_CHAIN_MAX);
  if (count == 0) return KG_OK;
  out->chain = calloc((size_t)count, sizeof *out->chain);
  if (out->chain == NULL) return fail_memory(error);
  enum kg_status status = KG_OK;
  const cJSON *item = NULL;
  cJSON_ArrayForEach(item, array) {
    status = read_certificate(item, &out->chain[out->chain_count++], error);
    if (status != KG_OK) break;
  }
  return status;
}

static enum kg_status read_certificates(const cJSON *object, struct kg_binding *out, struct kg_error *error) {
  const char *name = KG_BINDING_LEAF;
  enum kg_status status = read_certificate(cJSON_GetObjectItemCaseSensitive(object, name), &out->leaf, error);
  if (status == KG_OK) {
    name = KG_BINDING_CHAIN;
    status = read_chain(cJSON_GetObjectItemCaseSensitive(object, name), out, error);
  }
  return status != KG_OK ? kg_error_prefix(error, status, "'%s'", name) : KG_OK;
}

static bool is_https(const char *url) {
  return strncmp(url, "https://", 8) == 0 && url[8];
}

static bool is_digest_of(enum kg_hash hash, const struct kg_buf *der, const unsigned char *expected) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  return kg_hash_once(hash, kg_buf_span(der), digest) && memcmp(digest, expected, kg_hash_size(hash)) == 0;
}

/* What no single member shows. NULL: nothing is wrong. */
static const char *contradiction(const struct kg_binding *binding) {
  if (!kg_identity_name_is_valid(binding->identity)) return "'identity' is not a valid name";
  if ((binding->selector == KG_SELECT_SYSTEM) != (binding->selector_value == NULL))
    return "'selector' and 'selector_value' do not go together";
  if (!is_https(binding->mtls_authentication_endpoint)) return "'mtls_authentication_endpoint' is not an https URL";
  if (!is_https(binding->token_endpoint)) return "'token_endpoint' is not an https URL";
  if (binding->modulus.len * 8 != binding->key_bits || !(binding->modulus.data[0] & 0x80))
    return "'modulus' has not as many bits as 'key_bits' says";
  if (binding->exponent.data[0] == 0) return "'exponent' begins with a zero";
  if (kg_binding_end(binding) <= binding->leaf.not_before) return "the certificate ends before it begins";
  if (!is_digest_of(KG_HASH_SHA256, &binding->leaf.der, binding->sha256)) return "'sha256' is not the certificate's";
  if (!is_digest_of(KG_HASH_SHA1, &binding->leaf.der, binding->sha1)) return "'sha1' is not the certificate's";
  return NULL;
}

/* cJSON does not say why it gave up, the C library does. To take no memory for a damaged file would be to remember it
 * as one. */
static enum kg_status parse_json(struct kg_span body, cJSON **out, struct kg_error *error) {
  int host_errno = errno;
  errno = 0;
  *out = kg_json_parse(body, KG_E_BINDING, error);
  bool ran_out = *out == NULL && errno == ENOMEM;
  errno = host_errno;
  if (ran_out) return fail_memory(error);
  return *out != NULL ? KG_OK : KG_E_BINDING;
}

static enum kg_status read_body(struct kg_span body, struct kg_binding *out, struct kg_error *error) {
  cJSON *object = NULL;
  enum kg_status status = parse_json(body, &object, error);
  if (status == KG_OK) status = read_members(kg_binding_members, object, out, error);
  if (status == KG_OK) status = read_certificates(object, out, error);
  cJSON_Delete(object);
  if (status != KG_OK) return status;
  const char *reason = contradiction(out);
  return reason != NULL ? kg_error_set(error, KG_E_BINDING, "%s", reason) : KG_OK;
}

/* Cuts `head` off the front; false where it is not there. */
static bool skip(struct kg_span *text, const char *head) {
  size_t length = strlen(head);
  if (text->len < length || memcmp(text->data, head, length) != 0) return false;
  text->data += length;
  text->len -= length;
  return true;
}

/* Of at most 9 digits; -1 where there is none. */
static long skip_version(struct kg_span *text) {
  long version = -1;
  for (int i = 0; i < 9 && text->len && text->data[0] >= '0' && text->data[0] <= '9'; i++) {
    version = (version < 0 ? 0 : version * 10) + (text->data[0] - '0');
    text->data++;
    text->len--;
  }
  return version;
}

static enum kg_status fail_damaged(const char *how, struct kg_error *error) {
  return kg_error_set(error, KG_E_BINDING, "damaged: %s", how);
}

static enum kg_status check_sum(struct kg_span body, struct kg_span written, struct kg_error *error) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_once(KG_HASH_SHA256, body, digest)) return fail_memory(error);
  char *sum = kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
  if (sum == NULL) return fail_memory(error);
  bool matches = kg_span_equal(kg_span_text(sum), written);
  free(sum);
  return matches ? KG_OK : fail_damaged("its checksum does not match", error);
}

/* Takes everything around the body off `*text`. */
static enum kg_status unwrap(struct kg_span *text, struct kg_error *error) {
  static const char foreign[] = "not the text of a binding";
  size_t tail = strlen(KG_BINDING_TAIL), hex = 2 * kg_hash_size(KG_HASH_SHA256);
  if (!skip(text, KG_BINDING_VERSION_HEAD)) return fail_damaged(foreign, error);
  long version = skip_version(text);
  if (version > KG_BINDING_VERSION)
    return kg_error_set(error, KG_E_BINDING, "written by a newer keyguard: version %ld, and this one reads %d", version,
                        KG_BINDING_VERSION);
  if (version != KG_BINDING_VERSION || !skip(text, KG_BINDING_SUM_HEAD) || text->len < hex)
    return fail_damaged(foreign, error);
  struct kg_span written = kg_span_of(text->data, hex);
  text->data += hex;
  text->len -= hex;
  if (!skip(text, KG_BINDING_BODY_HEAD)) return fail_damaged(foreign, error);
  if (text->len < tail || memcmp(text->data + text->len - tail, KG_BINDING_TAIL, tail) != 0)
    return fail_damaged("it ends too early or too late", error);
  text->len -= tail;
  return check_sum(*text, written, error);
}

enum kg_status kg_binding_parse(struct kg_span text, struct kg_binding **out, struct kg_error *error) {
  *out = NULL;
  enum kg_status status = unwrap(&text, error);
  if (status != KG_OK) return status;
  struct kg_binding *binding = NULL;
  binding = calloc(1, sizeof *binding);
  if (binding == NULL) return fail_memory(error);
  status = read_body(text, binding, error);
  if (status != KG_OK)
    kg_binding_free(&binding);
  else
    *out = binding;
  return status;
}

enum kg_status kg_binding_load(const char *path, struct kg_binding **out, struct kg_file_id *id,
                               struct kg_error *error) {
  *out = NULL;
  struct kg_buf text = {0};
  enum kg_status status = kg_file_read(path, KG_BINDING_SIZE_MAX, KG_TRUST_SHARED, &text, id, error);
  if (status != KG_OK) return status;
  struct kg_binding *binding = NULL;
  status = kg_binding_parse(kg_buf_span(&text), &binding, error);
  if (status != KG_OK) (void)kg_error_prefix(error, status, "%s", path);
  kg_buf_clear(&text);
  if (binding == NULL) return status;
  binding->file = kg_strdup(path);
  if (binding->file == NULL) {
    kg_binding_free(&binding);
    return fail_memory(error);
  }
  *out = binding;
  return KG_OK;
}
