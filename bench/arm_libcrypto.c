#include "bench/arm.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

enum { SIGNATURE_MAX = 512, TRANSCRIPT_SIZE = 130 };

struct kg_arm {
  EVP_PKEY *key;
};

struct kg_signer {
  EVP_PKEY_CTX *ctx;      /* of the first two forms */
  EVP_MD_CTX *md, *ready; /* of the hashed form: `ready` is initialised once, as an application would keep it */
  unsigned char input[TRANSCRIPT_SIZE];
};

static bool failed(const char *what, int result) {
  if (result <= 0) {
    fprintf(stderr, "%s: ", what);
    ERR_print_errors_fp(stderr);
  }
  return result <= 0;
}

struct kg_arm *kg_arm_open(const struct kg_place *place) {
  struct kg_arm *arm = calloc(1, sizeof *arm);
  FILE *file = fopen(place->key_file, "r");
  if (arm != NULL && file != NULL) arm->key = PEM_read_PrivateKey(file, NULL, NULL, NULL);
  if (file != NULL) fclose(file);
  if (arm == NULL || arm->key == NULL) {
    fprintf(stderr, "%s: no key\n", place->key_file);
    kg_arm_close(&arm);
  }
  return arm;
}

void kg_arm_close(struct kg_arm **arm) {
  if (*arm == NULL) return;
  EVP_PKEY_free((*arm)->key);
  free(*arm);
  *arm = NULL;
}

bool kg_arm_idle(const struct kg_place *place) {
  (void)place;
  return !failed("OPENSSL_init_crypto", OPENSSL_init_crypto(OPENSSL_INIT_LOAD_CONFIG, NULL));
}

static bool pad(EVP_PKEY_CTX *ctx, enum kg_form form) {
  bool pss = form != KG_FORM_PKCS1;
  if (failed("padding", EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING)))
    return false;
  return !pss || !failed("salt", EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST));
}

static bool prepare_digest(struct kg_signer *signer, EVP_PKEY *key, enum kg_form form) {
  signer->ctx = EVP_PKEY_CTX_new(key, NULL);
  return signer->ctx != NULL && !failed("sign init", EVP_PKEY_sign_init(signer->ctx)) && pad(signer->ctx, form) &&
         !failed("digest", EVP_PKEY_CTX_set_signature_md(signer->ctx, EVP_sha256()));
}

static bool prepare_hashed(struct kg_signer *signer, EVP_PKEY *key) {
  signer->ready = EVP_MD_CTX_new();
  signer->md = EVP_MD_CTX_new();
  /* belongs to `ready` */
  EVP_PKEY_CTX *ctx = NULL;
  return signer->ready != NULL && signer->md != NULL &&
         !failed("sign init", EVP_DigestSignInit(signer->ready, &ctx, EVP_sha256(), NULL, key)) &&
         pad(ctx, KG_FORM_SHA256_PSS);
}

struct kg_signer *kg_signer_new(struct kg_arm *arm, enum kg_form form) {
  struct kg_signer *signer = calloc(1, sizeof *signer);
  if (signer == NULL) return NULL;
  memset(signer->input, 'k', sizeof signer->input);
  if (!(form == KG_FORM_SHA256_PSS ? prepare_hashed(signer, arm->key) : prepare_digest(signer, arm->key, form)))
    kg_signer_free(&signer);
  return signer;
}

bool kg_signer_sign(struct kg_signer *signer) {
  unsigned char signature[SIGNATURE_MAX];
  size_t len = sizeof signature;
  if (signer->ctx != NULL) return !failed("sign", EVP_PKEY_sign(signer->ctx, signature, &len, signer->input, 32));
  return !failed("copy", EVP_MD_CTX_copy_ex(signer->md, signer->ready)) &&
         !failed("sign", EVP_DigestSign(signer->md, signature, &len, signer->input, sizeof signer->input));
}

void kg_signer_free(struct kg_signer **signer) {
  if (*signer == NULL) return;
  EVP_PKEY_CTX_free((*signer)->ctx);
  EVP_MD_CTX_free((*signer)->md);
  EVP_MD_CTX_free((*signer)->ready);
  free(*signer);
  *signer = NULL;
}
