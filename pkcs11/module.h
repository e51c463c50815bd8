/* The state of an initialised module, and who may use it: built whole by C_Initialize, installed and taken away by one
 * atomic exchange, freed when no call is running. In a forked child the parent's is abandoned. */
#ifndef KG_PKCS11_MODULE_H
#define KG_PKCS11_MODULE_H

#include "pkcs11/call.h"

struct kg_handles;
struct kg_slots;

/* Begins a call: `call->module` stays until kg_module_leave(). CKR_CRYPTOKI_NOT_INITIALIZED: nothing to leave. */
CK_RV kg_module_enter(struct kg_call *call);
void kg_module_leave(struct kg_call *call);

struct kg_slots *kg_module_slots(struct kg_module *module);
struct kg_handles *kg_module_sessions(struct kg_module *module);

/* These two come without kg_module_enter(). */
CK_RV kg_module_initialize(const CK_C_INITIALIZE_ARGS *args);
CK_RV kg_module_finalize(const void *reserved);

CK_RV kg_module_call_info(struct kg_call *call, CK_INFO *info);

#endif
