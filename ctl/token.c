#include "ctl/token.h"

#include "core/base/log.h"
#include "core/base/strength.h"
#include "core/key/key.h"
#include "ctl/ca_file.h"
#include "ctl/provision.h"
#include "ctl/refusal.h"
#include "ctl/renew.h"
#include "ctl/tls_client.h"
#include "ctl/token_cache.h"
#include "ctl/watchdog.h"
#include "wire/retry.h"
#include "wire/uuid.h"

#include <stdio.h>
#include <string.h>

#define ATTEMPT_MS 30000 /* docs/protocol.md 8.4: PS */

struct leg { /* one call of kg_token_acquire */
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_token_request *request;
  const struct kg_clock *clock;
  int64_t started_ms, deadline_ms;
  struct kg_token_headers headers;
  struct kg_token_result *result;
  struct kg_key *key;
  /* of the last request */
  unsigned char server_alert;
  bool key_failed; /* our own key refused to sign */
  bool unproven;   /* the certificate was sent, and no answer began */
  bool waiting;    /* it was not sent: the service had asked to be left alone */
  /* of all */
  bool fresh;    /* the certificate was made while this call was under way */
  bool withheld; /* it was not replaced, as that did not help the last time */
  bool reminted; /* a rejected certificate was to be replaced */
};

static int64_t left_ms(const struct leg *leg) {
  return leg->deadline_ms - leg->clock->elapsed_ms(leg->clock->context);
}

static int64_t now_of(const struct leg *leg) {
  return leg->clock->wall(leg->clock->context);
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
  kg_log(KG_LOG_DEBUG, "token service: %s, HTTP %d, %zu bytes from %s, %lld ms",
         status == KG_OK ? "answered" : kg_status_sub_code(status), response->status, response->body.len,
         *response->remote ? response->remote : "nowhere",
         (long long)(leg->clock->elapsed_ms(leg->clock->context) - leg->started_ms));
  leg->server_alert = response->server_alert;
  leg->key_failed = client.signer.error.status != KG_OK;
  leg->unproven = response->certificate_pending && response->status == 0;
  if (status == KG_OK) return KG_OK;
  if (leg->key_failed) return kg_error_copy(error, &client.signer.error);
  return client.error.status != KG_OK ? kg_error_copy(error, &client.error) : status;
}

/* An answer that began and did not end is none: neither its status nor its Retry-After counts. */
static bool wait_for_retry(struct leg *leg, struct kg_retry *retry, enum kg_status status,
                           const struct kg_http_response *response) {
  int64_t delay_ms = 0;
  bool whole = status == KG_OK;
  if (!kg_retry_next(retry, KG_LEG_TOKEN, status, whole ? response->status : 0, whole ? response->retry_after_s : -1,
                     &delay_ms))
    return false;
  if (delay_ms >= left_ms(leg)) return false;
  kg_log(KG_LOG_WARN, "token service: %s %d; retry %u of %u in %lld ms, %lld ms so far",
         status == KG_OK ? "HTTP" : kg_status_sub_code(status), response->status, retry->failures, retry->limit,
         (long long)delay_ms, (long long)(leg->clock->elapsed_ms(leg->clock->context) - leg->started_ms));
  leg->clock->sleep_ms(leg->clock->context, delay_ms);
  return true;
}

static struct kg_refusal_subject subject_of(const struct leg *leg) {
  return (struct kg_refusal_subject){leg->config, leg->identity, leg->result->binding, leg->clock};
}

/* What the answer says to those who come after this process. */
static void remember(const struct leg *leg, const struct kg_error *error, enum kg_status status,
                     int64_t retry_after_s) {
  const struct kg_refusal_subject subject = subject_of(leg);
  if (status == KG_OK) {
    kg_refusal_note_grant(&subject, leg->request->scope);
    return;
  }
  int64_t wait_s = kg_token_wait(error, retry_after_s);
  if (wait_s > 0) kg_refusal_note_wait(&subject, leg->request->scope, wait_s, error);
}

