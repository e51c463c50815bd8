#include "ctl/credential.h"

#include "core/base/log.h"
#include "core/base/plugin_error.h"
#include "core/key/key.h"
#include "core/os/machine.h"
#include "ctl/certificate_facts.h"
#include "ctl/plugin_call.h"
#include "wire/endpoint.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define CHAIN_MAX 8
#define TEXT_MAX 2048 /* of a binding's members */
/* What was added later may be missing. */
#define CREDENTIAL_SIZE_MIN offsetof(struct kg_plugin_credential, vm_id)

struct acquisition { /* everything one call of the plugin needs and brings */
  struct kg_credential_request *request;
  struct kg_buf public_key_info;
  struct kg_plugin_call call;
  struct kg_plugin_credential *credential;
};

static int64_t now_of(const struct acquisition *a) {
  return a->request->clock->wall(a->request->clock->context);
}

static int sign_pss_sha256(void *context, const unsigned char digest[32], unsigned char *signature) {
  const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  struct kg_error error = {0};
  if (kg_key_sign(context, &params, kg_span_of(digest, 32), signature, &error) == KG_OK) return 0;
  kg_log_error(KG_LOG_ERROR, &error);
  return -1;
}

static enum kg_status call(struct acquisition *a, struct kg_error *error) {
  struct kg_credential_request *from = a->request;
  const struct kg_key_info *info = kg_key_info(from->key);
  const struct kg_plugin_key key = {.context = from->key,
                                    .public_key_info = {a->public_key_info.data, a->public_key_info.len},
                                    .bits = info->bits,
                                    .strength = (int)info->strength,
                                    .sign_pss_sha256 = sign_pss_sha256,
                                    .native_handle = kg_key_native_handle(from->key)};
  struct kg_plugin_request request = a->call.request;
  request.key = &key;
  request.bypass_cache = from->bypass_cache;
  request.drop_attestation = from->drop_attestation;
  struct kg_plugin_error failure = {.size = sizeof failure};
  if (kg_plugin_get(a->call.plugin)->acquire(&request, &a->credential, &failure) != 0) {
    a->credential = NULL;
    from->requests = failure.requests;
    from->retry_after_s = failure.retry_after_s;
    return kg_plugin_error_import(&failure, error);
  }
  from->requests = 1; /* at least: what is wrong with what it brought came from there */
  return KG_OK;
}

/* One line that a binding can hold. */
static bool is_text(const char *text) {
  size_t len = 0;
  if (text == NULL) return false;
  while ((unsigned char)text[len] >= ' ' && text[len] != 0x7F && len <= TEXT_MAX)
    len++;
  return len > 0 && text[len] == '\0';
}

/* A plugin is foreign code: what it promised is looked at before it is used. */
static enum kg_status check_contract(const struct acquisition *a, struct kg_error *error) {
  const struct kg_plugin_credential *c = a->credential;
  const char *missing = NULL;
  if (c == NULL || c->size < CREDENTIAL_SIZE_MIN)
    missing = "a credential";
  else if (c->certificate.data == NULL || c->certificate.len == 0)
    missing = "the certificate";
  else if (!is_text(c->client_id))
    missing = "the client id";
  else if (!is_text(c->tenant_id))
    missing = "the tenant id";
  else if (!is_text(c->identity_type))
    missing = "the identity's type";
  else if (!is_text(c->token_endpoint) || strncmp(c->token_endpoint, "https://", 8) != 0)
    missing = "an https token endpoint";
  else if (!is_text(c->mtls_authentication_endpoint) || strncmp(c->mtls_authentication_endpoint, "https://", 8) != 0)
    missing = "an https authentication endpoint";
  else if (c->chain_count > CHAIN_MAX || (c->chain_count > 0 && c->chain == NULL))
    missing = "a chain of sensible length";
  if (missing != NULL)
    return kg_error_set(error, KG_E_PLUGIN, "%s did not bring %s", kg_plugin_path(a->call.plugin), missing);
  if (a->request->identity->attestation && !c->attested)
    return kg_error_set(error, KG_E_ATTESTATION_FAILED,
                        "%s brought an unattested credential where attestation is asked for",
                        kg_plugin_path(a->call.plugin));
  char *origin = NULL;
  enum kg_status status = kg_endpoint_check("token endpoint", c->token_endpoint, a->call.allowed_hosts, &origin, error);
  free(origin);
  return status;
}

static enum kg_status read_chain(const struct kg_plugin_credential *credential, struct kg_binding *binding,
                                 struct kg_error *error) {
  if (credential->chain_count == 0) return KG_OK;
  binding->chain = calloc(credential->chain_count, sizeof *binding->chain);
  if (binding->chain == NULL) return kg_error_no_memory(error, "for a credential");
  enum kg_status status = KG_OK;
  for (; status == KG_OK && binding->chain_count < credential->chain_count; binding->chain_count++) {
    const struct kg_plugin_bytes *der = &credential->chain[binding->chain_count];
    status = kg_certificate_read(kg_span_of(der->data, der->len), &binding->chain[binding->chain_count], error);
  }
  return status;
}

