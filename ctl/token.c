#include "ctl/token.h"

#include "core/log.h"
#include "ctl/patience.h"
#include "ctl/provision.h"
#include "ctl/renew.h"
#include "ctl/tls_client.h"
#include "wire/retry.h"
#include "wire/uuid.h"

#include <stdio.h>
#include <string.h>

#define ATTEMPT_MS 30000 /* protocol 8.4: PS */

struct leg { /* one call of kg_token_acquire */
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_token_request *request;
  const struct kg_clock *clock;
  int64_t deadline_ms;
  struct kg_token_headers headers;
  struct kg_token_result *result;
  struct kg_key *key;
  unsigned char server_alert;
  bool key_failed; /* our own key refused to sign */
};

static int64_t left_ms(const struct leg *leg) {
  return leg->deadline_ms - leg->clock->elapsed_ms(leg->clock->context);
}

/* One request. A failed handshake may have its cause on our side. */
static enum kg_status attempt(struct leg *leg, struct kg_span form, struct kg_http_response *response,
                              struct kg_error *error) {
  struct kg_tls_client client = {.binding = leg->result->binding, .signer = {.key = leg->key}};
  int64_t left = left_ms(leg);
  const struct kg_http_request request = {.kind = KG_HTTP_SECURE,
                                          .method = "POST",
                                          .url = leg->result->binding->token_endpoint,
                                          .headers = leg->headers.list,
                                          .body = form,
                                          .timeout_ms = left < ATTEMPT_MS ? left : ATTEMPT_MS,
                                          .ca_file = leg->config->ca_file,
                                          .proxy = leg->config->proxy,
                                          .tls_max = leg->config->tls_max,
                                          .tls_setup = kg_tls_client_setup,
                                          .tls_argument = &client};
  enum kg_status status = kg_http_perform(&request, response, error);
  leg->server_alert = response->server_alert;
  leg->key_failed = client.signer.error.status != KG_OK;
  if (status != KG_OK && client.error.status != KG_OK) *error = client.error;
  if (status != KG_OK && leg->key_failed) *error = client.signer.error;
  return status != KG_OK ? error->status : KG_OK;
}

static bool wait_for_retry(struct leg *leg, struct kg_retry *retry, enum kg_status status,
                           const struct kg_http_response *response) {
  int64_t delay_ms = 0;
  if (!kg_retry_next(retry, KG_LEG_TOKEN, status, response->status, response->retry_after_s, &delay_ms)) return false;
  if (delay_ms >= left_ms(leg)) return false;
  kg_log(KG_LOG_INFO, "token service: attempt %u failed (HTTP %d), next in %lld ms", retry->failures, response->status,
         (long long)delay_ms);
  leg->clock->sleep_ms(leg->clock->context, delay_ms);
  return true;
}

static enum kg_status exchange(struct leg *leg, struct kg_error *error) {
  struct kg_http_response response = {0};
  struct kg_retry retry = {.seed = kg_renew_seed(leg->result->binding->machine_id, leg->identity->name)};
  struct kg_buf form = {0};
  const struct kg_binding *binding = leg->result->binding;
  enum kg_status status = kg_token_request_form(leg->request, binding->client_id, &form, error);
  while (status == KG_OK) {
    status = attempt(leg, kg_buf_span(&form), &response, error);
    bool again = (status != KG_OK || response.status != 200) && wait_for_retry(leg, &retry, status, &response);
    if (!again) break;
    status = KG_OK;
  }
  if (status == KG_OK)
    status = kg_token_response_read(&response, leg->request->type, binding, &leg->result->token, error);
  kg_http_response_clear(&response);
  kg_buf_clear(&form);
  return status;
}

/* Opens the binding's key and makes sure that they belong together. */
static enum kg_status open_key(struct leg *leg, struct kg_error *error) {
  enum kg_status status = kg_key_open_patiently(leg->identity->key_store, 0, leg->clock, &leg->key, error);
  if (status == KG_OK) status = kg_binding_check_key(leg->result->binding, kg_key_info(leg->key), error);
  if (status != KG_OK) kg_key_close(&leg->key);
  return status;
}

static enum kg_status provision(struct leg *leg, const struct kg_provision_options *options, struct kg_error *error) {
  struct kg_provision_result provisioned;
  enum kg_status status = kg_provision(leg->config, leg->identity, options, leg->clock, &provisioned, error);
  if (status != KG_OK) return status;
  kg_key_close(&leg->key);
  kg_binding_free(&leg->result->binding);
  leg->result->binding = provisioned.binding;
  return open_key(leg, error);
}

