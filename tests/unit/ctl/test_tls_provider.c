#include "ctl/tls_provider.h"

#include "core/key/key.h"
#include "core/state/binding.h"
#include "ctl/certificate_facts.h"
#include "ctl/tls_client.h"
#include "support_ca.h"
#include "support_tls_server.h"
#include "wire/crypto.h"
#include "wire/http.h"

#include "softhsm.h"
#include "tests/support/open_key.h"
#include "tests/support/unit.h"

#include <curl/curl.h>
#include <openssl/err.h>
#include <openssl/provider.h>
#include <openssl/rsa.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fixture {
  struct kg_softhsm *softhsm;
  struct kg_key *key;
  struct kg_binding binding; /* what the client needs of one: the leaf */
  const char *ca_file;
};

static int setup(void **state) {
  static struct fixture fixture;
  fixture.softhsm = kg_softhsm_new();
  kg_softhsm_add_token(fixture.softhsm, "backing");
  char *uri = kg_softhsm_uri(fixture.softhsm, NULL, "backing", "tls");
  struct kg_error error = {0};
  if (open_key_of(uri, KG_KEY_CREATE, &fixture.key, &error) != KG_OK) fail_msg("%s", error.text);
  free(uri);
  struct kg_buf public_key = {0};
  assert_int_equal(kg_public_key_info(kg_key_info(fixture.key), &public_key, &error), KG_OK);
  X509 *leaf =
      support_ca_issue(kg_buf_span(&public_key), "11111111-2222-3333-4444-555555555555", &(struct support_ca_leaf){0});
  support_ca_der(leaf, &fixture.binding.leaf.der);
  X509_free(leaf);
  kg_buf_clear(&public_key);
  fixture.ca_file = support_ca_file(fixture.softhsm->folder);
  *state = &fixture;
  return 0;
}

static int teardown(void **state) {
  struct fixture *fixture = *state;
  kg_buf_clear(&fixture->binding.leaf.der);
  kg_key_close(&fixture->key);
  kg_softhsm_free(&fixture->softhsm);
  return 0;
}

static enum kg_status get(struct fixture *fixture, const struct support_tls_server *server, int tls_max,
                          struct kg_tls_client *client, struct kg_http_response *response, struct kg_error *error) {
  char url[64];
  snprintf(url, sizeof url, "https://localhost:%u/", server->port);
  *client = (struct kg_tls_client){.binding = &fixture->binding, .signer = {.key = fixture->key}};
  const struct kg_http_request request = {.kind = KG_HTTP_SECURE,
                                          .method = "GET",
                                          .url = url,
                                          .timeout_ms = 20000,
                                          .ca_file = fixture->ca_file,
                                          .tls_max = tls_max,
                                          .tls_setup = kg_tls_client_setup,
                                          .tls_argument = client};
  return kg_http_perform(&request, response, error);
}

