#include "pkcs11/call/general_purpose.h"

#include "pkcs11/info_text.h"

#include <string.h>

CK_RV kg_general_call_info(CK_INFO *info) {
  if (info == NULL) return CKR_ARGUMENTS_BAD;
  memset(info, 0, sizeof *info);
  info->cryptokiVersion.major = 3;
  kg_info_text_pad(info->manufacturerID, sizeof info->manufacturerID, KG_INFO_MANUFACTURER);
  kg_info_text_pad(info->libraryDescription, sizeof info->libraryDescription, KG_INFO_LIBRARY);
  info->libraryVersion = kg_info_version();
  return CKR_OK;
}
