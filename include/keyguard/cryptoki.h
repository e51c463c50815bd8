/* The only includer of PKCS#11 headers. */
#ifndef KEYGUARD_CRYPTOKI_H
#define KEYGUARD_CRYPTOKI_H
#include <p11-kit/pkcs11.h>
#endif
