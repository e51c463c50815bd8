/* One call of an application into the module: what its handler works on, and what it has to say when it fails. */
#ifndef KG_PKCS11_CALL_H
#define KG_PKCS11_CALL_H

#include "core/base/error.h"
#include "keyguard/cryptoki.h"

struct kg_module;

struct kg_call {
  struct kg_module *module; /* counted: not finalised before this call has ended */
  const char *identity;     /* the one the call is about; NULL: none */
  int cancel;               /* kg_cancel_restore() is given it; KG_CANCEL_KEPT: not deferred */
  struct kg_error error;    /* why; only where the handler wrote it (status is not KG_OK) */
};

enum {
  KG_CALL_REACHES_STORE = 1 << 0, /* may run code of a backing token: refused inside such code */
  KG_CALL_BRIEF = 1 << 1          /* a hot one that waits for nothing, so that no thread is cancelled in it */
};

/* CKR_* of a status; KG_OK is CKR_OK. The only way from one to the other. */
CK_RV kg_call_status(struct kg_call *call, enum kg_status status);

#endif
