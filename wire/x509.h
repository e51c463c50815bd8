/* What is read of certificates and public keys: DER to OpenSSL's objects, strictly, and times to seconds. */
#ifndef KG_WIRE_X509_H
#define KG_WIRE_X509_H

#include "core/base/buf.h"

#include <openssl/x509.h>
#include <stdbool.h>
#include <stdint.h>

/* Exactly one certificate, whose DER is the bytes given: they are handed on as they are. NULL else. X509_free() it. */
X509 *kg_x509_parse(struct kg_span der);
/* Exactly one SubjectPublicKeyInfo. By its decoder and not by EVP_PKEY_fromdata(), which an engine that a host made the
 * default for RSA breaks. NULL else. EVP_PKEY_free() it. */
EVP_PKEY *kg_x509_parse_public_key(struct kg_span der);
/* Seconds since 1970; false where it is no time. */
bool kg_x509_time(const ASN1_TIME *time, int64_t *out);

#endif
