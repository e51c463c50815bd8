#include "support_ca.h"

#include "tests/support/unit.h"

#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

static EVP_PKEY *ca_key;
static X509 *ca;

static void add_name(X509_NAME *name, const char *field, const char *value) {
  assert_int_equal(X509_NAME_add_entry_by_txt(name, field, MBSTRING_ASC, (const unsigned char *)value, -1, -1, 0), 1);
}

static void add_extension(X509 *x509, int nid, const char *value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, x509, x509, NULL, NULL, 0);
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, nid, value);
  assert_non_null(extension);
  assert_int_equal(X509_add_ext(x509, extension, -1), 1);
  X509_EXTENSION_free(extension);
}

static X509 *fresh(long serial, int64_t from, int64_t to) {
  X509 *x509 = X509_new();
  assert_non_null(x509);
  assert_int_equal(X509_set_version(x509, X509_VERSION_3), 1);
  assert_int_equal(ASN1_INTEGER_set(X509_get_serialNumber(x509), serial), 1);
  assert_non_null(ASN1_TIME_set(X509_getm_notBefore(x509), (time_t)from));
  assert_non_null(ASN1_TIME_set(X509_getm_notAfter(x509), (time_t)to));
  return x509;
}

X509 *support_ca_certificate(void) {
  if (ca != NULL) return ca;
  ca_key = EVP_RSA_gen(2048);
  assert_non_null(ca_key);
  ca = fresh(1, time(NULL) - 86400, time(NULL) + 86400 * 365);
  assert_int_equal(X509_set_pubkey(ca, ca_key), 1);
  add_name(X509_get_subject_name(ca), "CN", "managedidentitysnissuer.login.microsoft.com");
  assert_int_equal(X509_set_issuer_name(ca, X509_get_subject_name(ca)), 1);
  add_extension(ca, NID_basic_constraints, "critical,CA:TRUE");
  assert_true(X509_sign(ca, ca_key, EVP_sha256()) > 0);
  return ca;
}

const char *support_ca_file(const char *folder) {
  static char path[256];
  snprintf(path, sizeof path, "%s/ca.pem", folder);
  FILE *file = fopen(path, "w");
  assert_non_null(file);
  assert_int_equal(PEM_write_X509(file, support_ca_certificate()), 1);
  fclose(file);
  return path;
}

static void add_raw(X509 *x509, const struct support_ca_leaf *what) {
  ASN1_OBJECT *oid = OBJ_txt2obj(what->extension_oid, 1);
  ASN1_OCTET_STRING *value = ASN1_OCTET_STRING_new();
  assert_int_equal(ASN1_OCTET_STRING_set(value, what->extension.data, (int)what->extension.len), 1);
  X509_EXTENSION *extension = X509_EXTENSION_create_by_OBJ(NULL, oid, 0, value);
  assert_int_equal(X509_add_ext(x509, extension, -1), 1);
  X509_EXTENSION_free(extension);
  ASN1_OCTET_STRING_free(value);
  ASN1_OBJECT_free(oid);
}

X509 *support_ca_issue(struct kg_span public_key, const char *common_name, const struct support_ca_leaf *what) {
  static long serial = 0x80; /* its DER begins with a zero byte */
  const unsigned char *der = public_key.data;
  EVP_PKEY *key = d2i_PUBKEY(NULL, &der, (long)public_key.len);
  int64_t now = time(NULL);
  X509 *issuer = support_ca_certificate();
  X509 *x509 = fresh(serial++, what->not_before ? what->not_before : now - 3600,
                     what->not_after ? what->not_after : now + 86400 * 7);
  assert_non_null(key);
  assert_int_equal(X509_set_pubkey(x509, key), 1);
  add_name(X509_get_subject_name(x509), "DC", "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
  add_name(X509_get_subject_name(x509), "CN", common_name);
  assert_int_equal(X509_set_issuer_name(x509, X509_get_subject_name(issuer)), 1);
  add_extension(x509, NID_ext_key_usage, what->names != NULL ? "serverAuth" : "clientAuth");
  if (what->names != NULL) add_extension(x509, NID_subject_alt_name, what->names);
  if (what->extension_oid != NULL) add_raw(x509, what);
  assert_true(X509_sign(x509, ca_key, EVP_sha256()) > 0);
  EVP_PKEY_free(key);
  return x509;
}

void support_ca_der(X509 *x509, struct kg_buf *out) {
  unsigned char *der = NULL;
  int len = i2d_X509(x509, &der);
  assert_true(len > 0);
  assert_int_equal(kg_buf_set(out, kg_span_of(der, (size_t)len)), KG_OK);
  OPENSSL_free(der);
}

void support_ca_public_key(EVP_PKEY *key, struct kg_buf *out) {
  unsigned char *der = NULL;
  int len = i2d_PUBKEY(key, &der);
  assert_true(len > 0);
  assert_int_equal(kg_buf_set(out, kg_span_of(der, (size_t)len)), KG_OK);
  OPENSSL_free(der);
}
