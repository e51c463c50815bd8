#include "plugin/attestation.h"

#include "core/base/hash.h"
#include "plugin/attestation_cache.h"
#include "plugin/attestation_code.h"
#include "plugin/attestation_loader.h"
#include "plugin/attestation_log.h"
#include "plugin/attestation_token.h"

#include <string.h>

/* NULL makes one version of the library answer "error parsing the client payload" (NET#6022); "{}" suits all. */
#define CLIENT_PAYLOAD "{}"

/* The library keeps this pointer until Uninit, which is never called. */
static struct kg_attestation_log_info log_info = {kg_attestation_log_receive, NULL};

static kg_attestation_key_handle handle_of(const struct kg_plugin_key *key, struct kg_attestation_key *portable) {
  *portable = (struct kg_attestation_key){.size = sizeof *portable,
                                          .context = key->context,
                                          .public_key_info = key->public_key_info.data,
                                          .public_key_info_len = key->public_key_info.len,
                                          .signature_len = key->bits / 8,
                                          .sign_pss_sha256 = key->sign_pss_sha256};
  return key->native_handle ? key->native_handle : (kg_attestation_key_handle)portable;
}

static enum kg_status fail(const char *call, int32_t code, struct kg_error *error) {
  char lines[240];
  kg_attestation_log_errors(lines, sizeof lines);
  return kg_error_set_code(error, KG_E_ATTESTATION_FAILED, code, "%s returned %ld (%s)%s%s", call, (long)code,
                           kg_attestation_code_name(code), *lines ? ": " : "", lines);
}

/* Once; a library that refused may be asked again by the next acquisition. */
static enum kg_status init_once(struct kg_attestation_library *library, struct kg_error *error) {
  if (library->initialised) return KG_OK;
  int32_t code = library->init(&log_info);
  if (code != 0) return fail("InitAttestationLib", code, error);
  library->initialised = true;
  return KG_OK;
}

/* What the library allocated it frees, once, whatever it returned. */
static enum kg_status call(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                           struct kg_attestation_library *library, struct kg_buf *out, struct kg_error *error) {
  struct kg_attestation_key portable;
  kg_attestation_key_handle handle = handle_of(acquisition->request->key, &portable);
  enum kg_status status = KG_OK;
  char *token = NULL;
  int32_t code =
      library->attest(metadata->attestation_endpoint, NULL, CLIENT_PAYLOAD, handle, &token, metadata->client_id);
  if (code != 0)
    status = fail("AttestKeyGuardImportKey", code, error);
  else if (token == NULL)
    status = kg_error_set(error, KG_E_ATTESTATION_FAILED, "the attestation library succeeded without a token");
  else if (kg_buf_set(out, kg_span_text(token)) != KG_OK)
    status = kg_error_no_memory(error, "for the attestation token");
  if (token != NULL) {
    kg_wipe(token, strlen(token));
    library->free_token(token);
  }
  return status;
}

static enum kg_status attest(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                             struct kg_buf *out, struct kg_error *error) {
  const struct kg_plugin_request *request = acquisition->request;
  struct kg_attestation_library *library = NULL;
  enum kg_status status = kg_attestation_library_require(request->attestation_library,
                                                         request->attestation_library_sha256, &library, error);
  if (status != KG_OK) return status;
  kg_attestation_log_start();
  status = init_once(library, error);
  if (status == KG_OK) status = call(acquisition, metadata, library, out, error);
  kg_attestation_log_drain(acquisition);
  return status;
}

/* Failures are not kept: the next acquisition asks again. */
static enum kg_status attest_and_keep(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                                      const struct kg_attestation_id *id, struct kg_buf *out, struct kg_error *error) {
  const struct kg_plugin_bytes *info = &acquisition->request->key->public_key_info;
  int64_t now = kg_acquisition_now(acquisition), expires = 0;
  enum kg_status status = attest(acquisition, metadata, out, error);
  if (status == KG_OK)
    status = kg_attestation_token_check(kg_buf_span(out), kg_span_of(info->data, info->len), now, &expires, error);
  if (status != KG_OK) return status;
  if (expires) kg_attestation_cache_put(id, kg_buf_span(out), expires);
  kg_acquisition_log(acquisition, KG_PLUGIN_LOG_INFO, "attestation: a token of %zu bytes from %s%s", out->len,
                     id->endpoint, expires ? "" : ", without an end, used once");
  return KG_OK;
}

static bool make_id(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                    struct kg_attestation_id *out) {
  const struct kg_plugin_bytes *info = &acquisition->request->key->public_key_info;
  out->endpoint = metadata->attestation_endpoint;
  return kg_hash_once(KG_HASH_SHA256, kg_span_of(info->data, info->len), out->key);
}

enum kg_status kg_attestation_check(const struct kg_plugin_request *request, struct kg_error *error) {
  struct kg_attestation_library *library = NULL;
  return kg_attestation_library_require(request->attestation_library, request->attestation_library_sha256, &library,
                                        error);
}

void kg_attestation_forget(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata) {
  struct kg_attestation_id id;
  if (make_id(acquisition, metadata, &id)) kg_attestation_cache_drop(&id);
}

enum kg_status kg_attestation_get(const struct kg_acquisition *acquisition, const struct kg_metadata *metadata,
                                  struct kg_buf *out, struct kg_error *error) {
  struct kg_attestation_id id;
  if (!make_id(acquisition, metadata, &id)) return kg_error_set(error, KG_E_NO_MEMORY, "the key cannot be hashed");
  if (acquisition->request->drop_attestation) kg_attestation_cache_drop(&id);
  if (kg_attestation_cache_get(&id, kg_acquisition_now(acquisition), out)) {
    kg_acquisition_log(acquisition, KG_PLUGIN_LOG_INFO, "attestation: the token of %s is still good", id.endpoint);
    return KG_OK;
  }
  if (kg_acquisition_left_ms(acquisition) <= 0)
    return kg_error_set(error, KG_E_TIMEOUT, "no time left for the attestation");
  enum kg_status status = attest_and_keep(acquisition, metadata, &id, out, error);
  if (status == KG_OK) return KG_OK;
  kg_buf_clear(out);
  return kg_error_prefix(error, status, "attestation at %s", id.endpoint);
}
