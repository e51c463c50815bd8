#include "pkcs11/output.h"

#include <stdbool.h>

enum kg_output kg_output_judge(const void *buffer, CK_ULONG *len, CK_ULONG need, CK_RV *rv) {
  if (len == NULL) {
    *rv = CKR_ARGUMENTS_BAD;
    return KG_OUTPUT_BAD;
  }
  bool fits = buffer != NULL && *len >= need;
  *len = need;
  *rv = buffer != NULL && !fits ? CKR_BUFFER_TOO_SMALL : CKR_OK;
  return fits ? KG_OUTPUT_WRITE : KG_OUTPUT_ANSWERED;
}
