#include "ctl/tls_provider.h"

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/params.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#define PROVIDER "keyguard"
#define PROPERTIES "provider=" PROVIDER
/* TLS looks for "RSA". The second name is ours alone: asking for it reaches this provider even in a process where an
 * engine has made itself the default for RSA. */
#define KEY_NAMES "RSA:KEYGUARD-RSA"
#define OWN_NAME "KEYGUARD-RSA"
#define SIGNER_PARAM "keyguard-signer" /* the address of a struct kg_tls_signer */

#define PAD_NAME_PSS OSSL_PKEY_RSA_PAD_MODE_PSS

struct key_data { /* `signer` NULL: a public key that was imported to be compared */
  struct kg_tls_signer *signer;
  BIGNUM *n, *e;
};

struct gen_context {
  struct kg_tls_signer *signer;
};

struct signature {
  struct key_data *key; /* borrowed */
  struct kg_sign_params params;
  bool salt_is_hash;
};

/* Keys. */

static void key_free(void *data) {
  struct key_data *key = data;
  if (key == NULL) return;
  BN_free(key->n);
  BN_free(key->e);
  free(key);
}

static void *key_new(void *provider) {
  (void)provider;
  return calloc(1, sizeof(struct key_data));
}

static int key_has(const void *data, int selection) {
  const struct key_data *key = data;
  if ((selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && !(key->n != NULL && key->e != NULL)) return 0;
  return !(selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || key->signer != NULL;
}

static int key_match(const void *one, const void *other, int selection) {
  const struct key_data *a = one, *b = other;
  if (!(selection & OSSL_KEYMGMT_SELECT_KEYPAIR)) return 1;
  return a->n != NULL && a->e != NULL && b->n != NULL && b->e != NULL && BN_cmp(a->n, b->n) == 0 &&
         BN_cmp(a->e, b->e) == 0;
}

static const OSSL_PARAM *key_types(int selection) {
  static const OSSL_PARAM types[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                     OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0), OSSL_PARAM_END};
  return selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY ? types : NULL;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[]) {
  struct key_data *key = data;
  const OSSL_PARAM *n = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_N);
  const OSSL_PARAM *e = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_RSA_E);
  return (selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY) && n != NULL && e != NULL && OSSL_PARAM_get_BN(n, &key->n) &&
         OSSL_PARAM_get_BN(e, &key->e);
}

/* Where the private half is asked for, too, the answer must be no: otherwise another provider takes the key over and
 * finds itself unable to sign. */
static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *argument) {
  struct key_data *key = data;
  if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) || !(selection & OSSL_KEYMGMT_SELECT_PUBLIC_KEY)) return 0;
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  int good = 0;
  OSSL_PARAM *params = NULL;
  if (builder != NULL && OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, key->n) &&
      OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, key->e) &&
      (params = OSSL_PARAM_BLD_to_param(builder)) != NULL)
    good = callback(params, argument);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  return good;
}

static int set_int(OSSL_PARAM params[], const char *name, int value) {
  OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
  return param == NULL || OSSL_PARAM_set_int(param, value);
}

static int set_number(OSSL_PARAM params[], const char *name, const BIGNUM *value) {
  OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
  return param == NULL || OSSL_PARAM_set_BN(param, value);
}

static int set_text(OSSL_PARAM params[], const char *name, const char *value) {
  OSSL_PARAM *param = OSSL_PARAM_locate(params, name);
  return param == NULL || OSSL_PARAM_set_utf8_string(param, value);
}

static int key_get_params(void *data, OSSL_PARAM params[]) {
  const struct key_data *key = data;
  int bits = BN_num_bits(key->n);
  return set_int(params, OSSL_PKEY_PARAM_BITS, bits) && set_int(params, OSSL_PKEY_PARAM_MAX_SIZE, (bits + 7) / 8) &&
         set_int(params, OSSL_PKEY_PARAM_SECURITY_BITS, BN_security_bits(bits, -1)) &&
         set_text(params, OSSL_PKEY_PARAM_DEFAULT_DIGEST, "SHA256") &&
         set_number(params, OSSL_PKEY_PARAM_RSA_N, key->n) && set_number(params, OSSL_PKEY_PARAM_RSA_E, key->e);
}

static const OSSL_PARAM *key_gettable(void *provider) {
  static const OSSL_PARAM params[] = {OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
                                      OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
                                      OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
                                      OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_DEFAULT_DIGEST, NULL, 0),
                                      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, NULL, 0),
                                      OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, NULL, 0),
                                      OSSL_PARAM_END};
  (void)provider;
  return params;
}

static const char *key_operation_name(int operation) {
  return operation == OSSL_OP_SIGNATURE ? "RSA" : NULL;
}

/* "Generating" wraps the signer: EVP_PKEY_fromdata() would be the usual way, but an engine that is the default for RSA
 * breaks it. */

static void *gen_init(void *provider, int selection, const OSSL_PARAM params[]) {
  (void)provider, (void)selection, (void)params;
  return calloc(1, sizeof(struct gen_context));
}

