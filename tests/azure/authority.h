/* The keys and certification authorities of the emulated cloud: all fresh at every start, none on disk. */
#ifndef AZURE_AUTHORITY_H
#define AZURE_AUTHORITY_H

#include "certificate.h"

#include <stdbool.h>

struct az_signer { /* of JWTs, RS256 */
  gnutls_x509_privkey_t key;
  char *private_pem, *public_pem;
  char kid[AZ_THUMBPRINT_SIZE]; /* RFC 7638 would want the JWK's hash; clients must not care, so: the SPKI's */
};

struct az_authority {
  struct az_key_pair server_ca, server; /* TLS of all HTTPS listeners */
  struct az_key_pair root, issuer;      /* of client certificates; root is empty unless there is an intermediate */
  struct az_key_pair foreign;           /* same name as the issuer, but nobody trusts it */
  struct az_signer token, attestation;
};

void az_authority_init(struct az_authority *authority, bool intermediate, time_t now);
void az_authority_clear(struct az_authority *authority);

/* Chain and purpose, not the dates. NULL, or what is wrong (a constant). */
const char *az_authority_check_client(const struct az_authority *authority, gnutls_x509_crt_t certificate);
char *az_authority_format_client_trust(const struct az_authority *authority); /* PEM; the caller frees it */

#endif
