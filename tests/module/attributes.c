/* Every attribute of the standard on every object, and what clients look for. */
#include "host.h"

#include <openssl/x509.h>
#include <string.h>

static struct host *host;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE objects[32];
static CK_ULONG objects_count;

/* PKCS#11 3.0 sections 4.2 to 4.14 and 6.1, and neighbours that no object of ours has. */
static const CK_ATTRIBUTE_TYPE types[] = {CKA_CLASS,
                                          CKA_TOKEN,
                                          CKA_PRIVATE,
                                          CKA_LABEL,
                                          CKA_UNIQUE_ID,
                                          CKA_APPLICATION,
                                          CKA_VALUE,
                                          CKA_OBJECT_ID,
                                          CKA_CERTIFICATE_TYPE,
                                          CKA_ISSUER,
                                          CKA_SERIAL_NUMBER,
                                          CKA_AC_ISSUER,
                                          CKA_OWNER,
                                          CKA_ATTR_TYPES,
                                          CKA_TRUSTED,
                                          CKA_CERTIFICATE_CATEGORY,
                                          CKA_JAVA_MIDP_SECURITY_DOMAIN,
                                          CKA_URL,
                                          CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
                                          CKA_HASH_OF_ISSUER_PUBLIC_KEY,
                                          CKA_NAME_HASH_ALGORITHM,
                                          CKA_CHECK_VALUE,
                                          CKA_KEY_TYPE,
                                          CKA_SUBJECT,
                                          CKA_ID,
                                          CKA_SENSITIVE,
                                          CKA_ENCRYPT,
                                          CKA_DECRYPT,
                                          CKA_WRAP,
                                          CKA_UNWRAP,
                                          CKA_SIGN,
                                          CKA_SIGN_RECOVER,
                                          CKA_VERIFY,
                                          CKA_VERIFY_RECOVER,
                                          CKA_DERIVE,
                                          CKA_START_DATE,
                                          CKA_END_DATE,
                                          CKA_MODULUS,
                                          CKA_MODULUS_BITS,
                                          CKA_PUBLIC_EXPONENT,
                                          CKA_PRIVATE_EXPONENT,
                                          CKA_PRIME_1,
                                          CKA_PRIME_2,
                                          CKA_EXPONENT_1,
                                          CKA_EXPONENT_2,
                                          CKA_COEFFICIENT,
                                          CKA_PUBLIC_KEY_INFO,
                                          CKA_PRIME,
                                          CKA_SUBPRIME,
                                          CKA_BASE,
                                          CKA_PRIME_BITS,
                                          CKA_SUB_PRIME_BITS,
                                          CKA_VALUE_BITS,
                                          CKA_VALUE_LEN,
                                          CKA_EXTRACTABLE,
                                          CKA_LOCAL,
                                          CKA_NEVER_EXTRACTABLE,
                                          CKA_ALWAYS_SENSITIVE,
                                          CKA_KEY_GEN_MECHANISM,
                                          CKA_MODIFIABLE,
                                          CKA_COPYABLE,
                                          CKA_DESTROYABLE,
                                          CKA_EC_PARAMS,
                                          CKA_EC_POINT,
                                          CKA_SECONDARY_AUTH,
                                          CKA_AUTH_PIN_FLAGS,
                                          CKA_ALWAYS_AUTHENTICATE,
                                          CKA_WRAP_WITH_TRUSTED,
                                          CKA_WRAP_TEMPLATE,
                                          CKA_UNWRAP_TEMPLATE,
                                          CKA_DERIVE_TEMPLATE,
                                          CKA_OTP_FORMAT,
                                          CKA_OTP_COUNTER,
                                          CKA_GOSTR3410_PARAMS,
                                          CKA_HW_FEATURE_TYPE,
                                          CKA_RESET_ON_INIT,
                                          CKA_PIXEL_X,
                                          CKA_MECHANISM_TYPE,
                                          CKA_REQUIRED_CMS_ATTRIBUTES,
                                          CKA_ALLOWED_MECHANISMS,
                                          CKA_PROFILE_ID,
                                          CKA_VENDOR_DEFINED,
                                          0xce534351UL,
                                          (CK_ULONG)-1};
