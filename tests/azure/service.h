/* The services: each fills in the answer to one request. */
#ifndef AZURE_SERVICE_H
#define AZURE_SERVICE_H

#include "answer.h"
#include "request.h"

typedef void az_service(struct az_request *request, struct az_answer *answer);

az_service az_metadata_serve;         /* metadata.c: GET getplatformmetadata */
az_service az_metadata_serve_v1;      /* the older token endpoint, only as deep as probes go */
az_service az_metadata_serve_compute; /* GET instance/compute */
az_service az_issue_serve;            /* issue.c: POST issuecredential */
az_service az_attestation_serve;      /* attestation.c: POST attest/keyguard */
az_service az_attestation_serve_keys;
az_service az_token_serve; /* token.c: POST {tenant}/oauth2/v2.0/token */
az_service az_token_serve_keys;
az_service az_resource_serve; /* resource.c: GET secrets/demo */
az_service az_control_serve;  /* control.c: /emulator/ */

#endif
