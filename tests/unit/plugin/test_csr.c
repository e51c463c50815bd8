#include "core/base/encoding.h"
#include "plugin/csr.h"
#include "support_host.h"
#include "support_pki.h"

#include <openssl/x509.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* docs/protocol.md 4.3. */
#define SUBJECT                                                                                                        \
  "306531343032060a0992268993f22c640119162461616161616161612d626262622d636363632d646464642d656565656565656565656565"   \
  "312d302b0603550403132431313131313131312d323232322d333333332d343434342d353535353535353535353535"
#define PSS                                                                                                            \
  "303d06092a864886f70d01010a3030a00d300b0609608648016503040201a11a301806092a864886f70d010108300b060960864801650304"   \
  "0201a203020120"
#define ATTRIBUTES                                                                                                     \
  "a041303f060a2b0601040182375a020a31310c2f7b22766d4964223a2239393939393939392d383838382d373737372d363636362d353535"   \
  "353535353535353535227d"

static struct support_host host;

static int set_up(void **state) {
  (void)state;
  support_host_init(&host, NULL);
  return 0;
}

static int tear_down(void **state) {
  (void)state;
  support_host_clear(&host);
  return 0;
}

static struct kg_metadata metadata_of(const char *vm, const char *vmss) {
  struct kg_metadata metadata = {.client_id = (char *)SUPPORT_CLIENT,
                                 .tenant_id = (char *)SUPPORT_TENANT,
                                 .vm_id = (char *)vm,
                                 .vmss_id = (char *)vmss};
  return metadata;
}

/* The request's DER in hex, or NULL. */
static char *make(const struct kg_metadata *metadata, size_t *base64_len) {
  struct kg_error error = {0};
  char *text = NULL;
  if (kg_csr_new(&host.key, metadata, &text, &error) != KG_OK) fail_msg("%s", error.text);
  assert_null(strpbrk(text, "\r\n -"));
  struct kg_buf der = {0};
  assert_int_equal(kg_base64_parse(text, &der), KG_OK);
  if (base64_len != NULL) *base64_len = strlen(text);
  char *hex = kg_hex_format(kg_buf_span(&der));
  kg_buf_clear(&der);
  free(text);
  return hex;
}

static void equals_the_vectors_byte_for_byte(void **state) {
  struct kg_metadata metadata = metadata_of(SUPPORT_VM, NULL);
  size_t base64_len = 0, info_len = host.key.public_key_info.len;
  char *hex = make(&metadata, &base64_len);
  char *info = kg_hex_format(kg_span_of(host.key.public_key_info.data, info_len));
  (void)state;
  assert_int_equal(info_len, 294);
  /* SEQUENCE 795 { SEQUENCE 467 { INTEGER 0, subject, key, attributes }, algorithm, BIT STRING of 256 bytes } */
  char expected[2000];
  snprintf(expected, sizeof expected,
           "3082031b308201d3020100%s%s%s%s03820101"
           "00",
           SUBJECT, info, ATTRIBUTES, PSS);
  assert_int_equal(strlen(hex), 799 * 2);
  assert_int_equal(base64_len, 1068);
  assert_memory_equal(hex, expected, strlen(expected));
  assert_int_equal(strlen(expected) + 2 * 256, strlen(hex));
  free(hex);
  free(info);
}

static void signature_verifies(void **state) {
  struct kg_metadata metadata = metadata_of(SUPPORT_VM, NULL);
  (void)state;
  char *text = NULL;
  assert_int_equal(kg_csr_new(&host.key, &metadata, &text, NULL), KG_OK);
  struct kg_buf der = {0};
  assert_int_equal(kg_base64_parse(text, &der), KG_OK);
  const unsigned char *p = der.data;
  X509_REQ *req = d2i_X509_REQ(NULL, &p, (long)der.len);
  assert_non_null(req);
  assert_int_equal(X509_REQ_verify(req, host.pair), 1);
  assert_int_equal(host.signatures, 1);
  X509_REQ_free(req);
  kg_buf_clear(&der);
  free(text);
}

