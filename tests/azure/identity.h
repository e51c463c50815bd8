/* The machine's identities: at most a system-assigned one and two user-assigned ones, with fresh random ids; and what
 * the same disk would meet elsewhere: another machine, and a system-assigned identity that was made anew. */
#ifndef AZURE_IDENTITY_H
#define AZURE_IDENTITY_H

#include "settings.h"
#include "text.h"

enum az_identity_kind { AZ_SYSTEM_ASSIGNED = 1, AZ_USER_ASSIGNED = 2, AZ_REPLACEMENT = 4 }; /* bits */

#define AZ_IDENTITY_MADE_ANEW "system_again"

struct az_identity {
  const char *name; /* "system", "user1", "user2": what /emulator/ calls it */
  enum az_identity_kind kind;
  char client_id[AZ_GUID_SIZE], object_id[AZ_GUID_SIZE];
  char *resource_id; /* ARM id; NULL for the system-assigned identity */
};

struct az_directory {
  char tenant_id[AZ_GUID_SIZE], subscription_id[AZ_GUID_SIZE], vm_id[AZ_GUID_SIZE], vmss_id[AZ_GUID_SIZE];
  char other_vm_id[AZ_GUID_SIZE];
  struct az_identity identities[4];
  size_t count;
};

void az_directory_init(struct az_directory *directory, unsigned kinds);
void az_directory_clear(struct az_directory *directory);

/* selector: client_id, object_id, mi_res_id, or NULL for the machine's default. NULL when none is meant, or more than
 * one could be (no selector, no system-assigned identity, several others). */
const struct az_identity *az_directory_find(const struct az_directory *directory, const char *selector,
                                            const char *value);
const struct az_identity *az_directory_find_name(const struct az_directory *directory, const char *name);
/* Some identity other than this one, for answers that name the wrong one; itself if it is alone. */
const struct az_identity *az_directory_get_other(const struct az_directory *directory,
                                                 const struct az_identity *identity);
/* The cuId as compact JSON, vmId before vmssId (docs/protocol.md 4.1; MI/V2/CsrMetadata.cs). A standalone machine has
 * no vmssId member at all (GO/imdsv2.go). The caller frees it. */
char *az_directory_format_compute_unit(const struct az_directory *directory, const struct az_settings *settings);

#endif
