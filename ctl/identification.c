#include "ctl/identification.h"

#include "core/base/log.h"
#include "core/base/plugin_error.h"
#include "ctl/plugin_call.h"

#include <string.h>

/* A plugin is foreign code, and may forget a NUL. */
static void end_texts(struct kg_plugin_machine *machine) {
  char *texts[] = {machine->client_id, machine->tenant_id, machine->vm_id, machine->vmss_id};
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
    texts[i][KG_PLUGIN_ID - 1] = '\0';
}

enum kg_status kg_identification_get(const struct kg_config *config, const struct kg_identity *identity,
                                     const struct kg_clock *clock, int64_t deadline_ms, struct kg_plugin_machine *out,
                                     bool *known, struct kg_error *error) {
  *out = (struct kg_plugin_machine){.size = sizeof *out};
  *known = false;
  struct kg_plugin_call call;
  enum kg_status status = kg_plugin_call_init(&call, config, identity, clock, deadline_ms, error);
  kg_credential_plugin_identify_function *identify = status == KG_OK ? kg_plugin_identify(call.plugin) : NULL;
  struct kg_plugin_error failure = {.size = sizeof failure};
  if (identify != NULL && identify(&call.request, out, &failure) != 0) status = kg_plugin_error_import(&failure, error);
  end_texts(out);
  *known = identify != NULL && status == KG_OK;
  kg_plugin_call_clear(&call);
  return status;
}

static char lower(char c) {
  return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* GUIDs are written in either case. */
static bool is_same(const char *a, const char *b) {
  while (*a && lower(*a) == lower(*b))
    a++, b++;
  return lower(*a) == lower(*b);
}

static bool differs(const char *issued_for, const char *answered) {
  return issued_for != NULL && *issued_for && *answered && !is_same(issued_for, answered);
}

enum kg_status kg_identification_compare(const struct kg_binding *binding, const struct kg_plugin_machine *machine,
                                         struct kg_error *error) {
  const struct {
    const char *what, *issued_for, *answered, *meaning;
  } facts[] = {
      {"tenant", binding->tenant_id, machine->tenant_id, "the subscription has moved, or this disk was copied"},
      {"virtual machine", binding->vm_id, machine->vm_id, "this disk was copied, or the machine made anew"},
      {"scale set", binding->vmss_id, machine->vmss_id, "this disk was copied, or the machine made anew"},
      {"client", binding->client_id, machine->client_id,
       "the identity was made anew or replaced, or this disk was copied"}};
  for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
    if (!differs(facts[i].issued_for, facts[i].answered)) continue;
    char before[64], now[64];
    kg_log_mask(facts[i].issued_for, before, sizeof before);
    kg_log_mask(facts[i].answered, now, sizeof now);
    return kg_error_set(error, KG_E_BINDING_STALE,
                        "the binding of '%s' was issued for %s %s, and the metadata service says %s: %s",
                        binding->identity, facts[i].what, before, now, facts[i].meaning);
  }
  return KG_OK;
}