static void compute_unit_members(void **state) {
  static const struct {
    const char *vm, *vmss, *json;
  } rows[] = {{"a", NULL, "{\"vmId\":\"a\"}"},
              {"a", "b", "{\"vmId\":\"a\",\"vmssId\":\"b\"}"},
              {NULL, "b", "{\"vmssId\":\"b\"}"},
              {"quote\"back\\slash/", NULL, "{\"vmId\":\"quote\\\"back\\\\slash/\"}"}};
  (void)state;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct kg_metadata metadata = metadata_of(rows[i].vm, rows[i].vmss);
    char *hex = make(&metadata, NULL), *json = kg_hex_format(kg_span_text(rows[i].json)), expected[256];
    /* SET { UTF8String } after the attribute's identifier, and nothing after it */
    snprintf(expected, sizeof expected, "060a2b0601040182375a020a31%02zx0c%02zx%s303d06092a864886f70d01010a",
             strlen(rows[i].json) + 2, strlen(rows[i].json), json);
    assert_non_null(strstr(hex, expected));
    free(hex);
    free(json);
  }
}

static void only_rsa_2048_is_taken(void **state) {
  const struct {
    EVP_PKEY *key;
    unsigned bits;
  } rows[] = {{support_key_rsa(3072), 3072},
              {support_key_rsa(1024), 1024},
              {support_key_rsa(3072), 2048},
              {support_key_ec(), 256},
              {support_key_ec(), 2048}};
  (void)state;
  assert_int_equal(kg_csr_check_key(&host.key, NULL), KG_OK);
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    struct kg_plugin_key key = host.key;
    key.public_key_info.data = support_public_key_info(rows[i].key, &key.public_key_info.len);
    key.bits = rows[i].bits;
    struct kg_error error = {0};
    assert_int_equal(kg_csr_check_key(&key, &error), KG_E_KEY_MECHANISM);
    OPENSSL_free((void *)key.public_key_info.data);
    EVP_PKEY_free(rows[i].key);
  }
}

static void damaged_public_key_is_refused(void **state) {
  struct kg_plugin_key key = host.key;
  (void)state;
  unsigned char bytes[400];
  memcpy(bytes, key.public_key_info.data, key.public_key_info.len);
  key.public_key_info.data = bytes;
  bytes[key.public_key_info.len] = 0;
  key.public_key_info.len++; /* a byte too many */
  assert_int_equal(kg_csr_check_key(&key, NULL), KG_E_KEY_MECHANISM);
  key.public_key_info.len -= 2;
  assert_int_equal(kg_csr_check_key(&key, NULL), KG_E_KEY_MECHANISM);
  key.public_key_info.len++;
  key.bits = 2047;
  assert_int_equal(kg_csr_check_key(&key, NULL), KG_E_KEY_MECHANISM);
}

static void key_that_does_not_sign_is_dead(void **state) {
  struct kg_metadata metadata = metadata_of(SUPPORT_VM, NULL);
  char *text = (char *)"unset";
  (void)state;
  host.refuse_to_sign = true;
  struct kg_error error = {0};
  assert_int_equal(kg_csr_new(&host.key, &metadata, &text, &error), KG_E_KEY_DEAD);
  assert_int_equal(error.native_code, 30);
  assert_null(text);
}

static void signature_of_another_key_is_noticed(void **state) {
  struct kg_metadata metadata = metadata_of(SUPPORT_VM, NULL);
  (void)state;
  host.sign_wrongly = true;
  struct kg_error error = {0};
  char *text = NULL;
  assert_int_equal(kg_csr_new(&host.key, &metadata, &text, &error), KG_E_KEY_DEAD);
  assert_non_null(strstr(error.text, "does not fit"));
  assert_null(text);
}

#define TEST(name)                                                                                                     \
  { "/csr/" #name, name, set_up, tear_down, NULL }

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(equals_the_vectors_byte_for_byte),
      TEST(signature_verifies),
      TEST(compute_unit_members),
      TEST(only_rsa_2048_is_taken),
      TEST(damaged_public_key_is_refused),
      TEST(key_that_does_not_sign_is_dead),
      TEST(signature_of_another_key_is_noticed),
  };
  return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
