/* What both calls of the metadata service look at before anything else. */
#ifndef AZURE_IMDS_H
#define AZURE_IMDS_H

#include "service.h"

/* False: the answer says what is wrong. The order is ours, except that the Metadata header comes first: clients probe
 * with it left out (GO/imdsv2_client.go). */
bool az_imds_check(struct az_request *request, struct az_answer *answer, const char *method,
                   const struct az_identity **identity);
bool az_imds_check_header(struct az_request *request, struct az_answer *answer);

#endif
