/* A credential plugin in one page: it issues certificates from a certification authority in a file, for keys that
 * keyguardctl holds. KEYGUARD_LOCAL_CA names a PEM file with the authority's certificate and private key (RSA or EC).
 * Nothing is attested, and no token service stands behind it. */
#include <keyguard/credential_plugin.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#define BACKDATED_S 300 /* for peers whose clocks are behind ours */
#define LIFE_S (7 * 86400)
#define NO_ID "00000000-0000-0000-0000-000000000000"
#define NOWHERE "https://local-ca.invalid" /* RFC 6761: never the name of a host */

static int refuse(struct kg_plugin_error *error, const char *status, const char *text) {
  ERR_clear_error(); /* the queue is keyguardctl's */
  snprintf(error->code, sizeof error->code, "MSI_V2_ERROR");
  snprintf(error->status, sizeof error->status, "%s", status);
  snprintf(error->text, sizeof error->text, "local authority: %s", text);
  return -1;
}

static bool read_authority(X509 **certificate, EVP_PKEY **key) {
  const char *path = getenv("KEYGUARD_LOCAL_CA");
  FILE *file = path == NULL ? NULL : fopen(path, "r");
  if (file == NULL) return false;
  *certificate = PEM_read_X509(file, NULL, NULL, NULL);
  rewind(file);
  *key = PEM_read_PrivateKey(file, NULL, NULL, (void *)""); /* where it has a password, nobody is asked for it */
  fclose(file);
  return *certificate != NULL && *key != NULL && X509_check_private_key(*certificate, *key) == 1;
}

/* What the signature of a certificate request shows, by a challenge instead. */
static bool key_signs(const struct kg_plugin_key *key, EVP_PKEY *public_key) {
  unsigned char challenge[32], signature[512];
  EVP_PKEY_CTX *verify = public_key == NULL ? NULL : EVP_PKEY_CTX_new(public_key, NULL);
  bool signs = verify != NULL && key->bits / 8 <= sizeof signature && RAND_bytes(challenge, sizeof challenge) == 1 &&
               key->sign_pss_sha256(key->context, challenge, signature) == 0 && EVP_PKEY_verify_init(verify) == 1 &&
               EVP_PKEY_CTX_set_rsa_padding(verify, RSA_PKCS1_PSS_PADDING) == 1 &&
               EVP_PKEY_CTX_set_rsa_pss_saltlen(verify, 32) == 1 &&
               EVP_PKEY_CTX_set_signature_md(verify, EVP_sha256()) == 1 &&
               EVP_PKEY_verify(verify, signature, key->bits / 8, challenge, sizeof challenge) == 1;
  EVP_PKEY_CTX_free(verify);
  return signs;
}

static bool add_extension(X509 *certificate, int type, const char *value) {
  X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, NULL, type, value);
  bool added = extension != NULL && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

static bool fill_certificate(X509 *leaf, const char *name, int64_t now_s, EVP_PKEY *key) {
  const unsigned char *common_name = (const unsigned char *)name;
  uint64_t serial = 0;
  return RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 && X509_set_version(leaf, X509_VERSION_3) == 1 &&
         ASN1_INTEGER_set_uint64(X509_get_serialNumber(leaf), serial) == 1 &&
         X509_NAME_add_entry_by_txt(X509_get_subject_name(leaf), "CN", MBSTRING_UTF8, common_name, -1, -1, 0) == 1 &&
         ASN1_TIME_set(X509_getm_notBefore(leaf), (time_t)now_s - BACKDATED_S) != NULL &&
         ASN1_TIME_set(X509_getm_notAfter(leaf), (time_t)now_s + LIFE_S) != NULL && X509_set_pubkey(leaf, key) == 1 &&
         add_extension(leaf, NID_basic_constraints, "critical,CA:FALSE") &&
         add_extension(leaf, NID_key_usage, "critical,digitalSignature") &&
         add_extension(leaf, NID_ext_key_usage, "clientAuth");
}

static void release_credential(struct kg_plugin_credential *credential) {
  if (credential == NULL) return;
  OPENSSL_free((unsigned char *)credential->certificate.data);
  free(credential);
}

static struct kg_plugin_credential *issue(const struct kg_plugin_request *request, EVP_PKEY *key, X509 *authority,
                                          EVP_PKEY *authority_key) {
  int64_t now_s = request->host->wall_s(request->host->context);
  unsigned char *der = NULL;
  int len = 0;
  X509 *leaf = X509_new();
  if (leaf != NULL && fill_certificate(leaf, request->identity, now_s, key) &&
      X509_set_issuer_name(leaf, X509_get_subject_name(authority)) == 1 &&
      X509_sign(leaf, authority_key, EVP_sha256()) > 0)
    len = i2d_X509(leaf, &der);
  X509_free(leaf);
  struct kg_plugin_credential *credential = len > 0 ? malloc(sizeof *credential) : NULL;
  if (credential == NULL) {
    OPENSSL_free(der);
    return NULL;
  }
  *credential = (struct kg_plugin_credential){.size = sizeof *credential,
                                              .certificate = {der, (size_t)len},
                                              .client_id = NO_ID,
                                              .tenant_id = NO_ID,
                                              .identity_type = "LocalAuthority",
                                              .mtls_authentication_endpoint = NOWHERE,
                                              .token_endpoint = NOWHERE "/token",
                                              .server_time_s = now_s};
  return credential;
}

static int acquire(const struct kg_plugin_request *request, struct kg_plugin_credential **credential,
                   struct kg_plugin_error *error) {
  const unsigned char *der = request->key->public_key_info.data;
  EVP_PKEY *key = d2i_PUBKEY(NULL, &der, (long)request->key->public_key_info.len), *authority_key = NULL;
  X509 *authority = NULL;
  int result = 0;
  if (request->attestation != 0)
    result = refuse(error, "KG_E_ATTESTATION_FAILED", "it attests nothing: leave with-attestation-support out");
  else if (!read_authority(&authority, &authority_key))
    result = refuse(error, "KG_E_CONFIG",
                    "KEYGUARD_LOCAL_CA must name a PEM file with a certificate and its private key, without password");
  else if (!key_signs(request->key, key))
    result = refuse(error, "KG_E_KEY_DEAD", "the key does not sign what its public half verifies");
  else if ((*credential = issue(request, key, authority, authority_key)) == NULL)
    result = refuse(error, "KG_E_PLUGIN", "the certificate could not be made");
  X509_free(authority);
  EVP_PKEY_free(authority_key);
  EVP_PKEY_free(key);
  return result;
}

const struct kg_credential_plugin *keyguard_credential_plugin(uint32_t version) {
  static const struct kg_credential_plugin plugin = {KG_CREDENTIAL_PLUGIN_VERSION, "local_ca", "1", acquire,
                                                     release_credential};
  return version == KG_CREDENTIAL_PLUGIN_VERSION ? &plugin : NULL;
}
