#include "identity.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static void add(struct az_directory *directory, const char *name, enum az_identity_kind kind) {
  struct az_identity *identity = &directory->identities[directory->count++];
  identity->name = name;
  identity->kind = kind;
  az_text_guid(identity->client_id);
  az_text_guid(identity->object_id);
  if (kind == AZ_USER_ASSIGNED)
    identity->resource_id = az_text_format("/subscriptions/%s/resourcegroups/emulator/providers/"
                                           "Microsoft.ManagedIdentity/userAssignedIdentities/%s",
                                           directory->subscription_id, name);
}

void az_directory_init(struct az_directory *directory, unsigned kinds) {
  *directory = (struct az_directory){0};
  az_text_guid(directory->tenant_id);
  az_text_guid(directory->subscription_id);
  az_text_guid(directory->vm_id);
  az_text_guid(directory->other_vm_id);
  az_text_guid(directory->vmss_id);
  if (kinds & AZ_SYSTEM_ASSIGNED) add(directory, "system", AZ_SYSTEM_ASSIGNED);
  if (kinds & AZ_USER_ASSIGNED) {
    add(directory, "user1", AZ_USER_ASSIGNED);
    add(directory, "user2", AZ_USER_ASSIGNED);
  }
  if (kinds & AZ_SYSTEM_ASSIGNED) add(directory, AZ_IDENTITY_MADE_ANEW, AZ_REPLACEMENT);
}

void az_directory_clear(struct az_directory *directory) {
  for (size_t i = 0; i < directory->count; i++)
    free(directory->identities[i].resource_id);
  directory->count = 0;
}

/* The one that took the place of the system-assigned identity is meant by nothing but its own ids. */
static bool is_selected(const struct az_identity *identity, const char *selector, const char *value) {
  if (selector == NULL) return identity->kind == AZ_SYSTEM_ASSIGNED;
  if (strcmp(selector, "client_id") == 0) return strcasecmp(identity->client_id, value) == 0;
  if (strcmp(selector, "object_id") == 0) return strcasecmp(identity->object_id, value) == 0;
  return identity->resource_id != NULL && strcasecmp(identity->resource_id, value) == 0;
}

const struct az_identity *az_directory_find(const struct az_directory *directory, const char *selector,
                                            const char *value) {
  for (size_t i = 0; i < directory->count; i++)
    if (is_selected(&directory->identities[i], selector, value)) return &directory->identities[i];
  return NULL;
}

const struct az_identity *az_directory_find_name(const struct az_directory *directory, const char *name) {
  for (size_t i = 0; i < directory->count; i++)
    if (strcmp(directory->identities[i].name, name) == 0) return &directory->identities[i];
  return NULL;
}

const struct az_identity *az_directory_get_other(const struct az_directory *directory,
                                                 const struct az_identity *identity) {
  for (size_t i = 0; i < directory->count; i++)
    if (&directory->identities[i] != identity) return &directory->identities[i];
  return identity;
}

char *az_directory_format_compute_unit(const struct az_directory *directory, const struct az_settings *settings) {
  const char *vm_id = settings->other_machine ? directory->other_vm_id : directory->vm_id;
  if (!settings->scale_set) return az_text_format("{\"vmId\":\"%s\"}", vm_id);
  return az_text_format("{\"vmId\":\"%s\",\"vmssId\":\"%s\"}", vm_id, directory->vmss_id);
}
