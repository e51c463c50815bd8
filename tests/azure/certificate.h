/* Certificates: issued as the managed identity issuer does, and read back as the token service must. */
#ifndef AZURE_CERTIFICATE_H
#define AZURE_CERTIFICATE_H

#include "text.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <time.h>

struct az_key_pair {
  gnutls_x509_privkey_t key;
  gnutls_x509_crt_t certificate;
};

void az_key_pair_clear(struct az_key_pair *pair);

/* A CA that signs itself, or is signed by another. */
gnutls_x509_crt_t az_certificate_new_ca(const char *common_name, gnutls_x509_privkey_t key,
                                        const struct az_key_pair *signer, time_t now);
/* For TLS servers on localhost and 127.0.0.1. */
gnutls_x509_crt_t az_certificate_new_server(gnutls_x509_privkey_t key, const struct az_key_pair *signer, time_t now);

struct az_certificate_order {
  gnutls_pubkey_t key;
  const char *client_id, *tenant_id; /* CN, DC */
  time_t not_before, not_after;
  time_t token_not_after; /* 0: the extension is left out */
  const char *purpose;    /* an EKU's OID */
};

gnutls_x509_crt_t az_certificate_issue(const struct az_certificate_order *order, const struct az_key_pair *issuer);

struct az_certificate_facts {
  char client_id[64], tenant_id[64]; /* empty when absent */
  time_t not_before, not_after;
  time_t token_not_after; /* 0: no such extension */
  char thumbprint[AZ_THUMBPRINT_SIZE];
};

void az_certificate_read(gnutls_x509_crt_t certificate, struct az_certificate_facts *facts);

char *az_certificate_format_pem(gnutls_x509_crt_t certificate);
char *az_certificate_format_base64(gnutls_x509_crt_t certificate); /* DER, one line */

#endif
