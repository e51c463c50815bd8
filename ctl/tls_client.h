/* The client's side of mutual TLS with a binding's certificate and its key. */
#ifndef KG_CTL_TLS_CLIENT_H
#define KG_CTL_TLS_CLIENT_H

#include "core/base/error.h"
#include "core/state/binding.h"
#include "ctl/tls_provider.h"

#include <openssl/ssl.h>

struct kg_tls_client {
  const struct kg_binding *binding;
  struct kg_tls_signer signer;
  struct kg_error error; /* why the setup failed */
};

/* For kg_http_request: presents the leaf, with the chain that came with it and no other, and signs with the key.
 * `client` is a struct kg_tls_client. 1: done; 0: client->error says why not. */
int kg_tls_client_setup(SSL_CTX *context, void *client);

#endif
