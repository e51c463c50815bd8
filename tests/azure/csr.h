/* What the metadata service looks for in a certificate request (docs/protocol.md 4.1; MI/V2/Csr.cs, GO/csr.go). */
#ifndef AZURE_CSR_H
#define AZURE_CSR_H

#include <gnutls/abstract.h>

struct az_csr_expectation {
  const char *client_id, *tenant_id;
  const char *compute_unit; /* the JSON that the attribute must hold, byte for byte */
};

/* The text: base64 of DER on one line. Answers NULL and the request's public key (the caller deinits it), or what is
 * wrong (the caller frees it) and no key. */
char *az_csr_check(const char *text, const struct az_csr_expectation *expected, gnutls_pubkey_t *key);

#endif