static int gen_set_params(void *data, const OSSL_PARAM params[]) {
  struct gen_context *gen = data;
  const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, SIGNER_PARAM);
  if (param == NULL) return 1;
  const void *signer = NULL;
  size_t size = 0;
  if (!OSSL_PARAM_get_octet_ptr(param, &signer, &size) || size != sizeof *gen->signer) return 0;
  gen->signer = (struct kg_tls_signer *)signer;
  return 1;
}

static const OSSL_PARAM *gen_settable(void *data, void *provider) {
  static const OSSL_PARAM params[] = {OSSL_PARAM_octet_ptr(SIGNER_PARAM, NULL, 0), OSSL_PARAM_END};
  (void)data, (void)provider;
  return params;
}

static void *gen(void *data, OSSL_CALLBACK *callback, void *argument) {
  const struct gen_context *gen = data;
  (void)callback, (void)argument;
  struct key_data *key = gen->signer != NULL ? calloc(1, sizeof *key) : NULL;
  if (key == NULL) return NULL;
  const struct kg_key_info *info = kg_key_info(gen->signer->key);
  key->signer = gen->signer;
  key->n = BN_bin2bn(info->modulus.data, (int)info->modulus.len, NULL);
  key->e = BN_bin2bn(info->exponent.data, (int)info->exponent.len, NULL);
  if (key->n != NULL && key->e != NULL) return key;
  key_free(key);
  return NULL;
}

static void gen_cleanup(void *data) {
  free(data);
}

/* Signatures. */

static void *signature_new(void *provider, const char *properties) {
  (void)provider, (void)properties;
  return calloc(1, sizeof(struct signature));
}

static void signature_free(void *data) {
  free(data);
}

static void *signature_dup(void *data) {
  struct signature *copy = malloc(sizeof *copy);
  if (copy != NULL) memcpy(copy, data, sizeof *copy);
  return copy;
}

static enum kg_hash hash_of(const char *name) {
  static const struct {
    const char *name;
    enum kg_hash hash;
  } names[] = {{"SHA2-256", KG_HASH_SHA256}, {"SHA256", KG_HASH_SHA256},   {"SHA2-384", KG_HASH_SHA384},
               {"SHA384", KG_HASH_SHA384},   {"SHA2-512", KG_HASH_SHA512}, {"SHA512", KG_HASH_SHA512}};
  for (size_t i = 0; name != NULL && i < sizeof names / sizeof names[0]; i++)
    if (OPENSSL_strcasecmp(name, names[i].name) == 0) return names[i].hash;
  return KG_HASH_NONE;
}

static int set_padding(struct signature *signature, const OSSL_PARAM *param) {
  const char *name = NULL;
  int mode = 0;
  if (param->data_type == OSSL_PARAM_UTF8_STRING) {
    if (!OSSL_PARAM_get_utf8_string_ptr(param, &name)) return 0;
    mode = strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PSS) == 0       ? RSA_PKCS1_PSS_PADDING
           : strcmp(name, OSSL_PKEY_RSA_PAD_MODE_PKCSV15) == 0 ? RSA_PKCS1_PADDING
                                                               : 0;
  } else if (!OSSL_PARAM_get_int(param, &mode)) {
    return 0;
  }
  if (mode != RSA_PKCS1_PADDING && mode != RSA_PKCS1_PSS_PADDING) return 0;
  signature->params.padding = mode == RSA_PKCS1_PSS_PADDING ? KG_PADDING_PSS : KG_PADDING_PKCS1;
  return 1;
}

/* TLS wants the length of the hash (RFC 8446 section 4.2.3), and some stores know no other. */
static int set_salt(const OSSL_PARAM *param) {
  const char *name = NULL;
  if (param->data_type == OSSL_PARAM_UTF8_STRING)
    return OSSL_PARAM_get_utf8_string_ptr(param, &name) && strcmp(name, OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) == 0;
  int length = 0;
  return OSSL_PARAM_get_int(param, &length) && length == RSA_PSS_SALTLEN_DIGEST;
}

static int set_digest(struct signature *signature, const OSSL_PARAM *param) {
  const char *name = NULL;
  if (!OSSL_PARAM_get_utf8_string_ptr(param, &name)) return 0;
  signature->params.hash = hash_of(name);
  return signature->params.hash != KG_HASH_NONE;
}

/* MGF1 uses the signature's own hash, and nothing else is asked of it. */
static int check_mgf1(const struct signature *signature, const OSSL_PARAM *param) {
  const char *name = NULL;
  return OSSL_PARAM_get_utf8_string_ptr(param, &name) && hash_of(name) == signature->params.hash;
}

static int signature_set_params(void *data, const OSSL_PARAM params[]) {
  struct signature *signature = data;
  const OSSL_PARAM *param = NULL;
  if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_DIGEST)) != NULL && !set_digest(signature, param))
    return 0;
  if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)) != NULL &&
      !set_padding(signature, param))
    return 0;
  if ((param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PSS_SALTLEN)) != NULL && !set_salt(param)) return 0;
  param = OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_MGF1_DIGEST);
  return param == NULL || check_mgf1(signature, param);
}

