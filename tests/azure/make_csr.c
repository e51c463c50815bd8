/* A certificate signing request as the metadata service wants it, or wrong in one point that is asked for by name. On
 * OpenSSL, while the emulator reads it with libtasn1 and GnuTLS: neither library can agree with itself here. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: azure-make-csr KEY.pem CLIENT-ID TENANT-ID COMPUTE-UNIT-JSON [WRONG]\n"
    "Prints a request as base64 on one line. WRONG: order (CN before DC), cn-utf8, dc-printable, dc-utf8,\n"
    "no-attribute, two-attributes, two-values, attribute-oid, attribute-printable, extra-name, one-name, version,\n"
    "null-parameters, trailer, salt-20, pkcs1, sha384, signature, other-key-signature\n";

/* AlgorithmIdentifiers, so that no library decides what is absent in them. */
#define SHA256_ABSENT 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01
#define SHA256_NULL 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00
#define PSS 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a
#define MGF1 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08
static const unsigned char good_algorithm[] = {0x30,          0x3d, PSS,  0x30, 0x30, 0xa0, 0x0d,
                                               SHA256_ABSENT, 0xa1, 0x1a, 0x30, 0x18, MGF1, SHA256_ABSENT,
                                               0xa2,          0x03, 0x02, 0x01, 0x20};
static const unsigned char null_algorithm[] = {0x30, 0x41, PSS,  0x30,        0x34, 0xa0, 0x0f, SHA256_NULL, 0xa1, 0x1c,
                                               0x30, 0x1a, MGF1, SHA256_NULL, 0xa2, 0x03, 0x02, 0x01,        0x20};
static const unsigned char trailer_algorithm[] = {0x30, 0x42, PSS,  0x30, 0x35, 0xa0,          0x0d, SHA256_ABSENT,
                                                  0xa1, 0x1a, 0x30, 0x18, MGF1, SHA256_ABSENT, 0xa2, 0x03,
                                                  0x02, 0x01, 0x20, 0xa3, 0x03, 0x02,          0x01, 0x01};
static const unsigned char salt20_algorithm[] = {0x30,          0x38, PSS,  0x30, 0x2b, 0xa0, 0x0d,
                                                 SHA256_ABSENT, 0xa1, 0x1a, 0x30, 0x18, MGF1, SHA256_ABSENT};
static const unsigned char pkcs1_algorithm[] = {0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86,
                                                0xf7, 0x0d, 0x01, 0x01, 0x0b, 0x05, 0x00};

static const char *wrong = "";

static bool is(const char *what) {
  return strcmp(wrong, what) == 0;
}

static void need(bool done, const char *what) {
  if (done) return;
  fprintf(stderr, "azure-make-csr: %s\n", what);
  exit(EXIT_FAILURE);
}

static void add_name(X509_NAME *name, const char *attribute, int type, const char *value) {
  need(X509_NAME_add_entry_by_txt(name, attribute, type, (const unsigned char *)value, -1, -1, 0), "name");
}

static void set_subject(X509_REQ *request, const char *client, const char *tenant) {
  X509_NAME *name = X509_NAME_new();
  int dc = is("dc-printable") ? V_ASN1_PRINTABLESTRING : is("dc-utf8") ? V_ASN1_UTF8STRING : V_ASN1_IA5STRING;
  int cn = is("cn-utf8") ? V_ASN1_UTF8STRING : V_ASN1_PRINTABLESTRING;
  need(name != NULL, "name");
  if (is("order")) add_name(name, "CN", cn, client);
  if (!is("one-name")) add_name(name, "DC", dc, tenant);
  if (!is("order")) add_name(name, "CN", cn, client);
  if (is("extra-name")) add_name(name, "O", V_ASN1_PRINTABLESTRING, "more");
  need(X509_REQ_set_subject_name(request, name), "subject");
  X509_NAME_free(name);
}

static void add_attribute(X509_REQ *request, const char *oid, int type, const char *value) {
  need(X509_REQ_add1_attr_by_txt(request, oid, type, (const unsigned char *)value, (int)strlen(value)), "attribute");
}

static void set_attributes(X509_REQ *request, const char *unit) {
  const char *oid = is("attribute-oid") ? "1.2.840.113549.1.9.7" : "1.3.6.1.4.1.311.90.2.10";
  int type = is("attribute-printable") ? V_ASN1_PRINTABLESTRING : V_ASN1_UTF8STRING;
  if (is("no-attribute")) return;
  add_attribute(request, oid, type, unit);
  if (is("two-attributes")) add_attribute(request, "1.2.840.113549.1.9.7", V_ASN1_UTF8STRING, "more");
  if (is("two-values"))
    need(X509_ATTRIBUTE_set1_data(X509_REQ_get_attr(request, 0), type, unit, (int)strlen(unit)), "second value");
}

