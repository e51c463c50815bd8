/* A certificate authority made for one test run, and what it certifies. */
#ifndef SUPPORT_CA_H
#define SUPPORT_CA_H

#include "core/base/buf.h"

#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdint.h>

struct support_ca_leaf { /* {0}: a client certificate, valid from an hour ago for a week */
  int64_t not_before, not_after;
  const char *extension_oid; /* with `extension`, its DER value */
  struct kg_span extension;
  const char *names; /* subjectAltName, for a server */
};

X509 *support_ca_certificate(void);              /* borrowed */
const char *support_ca_file(const char *folder); /* PEM; the path is static */
/* `public_key`: DER SubjectPublicKeyInfo. */
X509 *support_ca_issue(struct kg_span public_key, const char *common_name, const struct support_ca_leaf *what);
void support_ca_der(X509 *x509, struct kg_buf *out);
void support_ca_public_key(EVP_PKEY *key, struct kg_buf *out);

#endif