static enum kg_status ask(struct leg *leg, struct kg_error *error) {
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
  remember(leg, error, status, response.retry_after_s);
  kg_http_response_clear(&response);
  kg_buf_clear(&form);
  return status;
}

static enum kg_status exchange(struct leg *leg, struct kg_error *error) {
  const struct kg_refusal_subject subject = subject_of(leg);
  enum kg_status status = kg_refusal_check_wait(&subject, leg->request->scope, error);
  leg->waiting = status != KG_OK;
  return leg->waiting ? status : ask(leg, error);
}

/* Opens the binding's key and makes sure that they belong together. */
static enum kg_status open_key(struct leg *leg, struct kg_error *error) {
  enum kg_status status = kg_key_open(leg->identity->key_store, KG_KEY_PATIENT, &leg->key, error);
  if (status == KG_OK) status = kg_binding_check_key(leg->result->binding, kg_key_info(leg->key), error);
  if (status != KG_OK) kg_key_close(&leg->key);
  return status;
}

static enum kg_status provision(struct leg *leg, const struct kg_provision_options *options, struct kg_error *error) {
  struct kg_provision_result provisioned;
  enum kg_status status = kg_provision(leg->config, leg->identity, options, leg->clock, &provisioned, error);
  leg->withheld = provisioned.withheld;
  if (status != KG_OK) return status;
  struct kg_binding *old = leg->result->binding;
  bool same = old != NULL && memcmp(old->sha256, provisioned.binding->sha256, sizeof old->sha256) == 0;
  leg->fresh = leg->fresh || !same;
  kg_key_close(&leg->key);
  kg_binding_free(&leg->result->binding);
  leg->result->binding = provisioned.binding;
  return open_key(leg, error);
}

/* In the last day of its certificate a token might outlive it. That is worth an attempt, not a failure. */
static enum kg_status replace_last_day(struct leg *leg, struct kg_error *error) {
  const struct kg_provision_options options = {.deadline_ms = leg->deadline_ms};
  if (!kg_renew_binding(leg->result->binding, now_of(leg)).last_day) return KG_OK;
  struct kg_error own = {0};
  if (provision(leg, &options, &own) == KG_OK || leg->key == NULL)
    return own.status == KG_OK ? KG_OK : kg_error_copy(error, &own);
  kg_log_error(KG_LOG_WARN, &own);
  return KG_OK;
}

static enum kg_status find_binding(struct leg *leg, struct kg_error *error) {
  const struct kg_provision_options options = {.accept_due = true, .deadline_ms = leg->deadline_ms};
  enum kg_status status = kg_provision_find(leg->config, leg->identity, now_of(leg), &leg->result->binding, error);
  if (status == KG_OK) {
    status = open_key(leg, error);
    if (status == KG_OK) return KG_OK;
    if (status != KG_E_BINDING_STALE && status != KG_E_KEY_NOT_FOUND && status != KG_E_KEY_DEAD) return status;
  } else if (status != KG_E_NOT_FOUND && status != KG_E_BINDING && status != KG_E_BINDING_STALE) {
    return status;
  }
  struct kg_error first = *error;
  status = provision(leg, &options, error);
  if (status == KG_OK) return KG_OK;
  return kg_error_prefix(error, status, "%.200s; provisioning", first.text);
}

/* What a refusal is called in the memory of re-mints. */
static void name_reason(const struct leg *leg, const struct kg_error *error, char *out, size_t size) {
  if (*error->aadsts)
    snprintf(out, size, "%s", error->aadsts);
  else if (error->status == KG_E_TLS)
    snprintf(out, size, "TLS alert %u", leg->server_alert);
  else
    snprintf(out, size, "%.30s", *error->oauth_error ? error->oauth_error : kg_error_sub_code(error));
}

static enum kg_status keep_certificate(const struct kg_error *first, const char *why, struct kg_error *error) {
  enum kg_status status = kg_error_copy(error, first);
  kg_error_append(error, "; the certificate is kept: %s", why);
  return status;
}

/* Once, never for a certificate that is fresh, and not within an hour of the last one that did not help: an unbounded
 * loop against a rate-limited service helps nobody (docs/protocol.md 9.2), and neither do as many processes. */