/* In the last day of its certificate a token might outlive it. That is worth an attempt, not a failure. */
static void replace_last_day(struct leg *leg) {
  const struct kg_provision_options options = {0};
  struct kg_error error = {0};
  int64_t now = leg->clock->wall(leg->clock->context);
  if (!kg_renew_binding(leg->result->binding, now).last_day) return;
  struct kg_provision_result provisioned;
  if (kg_provision(leg->config, leg->identity, &options, leg->clock, &provisioned, &error) == KG_OK) {
    kg_binding_free(&leg->result->binding);
    leg->result->binding = provisioned.binding;
  } else {
    kg_log_error(KG_LOG_WARN, &error);
  }
}

static enum kg_status find_binding(struct leg *leg, struct kg_error *error) {
  const struct kg_provision_options options = {.accept_due = true};
  int64_t now = leg->clock->wall(leg->clock->context);
  enum kg_status status = kg_provision_find(leg->config, leg->identity, now, &leg->result->binding, error);
  if (status == KG_OK) {
    replace_last_day(leg);
    status = open_key(leg, error);
    if (status == KG_OK) return KG_OK;
    if (status != KG_E_BINDING_STALE && status != KG_E_KEY_NOT_FOUND && status != KG_E_KEY_DEAD) return status;
  } else if (status != KG_E_NOT_FOUND && status != KG_E_BINDING && status != KG_E_BINDING_STALE) {
    return status;
  }
  struct kg_error first = *error;
  if (provision(leg, &options, error) == KG_OK) return KG_OK;
  return kg_error_prefix(error, "%.200s; provisioning", first.text);
}

/* Once: an unbounded loop against a rate-limited service helps nobody (protocol 9.2). */
static enum kg_status remint(struct leg *leg, enum kg_token_remedy remedy, struct kg_error *error) {
  unsigned char rejected[32];
  memcpy(rejected, leg->result->binding->sha256, sizeof rejected);
  const struct kg_provision_options options = {
      .rejected = rejected, .accept_due = true, .drop_attestation = remedy == KG_REMEDY_REMINT_UNATTESTED};
  struct kg_error first = *error;
  kg_log_error(KG_LOG_WARN, error);
  kg_log(KG_LOG_WARN, "'%s': the certificate was rejected and is replaced", leg->identity->name);
  enum kg_status status = provision(leg, &options, error);
  if (status == KG_OK) return exchange(leg, error);
  return kg_error_prefix(error, "certificate rejected (%.160s), and not replaced", first.text);
}

static enum kg_status prepare(struct leg *leg, struct kg_error *error) {
  enum kg_status status = kg_identity_check_gates(leg->identity, error);
  if (status == KG_OK) status = kg_token_request_check(leg->request, error);
  if (status == KG_OK) status = kg_uuid_new(leg->result->request_id, error);
  if (status == KG_OK) kg_token_headers_init(&leg->headers, leg->result->request_id);
  leg->deadline_ms = leg->clock->elapsed_ms(leg->clock->context) + (int64_t)leg->config->deadline_s * 1000;
  return status;
}

enum kg_status kg_token_acquire(const struct kg_config *config, const struct kg_identity *identity,
                                const struct kg_token_request *request, const struct kg_clock *clock,
                                struct kg_token_result *result, struct kg_error *error) {
  struct leg leg = {.config = config, .identity = identity, .request = request, .clock = clock, .result = result};
  *result = (struct kg_token_result){0};
  enum kg_status status = prepare(&leg, error);
  if (status == KG_OK) status = find_binding(&leg, error);
  if (status == KG_OK) {
    status = exchange(&leg, error);
    enum kg_token_remedy remedy = status == KG_OK ? KG_REMEDY_NONE : kg_token_remedy(error, leg.server_alert);
    if (status != KG_OK && leg.key_failed) remedy = KG_REMEDY_REMINT;
    if (remedy != KG_REMEDY_NONE) status = remint(&leg, remedy, error);
  }
  kg_key_close(&leg.key);
  if (status != KG_OK) {
    if (!error->correlation_id[0])
      snprintf(error->correlation_id, sizeof error->correlation_id, "%s", result->request_id);
    kg_token_result_clear(result);
  }
  return status;
}

void kg_token_result_clear(struct kg_token_result *result) {
  kg_token_clear(&result->token);
  kg_binding_free(&result->binding);
}
