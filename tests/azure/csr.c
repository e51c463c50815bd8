#include "csr.h"

#include "der.h"
#include "text.h"

#include <gnutls/x509.h>
#include <libtasn1.h>
#include <stdlib.h>
#include <string.h>

#define OID_DC "0.9.2342.19200300.100.1.25"
#define OID_CN "2.5.4.3"
#define OID_COMPUTE_UNIT "1.3.6.1.4.1.311.90.2.10" /* MI/V2/Csr.cs */
#define INFO "certificationRequestInfo."

extern const asn1_static_node az_pkcs10_definitions[];

/* id-RSASSA-PSS: SHA-256 with parameters absent, MGF1 over it, salt 32, no trailer (docs/protocol.md 4.3). */
static const unsigned char pss_sha256_salt32[] = {
    0x30, 0x3d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a, 0x30, 0x30, 0xa0,
    0x0d, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xa1, 0x1a,
    0x30, 0x18, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, 0x30, 0x0b, 0x06,
    0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0xa2, 0x03, 0x02, 0x01, 0x20};

static char *decode(const gnutls_datum_t *der, asn1_node *definitions, asn1_node *request) {
  int len = (int)der->size;
  if (asn1_array2tree(az_pkcs10_definitions, definitions, NULL) != ASN1_SUCCESS ||
      asn1_create_element(*definitions, "PKCS10.CertificationRequest", request) != ASN1_SUCCESS)
    abort();
  if (asn1_der_decoding2(request, der->data, &len, ASN1_DECODE_FLAG_STRICT_DER, NULL) != ASN1_SUCCESS)
    return az_text_dup("it is not a DER CertificationRequest");
  return NULL;
}

static char *check_version(asn1_node request) {
  gnutls_datum_t version;
  if (!az_der_read(request, INFO "version", &version)) return az_text_dup("it has no version");
  bool good = version.size == 1 && version.data[0] == 0;
  free(version.data);
  return good ? NULL : az_text_dup("its version is not 0");
}

static int count(asn1_node request, const char *name) {
  int elements = 0;
  return asn1_number_of_elements(request, name, &elements) == ASN1_SUCCESS ? elements : 0;
}

struct name_part {
  const char *rdn;   /* where it stands */
  const char *label; /* what we call it */
  const char *oid;
  unsigned long tag;
  const char *type_name;
};

static char *check_name_part(asn1_node request, const struct name_part *part, const char *expected) {
  char *where = az_text_format("%s.?1.type", part->rdn);
  char *oid = az_der_read_text(request, where);
  free(where);
  where = az_text_format("%s.?1.value", part->rdn);
  gnutls_datum_t der = {NULL, 0};
  char *problem = NULL, *value = NULL;
  if (count(request, part->rdn) != 1)
    problem = az_text_format("the subject's RDN for %s has more than one attribute", part->label);
  else if (oid == NULL || strcmp(oid, part->oid) != 0)
    problem = az_text_format("the subject is not DC, then CN: %s expected, found %s", part->label,
                             oid != NULL ? oid : "nothing");
  else if (!az_der_read(request, where, &der) || (value = az_der_parse_string(part->tag, &der)) == NULL)
    problem = az_text_format("the subject's %s is not %s", part->label, part->type_name);
  else if (strcmp(value, expected) != 0)
    problem = az_text_format("the subject's %s is not %s", part->label, expected);
  free(value);
  free(der.data);
  free(where);
  free(oid);
  return problem;
}

static char *check_subject(asn1_node request, const struct az_csr_expectation *expected) {
  static const struct name_part dc = {INFO "subject.?1", "DC", OID_DC, ASN1_TAG_IA5_STRING, "an IA5String"};
  static const struct name_part cn = {INFO "subject.?2", "CN", OID_CN, ASN1_TAG_PRINTABLE_STRING, "a PrintableString"};
  if (count(request, INFO "subject") != 2) return az_text_dup("the subject has not two RDNs, DC and CN");
  char *problem = check_name_part(request, &dc, expected->tenant_id);
  return problem != NULL ? problem : check_name_part(request, &cn, expected->client_id);
}

static char *check_attribute_value(asn1_node request, const char *expected) {
  gnutls_datum_t der;
  if (!az_der_read(request, INFO "attributes.?1.values.?1", &der)) return az_text_dup("the attribute has no value");
  char *text = az_der_parse_string(ASN1_TAG_UTF8_STRING, &der), *problem = NULL;
  if (text == NULL)
    problem = az_text_dup("the attribute's value is not a UTF8String");
  else if (strcmp(text, expected) != 0)
    problem = az_text_format("the attribute's value is not this machine's cuId as compact JSON, %s", expected);
  free(text);
  free(der.data);
  return problem;
}

