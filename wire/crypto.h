/* OpenSSL in keyguardctl's process, independent of the machine's openssl.cnf. */
#ifndef KG_WIRE_CRYPTO_H
#define KG_WIRE_CRYPTO_H

#include "core/base/error.h"

/* Before anything else uses OpenSSL (so before curl_global_init and before a key store opens a token that links it):
 * openssl.cnf is not read, and the default provider is loaded. A configuration that lists providers without "default"
 * would otherwise leave this process without SHA-256 and TLS, and one that lists a PKCS#11 provider would load our own
 * module into keyguardctl. libcurl takes no library context, so the process's default one is what has to be right; and
 * the default provider is loaded by name, since OpenSSL drops its implicit one as soon as another (ours) is added.
 * The price: providers that a machine activates there (FIPS) are not active here. KG_E_BUG where it came too late. */
KG_MUST_USE enum kg_status kg_crypto_isolate(struct kg_error *error);

#endif
