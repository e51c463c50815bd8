#include "ctl/certificate_facts.h"

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/key/key.h"
#include "wire/x509.h"

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <stdlib.h>
#include <string.h>

/* Until when the token service takes the certificate, where that is earlier than its own end (NET#6017). */
static const char token_not_after_oid[] = "1.3.6.1.4.1.311.90.2.1";

typedef int encode_function(const void *object, unsigned char **out);

static enum kg_status refuse(struct kg_error *error, const char *what) {
  return kg_error_set(error, KG_E_INVALID_CERTIFICATE, "certificate: %s", what);
}

static enum kg_status encode(encode_function *function, const void *object, struct kg_buf *out,
                             struct kg_error *error) {
  unsigned char *der = NULL;
  int len = function(object, &der);
  if (len < 0) return refuse(error, "a part of it cannot be encoded");
  enum kg_status status = kg_buf_set(out, kg_span_of(der, (size_t)len));
  OPENSSL_free(der);
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "to read a certificate");
}

static int encode_name(const void *object, unsigned char **out) {
  return i2d_X509_NAME(object, out);
}

static int encode_integer(const void *object, unsigned char **out) {
  return i2d_ASN1_INTEGER(object, out);
}

static int encode_public_key(const void *object, unsigned char **out) {
  return i2d_X509_PUBKEY(object, out);
}

static enum kg_status read_id(const X509 *x509, struct kg_buf *out, struct kg_error *error) {
  const ASN1_BIT_STRING *key = X509_get0_pubkey_bitstr(x509);
  if (key == NULL) return refuse(error, "it has no public key");
  struct kg_span bits = kg_span_of(ASN1_STRING_get0_data(key), (size_t)ASN1_STRING_length(key));
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_once(KG_HASH_SHA1, bits, digest)) return kg_error_no_memory(error, "to read a certificate");
  enum kg_status status = kg_buf_set(out, kg_span_of(digest, KG_KEY_ID_SIZE));
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "to read a certificate");
}

static enum kg_status read_common(const X509 *x509, struct kg_span der, struct kg_certificate *out,
                                  struct kg_error *error) {
  enum kg_status status = kg_buf_set(&out->der, der);
  if (status != KG_OK) return kg_error_no_memory(error, "to read a certificate");
  if (!kg_x509_time(X509_get0_notBefore(x509), &out->not_before)) return refuse(error, "notBefore is no time");
  if (!kg_x509_time(X509_get0_notAfter(x509), &out->not_after)) return refuse(error, "notAfter is no time");
  if (out->not_after <= out->not_before) return refuse(error, "it ends before it begins");
  if ((status = encode(encode_name, X509_get_subject_name(x509), &out->subject, error)) != KG_OK) return status;
  if ((status = encode(encode_name, X509_get_issuer_name(x509), &out->issuer, error)) != KG_OK) return status;
  if ((status = encode(encode_integer, X509_get0_serialNumber(x509), &out->serial, error)) != KG_OK) return status;
  return read_id(x509, &out->id, error);
}

static enum kg_status read_number(EVP_PKEY *key, const char *name, struct kg_buf *out, struct kg_error *error) {
  BIGNUM *number = NULL;
  if (EVP_PKEY_get_bn_param(key, name, &number) != 1) return refuse(error, "its public key cannot be read");
  enum kg_status status = kg_buf_resize(out, (size_t)BN_num_bytes(number));
  if (status == KG_OK) BN_bn2bin(number, out->data);
  BN_free(number);
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "to read a certificate");
}

static enum kg_status read_public_key(const X509 *x509, struct kg_certificate_facts *out, struct kg_error *error) {
  EVP_PKEY *key = X509_get0_pubkey(x509);
  if (key == NULL || !EVP_PKEY_is_a(key, "RSA")) return refuse(error, "its public key is not RSA");
  enum kg_status status = read_number(key, OSSL_PKEY_PARAM_RSA_N, &out->modulus, error);
  if (status == KG_OK) status = read_number(key, OSSL_PKEY_PARAM_RSA_E, &out->exponent, error);
  if (status == KG_OK) status = encode(encode_public_key, X509_get_X509_PUBKEY(x509), &out->public_key_info, error);
  return status;
}

/* The encoding of the value is not documented: a time, a number of seconds and a text of either are understood. */
static bool read_token_time(const ASN1_TYPE *value, int64_t *out) {
  switch (ASN1_TYPE_get(value)) {
  case V_ASN1_UTCTIME:
  case V_ASN1_GENERALIZEDTIME:
    return kg_x509_time(value->value.asn1_string, out) && *out > 0;
  case V_ASN1_INTEGER:
    return ASN1_INTEGER_get_int64(out, value->value.integer) == 1 && *out > 0;
  case V_ASN1_UTF8STRING:
  case V_ASN1_PRINTABLESTRING:
  case V_ASN1_IA5STRING:
    break;
  default:
    return false;
  }
  size_t len = (size_t)ASN1_STRING_length(value->value.asn1_string);
  char text[32];
  if (len == 0 || len >= sizeof text) return false;
  memcpy(text, ASN1_STRING_get0_data(value->value.asn1_string), len);
  text[len] = 0;
  char *end = NULL;
  *out = strspn(text, "0123456789") == len ? (int64_t)strtoll(text, &end, 10) : kg_time_parse(text);
  return *out > 0;
}

