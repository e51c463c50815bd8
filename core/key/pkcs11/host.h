/* A library that uses OpenSSL leaves errors in OpenSSL's queue of the thread (SoftHSM2 does in C_Initialize, where all
 * is well). The queue is the host's, and its next SSL_get_error takes them for the connection's. So what is called
 * between enter and leave leaves the queue as it was. */
#ifndef KG_CORE_KEY_PKCS11_HOST_H
#define KG_CORE_KEY_PKCS11_HOST_H

#include <stdbool.h>

void kg_host_learn(void *library); /* kg_library_open's: whether it brought libcrypto */
bool kg_host_enter(void);
void kg_host_leave(bool entered); /* takes what the matching enter answered */

#endif
