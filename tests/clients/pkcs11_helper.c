/* pkcs11-helper as OpenVPN and gnupg-pkcs11-scd use it: the token's first certificate, and a signature with its key for
 * each line of input. Prints "ready", then a line for each: "signed", or pkcs11-helper's message.
 *   pkcs11_helper MODULE */
#include <pkcs11-helper-1.0/pkcs11h-certificate.h>
#include <pkcs11-helper-1.0/pkcs11h-core.h>

#include <stdio.h>

static void print(const char *line) {
  puts(line);
  fflush(stdout);
}

static CK_RV sign(pkcs11h_certificate_t certificate) {
  /* A DigestInfo of SHA-256 with a digest of zeros. */
  static const unsigned char data[51] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                         0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  unsigned char signature[512];
  size_t size = sizeof signature;
  return pkcs11h_certificate_signAny(certificate, CKM_RSA_PKCS, data, sizeof data, signature, &size);
}

static CK_RV open_first(const char *module, pkcs11h_certificate_t *certificate) {
  CK_RV rv = pkcs11h_initialize();
  if (rv == CKR_OK) rv = pkcs11h_addProvider("keyguard", module, 0, PKCS11H_PRIVATEMODE_MASK_AUTO, 0, 0, 0);
  pkcs11h_certificate_id_list_t issuers = NULL, found = NULL;
  if (rv == CKR_OK)
    rv = pkcs11h_certificate_enumCertificateIds(PKCS11H_ENUM_METHOD_CACHE_EXIST, NULL, 0, &issuers, &found);
  if (rv != CKR_OK) return rv;
  if (found == NULL) return CKR_TOKEN_NOT_PRESENT;
  return pkcs11h_certificate_create(found->certificate_id, NULL, 0, PKCS11H_PIN_CACHE_INFINITE, certificate);
}

int main(int argc, char **argv) {
  pkcs11h_certificate_t certificate = NULL;
  CK_RV rv = argc == 2 ? open_first(argv[1], &certificate) : CKR_ARGUMENTS_BAD;
  print(rv == CKR_OK ? "ready" : pkcs11h_getMessage(rv));
  char line[16];
  while (rv == CKR_OK && fgets(line, sizeof line, stdin) != NULL) {
    CK_RV signed_rv = sign(certificate);
    print(signed_rv == CKR_OK ? "signed" : pkcs11h_getMessage(signed_rv));
  }
  if (certificate != NULL) pkcs11h_certificate_freeCertificate(certificate);
  (void)pkcs11h_terminate();
  return rv == CKR_OK ? 0 : 1;
}
