#include "judged_token.h"
#include "tests/support/open_key.h"

#include <dlfcn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void *fake_symbol(const char *name) {
  static void *handle; /* stays open: its state is the process's */
  if (handle == NULL) handle = dlopen(KG_FAKE_TOKEN, RTLD_NOW | RTLD_LOCAL);
  assert_non_null(handle);
  void *symbol = dlsym(handle, name);
  assert_non_null(symbol);
  return symbol;
}

int token_setup(void **state) {
  struct token *token = calloc(1, sizeof *token);
  assert_non_null(token);
  token->softhsm = kg_softhsm_new();
  kg_softhsm_add_token(token->softhsm, "t");
  token->fake = fake_symbol("fake_token");
  memset((void *)token->fake, 0, sizeof *token->fake);
  void *symbol = fake_symbol("C_GetFunctionList");
  CK_C_GetFunctionList get;
  memcpy(&get, &symbol, sizeof get);
  CK_FUNCTION_LIST *list = NULL;
  assert_int_equal(get(&list), CKR_OK);
  token->library = list;
  *state = token;
  return 0;
}

int token_teardown(void **state) {
  struct token *token = *state;
  memset((void *)token->fake, 0, sizeof *token->fake);
  token->library->C_Finalize(NULL); /* the next test has another SoftHSM2 configuration */
  kg_softhsm_free(&token->softhsm);
  free(token);
  return 0;
}

char *token_uri(struct token *token, const char *object) {
  return kg_softhsm_uri(token->softhsm, KG_FAKE_TOKEN, "t", object);
}

struct kg_key *token_open(const char *uri) {
  struct kg_key *key = NULL;
  struct kg_error error;
  if (open_key_of(uri, KG_KEY_CREATE, &key, &error) != KG_OK) fail_msg("%s", error.text);
  assert_non_null(key);
  return key;
}

struct kg_key *token_open_object(struct token *token, const char *object) {
  char *uri = token_uri(token, object);
  struct kg_key *key = token_open(uri);
  free(uri);
  return key;
}

enum kg_status token_try(const char *uri, unsigned flags, struct kg_error *error) {
  kg_error_clear(error);
  struct kg_key *key = NULL;
  enum kg_status status = open_key_of(uri, flags, &key, error);
  assert_int_equal(key != NULL, status == KG_OK);
  assert_int_equal(error->status, status);
  kg_key_close(&key);
  return status;
}

enum kg_status token_try_sign(struct kg_key *key, struct kg_error *error) {
  static const unsigned char digest[32] = {1, 2, 3};
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  kg_error_clear(error);
  unsigned char signature[KG_SIGNATURE_MAX];
  return kg_key_sign(key, &params, kg_span_of(digest, sizeof digest), signature, error);
}

void token_sign(struct kg_key *key, unsigned char byte) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  unsigned char digest[32];
  memset(digest, byte, sizeof digest);
  struct kg_error error;
  unsigned char signature[KG_SIGNATURE_MAX];
  if (kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &error) != KG_OK) fail_msg("%s", error.text);
  assert_true(token_verify(kg_key_info(key), &params, kg_span_of(digest, 32), signature));
}

static EVP_PKEY *public_key(const struct kg_key_info *info) {
  BIGNUM *n = BN_bin2bn(info->modulus.data, (int)info->modulus.len, NULL);
  BIGNUM *e = BN_bin2bn(info->exponent.data, (int)info->exponent.len, NULL);
  OSSL_PARAM_BLD *builder = OSSL_PARAM_BLD_new();
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "RSA", NULL);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n);
  OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e);
  OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY *key = NULL;
  EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, params);
  OSSL_PARAM_free(params);
  OSSL_PARAM_BLD_free(builder);
  EVP_PKEY_CTX_free(context);
  BN_free(n);
  BN_free(e);
  return key;
}

static void set_padding(EVP_PKEY_CTX *context, const struct kg_sign_params *params) {
  bool is_pss = params->padding == KG_PADDING_PSS;
  const char *name = params->hash != KG_HASH_NONE ? kg_hash_name(params->hash) : NULL;
  EVP_PKEY_CTX_set_rsa_padding(context, is_pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING);
  if (name != NULL) EVP_PKEY_CTX_set_signature_md(context, EVP_get_digestbyname(name));
  if (is_pss) EVP_PKEY_CTX_set_rsa_pss_saltlen(context, (int)params->salt_len);
}

