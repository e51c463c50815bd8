/* Who answers over the network. Nothing is obtained by looking: what only an acquisition can show is named as not
 * looked at. */
#include "ctl/ca_file.h"
#include "ctl/doctor.h"
#include "ctl/probe.h"
#include "ctl/tls_client.h"
#include "wire/http.h"

#include <openssl/x509.h>
#include <string.h>

#define CLOCK_WARN_S 30
#define CLOCK_FAIL_S 300 /* what a fresh certificate is allowed to be in the future (core/state/binding.h) */

static bool holds_certificates(const char *path) {
  X509_STORE *store = X509_STORE_new();
  bool loaded = store != NULL && X509_STORE_load_file(store, path) == 1;
  X509_STORE_free(store);
  return loaded;
}

/* Everything that is asked over https needs it. */
bool kg_doctor_check_ca_file(struct kg_doctor *doctor) {
  const struct kg_config *config = doctor->run->config;
  struct kg_error error = {0};
  if (config->ca_file == NULL) return true;
  enum kg_status status = kg_ca_file_check(config, &error);
  if (status == KG_OK && !holds_certificates(config->ca_file))
    status = kg_error_set(&error, KG_E_TLS, "cannot read certificates from ca-file '%.300s'", config->ca_file);
  if (status == KG_OK)
    kg_doctor_ok(doctor, "ca-file", "%s", config->ca_file);
  else
    kg_doctor_fail_service(doctor, "ca-file", status == KG_E_UNTRUSTED ? KG_CURE_UNTRUSTED : KG_CURE_CA_FILE, &error);
  return status == KG_OK;
}

static void check_clock(struct kg_doctor *doctor, int64_t server_s, int64_t ours_s) {
  int64_t ahead = ours_s - server_s, off = ahead < 0 ? -ahead : ahead;
  const char *direction = ahead < 0 ? "behind" : "ahead of";
  struct kg_error error = {0};
  if (off <= CLOCK_WARN_S) {
    kg_doctor_ok(doctor, "clock", "agrees with the metadata service to %lld s", (long long)off);
  } else if (off <= CLOCK_FAIL_S) {
    kg_doctor_warn(doctor, "clock", KG_CURE_CLOCK, "%lld s %s the metadata service's", (long long)off, direction);
  } else {
    (void)kg_error_set(&error, KG_E_INVALID_CERTIFICATE,
                       "%lld s %s the metadata service's: new certificates look expired or not yet valid",
                       (long long)off, direction);
    kg_doctor_fail(doctor, "clock", KG_CURE_CLOCK, &error);
  }
}

/* Another issuer's plugin may do without the metadata service. */
static bool needs_metadata(const struct kg_doctor *doctor) {
  return doctor->plugin == NULL || strcmp(kg_plugin_get(doctor->plugin)->name, "imds") == 0;
}

static void report_silence(struct kg_doctor *doctor, const struct kg_probe_result *result) {
  static const char nothing[] = "nothing can be issued or renewed";
  struct kg_error error = {0};
  if (result->version == KG_PROBE_V1)
    (void)kg_error_set(&error, result->status, "only managed identity v1 answers, %s: %s", nothing, result->reason);
  else
    (void)kg_error_set(&error, result->status, "no answer, %s: %s", nothing, result->reason);
  if (needs_metadata(doctor))
    kg_doctor_fail_issuing(doctor, "metadata", KG_CURE_METADATA, &error);
  else
    kg_doctor_warn(doctor, "metadata", KG_CURE_METADATA, "%s, unless the plugin does without", error.text);
}

void kg_doctor_check_metadata(struct kg_doctor *doctor) {
  const struct kg_clock *clock = doctor->run->clock;
  struct kg_probe_result result;
  struct kg_error error = {0};
  if (kg_probe_metadata(doctor->run->config, clock, KG_DOCTOR_ASK_MS, &result, &error) != KG_OK)
    kg_doctor_fail_issuing(doctor, "metadata",
                           strncmp(error.text, "environment:", 12) == 0 ? KG_CURE_METADATA_NAME : KG_CURE_NONE, &error);
  else if (result.version == KG_PROBE_V2)
    kg_doctor_ok(doctor, "metadata", "managed identity v2 answers");
  else
    report_silence(doctor, &result);
  doctor->metadata_answers = result.version == KG_PROBE_V2;
  if (result.server_time_s > 0) check_clock(doctor, result.server_time_s, clock->wall(clock->context));
}

/* As far as the handshake, with certificate and key, through the proxy: no request is made. */
static enum kg_status connect_to(const struct kg_config *config, const struct kg_binding *binding, struct kg_key *key,
                                 struct kg_error *error) {
  struct kg_tls_client client = {.binding = binding, .signer = {.key = key}};
  struct kg_http_response response = {0};
  const struct kg_http_request request = {.kind = KG_HTTP_SECURE,
                                          .method = "GET",
                                          .url = binding->token_endpoint,
                                          .timeout_ms = KG_DOCTOR_ASK_MS,
                                          .ca_file = config->ca_file,
                                          .proxy = config->proxy,
                                          .tls_max = config->tls_max,
                                          .tls_setup = kg_tls_client_setup,
                                          .tls_argument = &client,
                                          .connect_only = true};
  enum kg_status status = kg_http_perform(&request, &response, error);
  kg_http_response_clear(&response);
  if (status == KG_OK) return KG_OK;
  if (client.signer.error.status != KG_OK) return kg_error_copy(error, &client.signer.error);
  return client.error.status != KG_OK ? kg_error_copy(error, &client.error) : status;
}

void kg_doctor_check_token_service(struct kg_doctor *doctor, const struct kg_binding *binding, struct kg_key *key) {
  const struct kg_config *config = doctor->run->config;
  struct kg_error error = {0};
  enum kg_status status = strcmp(doctor->silent, binding->token_endpoint) == 0
                              ? kg_error_copy(&error, &doctor->silence)
                              : connect_to(config, binding, key, &error);
  if (status == KG_OK) {
    kg_doctor_ok(doctor, "token service", "takes the certificate%s%s", config->proxy != NULL ? ", through " : "",
                 config->proxy != NULL ? config->proxy : "");
    return;
  }
  kg_doctor_fail_service(doctor, "token service", KG_CURE_NONE, &error);
  if (status != KG_E_TRANSPORT && status != KG_E_TIMEOUT) return;
  snprintf(doctor->silent, sizeof doctor->silent, "%s", binding->token_endpoint);
  doctor->silence = error;
}

void kg_doctor_name_unasked(struct kg_doctor *doctor) {
  kg_doctor_skip(doctor, "issuing",
                 "not asked whether a certificate would be issued, and a key attested, as that is "
                 "had by asking: keyguardctl provision NAME --force");
  kg_doctor_skip(doctor, "access token", "not asked whether one would be sold: keyguardctl token NAME --scope SCOPE");
}
