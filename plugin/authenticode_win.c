#include "plugin/authenticode_win.h"

#include <stdbool.h>
#include <string.h>
#include <windows.h>

#include <softpub.h>
#include <wincrypt.h>
#include <wintrust.h>

#define SIGNER L"Microsoft Corporation"

static bool is_microsofts(HANDLE state) {
  CRYPT_PROVIDER_DATA *data = WTHelperProvDataFromStateData(state);
  CRYPT_PROVIDER_SGNR *signer = data != NULL ? WTHelperGetProvSignerFromChain(data, 0, FALSE, 0) : NULL;
  CRYPT_PROVIDER_CERT *certificate = signer != NULL ? WTHelperGetProvCertFromChain(signer, 0) : NULL;
  char organization[] = szOID_ORGANIZATION_NAME;
  wchar_t name[128] = L"";
  if (certificate == NULL || certificate->pCert == NULL) return false;
  CertGetNameStringW(certificate->pCert, CERT_NAME_ATTR_TYPE, 0, organization, name, sizeof name / sizeof name[0]);
  return wcscmp(name, SIGNER) == 0;
}

enum kg_status kg_authenticode_check(const wchar_t *file, const char *path, struct kg_error *error) {
  WINTRUST_FILE_INFO info;
  GUID action = WINTRUST_ACTION_GENERIC_VERIFY_V2;
  memset(&info, 0, sizeof info);
  WINTRUST_DATA data;
  memset(&data, 0, sizeof data);
  info.cbStruct = sizeof info, info.pcwszFilePath = file;
  data.cbStruct = sizeof data, data.pFile = &info;
  data.dwUIChoice = WTD_UI_NONE, data.dwUnionChoice = WTD_CHOICE_FILE, data.dwStateAction = WTD_STATEACTION_VERIFY;
  data.fdwRevocationChecks = WTD_REVOKE_NONE, data.dwProvFlags = WTD_CACHE_ONLY_URL_RETRIEVAL;
  LONG code = WinVerifyTrust(INVALID_HANDLE_VALUE, &action, &data);
  bool microsofts = code == 0 && is_microsofts(data.hWVTStateData);
  data.dwStateAction = WTD_STATEACTION_CLOSE;
  WinVerifyTrust(INVALID_HANDLE_VALUE, &action, &data);
  if (microsofts) return KG_OK;
  if (code == 0)
    return kg_error_set(error, KG_E_ATTESTATION_FAILED,
                        "attestation library '%s' is not signed by Microsoft; pin its SHA-256 if it is meant", path);
  return kg_error_set_code(
      error, KG_E_ATTESTATION_FAILED, code,
      "attestation library '%s' has no signature that Windows trusts (0x%08lX); pin its SHA-256 if it is meant", path,
      (unsigned long)code);
}
