/* The state of an initialised module, and who may use it: built whole by C_Initialize, installed and taken away by one
 * atomic exchange, freed when no call is running. In a forked child the parent's is abandoned. */
#ifndef KG_PKCS11_MODULE_H
#define KG_PKCS11_MODULE_H

#include "pkcs11/call.h"

struct kg_handles;
struct kg_session;
struct kg_slot;
struct kg_slots;

/* Begins a call: `call->module` stays until kg_module_leave(). CKR_CRYPTOKI_NOT_INITIALIZED: nothing to leave. */
CK_RV kg_module_enter(struct kg_call *call);
void kg_module_leave(struct kg_call *call);

struct kg_slots *kg_module_slots(struct kg_module *module);
struct kg_handles *kg_module_sessions(struct kg_module *module);

/* What a call is about; from here its lines in the log name the identity. CKR_SLOT_ID_INVALID. */
CK_RV kg_module_require_slot(struct kg_call *call, CK_SLOT_ID id, struct kg_slot **out);
/* CKR_SESSION_HANDLE_INVALID. An acquired session stays until it is released, with its handle. */
CK_RV kg_module_acquire_session(struct kg_call *call, CK_SESSION_HANDLE handle, struct kg_session **out);
void kg_module_release_session(struct kg_call *call, CK_SESSION_HANDLE handle);

/* These two come without kg_module_enter(). */
CK_RV kg_module_initialize(const CK_C_INITIALIZE_ARGS *args);
CK_RV kg_module_finalize(const void *reserved);

#endif
