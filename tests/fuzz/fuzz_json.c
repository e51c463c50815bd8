/* Answers of the services, from the body to what is believed of them. The first byte chooses the reader. "@CERT@" in an
 * issuing answer stands for a certificate that was issued as it should be, which chance never finds. */
#include "fuzz.h"

#include "core/base/json.h"
#include "ctl/token_response.h"
#include "plugin/issue.h"
#include "plugin/metadata.h"
#include "sample.h"
#include "support_host.h"
#include "support_pki.h"
#include "wire/answer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static struct support_host *host(void) {
  static struct support_host made;
  if (!made.request.size) support_host_init(&made, "http://127.0.0.1:1");
  return &made;
}

static const char *certificate(void) {
  static char *base64;
  struct support_certificate what = {.key = support_host_key(),
                                     .common_name = SUPPORT_CLIENT,
                                     .tenant = SUPPORT_TENANT,
                                     .not_before = host()->wall_s - 60,
                                     .not_after = host()->wall_s + 7 * 86400,
                                     .extended_key_usage = "clientAuth"};
  if (base64 == NULL) base64 = support_certificate_base64(&what);
  promise(base64 != NULL);
  return base64;
}

static void check_failure(enum kg_status status, const struct kg_error *error) {
  promise(error->status == status && error->text[0] && strpbrk(error->text, "\r\n") == NULL);
}

static void read_members(struct kg_span body) {
  struct kg_error error = {0};
  cJSON *object = kg_json_parse(body, KG_E_IMDS_FAILED, &error);
  if (object == NULL) {
    check_failure(KG_E_IMDS_FAILED, &error);
    return;
  }
  for (const cJSON *member = object->child; member != NULL; member = member->next) {
    const char *text = NULL;
    if (kg_json_require_string(object, member->string, KG_E_IMDS_FAILED, &text, &error) == KG_OK)
      promise(text != NULL && text[0] && cJSON_IsString(member));
    int64_t number = 0;
    if (kg_json_require_int(object, member->string, KG_E_IMDS_FAILED, &number, &error) == KG_OK)
      promise(cJSON_IsNumber(member) || cJSON_IsString(member));
    (void)(kg_json_optional_string(object, member->string, KG_E_IMDS_FAILED, &text, &error) == KG_OK);
    (void)(kg_json_optional_int(object, member->string, 7, KG_E_IMDS_FAILED, &number, &error) == KG_OK);
  }
  kg_json_clear(&object);
}

static void read_metadata(struct kg_span body, int attestation) {
  struct kg_plugin_request request = host()->request;
  request.attestation = attestation;
  struct kg_metadata metadata = {0};
  struct kg_error error = {0};
  enum kg_status status = kg_metadata_parse(&request, body, &metadata, &error);
  if (status == KG_OK) {
    promise(metadata.client_id != NULL && metadata.tenant_id != NULL &&
            (metadata.vm_id != NULL || metadata.vmss_id != NULL));
    promise(!attestation || strncmp(metadata.attestation_endpoint, "https://", 8) == 0);
  } else {
    check_failure(status, &error);
  }
  kg_metadata_clear(&metadata);
}

static struct kg_buf with_certificate(struct kg_span body) {
  struct kg_buf out = {0};
  for (size_t i = 0; i < body.len; i++)
    if (body.len - i >= 6 && memcmp(body.data + i, "@CERT@", 6) == 0 && out.len < 65536) {
      promise(kg_buf_append(&out, kg_span_text(certificate())) == KG_OK);
      i += 5;
    } else {
      promise(kg_buf_append(&out, kg_span_of(body.data + i, 1)) == KG_OK);
    }
  return out;
}

static void read_issued(struct kg_span body) {
  static char client[] = SUPPORT_CLIENT, tenant[] = SUPPORT_TENANT, vm[] = SUPPORT_VM;
  struct kg_metadata metadata = {.client_id = client, .tenant_id = tenant, .vm_id = vm};
  struct kg_buf text = with_certificate(body);
  struct kg_issued issued = {0};
  struct kg_error error = {0};
  enum kg_status status = kg_issue_parse(&host()->acquisition, &metadata, kg_buf_span(&text), &issued, &error);
  if (status == KG_OK) {
    promise(issued.certificate.len && strcasecmp(issued.tenant_id, tenant) == 0);
    promise(strncmp(issued.token_endpoint, "https://", 8) == 0 && strstr(issued.token_endpoint, tenant) != NULL);
  } else {
    check_failure(status, &error);
  }
  kg_issued_clear(&issued);
  kg_buf_clear(&text);
}

static struct kg_http_response response_of(struct kg_span body, int status) {
  struct kg_http_response response;
  memset(&response, 0, sizeof response);
  response.status = status;
  promise(kg_buf_set(&response.body, body) == KG_OK);
  return response;
}

static void read_token(struct kg_span body, int http_status, enum kg_token_type type) {
  struct kg_http_response response = response_of(body, http_status);
  struct kg_binding *binding = sample_binding("web", 1, 1);
  struct kg_token token = {0};
  struct kg_error error = {0};
  enum kg_status status = kg_token_response_read(&response, type, binding, &token, &error);
  if (status == KG_OK)
    promise(http_status == 200 && token.access_token.len && token.expires_in > 0 && token.refresh_in >= 0);
  else
    promise(token.access_token.len == 0);
  if (status != KG_OK) check_failure(status, &error);
  (void)kg_token_remedy(&error, 0);
  kg_token_clear(&token);
  kg_binding_free(&binding);
  kg_buf_clear(&response.body);
}

static void read_failure(struct kg_span body) {
  struct kg_http_response response = response_of(body, 400);
  struct kg_error error = {0};
  promise(kg_answer_error(KG_E_IMDS_FAILED, "leg", &response, &error) == KG_E_IMDS_FAILED);
  check_failure(KG_E_IMDS_FAILED, &error);
  promise(error.http_status == 400 && strncmp(error.aadsts, "AADSTS", error.aadsts[0] ? 6 : 0) == 0);
  kg_buf_clear(&response.body);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct kg_span body = kg_span_of(data + 1, size ? size - 1 : 0);
  if (size == 0) return 0;
  switch (data[0] % 8) {
  case 0:
    read_members(body);
    break;
  case 1:
  case 2:
    read_metadata(body, data[0] % 8 == 2);
    break;
  case 3:
    read_issued(body);
    break;
  case 4:
  case 5:
    read_token(body, 200, data[0] % 8 == 4 ? KG_TOKEN_MTLS_POP : KG_TOKEN_BEARER);
    break;
  case 6:
    read_token(body, 400, KG_TOKEN_MTLS_POP);
    break;
  default:
    read_failure(body);
  }
  return 0;
}
