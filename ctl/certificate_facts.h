/* Everything that is shown or checked about a certificate, read once with OpenSSL when it is issued. */
#ifndef KG_CTL_CERTIFICATE_FACTS_H
#define KG_CTL_CERTIFICATE_FACTS_H

#include "core/base/error.h"
#include "core/key/key.h"
#include "core/state/binding.h"

struct kg_certificate_facts {
  struct kg_certificate certificate;
  struct kg_buf modulus, exponent;    /* big-endian, no leading zero */
  struct kg_buf public_key_info;      /* DER SubjectPublicKeyInfo, as in the certificate */
  unsigned char sha256[32], sha1[20]; /* of the DER */
  int64_t token_not_after;            /* 0: the extension is absent */
};

/* KG_E_INVALID_CERTIFICATE: not exactly one DER certificate, or without an RSA key. `*out` is then empty. */
KG_MUST_USE enum kg_status kg_certificate_facts_read(struct kg_span der, struct kg_certificate_facts *out,
                                                     struct kg_error *error);
void kg_certificate_facts_clear(struct kg_certificate_facts *facts);
/* The same for an issuer, which may have any key. */
KG_MUST_USE enum kg_status kg_certificate_read(struct kg_span der, struct kg_certificate *out, struct kg_error *error);

/* DER SubjectPublicKeyInfo (rsaEncryption) of a store's key. */
KG_MUST_USE enum kg_status kg_public_key_info(const struct kg_key_info *key, struct kg_buf *out,
                                              struct kg_error *error);

#endif