static void start(struct support_tls_server *server, int version, const char *signatures) {
  *server = (struct support_tls_server){.min_version = version, .max_version = version, .signatures = signatures};
  strcpy(server->answer, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
  support_tls_server_start(server);
}

/* The server verifies chain and signature with OpenSSL's default provider; what it saw must be our certificate. */
static void expect_handshake(struct fixture *fixture, int version, const char *signatures, int type, int hash) {
  struct support_tls_server server;
  start(&server, version, signatures);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  struct kg_tls_client client;
  if (get(fixture, &server, version == TLS1_3_VERSION ? 13 : 12, &client, &response, &error) != KG_OK)
    fail_msg("%s", error.text);
  support_tls_server_stop(&server);
  assert_int_equal(response.status, 200);
  assert_int_equal(server.seen.version, version);
  assert_true(server.seen.verified);
  assert_int_equal(server.seen.signature_type, type);
  assert_int_equal(server.seen.signature_hash, hash);
  assert_int_equal(client.signer.error.status, KG_OK);
  support_tls_server_clear(&server);
  kg_http_response_clear(&response);
}

static void tls12_signs_pss(void **state) {
  expect_handshake(*state, TLS1_2_VERSION, NULL, EVP_PKEY_RSA_PSS, NID_sha256);
}

static void tls12_signs_pkcs1_where_the_server_knows_nothing_else(void **state) {
  expect_handshake(*state, TLS1_2_VERSION, "RSA+SHA256", EVP_PKEY_RSA, NID_sha256);
}

static void tls12_signs_pkcs1_sha384(void **state) {
  expect_handshake(*state, TLS1_2_VERSION, "RSA+SHA384", EVP_PKEY_RSA, NID_sha384);
}

static void tls12_signs_pss_sha512(void **state) {
  expect_handshake(*state, TLS1_2_VERSION, "rsa_pss_rsae_sha512", EVP_PKEY_RSA_PSS, NID_sha512);
}

static void tls13_signs_pss(void **state) {
  expect_handshake(*state, TLS1_3_VERSION, NULL, EVP_PKEY_RSA_PSS, NID_sha256);
}

static void tls13_signs_pss_sha384(void **state) {
  expect_handshake(*state, TLS1_3_VERSION, "rsa_pss_rsae_sha384", EVP_PKEY_RSA_PSS, NID_sha384);
}

static void leaf_is_sent_alone(void **state) {
  struct fixture *fixture = *state;
  struct support_tls_server server;
  start(&server, TLS1_2_VERSION, NULL);
  struct kg_http_response response = {0};
  struct kg_error error = {0};
  struct kg_tls_client client;
  assert_int_equal(get(fixture, &server, 12, &client, &response, &error), KG_OK);
  kg_http_response_clear(&response);
  support_tls_server_stop(&server);
  struct kg_buf der = {0};
  support_ca_der(server.seen.certificate, &der);
  assert_true(kg_span_equal(kg_buf_span(&der), kg_buf_span(&fixture->binding.leaf.der)));
  assert_int_equal(server.seen.chain_length, 1);
  support_tls_server_clear(&server);
  kg_buf_clear(&der);
}

/* tls-max 1.2 against a server that speaks 1.3 alone. */
static void version_bound_is_kept(void **state) {
  struct support_tls_server server;
  start(&server, TLS1_3_VERSION, NULL);
  struct kg_error error = {0};
  struct kg_http_response response = {0};
  struct kg_tls_client client;
  assert_int_equal(get(*state, &server, 12, &client, &response, &error), KG_E_TLS);
  support_tls_server_stop(&server);
  support_tls_server_clear(&server);
  kg_http_response_clear(&response);
}

static void certificate_of_another_key_is_refused_before_the_handshake(void **state) {
  struct fixture *fixture = *state, other = *fixture;
  struct kg_buf public_key = {0};
  EVP_PKEY *key = EVP_RSA_gen(2048);
  support_ca_public_key(key, &public_key);
  X509 *leaf = support_ca_issue(kg_buf_span(&public_key), "other", &(struct support_ca_leaf){0});
  other.binding = (struct kg_binding){0};
  support_ca_der(leaf, &other.binding.leaf.der);
  struct support_tls_server server;
  start(&server, TLS1_2_VERSION, NULL);
  struct kg_http_response response = {0};
  struct kg_tls_client client;
  struct kg_error error = {0};
  assert_int_equal(get(&other, &server, 12, &client, &response, &error), KG_E_TLS);
  assert_int_equal(client.error.status, KG_E_TLS);
  support_tls_server_stop(&server);
  support_tls_server_clear(&server);
  kg_http_response_clear(&response);
  kg_buf_clear(&other.binding.leaf.der);
  kg_buf_clear(&public_key);
  X509_free(leaf);
  EVP_PKEY_free(key);
}

/* Only the private half is the provider's: a signature verifies in the default provider, and other RSA work stays
 * there. */
static void other_keys_stay_in_the_default_provider(void **state) {
  struct fixture *fixture = *state;
  struct kg_tls_signer signer = {.key = fixture->key};
  struct kg_error error = {0};
  EVP_PKEY *ours = kg_tls_provider_key(&signer, &error), *theirs = EVP_RSA_gen(2048);
  assert_non_null(ours);
  assert_non_null(theirs);
  EVP_KEYMGMT *fetched = EVP_KEYMGMT_fetch(NULL, "RSA", NULL);
  assert_string_equal(OSSL_PROVIDER_get0_name(EVP_KEYMGMT_get0_provider(fetched)), "default");
  EVP_KEYMGMT_free(fetched);
  assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(theirs)), "default");
  assert_string_equal(OSSL_PROVIDER_get0_name(EVP_PKEY_get0_provider(ours)), "keyguard");
  assert_int_equal(EVP_PKEY_get_bits(ours), 2048);
  assert_int_equal(EVP_PKEY_eq(ours, theirs), 0);
  EVP_PKEY_free(theirs);
  EVP_PKEY_free(ours);
}

/* The private half does not leave by any of OpenSSL's doors. */
static void private_half_cannot_be_exported(void **state) {
  struct fixture *fixture = *state;
  struct kg_tls_signer signer = {.key = fixture->key};
  struct kg_error error = {0};
  EVP_PKEY *key = kg_tls_provider_key(&signer, &error);
  assert_non_null(key);
  unsigned char *der = NULL;
  assert_true(i2d_PrivateKey(key, &der) <= 0);
  BIGNUM *d = NULL;
  assert_int_equal(EVP_PKEY_get_bn_param(key, "d", &d), 0);
  assert_null(d);
  ERR_clear_error();
  EVP_PKEY_free(key);
}

