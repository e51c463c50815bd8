#include "pkcs11/out_buffer.h"

#include <stdbool.h>

enum kg_out_buffer kg_out_buffer_judge(const void *buffer, CK_ULONG *len, CK_ULONG need, CK_RV *rv) {
  if (len == NULL) {
    *rv = CKR_ARGUMENTS_BAD;
    return KG_OUT_BAD;
  }
  bool fits = buffer != NULL && *len >= need;
  *len = need;
  *rv = buffer != NULL && !fits ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  return fits ? KG_OUT_WRITE : KG_OUT_ANSWERED;
}
