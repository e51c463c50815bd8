/* Keys and certificates made for one test run. */
#ifndef SUPPORT_PKI_H
#define SUPPORT_PKI_H

#include <openssl/ssl.h>
#include <stdint.h>

struct support_certificate { /* what differs from a good one; zero it first */
  EVP_PKEY *key;             /* whose public part is certified */
  const char *common_name;   /* NULL: none */
  const char *second_name;   /* another common name; NULL: none */
  const char *tenant;        /* DC; NULL: none */
  int64_t not_before, not_after;
  const char *key_usage, *extended_key_usage; /* X509V3 texts; NULL: left out */
  const char *alternative_name;
};

EVP_PKEY *support_key_rsa(unsigned bits);
EVP_PKEY *support_key_ec(void);
/* Signed by a CA of this process. */
X509 *support_certificate_new(const struct support_certificate *what);
char *support_certificate_base64(const struct support_certificate *what); /* DER; free() it */
/* The CA itself, as PEM, in a file of a fresh folder; the path is static. */
const char *support_ca_file(void);
/* A TLS server under that CA; `alternative_name` NULL: for 127.0.0.1, which is the right one. SSL_CTX_free() it. */
SSL_CTX *support_tls_server(const char *alternative_name, int64_t not_after);
void support_tls_trust_ca(SSL_CTX *tls);                            /* in clients' certificates */
unsigned char *support_public_key_info(EVP_PKEY *key, size_t *len); /* DER; OPENSSL_free() it */
/* RSASSA-PSS SHA-256, salt 32. 0: done. */
int support_sign_pss(EVP_PKEY *key, const unsigned char digest[32], unsigned char *signature);

#endif
