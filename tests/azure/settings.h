/* What may change while the emulator runs: POST /emulator/settings; the command line says where it starts. */
#ifndef AZURE_SETTINGS_H
#define AZURE_SETTINGS_H

#include <cJSON.h>
#include <stdbool.h>

struct az_settings {
  bool require_attestation;  /* issuecredential without a token is 400 (MOCK, N/README.md) */
  bool scale_set;            /* the machine has a vmssId too */
  bool other_machine;        /* the disk was cloned, or the machine made anew: another vmId */
  bool other_identity;       /* the system-assigned identity was made anew: other ids */
  bool attestation_endpoint; /* the metadata names one */
  bool allow_bypass_cache;   /* otherwise bypass_cache=true is 400 (nobody knows, docs/protocol.md 16, question 1) */
  bool expires_in_string;    /* "86399" and not 86399: both are seen (MOCK) */
  long expires_in;           /* of access tokens, seconds (PY#933: 86399) */
  long validity_s;           /* of certificates (DOC/msi_v2/cert_handling.md: 7 days) */
  long not_before_s;         /* from now, usually a little in the past */
  long token_not_after_s;    /* from now; 0: no such extension */
};

extern const struct az_settings az_settings_default;

/* Changes the members that the object names. NULL, or what is wrong with it (the caller frees it) and no change. */
char *az_settings_merge(struct az_settings *settings, const cJSON *object);
cJSON *az_settings_format(const struct az_settings *settings);

#endif
