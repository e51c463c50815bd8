#include "ctl/certificate_store_win.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include <ncrypt.h>
#include <wincrypt.h>

#define FRIENDLY L"KeyGuard|" /* MSAL's begin with "MSAL|" (docs/protocol.md 7.4): neither takes the other's */
#define FRIENDLY_MAX (sizeof FRIENDLY / sizeof(wchar_t) + KG_IDENTITY_NAME_MAX)

struct entry_of { /* what marks an entry as ours */
  wchar_t friendly[FRIENDLY_MAX];
  wchar_t container[KG_CNG_NAME_MAX + 1];
  bool machine;
};

static void describe(const char *identity, const struct kg_cng_name *name, struct entry_of *out) {
  size_t length = wcslen(FRIENDLY);
  memset(out, 0, sizeof *out);
  wcscpy(out->friendly, FRIENDLY);
  for (size_t i = 0; identity[i] && i < KG_IDENTITY_NAME_MAX; i++)
    out->friendly[length + i] = (wchar_t)(unsigned char)identity[i]; /* ASCII: kg_identity_name_is_valid() */
  kg_cng_name_wide(name, out->container);
  out->machine = name->machine;
}

static enum kg_status report(const char *what, struct kg_error *error) {
  DWORD code = GetLastError();
  return kg_error_set_code(error, code == ERROR_ACCESS_DENIED ? KG_E_ACCESS : KG_E_IO, (long)code,
                           "certificate store: %s (0x%08lX)", what, code);
}

static enum kg_status open_store(bool machine, HCERTSTORE *out, struct kg_error *error) {
  DWORD flags = machine ? CERT_SYSTEM_STORE_LOCAL_MACHINE : CERT_SYSTEM_STORE_CURRENT_USER;
  *out = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, L"MY");
  return *out != NULL ? KG_OK : report("it cannot be opened", error);
}

/* Windows writes through, other implementations at this call. */
static void close_store(HCERTSTORE store) {
  CertControlStore(store, 0, CERT_STORE_CTRL_COMMIT, NULL);
  CertCloseStore(store, 0);
}

/* free() it; NULL: the entry has none, or no memory. */
static void *property_of(PCCERT_CONTEXT entry, DWORD id) {
  DWORD size = 0;
  if (!CertGetCertificateContextProperty(entry, id, NULL, &size) || size == 0) return NULL;
  void *value = calloc(1, size + sizeof(wchar_t));
  if (value != NULL && CertGetCertificateContextProperty(entry, id, value, &size)) return value;
  free(value);
  return NULL;
}

static bool is_ours(PCCERT_CONTEXT entry, const struct entry_of *of) {
  wchar_t *friendly = property_of(entry, CERT_FRIENDLY_NAME_PROP_ID);
  CRYPT_KEY_PROV_INFO *key = property_of(entry, CERT_KEY_PROV_INFO_PROP_ID);
  bool ours = friendly != NULL && key != NULL && key->pwszContainerName != NULL &&
              wcscmp(friendly, of->friendly) == 0 && _wcsicmp(key->pwszContainerName, of->container) == 0;
  free(friendly);
  free(key);
  return ours;
}

static bool is_certificate(PCCERT_CONTEXT entry, const struct kg_buf *der) {
  return der != NULL && kg_span_equal(kg_span_of(entry->pbCertEncoded, entry->cbCertEncoded), kg_buf_span(der));
}

/* The first that is ours, but not `keep` (NULL: none is kept). The caller frees or deletes it. */
static PCCERT_CONTEXT find_old(HCERTSTORE store, const struct entry_of *of, const struct kg_buf *keep) {
  PCCERT_CONTEXT entry = NULL;
  while ((entry = CertEnumCertificatesInStore(store, entry)) != NULL)
    if (is_ours(entry, of) && !is_certificate(entry, keep)) break;
  return entry;
}

/* From the start each time: not every implementation goes on from an entry that was deleted. */
static enum kg_status remove_entries(HCERTSTORE store, const struct entry_of *of, const struct kg_buf *keep,
                                     size_t *removed, struct kg_error *error) {
  *removed = 0;
  PCCERT_CONTEXT old;
  while ((old = find_old(store, of, keep)) != NULL) {
    if (!CertDeleteCertificateFromStore(old)) return report("an old entry cannot be removed", error); /* frees it */
    (*removed)++;
  }
  return KG_OK;
}

static bool set_properties(PCCERT_CONTEXT entry, struct entry_of *of) {
  wchar_t provider[] = MS_KEY_STORAGE_PROVIDER;
  CRYPT_DATA_BLOB friendly = {(DWORD)((wcslen(of->friendly) + 1) * sizeof(wchar_t)), (BYTE *)of->friendly};
  CRYPT_KEY_PROV_INFO key;
  memset(&key, 0, sizeof key);
  key.pwszContainerName = of->container;
  key.pwszProvName = provider;
  key.dwKeySpec = CERT_NCRYPT_KEY_SPEC; /* GO/imdsv2_persist_windows.go */
  key.dwFlags = of->machine ? CRYPT_MACHINE_KEYSET : 0;
  return CertSetCertificateContextProperty(entry, CERT_KEY_PROV_INFO_PROP_ID, 0, &key) &&
         CertSetCertificateContextProperty(entry, CERT_FRIENDLY_NAME_PROP_ID, 0, &friendly);
}

static enum kg_status add_entry(HCERTSTORE store, const struct kg_buf *der, struct entry_of *of,
                                struct kg_error *error) {
  PCCERT_CONTEXT fresh = CertCreateCertificateContext(X509_ASN_ENCODING, der->data, (DWORD)der->len);
  if (fresh == NULL) return report("the certificate cannot be read", error);
  enum kg_status status = KG_OK;
  if (!set_properties(fresh, of) ||
      !CertAddCertificateContextToStore(store, fresh, CERT_STORE_ADD_REPLACE_EXISTING, NULL))
    status = report("the certificate cannot be added", error);
  CertFreeCertificateContext(fresh);
  return status;
}

enum kg_status kg_certificate_store_install(const struct kg_binding *binding, const struct kg_cng_name *name,
                                            size_t *removed, struct kg_error *error) {
  *removed = 0;
  struct entry_of of;
  describe(binding->identity, name, &of);
  HCERTSTORE store = NULL;
  enum kg_status status = open_store(of.machine, &store, error);
  if (status != KG_OK) return status;
  status = add_entry(store, &binding->leaf.der, &of, error);
  if (status == KG_OK) status = remove_entries(store, &of, &binding->leaf.der, removed, error);
  close_store(store);
  return status;
}

enum kg_status kg_certificate_store_remove(const char *identity, const struct kg_cng_name *name, size_t *removed,
                                           struct kg_error *error) {
  *removed = 0;
  struct entry_of of;
  describe(identity, name, &of);
  HCERTSTORE store = NULL;
  enum kg_status status = open_store(of.machine, &store, error);
  if (status != KG_OK) return status;
  status = remove_entries(store, &of, NULL, removed, error);
  close_store(store);
  return status;
}