static const OSSL_PARAM *signature_settable(void *data, void *provider) {
  static const OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_DIGEST, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PAD_MODE, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_PSS_SALTLEN, NULL, 0),
                                      OSSL_PARAM_utf8_string(OSSL_SIGNATURE_PARAM_MGF1_DIGEST, NULL, 0),
                                      OSSL_PARAM_END};
  (void)data, (void)provider;
  return params;
}

static int signature_init(void *data, const char *hash, void *key, const OSSL_PARAM params[]) {
  struct signature *signature = data;
  signature->key = key;
  signature->params = (struct kg_sign_params){KG_PADDING_PKCS1, hash_of(hash != NULL ? hash : "SHA256"), 0};
  if (signature->params.hash == KG_HASH_NONE || signature->key->signer == NULL) return 0;
  return !params || signature_set_params(signature, params);
}

/* OpenSSL 3.0 falls back to update and final where the one-shot is missing, and fails without a word where it cannot
 * duplicate the context for them. */
static int signature_sign(void *data, unsigned char *out, size_t *len, size_t size, const unsigned char *tbs,
                          size_t tbs_len) {
  struct signature *signature = data;
  struct kg_tls_signer *signer = signature->key->signer;
  struct kg_sign_params params = signature->params;
  *len = kg_key_info(signer->key)->bits / 8;
  if (out == NULL) return 1;
  if (size < *len) return 0;
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_once(params.hash, kg_span_of(tbs, tbs_len), digest)) return 0;
  if (params.padding == KG_PADDING_PSS) params.salt_len = kg_hash_size(params.hash);
  struct kg_span input = kg_span_of(digest, kg_hash_size(params.hash));
  return kg_key_sign(signer->key, &params, input, out, &signer->error) == KG_OK;
}

/* Tables. */

#define ENTRY(id, function)                                                                                            \
  { id, (void (*)(void))(function) }

static const OSSL_DISPATCH key_functions[] = {ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new),
                                              ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),
                                              ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),
                                              ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match),
                                              ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
                                              ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),
                                              ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, key_export),
                                              ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),
                                              ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation_name),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GEN_INIT, gen_init),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GEN_SET_PARAMS, gen_set_params),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GEN_SETTABLE_PARAMS, gen_settable),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GEN, gen),
                                              ENTRY(OSSL_FUNC_KEYMGMT_GEN_CLEANUP, gen_cleanup),
                                              {0, NULL}};

static const OSSL_DISPATCH signature_functions[] = {ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_DUPCTX, signature_dup),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_init),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_SET_CTX_PARAMS, signature_set_params),
                                                    ENTRY(OSSL_FUNC_SIGNATURE_SETTABLE_CTX_PARAMS, signature_settable),
                                                    {0, NULL}};

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache) {
  static const OSSL_ALGORITHM keys[] = {{KEY_NAMES, PROPERTIES, key_functions, "a key in a key store"},
                                        {NULL, NULL, NULL, NULL}};
  static const OSSL_ALGORITHM signatures[] = {{"RSA", PROPERTIES, signature_functions, "its signatures"},
                                              {NULL, NULL, NULL, NULL}};
  (void)provider;
  *no_cache = 0;
  return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int provider_init(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                         void **context) {
  static const OSSL_DISPATCH functions[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query), {0, NULL}};
  static int self; /* OpenSSL wants a context that is not NULL */
  (void)handle, (void)in;
  *out = functions;
  *context = &self;
  return 1;
}

/* Loaded once and kept. Everything that does not ask for this provider, such as the check of the peer's certificate,
 * is kept out of it by the default property query. */
static bool load_provider(void) {
  static OSSL_PROVIDER *loaded;
  if (loaded == NULL && OSSL_PROVIDER_add_builtin(NULL, PROVIDER, provider_init) == 1 &&
      EVP_set_default_properties(NULL, "?provider!=" PROVIDER) == 1)
    loaded = OSSL_PROVIDER_load(NULL, PROVIDER);
  return loaded != NULL;
}

EVP_PKEY *kg_tls_provider_key(struct kg_tls_signer *signer, struct kg_error *error) {
  EVP_PKEY_CTX *context = load_provider() ? EVP_PKEY_CTX_new_from_name(NULL, OWN_NAME, PROPERTIES) : NULL;
  void *address = signer;
  OSSL_PARAM params[] = {OSSL_PARAM_construct_octet_ptr(SIGNER_PARAM, &address, sizeof *signer),
                         OSSL_PARAM_construct_end()};
  signer->error = (struct kg_error){0};
  EVP_PKEY *key = NULL;
  if (context == NULL || EVP_PKEY_keygen_init(context) != 1 || EVP_PKEY_CTX_set_params(context, params) != 1 ||
      EVP_PKEY_generate(context, &key) != 1) {
    char reason[256];
    ERR_error_string_n(ERR_peek_last_error(), reason, sizeof reason);
    (void)kg_error_set(error, KG_E_BUG, "the key cannot be handed to OpenSSL: %s", reason);
    key = NULL;
  }
  EVP_PKEY_CTX_free(context);
  return key;
}
