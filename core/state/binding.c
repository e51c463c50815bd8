#include "core/state/binding.h"

#include "core/base/clock.h"
#include "core/os/file.h"
#include "core/os/machine.h"

#include <stdlib.h>
#include <string.h>

/* Clocks of the issuer and of ours may differ by this much (docs/pitfalls.md 46). */
#define SKEW_S 300

char *kg_binding_path(const char *state_dir, const char *identity) {
  return kg_file_join(state_dir, identity, ".json");
}

void kg_certificate_clear(struct kg_certificate *certificate) {
  kg_buf_clear(&certificate->der);
  kg_buf_clear(&certificate->subject);
  kg_buf_clear(&certificate->issuer);
  kg_buf_clear(&certificate->serial);
  kg_buf_clear(&certificate->id);
  *certificate = (struct kg_certificate){0};
}

void kg_binding_free(struct kg_binding **pointer) {
  struct kg_binding *binding = pointer != NULL ? *pointer : NULL;
  if (binding == NULL) return;
  for (size_t i = 0; i < binding->chain_count; i++)
    kg_certificate_clear(&binding->chain[i]);
  kg_certificate_clear(&binding->leaf);
  kg_buf_clear(&binding->modulus);
  kg_buf_clear(&binding->exponent);
  kg_buf_clear(&binding->public_key_info);
  free(binding->chain);
  free(binding->identity);
  free(binding->selector_value);
  free(binding->client_id);
  free(binding->tenant_id);
  free(binding->identity_type);
  free(binding->mtls_authentication_endpoint);
  free(binding->token_endpoint);
  free(binding->key_store);
  free(binding->vm_id);
  free(binding->vmss_id);
  free(binding->machine_id);
  free(binding->boot_id);
  free(binding->file);
  free(binding);
  *pointer = NULL;
}

int64_t kg_binding_end(const struct kg_binding *binding) {
  int64_t end = binding->leaf.not_after;
  return binding->token_not_after && binding->token_not_after < end ? binding->token_not_after : end;
}

enum kg_status kg_binding_check_key(const struct kg_binding *binding, const struct kg_key_info *key,
                                    struct kg_error *error) {
  if (kg_span_equal(kg_buf_span(&binding->modulus), kg_buf_span(&key->modulus)) &&
      kg_span_equal(kg_buf_span(&binding->exponent), kg_buf_span(&key->exponent)))
    return KG_OK;
  return kg_error_set(error, KG_E_BINDING_STALE, "the certificate of '%s' is for another key than the one in its store",
                      binding->identity);
}

/* The boot's number is the same in a container as outside, until the host restarts and its binding lives on. A disk
 * that was copied is one that its new machine writes to. */
static enum kg_status check_machine(const struct kg_binding *binding, const struct kg_identity *identity,
                                    struct kg_error *error) {
  if (identity->mounted_state) return KG_OK;
  char *machine = kg_machine_id(), *boot = kg_boot_id();
  bool machine_differs = machine != NULL && binding->machine_id != NULL && strcmp(machine, binding->machine_id) != 0;
  bool boot_agrees = boot != NULL && binding->boot_id != NULL && strcmp(boot, binding->boot_id) == 0;
  bool boot_is_unknown = boot == NULL && binding->boot_id != NULL;
  free(machine);
  free(boot);
  if (!machine_differs || boot_agrees || (binding->file != NULL && kg_file_is_read_only(binding->file))) return KG_OK;
  if (boot_is_unknown) /* no descriptor, perhaps: it may be told in a moment */
    return kg_error_set(error, KG_E_IO, "whether the binding of '%s' was issued on this machine is not to be told",
                        identity->name);
  return kg_error_set(error, KG_E_BINDING_STALE, "the binding of '%s' was issued on another machine", identity->name);
}

static bool is_same_text(const char *a, const char *b) {
  return a != NULL && b != NULL ? strcmp(a, b) == 0 : a == b;
}

/* What is wrong, or NULL. */
static const char *mismatch(const struct kg_binding *binding, const struct kg_identity *identity) {
  if (!is_same_text(binding->identity, identity->name)) return "was issued for another identity";
  if (binding->selector != identity->selector || !is_same_text(binding->selector_value, identity->selector_value))
    return "was issued for another user-assigned or system-assigned identity than is configured";
  if (binding->attested != identity->attestation)
    return binding->attested ? "was issued with attestation, which is configured to be off"
                             : "was issued without attestation, which is configured to be on";
  if (binding->strength < identity->floor) return "was issued for a key below minimum-strength";
  return NULL;
}

enum kg_status kg_binding_check_identity(const struct kg_binding *binding, const struct kg_identity *identity,
                                         struct kg_error *error) {
  const char *reason = mismatch(binding, identity);
  if (reason == NULL) return check_machine(binding, identity, error);
  return kg_error_set(error, KG_E_BINDING_STALE, "the binding of '%s' %s", identity->name, reason);
}

enum kg_status kg_binding_check_time(const struct kg_binding *binding, int64_t now, struct kg_error *error) {
  int64_t end = kg_binding_end(binding);
  if (now >= binding->leaf.not_before - SKEW_S && now < end) return KG_OK;
  char ours[KG_TIME_TEXT_SIZE];
  kg_time_format(now, ours);
  char theirs[KG_TIME_TEXT_SIZE];
  kg_time_format(now < end ? binding->leaf.not_before : end, theirs);
  return kg_error_set(error, KG_E_BINDING_STALE, "the certificate of '%s' %s at %s; this machine's clock says %s",
                      binding->identity, now < end ? "becomes valid" : "ended", theirs, ours);
}
