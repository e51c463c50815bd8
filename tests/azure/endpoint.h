/* What is counted, and what faults are ordered for. */
#ifndef AZURE_ENDPOINT_H
#define AZURE_ENDPOINT_H

enum az_endpoint {
  AZ_METADATA,    /* getplatformmetadata */
  AZ_ISSUE,       /* issuecredential */
  AZ_ATTESTATION, /* attest/keyguard */
  AZ_TOKEN,
  AZ_RESOURCE,
  AZ_CANARY, /* /emulator/canary at any listener: where a redirect must not lead */
  AZ_OTHER,  /* anything else but /emulator/ */
  AZ_CONTROL /* /emulator/: not counted */
};
#define AZ_COUNTED_ENDPOINTS 7
#define AZ_FAULTY_ENDPOINTS 5

extern const char *const az_endpoint_names[AZ_COUNTED_ENDPOINTS];

#endif
