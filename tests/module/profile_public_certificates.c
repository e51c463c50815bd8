/* The Public Certificates Token profile: all certificates are read without a login, and tell which keys are theirs. */
#include "profile.h"

#include <string.h>

static struct host *host;

static CK_OBJECT_HANDLE of_class(CK_SESSION_HANDLE session, const CK_OBJECT_HANDLE *objects, CK_ULONG count,
                                 CK_OBJECT_CLASS class) {
  for (CK_ULONG i = 0; i < count; i++)
    if (profile_number(host, session, objects[i], CKA_CLASS) == class) return objects[i];
  host_fail(__FILE__, __LINE__, "no object of class", class);
}

static void is_value(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, const void *expected,
                     size_t size) {
  CK_ULONG len = 0;
  CK_BYTE *value = profile_read(host, session, object, type, &len);
  must(len == size && memcmp(value, expected, size) == 0);
  free(value);
}

/* CERT-M-1-31: the attributes are read while the search is still going on. Theirs finds exactly five objects, of which
 * the second is a certificate; the order of objects is a token's own. */
static void mandatory_test_case(void) {
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE token_objects = {CKA_TOKEN, &yes, sizeof yes};
  profile_initialize(host);
  CK_SLOT_ID slot = profile_first_slot(host);
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &session));
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, &token_objects, 1));
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE objects[5];
  must_be(CKR_OK, host->p11->C_FindObjects(session, objects, 5, &count));
  must(count == 5);
  is_value(session, objects[0], CKA_LABEL, "web", 3);
  CK_OBJECT_HANDLE certificate = of_class(session, objects, count, CKO_CERTIFICATE);
  is_value(session, certificate, CKA_VALUE, host->identities[0].der, host->identities[0].der_len);
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  profile_finish(host, slot, session);
}

static void is_readable(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE certificate) {
  static const CK_ATTRIBUTE_TYPE with_value[] = {CKA_VALUE, CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_ID};
  must(profile_flag(host, session, certificate, CKA_TOKEN));
  must(!profile_flag(host, session, certificate, CKA_PRIVATE));
  must(profile_number(host, session, certificate, CKA_CERTIFICATE_TYPE) == CKC_X_509);
  for (size_t i = 0; i < sizeof with_value / sizeof with_value[0]; i++) {
    CK_ULONG len = 0;
    free(profile_read(host, session, certificate, with_value[i], &len));
    must(len > 0);
  }
}

static void all_certificates_are_read_without_login(void) {
  CK_OBJECT_CLASS class = CKO_CERTIFICATE;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_SESSION_INFO info;
  must_be(CKR_OK, host->p11->C_GetSessionInfo(session, &info));
  must(info.state == CKS_RO_PUBLIC_SESSION);
  CK_OBJECT_HANDLE certificates[8];
  must(profile_find(host, session, &wanted, 1, certificates, 8) == 1 + PROFILE_ISSUERS);
  for (size_t i = 0; i < 1 + PROFILE_ISSUERS; i++)
    is_readable(session, certificates[i]);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

/* Without a login it can be told that the token has the key of its own certificate; issuers are told by their category.
 */
static void keys_of_certificates_are_seen_without_login(void) {
  static CK_OBJECT_CLASS private_key = CKO_PRIVATE_KEY, class = CKO_CERTIFICATE;
  CK_ULONG user = 1, authority = 2; /* CK_CERTIFICATE_CATEGORY_* */
  CK_ATTRIBUTE own[] = {{CKA_CLASS, &class, sizeof class}, {CKA_CERTIFICATE_CATEGORY, &user, sizeof user}};
  CK_ATTRIBUTE issuers[] = {{CKA_CLASS, &class, sizeof class}, {CKA_CERTIFICATE_CATEGORY, &authority, sizeof user}};
  CK_ATTRIBUTE its_key[] = {{CKA_CLASS, &private_key, sizeof private_key}, {CKA_ID, NULL, 0}};
  must_be(CKR_OK, host->p11->C_Initialize(NULL));
  CK_SESSION_HANDLE session = host_open(host, 0);
  CK_OBJECT_HANDLE objects[8];
  must(profile_find(host, session, issuers, 2, objects, 8) == PROFILE_ISSUERS);
  must(profile_find(host, session, own, 2, objects, 8) == 1);
  CK_ULONG id_len = 0;
  CK_BYTE *id = profile_read(host, session, objects[0], CKA_ID, &id_len);
  its_key[1].pValue = id;
  its_key[1].ulValueLen = id_len;
  must(profile_find(host, session, its_key, 2, objects, 8) == 1);
  must(profile_flag(host, session, objects[0], CKA_SENSITIVE));
  free(id);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
}

static void is_claimed(void) {
  profile_is_claimed(host, CKP_PUBLIC_CERTIFICATES_TOKEN);
}

static const struct host_case cases[] = {
    {"/public_certificates/mandatory_test_case", mandatory_test_case},
    {"/public_certificates/all_certificates_are_read_without_login", all_certificates_are_read_without_login},
    {"/public_certificates/keys_of_certificates_are_seen_without_login", keys_of_certificates_are_seen_without_login},
    {"/public_certificates/is_claimed", is_claimed},
};

PROFILE_MAIN(cases)
