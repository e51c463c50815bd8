#include "pkcs11/call.h"

CK_RV kg_call_status(struct kg_call *call, enum kg_status status) {
  if (status != KG_OK && call->error.status == KG_OK)
    (void)kg_error_set(&call->error, status, "%s", kg_status_name(status));
  return (CK_RV)kg_status_ckr(status);
}