static void set_algorithm(X509_REQ *request) {
  const unsigned char *der = good_algorithm;
  long len = sizeof good_algorithm;
#define CHOOSE(array) (der = (array), len = sizeof(array))
  if (is("null-parameters")) CHOOSE(null_algorithm);
  if (is("trailer")) CHOOSE(trailer_algorithm);
  if (is("salt-20")) CHOOSE(salt20_algorithm);
  if (is("pkcs1")) CHOOSE(pkcs1_algorithm);
  X509_ALGOR *algorithm = d2i_X509_ALGOR(NULL, &der, len);
  need(algorithm != NULL && X509_REQ_set1_signature_algo(request, algorithm), "algorithm");
  X509_ALGOR_free(algorithm);
}

static ASN1_BIT_STRING *sign(EVP_PKEY *key, const unsigned char *data, size_t len) {
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  EVP_PKEY_CTX *options = NULL;
  unsigned char signature[1024];
  size_t signature_len = sizeof signature;
  need(context != NULL &&
           EVP_DigestSignInit(context, &options, is("sha384") ? EVP_sha384() : EVP_sha256(), NULL, key) == 1,
       "signature");
  if (!is("pkcs1"))
    need(EVP_PKEY_CTX_set_rsa_padding(options, RSA_PKCS1_PSS_PADDING) == 1 &&
             EVP_PKEY_CTX_set_rsa_pss_saltlen(options, is("salt-20") ? 20 : 32) == 1,
         "padding");
  need(EVP_DigestSign(context, signature, &signature_len, data, len) == 1, "signature");
  EVP_MD_CTX_free(context);
  if (is("signature")) signature[100] ^= 1;
  ASN1_BIT_STRING *bits = ASN1_BIT_STRING_new();
  need(bits != NULL && ASN1_BIT_STRING_set(bits, signature, (int)signature_len), "signature");
  bits->flags = (bits->flags & ~(ASN1_STRING_FLAG_BITS_LEFT | 7)) | ASN1_STRING_FLAG_BITS_LEFT;
  return bits;
}

static void sign_request(X509_REQ *request, EVP_PKEY *key) {
  EVP_PKEY *other = is("other-key-signature") ? EVP_RSA_gen(2048) : NULL;
  set_algorithm(request);
  unsigned char *info = NULL;
  int len = i2d_re_X509_REQ_tbs(request, &info);
  need(len > 0, "request");
  X509_REQ_set0_signature(request, sign(other != NULL ? other : key, info, (size_t)len));
  EVP_PKEY_free(other);
  OPENSSL_free(info);
}

static EVP_PKEY *load_key(const char *path) {
  FILE *file = fopen(path, "r");
  EVP_PKEY *key = file != NULL ? PEM_read_PrivateKey(file, NULL, NULL, NULL) : NULL;
  if (file != NULL) fclose(file);
  need(key != NULL, path);
  return key;
}

static void print(X509_REQ *request) {
  unsigned char *der = NULL;
  int len = i2d_X509_REQ(request, &der);
  need(len > 0, "request");
  unsigned char *text = malloc((size_t)len * 4 / 3 + 8);
  need(text != NULL && EVP_EncodeBlock(text, der, len) > 0, "base64");
  puts((const char *)text);
  free(text);
  OPENSSL_free(der);
}

int main(int argc, char **argv) {
  if (argc < 5 || argc > 6 || argv[1][0] == '-') {
    fputs(usage, argc == 2 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc == 2 && strcmp(argv[1], "--help") == 0 ? EXIT_SUCCESS : 2;
  }
  if (argc == 6) wrong = argv[5];
  EVP_PKEY *key = load_key(argv[1]);
  X509_REQ *request = X509_REQ_new();
  need(request != NULL && X509_REQ_set_version(request, is("version") ? 1 : 0) && X509_REQ_set_pubkey(request, key),
       "request");
  set_subject(request, argv[2], argv[3]);
  set_attributes(request, argv[4]);
  sign_request(request, key);
  print(request);
  X509_REQ_free(request);
  EVP_PKEY_free(key);
  return EXIT_SUCCESS;
}