static void unsupported_parameters_are_refused(void **state) {
  struct fixture *fixture = *state;
  struct kg_tls_signer signer = {.key = fixture->key};
  struct kg_error error = {0};
  EVP_PKEY *key = kg_tls_provider_key(&signer, &error);
  EVP_MD_CTX *context = EVP_MD_CTX_new();
  assert_non_null(key);
  assert_int_equal(EVP_DigestSignInit(context, NULL, EVP_sha1(), NULL, key), 0);
  EVP_MD_CTX_reset(context);
  EVP_PKEY_CTX *pkey = NULL;
  assert_int_equal(EVP_DigestSignInit(context, &pkey, EVP_sha256(), NULL, key), 1);
  assert_true(EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_NO_PADDING) <= 0);
  assert_true(EVP_PKEY_CTX_set_rsa_padding(pkey, RSA_PKCS1_PSS_PADDING) > 0);
  assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, 20) <= 0);
  assert_true(EVP_PKEY_CTX_set_rsa_pss_saltlen(pkey, RSA_PSS_SALTLEN_DIGEST) > 0);
  assert_true(EVP_PKEY_CTX_set_rsa_mgf1_md(pkey, EVP_sha512()) <= 0);
  ERR_clear_error();
  EVP_MD_CTX_free(context);
  EVP_PKEY_free(key);
}

/* After SoftHSM's object is gone: the handshake fails, and it is known that the key was the reason. */
static void dead_key_is_told_from_a_refused_certificate(void **state) {
  struct fixture *fixture = *state, other = *fixture;
  struct kg_error error = {0};
  char *uri = kg_softhsm_uri(fixture->softhsm, NULL, "backing", "dying");
  assert_int_equal(open_key_of(uri, KG_KEY_CREATE, &other.key, &error), KG_OK);
  struct kg_buf public_key = {0};
  assert_int_equal(kg_public_key_info(kg_key_info(other.key), &public_key, &error), KG_OK);
  X509 *leaf = support_ca_issue(kg_buf_span(&public_key), "dying", &(struct support_ca_leaf){0});
  other.binding = (struct kg_binding){0};
  support_ca_der(leaf, &other.binding.leaf.der);
  struct kg_key *second = NULL;
  assert_int_equal(open_key_of(uri, 0, &second, &error), KG_OK);
  assert_int_equal(kg_key_delete(&second, &error), KG_OK);
  struct support_tls_server server;
  start(&server, TLS1_2_VERSION, NULL);
  struct kg_http_response response = {0};
  struct kg_tls_client client;
  assert_int_not_equal(get(&other, &server, 12, &client, &response, &error), KG_OK);
  assert_int_not_equal(client.signer.error.status, KG_OK);
  support_tls_server_stop(&server);
  support_tls_server_clear(&server);
  kg_http_response_clear(&response);
  kg_key_close(&other.key);
  kg_buf_clear(&other.binding.leaf.der);
  kg_buf_clear(&public_key);
  X509_free(leaf);
  free(uri);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/tls_provider/tls12_signs_pss", tls12_signs_pss),
      CASE("/tls_provider/tls12_signs_pkcs1_where_the_server_knows_nothing_else",
           tls12_signs_pkcs1_where_the_server_knows_nothing_else),
      CASE("/tls_provider/tls12_signs_pkcs1_sha384", tls12_signs_pkcs1_sha384),
      CASE("/tls_provider/tls12_signs_pss_sha512", tls12_signs_pss_sha512),
      CASE("/tls_provider/tls13_signs_pss", tls13_signs_pss),
      CASE("/tls_provider/tls13_signs_pss_sha384", tls13_signs_pss_sha384),
      CASE("/tls_provider/leaf_is_sent_alone", leaf_is_sent_alone),
      CASE("/tls_provider/version_bound_is_kept", version_bound_is_kept),
      CASE("/tls_provider/certificate_of_another_key_is_refused_before_the_handshake",
           certificate_of_another_key_is_refused_before_the_handshake),
      CASE("/tls_provider/other_keys_stay_in_the_default_provider", other_keys_stay_in_the_default_provider),
      CASE("/tls_provider/private_half_cannot_be_exported", private_half_cannot_be_exported),
      CASE("/tls_provider/unsupported_parameters_are_refused", unsupported_parameters_are_refused),
      CASE("/tls_provider/dead_key_is_told_from_a_refused_certificate", dead_key_is_told_from_a_refused_certificate)};
  signal(SIGPIPE, SIG_IGN); /* the server writes to clients that have gone */
  struct kg_error error = {0};
  if (kg_crypto_isolate(&error) != KG_OK || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) return 1;
  return cmocka_run_group_tests(tests, setup, teardown);
}
