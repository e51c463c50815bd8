/* NSS has the PKCS#11 3.0 text, so the fill-in of ours must leave it alone: only its lists of names are used here. What
 * it would fill in all the same, NSS would lack. */
#include <pkcs11.h>

#if !defined(CKO_PROFILE) || !defined(CKA_PROFILE_ID) || !defined(CKF_INTERFACE_FORK_SAFE) ||                          \
    !defined(CKR_OPERATION_CANCEL_FAILED) || !defined(CKF_FIND_OBJECTS)
#error "this copy of NSS is older than PKCS#11 3.0: comparing with it proves nothing"
#endif

#include "keyguard/cryptoki_v3.h"

#define LAYOUT_TABLE layout_nss
#include "cryptoki_layout.inc"