static char *check_attributes(asn1_node request, const char *compute_unit) {
  if (count(request, INFO "attributes") != 1) return az_text_dup("it has not exactly one attribute");
  char *oid = az_der_read_text(request, INFO "attributes.?1.type"), *problem = NULL;
  if (oid == NULL || strcmp(oid, OID_COMPUTE_UNIT) != 0)
    problem = az_text_dup("its attribute is not " OID_COMPUTE_UNIT);
  else if (count(request, INFO "attributes.?1.values") != 1)
    problem = az_text_dup("its attribute has not exactly one value");
  else
    problem = check_attribute_value(request, compute_unit);
  free(oid);
  return problem;
}

static char *check_signature_algorithm(asn1_node request) {
  gnutls_datum_t der;
  if (!az_der_read(request, "signatureAlgorithm", &der)) return az_text_dup("it has no signature algorithm");
  bool good = der.size == sizeof pss_sha256_salt32 && memcmp(der.data, pss_sha256_salt32, der.size) == 0;
  free(der.data);
  return good ? NULL
              : az_text_dup("its signature algorithm is not id-RSASSA-PSS with SHA-256 (parameters absent), MGF1 over "
                            "it, salt 32 and no trailer field");
}

/* The same key, written again by GnuTLS: rsaEncryption with NULL, nothing more (MI/V2/CertificateRequest.cs). */
static bool is_canonical(gnutls_pubkey_t key, const gnutls_datum_t *der) {
  gnutls_datum_t again = {NULL, 0};
  if (gnutls_pubkey_export2(key, GNUTLS_X509_FMT_DER, &again) != 0) return false;
  bool same = again.size == der->size && memcmp(again.data, der->data, der->size) == 0;
  gnutls_free(again.data);
  return same;
}

static char *check_key(asn1_node request, gnutls_pubkey_t key) {
  gnutls_datum_t der;
  if (!az_der_read(request, INFO "subjectPublicKeyInfo", &der)) return az_text_dup("it has no public key");
  char *problem = NULL;
  unsigned bits = 0;
  if (gnutls_pubkey_import(key, &der, GNUTLS_X509_FMT_DER) != 0)
    problem = az_text_dup("its public key cannot be read");
  else if (gnutls_pubkey_get_pk_algorithm(key, &bits) != GNUTLS_PK_RSA || !is_canonical(key, &der))
    problem = az_text_dup("its public key is not rsaEncryption with NULL parameters");
  else if (bits != 2048)
    problem = az_text_format("its RSA key has %u bits, not 2048", bits);
  free(der.data);
  return problem;
}

static char *check_signature(const gnutls_datum_t *der) {
  gnutls_x509_crq_t request;
  az_check(gnutls_x509_crq_init(&request), "request");
  bool good = gnutls_x509_crq_import(request, der, GNUTLS_X509_FMT_DER) == 0 && gnutls_x509_crq_verify(request, 0) >= 0;
  gnutls_x509_crq_deinit(request);
  return good ? NULL : az_text_dup("its signature does not verify with its public key");
}

static char *check_request(const gnutls_datum_t *der, const struct az_csr_expectation *expected, gnutls_pubkey_t key) {
  asn1_node definitions = NULL, request = NULL;
  char *problem = decode(der, &definitions, &request);
  if (problem == NULL) problem = check_version(request);
  if (problem == NULL) problem = check_subject(request, expected);
  if (problem == NULL) problem = check_key(request, key);
  if (problem == NULL) problem = check_attributes(request, expected->compute_unit);
  if (problem == NULL) problem = check_signature_algorithm(request);
  if (problem == NULL) problem = check_signature(der);
  asn1_delete_structure(&request);
  asn1_delete_structure(&definitions);
  return problem;
}

char *az_csr_check(const char *text, const struct az_csr_expectation *expected, gnutls_pubkey_t *key) {
  *key = NULL;
  gnutls_datum_t der;
  if (!az_text_unbase64(text, &der)) return az_text_dup("it is not base64 on one line");
  az_check(gnutls_pubkey_init(key), "public key");
  char *problem = check_request(&der, expected, *key);
  gnutls_free(der.data);
  if (problem != NULL) {
    gnutls_pubkey_deinit(*key);
    *key = NULL;
  }
  return problem;
}
