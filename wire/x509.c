#include "wire/x509.h"

#define DER_MAX (64 * 1024)

static bool is_der(X509 *certificate, struct kg_span der) {
  unsigned char *again = NULL;
  int len = i2d_X509(certificate, &again);
  bool same = len > 0 && kg_span_equal(kg_span_of(again, (size_t)len), der);
  OPENSSL_free(again);
  return same;
}

X509 *kg_x509_parse(struct kg_span der) {
  const unsigned char *at = der.data;
  X509 *certificate = der.len > 0 && der.len <= DER_MAX ? d2i_X509(NULL, &at, (long)der.len) : NULL;
  if (certificate != NULL && at == der.data + der.len && is_der(certificate, der)) return certificate;
  X509_free(certificate);
  return NULL;
}

EVP_PKEY *kg_x509_parse_public_key(struct kg_span der) {
  const unsigned char *at = der.data;
  EVP_PKEY *key = der.len > 0 && der.len <= DER_MAX ? d2i_PUBKEY(NULL, &at, (long)der.len) : NULL;
  if (key != NULL && at == der.data + der.len) return key;
  EVP_PKEY_free(key);
  return NULL;
}

bool kg_x509_time(const ASN1_TIME *time, int64_t *out) {
  ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
  int days = 0, seconds = 0;
  bool good = epoch != NULL && ASN1_TIME_check(time) == 1 && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
  ASN1_TIME_free(epoch);
  *out = (int64_t)days * 86400 + seconds;
  return good;
}
