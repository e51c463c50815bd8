#include "sample.h"

#include <stdlib.h>
#include <string.h>

int64_t sample_wall = SAMPLE_NOW, sample_elapsed_ms;

static int64_t wall(void *context) {
  (void)context;
  return sample_wall;
}

static int64_t elapsed(void *context) {
  (void)context;
  return sample_elapsed_ms;
}

const struct kg_clock sample_clock = {NULL, wall, elapsed, NULL};

static void set(struct kg_buf *buf, const void *data, size_t len) {
  if (kg_buf_set(buf, kg_span_of(data, len)) != KG_OK) abort();
}

static void fill_modulus(unsigned char out[256], unsigned char key) {
  memset(out, key, 256);
  out[0] = 0x80;
}

static void fill_leaf(struct kg_binding *binding, unsigned char key, unsigned char serial) {
  unsigned char id[KG_KEY_ID_SIZE];
  memset(id, key, sizeof id);
  unsigned char der[] = {0x30, 0x03, 'd', key, serial};
  set(&binding->leaf.der, der, sizeof der);
  set(&binding->leaf.subject, "\x30\x01s", 3);
  set(&binding->leaf.issuer, "\x30\x01i", 3);
  unsigned char number[] = {0x02, 0x01, serial};
  set(&binding->leaf.serial, number, sizeof number);
  set(&binding->leaf.id, id, sizeof id);
  binding->leaf.not_before = SAMPLE_NOW;
  binding->leaf.not_after = SAMPLE_NOW + 7 * 86400;
  kg_hash_once(KG_HASH_SHA256, kg_buf_span(&binding->leaf.der), binding->sha256);
  kg_hash_once(KG_HASH_SHA1, kg_buf_span(&binding->leaf.der), binding->sha1);
}

struct kg_binding *sample_binding(const char *identity, unsigned char key, unsigned char serial) {
  struct kg_binding *binding = calloc(1, sizeof *binding);
  if (binding == NULL) abort();
  binding->identity = kg_strdup(identity);
  binding->client_id = kg_strdup("client");
  binding->tenant_id = kg_strdup("tenant");
  binding->identity_type = kg_strdup("SystemAssigned");
  binding->mtls_authentication_endpoint = kg_strdup("https://mtls.example.test");
  binding->token_endpoint = kg_strdup("https://mtls.example.test/token");
  binding->key_store = kg_strdup("pkcs11:token=t");
  binding->strength = KG_STRENGTH_SOFTWARE;
  binding->key_bits = 2048;
  binding->capabilities = SAMPLE_ALL;
  unsigned char modulus[256];
  fill_modulus(modulus, key);
  set(&binding->modulus, modulus, sizeof modulus);
  set(&binding->exponent, "\x01\x00\x01", 3);
  set(&binding->public_key_info, modulus, sizeof modulus);
  fill_leaf(binding, key, serial);
  binding->issued_at = SAMPLE_NOW;
  return binding;
}

struct kg_identity sample_identity(const char *name) {
  struct kg_identity identity = {0};
  identity.name = (char *)(uintptr_t)name; /* never freed: the tests do not clear it */
  identity.proof_of_possession = true;
  identity.floor = KG_STRENGTH_SOFTWARE;
  return identity;
}

/* --- the key store --- */

struct kg_key {
  struct kg_key_info info;
};

struct fake_key_store fake_key_store = {1, KG_OK, 0, 0, 0};

enum kg_status kg_key_open(struct kg_key_uri *store, unsigned flags, struct kg_key **out, struct kg_error *error) {
  (void)store;
  (void)flags;
  *out = NULL;
  if (fake_key_store.on_open != KG_OK) return kg_error_set(error, fake_key_store.on_open, "as the test wants it");
  *out = calloc(1, sizeof **out);
  if (*out == NULL) return kg_error_set(error, KG_E_NO_MEMORY, "no memory for a key");
  fake_key_store.opened++;
  unsigned char modulus[256];
  fill_modulus(modulus, fake_key_store.key);
  if (kg_buf_set(&(*out)->info.modulus, kg_span_of(modulus, sizeof modulus)) == KG_OK &&
      kg_buf_set(&(*out)->info.exponent, kg_span_of("\x01\x00\x01", 3)) == KG_OK)
    return KG_OK;
  kg_key_close(out);
  return kg_error_set(error, KG_E_NO_MEMORY, "no memory for a key");
}

void kg_key_close(struct kg_key **key) {
  if (*key == NULL) return;
  kg_buf_clear(&(*key)->info.modulus);
  kg_buf_clear(&(*key)->info.exponent);
  free(*key);
  *key = NULL;
  fake_key_store.closed++;
}

const struct kg_key_info *kg_key_info(const struct kg_key *key) {
  return &key->info;
}

enum kg_status kg_key_sign(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                           unsigned char *signature, struct kg_error *error) {
  (void)key;
  (void)params;
  (void)input;
  (void)error;
  memset(signature, 0x5a, 256);
  fake_key_store.signatures++;
  return KG_OK;
}

enum kg_status kg_key_verify(struct kg_key *key, const struct kg_sign_params *params, struct kg_span input,
                             struct kg_span signature, struct kg_error *error) {
  (void)key;
  (void)params;
  (void)input;
  return signature.data[0] == 0x5a ? KG_OK : kg_error_set(error, KG_E_SIGNATURE, "not ours");
}

bool kg_key_is_inside_store(void) {
  return false;
}

const char *kg_strength_name(enum kg_strength strength) {
  static const char *const names[] = {"none", "software", "hardware", "keyguard"};
  return names[strength];
}

enum kg_status kg_strength_parse(const char *text, enum kg_strength *out) {
  *out = KG_STRENGTH_SOFTWARE;
  return text != NULL ? KG_OK : KG_E_USAGE;
}