#define TYPES (sizeof types / sizeof types[0])

static CK_RV get(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, void *value, CK_ULONG *len) {
  CK_ATTRIBUTE wanted = {type, value, *len};
  CK_RV rv = host->p11->C_GetAttributeValue(session, object, &wanted, 1);
  *len = wanted.ulValueLen;
  return rv;
}

static void find_all(void) {
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, NULL, 0));
  must_be(CKR_OK, host->p11->C_FindObjects(session, objects, 32, &objects_count));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
}

/* A present one: with exactly enough room, one byte less, one more; memory behind it has no access. */
static void probe_present(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG needed) {
  for (CK_ULONG room = needed ? needed - 1 : 0; room <= needed + 1; room++) {
    CK_ULONG len = room;
    CK_BYTE *buffer = host_guarded(room ? room : 1);
    CK_RV rv = get(object, type, buffer, &len);
    must_be(room < needed ? CKR_BUFFER_TOO_SMALL : CKR_OK, rv);
    must(len == (room < needed ? CK_UNAVAILABLE_INFORMATION : needed));
  }
}

static void alone_each_answers_in_three_ways(void) {
  for (CK_ULONG o = 0; o < objects_count; o++)
    for (size_t t = 0; t < TYPES; t++) {
      CK_ULONG len = 4711;
      CK_RV rv = get(objects[o], types[t], NULL, &len);
      if (rv == CKR_OK) {
        must(len < 1 << 20);
        probe_present(objects[o], types[t], len);
        continue;
      }
      must(rv == CKR_ATTRIBUTE_TYPE_INVALID || rv == CKR_ATTRIBUTE_SENSITIVE);
      must(len == CK_UNAVAILABLE_INFORMATION);
      CK_BYTE untouched[4] = {0xee, 0xee, 0xee, 0xee};
      len = sizeof untouched;
      must_be(rv, get(objects[o], types[t], untouched, &len));
      must(len == CK_UNAVAILABLE_INFORMATION && untouched[0] == 0xee);
    }
}

static int weight(CK_RV rv) {
  return rv == CKR_ATTRIBUTE_SENSITIVE ? 3 : rv == CKR_ATTRIBUTE_TYPE_INVALID ? 2 : rv == CKR_BUFFER_TOO_SMALL ? 1 : 0;
}

static unsigned seed = 7;
static unsigned roll(unsigned sides) {
  seed = seed * 1103515245 + 12345;
  return (seed >> 16) % sides;
}

/* In company each answers as it does alone, and the worst of the answers is the call's. */
static void mixed_templates_process_every_entry(void) {
  enum { ROUNDS = 3000, MOST = 12, ROOM = 2048 };
  static CK_BYTE buffers[MOST][ROOM];
  for (int round = 0; round < ROUNDS; round++) {
    CK_OBJECT_HANDLE object = objects[roll((unsigned)objects_count)];
    CK_ULONG count = 1 + roll(MOST);
    CK_ATTRIBUTE together[MOST], alone[MOST];
    CK_RV worst = CKR_OK;
    for (CK_ULONG i = 0; i < count; i++) {
      CK_ULONG room = (unsigned[]){0, 1, 8, ROOM}[roll(4)];
      together[i].type = types[roll(TYPES)];
      together[i].pValue = roll(3) ? buffers[i] : NULL;
      together[i].ulValueLen = room;
      alone[i] = together[i];
      CK_RV rv = host->p11->C_GetAttributeValue(session, object, &alone[i], 1);
      if (weight(rv) > weight(worst)) worst = rv;
    }
    must_be(worst, host->p11->C_GetAttributeValue(session, object, together, count));
    for (CK_ULONG i = 0; i < count; i++)
      must(together[i].ulValueLen == alone[i].ulValueLen);
  }
}

static void must_hold(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const void *value, size_t size) {
  CK_BYTE buffer[4096];
  CK_ULONG len = sizeof buffer;
  CK_RV rv = get(object, type, buffer, &len);
  if (rv != CKR_OK || len != size || memcmp(buffer, value, size) != 0)
    host_fail("attribute", (int)type, "has another value", (unsigned long)rv);
}

