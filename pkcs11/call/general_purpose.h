/* Of the general-purpose functions the one that needs an initialised module: C_GetInfo. */
#ifndef KG_PKCS11_CALL_GENERAL_PURPOSE_H
#define KG_PKCS11_CALL_GENERAL_PURPOSE_H

#include "keyguard/cryptoki.h"

CK_RV kg_general_call_info(CK_INFO *info);

#endif
