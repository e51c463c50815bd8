#include "ctl/tls_client.h"

#include "wire/x509.h"

/* Only for a store that lacks one of the paddings; otherwise OpenSSL's own list stands. */
#define PKCS1_ONLY "RSA+SHA256:RSA+SHA384:RSA+SHA512:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"
#define PSS_ONLY "RSA-PSS+SHA256:RSA-PSS+SHA384:RSA-PSS+SHA512:ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512"

static bool use_certificates(SSL_CTX *context, const struct kg_binding *binding) {
  X509 *leaf = kg_x509_parse(kg_buf_span(&binding->leaf.der));
  bool good = leaf != NULL && SSL_CTX_use_certificate(context, leaf) == 1;
  X509_free(leaf);
  for (size_t i = 0; good && i < binding->chain_count; i++) {
    X509 *issuer = kg_x509_parse(kg_buf_span(&binding->chain[i].der));
    good = issuer != NULL && SSL_CTX_add1_chain_cert(context, issuer) == 1;
    X509_free(issuer);
  }
  /* The service wants the leaf alone (docs/protocol.md 6.5), not what the trust store could add. */
  SSL_CTX_set_mode(context, SSL_MODE_NO_AUTO_CHAIN);
  return good;
}

static bool limit_signatures(SSL_CTX *context, unsigned capabilities) {
  unsigned both = KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS;
  if ((capabilities & both) == both) return true;
  return SSL_CTX_set1_sigalgs_list(context, capabilities & KG_CAN_SIGN_PSS ? PSS_ONLY : PKCS1_ONLY) == 1;
}

int kg_tls_client_setup(SSL_CTX *context, void *argument) {
  struct kg_tls_client *client = argument;
  EVP_PKEY *key = kg_tls_provider_key(&client->signer, &client->error);
  if (key == NULL) return 0;
  int good = limit_signatures(context, kg_key_info(client->signer.key)->capabilities) &&
             use_certificates(context, client->binding) && SSL_CTX_use_PrivateKey(context, key) == 1 &&
             SSL_CTX_check_private_key(context) == 1;
  EVP_PKEY_free(key); /* the context holds its own reference */
  if (!good) (void)kg_error_set(&client->error, KG_E_TLS, "OpenSSL does not take the certificate and its key together");
  return good;
}
