#include "tests/unit/core/state/binding_fixture.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/strength.h"
#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BODY_AT (strlen("{\"version\":1,\"sha256\":\"") + 64 + strlen("\",\"binding\":"))

static char *dup(const char *text) {
  char *copy = kg_strdup(text);
  assert_non_null(copy);
  return copy;
}

/* Bytes that differ from field to field; the first is never zero and has its highest bit set. */
static void fill(struct kg_buf *buf, size_t size, unsigned seed) {
  assert_int_equal(kg_buf_resize(buf, size), KG_OK);
  for (size_t i = 0; i < size; i++)
    buf->data[i] = (unsigned char)((i * 7 + seed * 31) | (i ? 0 : 0x80));
}

static void fill_certificate(struct kg_certificate *certificate, unsigned seed) {
  fill(&certificate->der, 700, seed);
  fill(&certificate->subject, 90, seed + 1);
  fill(&certificate->issuer, 60, seed + 2);
  fill(&certificate->serial, 18, seed + 3);
  fill(&certificate->id, KG_KEY_ID_SIZE, seed + 4);
  certificate->not_before = FIXTURE_NOT_BEFORE;
  certificate->not_after = FIXTURE_NOT_AFTER;
}

struct kg_binding *fixture_bare_binding(void) {
  struct kg_binding *binding = calloc(1, sizeof *binding);
  assert_non_null(binding);
  binding->identity = dup("web");
  binding->client_id = dup("11111111-2222-3333-4444-555555555555");
  binding->tenant_id = dup("aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee");
  binding->identity_type = dup("System Assigned");
  binding->mtls_authentication_endpoint = dup("https://westeurope.mtlsauth.microsoft.com");
  binding->token_endpoint = dup("https://westeurope.mtlsauth.microsoft.com/aaaaaaaa/oauth2/v2.0/token?a=\"b\"&c=\\");
  binding->strength = KG_STRENGTH_SOFTWARE;
  binding->key_store = dup("pkcs11:token=softhsm;object=web");
  binding->key_bits = 2048;
  binding->capabilities = KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS;
  fill(&binding->modulus, 256, 1);
  assert_int_equal(kg_buf_set(&binding->exponent, kg_span_of("\1\0\1", 3)), KG_OK);
  fill(&binding->public_key_info, 294, 2);
  fill_certificate(&binding->leaf, 3);
  kg_hash_once(KG_HASH_SHA256, kg_buf_span(&binding->leaf.der), binding->sha256);
  kg_hash_once(KG_HASH_SHA1, kg_buf_span(&binding->leaf.der), binding->sha1);
  binding->issued_at = FIXTURE_NOT_BEFORE + 60;
  return binding;
}

struct kg_binding *fixture_binding(void) {
  struct kg_binding *binding = fixture_bare_binding();
  binding->selector = KG_SELECT_CLIENT_ID;
  binding->selector_value = dup("11111111-2222-3333-4444-555555555555");
  binding->attested = true;
  binding->chain = calloc(1, sizeof *binding->chain);
  assert_non_null(binding->chain);
  binding->chain_count = 1;
  fill_certificate(&binding->chain[0], 20);
  binding->token_not_after = FIXTURE_TOKEN_NOT_AFTER;
  binding->machine_id = dup("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
  binding->boot_id = dup("00000000-1111-2222-3333-444444444444");
  return binding;
}

struct kg_identity fixture_identity(const struct kg_binding *binding) {
  struct kg_identity identity = {.name = binding->identity,
                                 .proof_of_possession = true,
                                 .attestation = binding->attested,
                                 .floor = binding->strength,
                                 .selector = binding->selector,
                                 .selector_value = binding->selector_value};
  return identity;
}

char *fixture_frame(const char *version, const char *body) {
  size_t size = strlen(body) + strlen(version) + 128;
  char *text = malloc(size);
  assert_non_null(text);
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_once(KG_HASH_SHA256, kg_span_text(body), digest);
  char *sum = kg_hex_format(kg_span_of(digest, 32));
  snprintf(text, size, "{\"version\":%s,\"sha256\":\"%s\",\"binding\":%s}\n", version, sum, body);
  free(sum);
  return text;
}

char *fixture_body(const char *text) {
  assert_true(strlen(text) > BODY_AT + 2);
  char *body = dup(text + BODY_AT);
  body[strlen(body) - 2] = '\0';
  return body;
}