static enum kg_status remint(struct leg *leg, enum kg_token_remedy remedy, struct kg_error *error) {
  char reason[32];
  name_reason(leg, error, reason, sizeof reason);
  const struct kg_provision_options options = {.rejected = leg->result->binding,
                                               .rejected_for = reason,
                                               .accept_due = true,
                                               .drop_attestation = remedy == KG_REMEDY_REMINT_UNATTESTED,
                                               .deadline_ms = leg->deadline_ms};
  struct kg_error first = *error;
  if (leg->fresh) {
    const struct kg_refusal_subject subject = subject_of(leg);
    kg_refusal_note_fresh(&subject, reason);
    return keep_certificate(&first, "it was made a moment ago, so that another one would not help", error);
  }
  leg->reminted = true;
  kg_log_error(KG_LOG_WARN, error);
  kg_log(KG_LOG_WARN, "'%s': the certificate was rejected and is replaced", leg->identity->name);
  enum kg_status status = provision(leg, &options, error);
  if (status == KG_OK) return exchange(leg, error);
  if (!leg->withheld)
    return kg_error_prefix(error, status, "certificate rejected (%.160s), and not replaced", first.text);
  leg->reminted = false;
  char why[200];
  snprintf(why, sizeof why, "%.120s (keyguardctl provision %s --force makes one now)", error->text,
           leg->identity->name);
  return keep_certificate(&first, why, error);
}

/* Is the key dead, or was that a moment's failure? A certificate is not to blame. */
static enum kg_status check_key(struct leg *leg, struct kg_error *error) {
  const struct kg_provision_options options = {.accept_due = true, .deadline_ms = leg->deadline_ms};
  kg_log_error(KG_LOG_WARN, error);
  enum kg_status status = provision(leg, &options, error);
  return status == KG_OK ? exchange(leg, error) : status;
}

static struct kg_token_cache_key cache_key(const struct leg *leg) {
  return (struct kg_token_cache_key){leg->config, leg->identity, leg->result->binding, leg->request};
}

/* A token without the key that it is bound to is worth nothing, so the key signs before it is served. */
static bool find_cached(struct leg *leg, struct kg_token *out, bool *refresh_due) {
  struct kg_token_cache_key key = cache_key(leg);
  *refresh_due = false;
  if (!leg->config->token_cache || leg->request->no_cache || leg->request->claims != NULL) return false;
  if (!kg_token_cache_get(&key, now_of(leg), out, refresh_due)) return false;
  struct kg_error error = {0};
  if (kg_key_probe(leg->key, &error) == KG_OK) return true;
  kg_log_error(KG_LOG_WARN, &error);
  kg_token_clear(out);
  return false;
}

static enum kg_token_remedy remedy_of(const struct leg *leg, enum kg_status status, const struct kg_error *error) {
  if (status == KG_OK || leg->waiting) return KG_REMEDY_NONE;
  return leg->key_failed ? KG_REMEDY_CHECK_KEY : kg_token_remedy(error, leg->server_alert);
}

/* A peer that goes away as soon as it has seen our certificate, twice, may mean the certificate. */
static enum kg_token_remedy remedy_of_second(const struct leg *leg, enum kg_status status,
                                             const struct kg_error *error) {
  enum kg_token_remedy remedy = remedy_of(leg, status, error);
  if (remedy != KG_REMEDY_REPEAT) return remedy;
  return kg_token_died(error) && leg->unproven ? KG_REMEDY_REMINT : KG_REMEDY_NONE;
}

static enum kg_status buy(struct leg *leg, struct kg_error *error) {
  enum kg_status status = replace_last_day(leg, error);
  if (status != KG_OK) return status;
  status = exchange(leg, error);
  enum kg_token_remedy remedy = remedy_of(leg, status, error);
  if (remedy == KG_REMEDY_REPEAT) {
    status = exchange(leg, error);
    remedy = remedy_of_second(leg, status, error);
  }
  if (remedy == KG_REMEDY_CHECK_KEY)
    status = check_key(leg, error);
  else if (remedy != KG_REMEDY_NONE)
    status = remint(leg, remedy, error);
  if (status == KG_OK && leg->config->token_cache && !leg->request->no_cache) {
    struct kg_token_cache_key key = cache_key(leg);
    kg_token_cache_put(&key, now_of(leg), &leg->result->token);
  }
  return status;
}

