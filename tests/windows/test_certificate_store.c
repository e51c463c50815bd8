/* What keyguardctl install-certificate leaves in Windows's certificate store, and what it leaves alone there.
 * Certificates are made here, by OpenSSL; no key of theirs is kept. */
#include "ctl/certificate_store_win.h"
#include "tests/windows/check.h"

#include <stdlib.h>
#include <windows.h>

#include <wincrypt.h>
/* after wincrypt.h, whose names it takes back */
#include <openssl/evp.h>
#include <openssl/x509.h>

#define KSP L"Microsoft Software Key Storage Provider"
/* Issuer of Microsoft's certificates (docs/protocol.md 3.5): ours have it, too, and so have other programs' */
#define ISSUER "CN=managedidentitysnissuer.login.microsoft.com"

static struct kg_error error;
static struct kg_cng_name ours, other;
static struct kg_binding one, two;

static void make_der(struct kg_buf *out, int serial) {
  static EVP_PKEY *key;
  X509 *certificate = X509_new();
  X509_NAME *name = X509_NAME_new();
  if (key == NULL) key = EVP_RSA_gen(2048);
  CHECK(key != NULL && certificate != NULL && name != NULL);
  CHECK(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)ISSUER + 3, -1, -1, 0));
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_set_issuer_name(certificate, name);
  X509_set_subject_name(certificate, name);
  X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  CHECK(X509_set_pubkey(certificate, key) && X509_sign(certificate, key, EVP_sha256()) > 0);
  unsigned char *der = NULL;
  int length = i2d_X509(certificate, &der);
  CHECK(length > 0 && kg_buf_set(out, kg_span_of(der, (size_t)length)) == KG_OK);
  OPENSSL_free(der);
  X509_NAME_free(name);
  X509_free(certificate);
}

static HCERTSTORE open_store(void) {
  HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"MY");
  CHECK(store != NULL);
  return store;
}

static unsigned count(void) {
  HCERTSTORE store = open_store();
  PCCERT_CONTEXT entry = NULL;
  unsigned found = 0;
  while ((entry = CertEnumCertificatesInStore(store, entry)) != NULL)
    found++;
  CertCloseStore(store, 0);
  return found;
}

static PCCERT_CONTEXT find(HCERTSTORE store, const struct kg_buf *der) {
  PCCERT_CONTEXT entry = NULL;
  while ((entry = CertEnumCertificatesInStore(store, entry)) != NULL)
    if (entry->cbCertEncoded == der->len && memcmp(entry->pbCertEncoded, der->data, der->len) == 0) break;
  return entry;
}

static int holds(const struct kg_buf *der) {
  HCERTSTORE store = open_store();
  PCCERT_CONTEXT entry = find(store, der);
  if (entry != NULL) CertFreeCertificateContext(entry);
  CertCloseStore(store, 0);
  return entry != NULL;
}

/* An entry of another program. NULL: without that property. */
static void add_foreign(const struct kg_buf *der, const wchar_t *friendly, const wchar_t *container) {
  HCERTSTORE store = open_store();
  PCCERT_CONTEXT entry = CertCreateCertificateContext(X509_ASN_ENCODING, der->data, (DWORD)der->len);
  wchar_t provider[] = KSP;
  CRYPT_KEY_PROV_INFO key;
  memset(&key, 0, sizeof key);
  CHECK(entry != NULL);
  wchar_t text[128];
  if (friendly != NULL) {
    CRYPT_DATA_BLOB blob = {(DWORD)((wcslen(friendly) + 1) * sizeof(wchar_t)), (BYTE *)wcscpy(text, friendly)};
    CHECK(CertSetCertificateContextProperty(entry, CERT_FRIENDLY_NAME_PROP_ID, 0, &blob));
  }
  wchar_t name[128];
  if (container != NULL) {
    key.pwszContainerName = wcscpy(name, container), key.pwszProvName = provider, key.dwKeySpec = CERT_NCRYPT_KEY_SPEC;
    CHECK(CertSetCertificateContextProperty(entry, CERT_KEY_PROV_INFO_PROP_ID, 0, &key));
  }
  CHECK(CertAddCertificateContextToStore(store, entry, CERT_STORE_ADD_ALWAYS, NULL));
  CertFreeCertificateContext(entry);
  CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);
  CertCloseStore(store, 0);
}

static void start(void) {
  HCERTSTORE store = open_store();
  PCCERT_CONTEXT entry;
  while ((entry = CertEnumCertificatesInStore(store, NULL)) != NULL)
    CHECK(CertDeleteCertificateFromStore(entry));
  CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);
  CertCloseStore(store, 0);
  CHECK(kg_cng_name_parse("cng:name=web-key", &ours, &error) == KG_OK);
  CHECK(kg_cng_name_parse("cng:name=another-key", &other, &error) == KG_OK);
  free(one.identity);
  free(two.identity);
  one.identity = kg_strdup("web"), two.identity = kg_strdup("web");
  make_der(&one.leaf.der, 1);
  make_der(&two.leaf.der, 2);
}