static enum kg_status read_leaf(const struct kg_plugin_credential *credential, struct kg_binding *binding,
                                struct kg_error *error) {
  struct kg_certificate_facts facts;
  const struct kg_plugin_bytes *der = &credential->certificate;
  enum kg_status status = kg_certificate_facts_read(kg_span_of(der->data, der->len), &facts, error);
  if (status != KG_OK) return status;
  binding->leaf = facts.certificate;
  binding->modulus = facts.modulus;
  binding->exponent = facts.exponent;
  binding->public_key_info = facts.public_key_info;
  memcpy(binding->sha256, facts.sha256, sizeof binding->sha256);
  memcpy(binding->sha1, facts.sha1, sizeof binding->sha1);
  binding->token_not_after = facts.token_not_after;
  return KG_OK;
}

static bool copy_text(char **to, const char *from) {
  *to = kg_strdup(from);
  return *to != NULL || from == NULL;
}

/* Which machine it is the plugin need not know; as it says it or not at all. */
static enum kg_status copy_machine(const struct acquisition *a, struct kg_binding *binding, struct kg_error *error) {
  const struct kg_plugin_credential *from = a->credential;
  if (from->size < sizeof *from) return KG_OK;
  if ((from->vm_id != NULL && !is_text(from->vm_id)) || (from->vmss_id != NULL && !is_text(from->vmss_id)))
    return kg_error_set(error, KG_E_PLUGIN, "%s brought a machine's id that is no text",
                        kg_plugin_path(a->call.plugin));
  if (!copy_text(&binding->vm_id, from->vm_id) || !copy_text(&binding->vmss_id, from->vmss_id))
    return kg_error_no_memory(error, "for a credential");
  return KG_OK;
}

static enum kg_status copy_texts(const struct acquisition *a, struct kg_binding *binding, struct kg_error *error) {
  const struct kg_identity *identity = a->request->identity;
  const struct kg_plugin_credential *from = a->credential;
  binding->key_store = kg_strdup(kg_key_uri_shown(identity->key_store));
  if (binding->key_store == NULL || !copy_text(&binding->identity, identity->name) ||
      !copy_text(&binding->selector_value, identity->selector_value) ||
      !copy_text(&binding->client_id, from->client_id) || !copy_text(&binding->tenant_id, from->tenant_id) ||
      !copy_text(&binding->identity_type, from->identity_type) ||
      !copy_text(&binding->mtls_authentication_endpoint, from->mtls_authentication_endpoint) ||
      !copy_text(&binding->token_endpoint, from->token_endpoint))
    return kg_error_no_memory(error, "for a credential");
  return KG_OK;
}

static enum kg_status check_time(const struct acquisition *a, const struct kg_binding *binding,
                                 struct kg_error *error) {
  char theirs[KG_TIME_TEXT_SIZE] = "unknown";
  int64_t now = now_of(a);
  if (kg_binding_check_time(binding, now, error) == KG_OK) return KG_OK;
  char ours[KG_TIME_TEXT_SIZE];
  kg_time_format(now, ours);
  if (a->credential->server_time_s > 0) kg_time_format(a->credential->server_time_s, theirs);
  return kg_error_prefix(error, KG_E_INVALID_CERTIFICATE,
                         "the new certificate cannot be used now (this clock: %s, the service's: %s)", ours, theirs);
}

static enum kg_status fill(const struct acquisition *a, struct kg_binding *binding, struct kg_error *error) {
  const struct kg_credential_request *request = a->request;
  const struct kg_key_info *info = kg_key_info(request->key);
  enum kg_status status = read_leaf(a->credential, binding, error);
  if (status == KG_OK) status = read_chain(a->credential, binding, error);
  if (status == KG_OK) status = copy_texts(a, binding, error);
  if (status == KG_OK) status = copy_machine(a, binding, error);
  if (status != KG_OK) return status;
  binding->selector = request->identity->selector;
  binding->attested = a->credential->attested != 0;
  binding->strength = info->strength;
  binding->key_bits = info->bits;
  binding->capabilities = info->capabilities;
  binding->issued_at = now_of(a);
  binding->machine_id = kg_strdup(a->call.machine_id);
  binding->boot_id = kg_boot_id();
  if (kg_binding_check_key(binding, info, NULL) != KG_OK)
    return kg_error_set(error, KG_E_INVALID_CERTIFICATE, "the new certificate is for another key than ours");
  return check_time(a, binding, error);
}

static void clear(struct acquisition *a) {
  if (a->credential != NULL) kg_plugin_get(a->call.plugin)->release_credential(a->credential);
  kg_plugin_call_clear(&a->call);
  kg_buf_clear(&a->public_key_info);
}

enum kg_status kg_credential_acquire(struct kg_credential_request *request, struct kg_binding **out,
                                     struct kg_error *error) {
  struct acquisition a = {.request = request};
  enum kg_status status =
      kg_plugin_call_init(&a.call, request->config, request->identity, request->clock, request->deadline_ms, error);
  if (status == KG_OK) status = kg_public_key_info(kg_key_info(request->key), &a.public_key_info, error);
  *out = NULL;
  if (status == KG_OK) status = call(&a, error);
  if (status == KG_OK) status = check_contract(&a, error);
  struct kg_binding *binding = NULL;
  if (status == KG_OK && (binding = calloc(1, sizeof *binding)) == NULL)
    status = kg_error_no_memory(error, "for a credential");
  if (status == KG_OK) status = fill(&a, binding, error);
  if (status == KG_OK)
    *out = binding;
  else
    kg_binding_free(&binding);
  clear(&a);
  return status;
}