/* A token that the service wants replaced is still good where that fails (docs/protocol.md 8.6: error keeps the old
 * token), unless its certificate was replaced in the attempt. */
static enum kg_status refresh(struct leg *leg, struct kg_token *cached, struct kg_error *error) {
  unsigned char before[32];
  memcpy(before, leg->result->binding->sha256, sizeof before);
  enum kg_status status = buy(leg, error);
  if (status == KG_OK || leg->result->binding == NULL ||
      memcmp(before, leg->result->binding->sha256, sizeof before) != 0) {
    kg_token_clear(cached);
    return status;
  }
  kg_log_error(KG_LOG_WARN, error);
  leg->result->token = *cached;
  leg->result->cached = true;
  return KG_OK;
}

static enum kg_status find_or_buy(struct leg *leg, struct kg_error *error) {
  struct kg_token cached = {0};
  bool refresh_due = false, found = find_cached(leg, &cached, &refresh_due);
  if (!found) return buy(leg, error);
  if (refresh_due) return refresh(leg, &cached, error);
  leg->result->token = cached;
  leg->result->cached = true;
  return KG_OK;
}

static enum kg_status prepare(struct leg *leg, struct kg_error *error) {
  enum kg_status status = kg_identity_check_gates(leg->identity, error);
  if (status == KG_OK) status = kg_token_request_check(leg->request, error);
  if (status == KG_OK) status = kg_ca_file_check(leg->config, error);
  if (status == KG_OK) status = kg_uuid_new(leg->result->request_id, error);
  if (status == KG_OK) kg_token_headers_init(&leg->headers, leg->result->request_id);
  leg->started_ms = leg->clock->elapsed_ms(leg->clock->context);
  leg->deadline_ms = leg->started_ms + (int64_t)leg->config->deadline_s * 1000;
  return status;
}

/* The counter that the reference clients plan, in their words (docs/protocol.md 12): a line, and sent to nobody. */
static void log_outcome(const struct leg *leg, enum kg_status status) {
  static const char *const keys[] = {"none", "InMemory", "Hardware", "KeyGuard"};
  const struct kg_binding *binding = leg->result->binding;
  const char *outcome = leg->reminted ? "Retry Failed" : "Failed";
  if (status == KG_OK) outcome = leg->reminted ? "Retry Succeeded" : "Success";
  if (binding == NULL) outcome = "Not found";
  kg_log(KG_LOG_INFO, "MsiSource=ImdsV2 TokenType=%s bypassCache=%s KeyType=%s CredentialOutcome=%s",
         leg->request->type == KG_TOKEN_MTLS_POP ? "mtls_pop" : "Bearer", leg->reminted ? "true" : "false",
         keys[binding != NULL ? binding->strength : KG_STRENGTH_NONE], outcome);
}

enum kg_status kg_token_acquire(const struct kg_config *config, const struct kg_identity *identity,
                                const struct kg_token_request *request, const struct kg_clock *clock,
                                struct kg_token_result *result, struct kg_error *error) {
  struct leg leg = {.config = config, .identity = identity, .request = request, .clock = clock, .result = result};
  *result = (struct kg_token_result){0};
  struct kg_watchdog watchdog = {.identity = identity->name};
  enum kg_status status = prepare(&leg, error);
  /* later than the one of provisioning, which also remembers */
  if (status == KG_OK)
    status = kg_watchdog_start(&watchdog, left_ms(&leg) + 2 * KG_WATCHDOG_GRACE_MS, &kg_awaited_key_store, error);
  if (status == KG_OK) status = find_binding(&leg, error);
  if (status == KG_OK) status = find_or_buy(&leg, error);
  kg_key_close(&leg.key);
  kg_watchdog_stop(&watchdog);
  log_outcome(&leg, status);
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