static void must_flag(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, bool value) {
  CK_BBOOL flag = value ? CK_TRUE : CK_FALSE;
  must_hold(object, type, &flag, sizeof flag);
}

static void must_number(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  must_hold(object, type, &value, sizeof value);
}

static void certificate_is_what_was_issued(void) {
  CK_OBJECT_HANDLE object = host_find(host, session, CKO_CERTIFICATE);
  struct host_identity *identity = &host->identities[0];
  const unsigned char *der = identity->der;
  X509 *certificate = d2i_X509(NULL, &der, (long)identity->der_len);
  unsigned char *subject = NULL, *serial = NULL, sha1[20], id[20];
  int subject_len = i2d_X509_NAME(X509_get_subject_name(certificate), &subject);
  int serial_len = i2d_ASN1_INTEGER(X509_get_serialNumber(certificate), &serial);
  must(X509_digest(certificate, EVP_sha1(), sha1, NULL) && X509_pubkey_digest(certificate, EVP_sha1(), id, NULL));
  must_hold(object, CKA_VALUE, identity->der, identity->der_len);
  must_hold(object, CKA_SUBJECT, subject, (size_t)subject_len);
  must_hold(object, CKA_ISSUER, subject, (size_t)subject_len);
  must_hold(object, CKA_SERIAL_NUMBER, serial, (size_t)serial_len);
  must_hold(object, CKA_ID, id, sizeof id);
  must_hold(object, CKA_CHECK_VALUE, sha1, 3);
  must_hold(object, CKA_LABEL, "web", 3);
  must_number(object, CKA_CERTIFICATE_TYPE, CKC_X_509);
  must_number(object, CKA_CERTIFICATE_CATEGORY, 1);
  struct tm when;
  must(ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &when));
  char date[40];
  snprintf(date, sizeof date, "%04d%02d%02d", when.tm_year + 1900, when.tm_mon + 1, when.tm_mday);
  must_hold(object, CKA_END_DATE, date, 8);
  X509_free(certificate);
  OPENSSL_free(subject);
  OPENSSL_free(serial);
}

static void must_be_rsa(CK_OBJECT_HANDLE object) {
  BIGNUM *modulus = NULL;
  unsigned char bytes[256], *info = NULL;
  int info_len = i2d_PUBKEY(host->identities[0].key, &info);
  must(EVP_PKEY_get_bn_param(host->identities[0].key, "n", &modulus) && BN_bn2bin(modulus, bytes) == 256);
  must_number(object, CKA_KEY_TYPE, CKK_RSA);
  must_hold(object, CKA_MODULUS, bytes, 256);
  unsigned char exponent[3] = {1, 0, 1};
  must_hold(object, CKA_PUBLIC_EXPONENT, exponent, 3);
  must_hold(object, CKA_PUBLIC_KEY_INFO, info, (size_t)info_len);
  must_hold(object, CKA_LABEL, "web", 3);
  BN_free(modulus);
  OPENSSL_free(info);
}

static void keys_say_what_clients_ask(void) {
  CK_OBJECT_HANDLE private_key = host_find(host, session, CKO_PRIVATE_KEY);
  CK_OBJECT_HANDLE public_key = host_find(host, session, CKO_PUBLIC_KEY);
  CK_MECHANISM_TYPE mechanisms[16];
  CK_ULONG len = sizeof mechanisms;
  must_be_rsa(private_key);
  must_be_rsa(public_key);
  must_flag(private_key, CKA_SIGN, true);
  must_flag(private_key, CKA_PRIVATE, false);
  must_flag(private_key, CKA_SENSITIVE, true);
  must_flag(private_key, CKA_EXTRACTABLE, false);
  must_flag(private_key, CKA_ALWAYS_AUTHENTICATE, false);
  must_flag(private_key, CKA_DECRYPT, false);
  must_flag(public_key, CKA_VERIFY, true);
  must_number(public_key, CKA_MODULUS_BITS, 2048);
  must_be(CKR_OK, get(private_key, CKA_ALLOWED_MECHANISMS, mechanisms, &len));
  must(len == 8 * sizeof mechanisms[0]);
  len = 0;
  must_be(CKR_ATTRIBUTE_SENSITIVE, get(private_key, CKA_PRIVATE_EXPONENT, NULL, &len));
  must_be(CKR_ATTRIBUTE_SENSITIVE, get(private_key, CKA_COEFFICIENT, NULL, &len));
  must_be(CKR_ATTRIBUTE_TYPE_INVALID, get(public_key, CKA_PRIVATE_EXPONENT, NULL, &len));
}

