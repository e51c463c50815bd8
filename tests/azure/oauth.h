/* Answers in the token service's form (MOCK, DOC/msi_v2/msiv2_revocation_spec.md). */
#ifndef AZURE_OAUTH_H
#define AZURE_OAUTH_H

#include "service.h"

/* code: the number behind AADSTS, 0 for an error without error_codes. */
void az_oauth_refuse(struct az_request *request, struct az_answer *answer, unsigned status, const char *error,
                     long code, const char *format, ...) __attribute__((format(printf, 6, 7)));
/* The fault's "oauth_error": error, error_codes, and optionally error_description, suberror, status. */
void az_oauth_refuse_by_fault(struct az_request *request, struct az_answer *answer, const cJSON *ordered);
/* client-request-id comes back if return-client-request-id asks for it. */
void az_oauth_set_headers(struct az_request *request, struct az_answer *answer);

#endif
