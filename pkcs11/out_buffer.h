/* The one rule for every output buffer (PKCS#11 3.0 section 5.2). */
#ifndef KG_PKCS11_OUT_BUFFER_H
#define KG_PKCS11_OUT_BUFFER_H

#include "keyguard/cryptoki.h"

enum kg_out_buffer {
  KG_OUT_WRITE,    /* there is room for `need` elements: `*rv` is CKR_OK */
  KG_OUT_ANSWERED, /* a length query or too small: return `*rv`, the operation goes on */
  KG_OUT_BAD       /* nowhere to write a length: return `*rv`, the operation ends */
};

/* `len` is read only where `buffer` is not NULL, and set to `need` in all cases but KG_OUT_BAD. */
enum kg_out_buffer kg_out_buffer_judge(const void *buffer, CK_ULONG *len, CK_ULONG need, CK_RV *rv);

#endif