static size_t install(const struct kg_binding *binding) {
  size_t removed = 99;
  enum kg_status status = kg_certificate_store_install(binding, &ours, &removed, &error);
  if (status != KG_OK) printf("  %s\n", error.text);
  CHECK(status == KG_OK);
  return removed;
}

static void an_entry_names_the_key_and_holds_none(void) {
  union {
    CRYPT_KEY_PROV_INFO info;
    unsigned char bytes[1024];
  } key;
  DWORD size = sizeof key;
  CHECK(install(&one) == 0 && count() == 1);
  HCERTSTORE store = open_store();
  PCCERT_CONTEXT entry = find(store, &one.leaf.der);
  CHECK(entry != NULL && CertGetCertificateContextProperty(entry, CERT_KEY_PROV_INFO_PROP_ID, &key, &size));
  CHECK(wcscmp(key.info.pwszContainerName, L"web-key") == 0 && wcscmp(key.info.pwszProvName, KSP) == 0);
  CHECK(key.info.dwKeySpec == 0xFFFFFFFF && key.info.dwProvType == 0 && key.info.dwFlags == 0);
  wchar_t friendly[128];
  size = sizeof friendly;
  CHECK(CertGetCertificateContextProperty(entry, CERT_FRIENDLY_NAME_PROP_ID, friendly, &size));
  CHECK(wcscmp(friendly, L"KeyGuard|web") == 0);
  CertFreeCertificateContext(entry);
  CertCloseStore(store, 0);
}

static void installing_again_changes_nothing(void) {
  CHECK(install(&one) == 0 && install(&one) == 0 && count() == 1);
}

/* 75 */
static void a_renewal_replaces_its_own_entry(void) {
  CHECK(install(&one) == 0 && install(&two) == 1);
  CHECK(count() == 1 && holds(&two.leaf.der) && !holds(&one.leaf.der));
}

/* 37: ours is what has our name and our container; the issuer says nothing */
static void entries_of_others_stay(void) {
  static const struct {
    const wchar_t *friendly, *container;
  } entries[] = {{NULL, NULL},
                 {L"KeyGuard|web", NULL},
                 {L"KeyGuard|web", L"KeyGuardRSAKey"},
                 {NULL, L"web-key"},
                 {L"KeyGuard|web2", L"web-key"},
                 {L"keyguard|web", L"web-key"},
                 {L"MSAL|alias=x#att=1|ep=https://x/y", L"web-key"},
                 {L"MSAL|alias=x#att=1|ep=https://x/y", L"KeyGuardRSAKey"}};
  struct kg_buf foreign[8] = {0};
  for (int i = 0; i < 8; i++) {
    make_der(&foreign[i], 100 + i);
    add_foreign(&foreign[i], entries[i].friendly, entries[i].container);
  }
  CHECK(install(&one) == 0 && install(&two) == 1);
  size_t removed = 0;
  CHECK(kg_certificate_store_remove("web", &ours, &removed, &error) == KG_OK && removed == 1);
  CHECK(count() == 8);
  for (int i = 0; i < 8; i++) {
    CHECK(holds(&foreign[i]));
    kg_buf_clear(&foreign[i]);
  }
}

static void identities_and_keys_are_told_apart(void) {
  CHECK(install(&one) == 0);
  free(two.identity);
  two.identity = kg_strdup("other");
  CHECK(install(&two) == 0 && count() == 2);
  size_t removed = 99;
  CHECK(kg_certificate_store_remove("web", &other, &removed, &error) == KG_OK && removed == 0);
  CHECK(kg_certificate_store_remove("web", &ours, &removed, &error) == KG_OK && removed == 1);
  CHECK(count() == 1 && holds(&two.leaf.der));
}

static void what_is_no_certificate_is_refused(void) {
  CHECK(install(&one) == 0);
  CHECK(kg_buf_set(&two.leaf.der, kg_span_text("no DER")) == KG_OK);
  size_t removed = 0;
  CHECK(kg_certificate_store_install(&two, &ours, &removed, &error) == KG_E_IO &&
        strstr(error.text, "cannot be read") != NULL);
  CHECK(count() == 1 && holds(&one.leaf.der)); /* the good one stays */
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/store/an_entry_names_the_key_and_holds_none", an_entry_names_the_key_and_holds_none},
      {"/store/installing_again_changes_nothing", installing_again_changes_nothing},
      {"/store/a_renewal_replaces_its_own_entry", a_renewal_replaces_its_own_entry},
      {"/store/entries_of_others_stay", entries_of_others_stay},
      {"/store/identities_and_keys_are_told_apart", identities_and_keys_are_told_apart},
      {"/store/what_is_no_certificate_is_refused", what_is_no_certificate_is_refused},
  };
  return check_main(cases, sizeof cases / sizeof cases[0], start, argc > 1 ? argv[1] : NULL);
}