static void every_object_is_fixed_and_public(void) {
  for (CK_ULONG o = 0; o < objects_count; o++) {
    must_flag(objects[o], CKA_TOKEN, true);
    must_flag(objects[o], CKA_PRIVATE, false);
    must_flag(objects[o], CKA_MODIFIABLE, false);
    must_flag(objects[o], CKA_COPYABLE, false);
    must_flag(objects[o], CKA_DESTROYABLE, false);
    CK_ULONG size = 0;
    must_be(CKR_OK, host->p11->C_GetObjectSize(session, objects[o], &size));
    must(size > 0 && size < 1 << 20);
  }
}

static void issuers_and_facts_are_there(void) {
  char label[] = "web issuer 2";
  CK_OBJECT_CLASS class = CKO_CERTIFICATE;
  CK_ATTRIBUTE template[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, label, 12}};
  CK_BYTE facts[2048];
  CK_ULONG len = sizeof facts - 1;
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, template, 2));
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE found[4];
  must_be(CKR_OK, host->p11->C_FindObjects(session, found, 4, &count));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  must(count == 1);
  must_number(found[0], CKA_CERTIFICATE_CATEGORY, 2);
  found[0] = host_find(host, session, CKO_DATA);
  must_hold(found[0], CKA_APPLICATION, "keyguard", 8);
  must_be(CKR_OK, get(found[0], CKA_VALUE, facts, &len));
  facts[len] = 0;
  must(strstr((char *)facts, "\"token_endpoint\"") != NULL &&
       strstr((char *)facts, "11111111-2222-3333-4444-555555555555") != NULL);
}

static void wrong_arguments_are_told(void) {
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_GetAttributeValue(session, objects[0], NULL, 1));
  must_be(CKR_OK, host->p11->C_GetAttributeValue(session, objects[0], NULL, 0));
  CK_ATTRIBUTE empty = {CKA_CLASS, NULL, 0};
  must_be(CKR_OBJECT_HANDLE_INVALID, host->p11->C_GetAttributeValue(session, 0, &empty, 1));
  must_be(CKR_OBJECT_HANDLE_INVALID, host->p11->C_GetAttributeValue(session, 999999, &empty, 1));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_GetObjectSize(session, objects[0], NULL));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_FindObjectsInit(session, NULL, 1));
  empty.ulValueLen = 5;
  must_be(CKR_ATTRIBUTE_VALUE_INVALID, host->p11->C_FindObjectsInit(session, &empty, 1));
  find_all(); /* and no search is left behind */
}

static const struct host_case cases[] = {
    {"/attributes/alone_each_answers_in_three_ways", alone_each_answers_in_three_ways},
    {"/attributes/mixed_templates_process_every_entry", mixed_templates_process_every_entry},
    {"/attributes/certificate_is_what_was_issued", certificate_is_what_was_issued},
    {"/attributes/keys_say_what_clients_ask", keys_say_what_clients_ask},
    {"/attributes/every_object_is_fixed_and_public", every_object_is_fixed_and_public},
    {"/attributes/issuers_and_facts_are_there", issuers_and_facts_are_there},
    {"/attributes/wrong_arguments_are_told", wrong_arguments_are_told},
};

int main(int argc, char **argv) {
  host = host_new();
  host->identities[0].issuers = 2;
  host_bind(&host->identities[0]);
  host_start(host);
  session = host_open(host, 0);
  find_all();
  must(objects_count == 8 + 2);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