bool token_verify(const struct kg_key_info *info, const struct kg_sign_params *params, struct kg_span input,
                  const unsigned char *signature) {
  EVP_PKEY *key = public_key(info);
  EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
  EVP_PKEY_verify_init(context);
  set_padding(context, params);
  int verdict = EVP_PKEY_verify(context, signature, info->bits / 8, input.data, input.len);
  EVP_PKEY_CTX_free(context);
  EVP_PKEY_free(key);
  return verdict == 1;
}

static CK_SLOT_ID slot_of(const CK_FUNCTION_LIST *f, const char *label) {
  CK_SLOT_ID slots[16];
  CK_ULONG count = 16;
  assert_int_equal(f->C_GetSlotList(CK_TRUE, slots, &count), CKR_OK);
  for (CK_ULONG i = 0; i < count; i++) {
    CK_TOKEN_INFO info;
    size_t len = strlen(label);
    assert_int_equal(f->C_GetTokenInfo(slots[i], &info), CKR_OK);
    if (memcmp(info.label, label, len) == 0 && info.label[len] == ' ') return slots[i];
  }
  fail_msg("no token %s", label);
  return 0;
}

void token_enter(struct token *token, const char *label, struct application *application) {
  CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
  application->f = token->library;
  CK_RV rv = application->f->C_Initialize(&arguments);
  application->initialized = rv == CKR_OK;
  assert_true(rv == CKR_OK || rv == CKR_CRYPTOKI_ALREADY_INITIALIZED);
  application->slot = slot_of(application->f, label);
  assert_int_equal(application->f->C_OpenSession(application->slot, CKF_SERIAL_SESSION | CKF_RW_SESSION, NULL, NULL,
                                                 &application->session),
                   CKR_OK);
  rv = application->f->C_Login(application->session, CKU_USER, (CK_UTF8CHAR *)KG_SOFTHSM_PIN, strlen(KG_SOFTHSM_PIN));
  assert_true(rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN);
}

void token_leave(struct application *application) {
  assert_int_equal(application->f->C_CloseSession(application->session), CKR_OK);
  if (application->initialized) assert_int_equal(application->f->C_Finalize(NULL), CKR_OK);
}

CK_OBJECT_HANDLE application_find(struct application *application, CK_OBJECT_CLASS class, const char *label) {
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, (void *)label, strlen(label)}};
  assert_int_equal(application->f->C_FindObjectsInit(application->session, template, 2), CKR_OK);
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE found[2] = {0, 0};
  assert_int_equal(application->f->C_FindObjects(application->session, found, 2, &count), CKR_OK);
  assert_int_equal(application->f->C_FindObjectsFinal(application->session), CKR_OK);
  assert_true(count < 2);
  return found[0];
}

void application_generate(struct application *application, const char *label, CK_ULONG bits, CK_ATTRIBUTE *more,
                          CK_ULONG more_count) {
  CK_BBOOL yes = CK_TRUE;
  CK_BYTE id[8];
  CK_ATTRIBUTE public_template[] = {{CKA_TOKEN, &yes, sizeof yes},
                                    {CKA_VERIFY, &yes, sizeof yes},
                                    {CKA_MODULUS_BITS, &bits, sizeof bits},
                                    {CKA_ID, id, sizeof id},
                                    {CKA_LABEL, (void *)label, strlen(label)}};
  CK_ATTRIBUTE private_template[8] = {{CKA_TOKEN, &yes, sizeof yes},
                                      {CKA_PRIVATE, &yes, sizeof yes},
                                      {CKA_ID, id, sizeof id},
                                      {CKA_LABEL, (void *)label, strlen(label)}};
  assert_int_equal(application->f->C_GenerateRandom(application->session, id, sizeof id), CKR_OK);
  for (CK_ULONG i = 0; i < more_count; i++)
    private_template[4 + i] = more[i];
  CK_MECHANISM mechanism = {CKM_RSA_PKCS_KEY_PAIR_GEN, NULL, 0};
  CK_OBJECT_HANDLE public_key, private_key;
  assert_int_equal(application->f->C_GenerateKeyPair(application->session, &mechanism, public_template, 5,
                                                     private_template, 4 + more_count, &public_key, &private_key),
                   CKR_OK);
}

void run_threads(unsigned count, void *(*function)(void *), void *argument) {
  assert_true(count <= 64);
  pthread_t threads[64];
  for (unsigned i = 0; i < count; i++)
    assert_int_equal(pthread_create(&threads[i], NULL, function, argument), 0);
  for (unsigned i = 0; i < count; i++)
    pthread_join(threads[i], NULL);
}