/* Absent is 0. Not understood is 0 as well, and is said: the token service has the last word about it. */
static int64_t read_token_not_after(const X509 *x509) {
  ASN1_OBJECT *oid = OBJ_txt2obj(token_not_after_oid, 1);
  int at = oid != NULL ? X509_get_ext_by_OBJ(x509, oid, -1) : -1;
  ASN1_OBJECT_free(oid);
  if (at < 0) return 0;
  const ASN1_OCTET_STRING *data = X509_EXTENSION_get_data(X509_get_ext(x509, at));
  const unsigned char *der = ASN1_STRING_get0_data(data);
  ASN1_TYPE *value = d2i_ASN1_TYPE(NULL, &der, ASN1_STRING_length(data));
  int64_t seconds = 0;
  if (value == NULL || !read_token_time(value, &seconds)) {
    kg_log(KG_LOG_WARN, "certificate extension %s (token_not_after) is not understood and not used",
           token_not_after_oid);
    seconds = 0;
  }
  ASN1_TYPE_free(value);
  return seconds;
}

/* One INTEGER of RSAPublicKey (RFC 8017 A.1.1). */
static bool push_integer(ASN1_SEQUENCE_ANY *sequence, const struct kg_buf *number) {
  ASN1_TYPE *item = ASN1_TYPE_new();
  BIGNUM *value = BN_bin2bn(number->data, (int)number->len, NULL);
  ASN1_INTEGER *integer = value != NULL ? BN_to_ASN1_INTEGER(value, NULL) : NULL;
  BN_free(value);
  if (item != NULL && integer != NULL) {
    ASN1_TYPE_set(item, V_ASN1_INTEGER, integer);
    if (sk_ASN1_TYPE_push(sequence, item) > 0) return true;
  } else {
    ASN1_INTEGER_free(integer);
  }
  ASN1_TYPE_free(item);
  return false;
}

/* Through X509_PUBKEY and not through EVP_PKEY_fromdata(), which an engine that is the default for RSA breaks. */
static int encode_rsa(const struct kg_key_info *key, unsigned char **out) {
  ASN1_SEQUENCE_ANY *sequence = sk_ASN1_TYPE_new_null();
  X509_PUBKEY *public_key = X509_PUBKEY_new();
  unsigned char *rsa = NULL;
  int len = -1;
  if (sequence != NULL && public_key != NULL && push_integer(sequence, &key->modulus) &&
      push_integer(sequence, &key->exponent))
    len = i2d_ASN1_SEQUENCE_ANY(sequence, &rsa);
  if (len > 0 && X509_PUBKEY_set0_param(public_key, OBJ_nid2obj(NID_rsaEncryption), V_ASN1_NULL, NULL, rsa, len) == 1) {
    rsa = NULL; /* taken */
    len = i2d_X509_PUBKEY(public_key, out);
  } else {
    len = -1;
  }
  OPENSSL_free(rsa);
  X509_PUBKEY_free(public_key);
  sk_ASN1_TYPE_pop_free(sequence, ASN1_TYPE_free);
  return len;
}

enum kg_status kg_public_key_info(const struct kg_key_info *key, struct kg_buf *out, struct kg_error *error) {
  unsigned char *der = NULL;
  int len = encode_rsa(key, &der);
  if (len <= 0) return kg_error_set(error, KG_E_BUG, "the public key cannot be encoded");
  enum kg_status status = kg_buf_set(out, kg_span_of(der, (size_t)len));
  OPENSSL_free(der);
  return status == KG_OK ? KG_OK : kg_error_no_memory(error, "for a public key");
}

enum kg_status kg_certificate_read(struct kg_span der, struct kg_certificate *out, struct kg_error *error) {
  *out = (struct kg_certificate){0};
  X509 *x509 = kg_x509_parse(der);
  if (x509 == NULL) return refuse(error, "not one DER certificate");
  enum kg_status status = read_common(x509, der, out, error);
  X509_free(x509);
  if (status != KG_OK) kg_certificate_clear(out);
  return status;
}

enum kg_status kg_certificate_facts_read(struct kg_span der, struct kg_certificate_facts *out, struct kg_error *error) {
  *out = (struct kg_certificate_facts){0};
  X509 *x509 = kg_x509_parse(der);
  if (x509 == NULL) return refuse(error, "not one DER certificate");
  enum kg_status status = read_common(x509, der, &out->certificate, error);
  if (status == KG_OK) status = read_public_key(x509, out, error);
  if (status == KG_OK &&
      !(kg_hash_once(KG_HASH_SHA256, der, out->sha256) && kg_hash_once(KG_HASH_SHA1, der, out->sha1)))
    status = kg_error_no_memory(error, "to read a certificate");
  if (status == KG_OK) out->token_not_after = read_token_not_after(x509);
  X509_free(x509);
  if (status != KG_OK) kg_certificate_facts_clear(out);
  return status;
}

void kg_certificate_facts_clear(struct kg_certificate_facts *facts) {
  kg_certificate_clear(&facts->certificate);
  kg_buf_clear(&facts->modulus);
  kg_buf_clear(&facts->exponent);
  kg_buf_clear(&facts->public_key_info);
  *facts = (struct kg_certificate_facts){0};
}
