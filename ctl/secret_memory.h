/* Libraries free what held a token, a PIN or a request without a thought; here they wipe it first. */
#ifndef KG_CTL_SECRET_MEMORY_H
#define KG_CTL_SECRET_MEMORY_H

#include "core/base/error.h"

#include <stdbool.h>

/* Makes OpenSSL and cJSON wipe every block they free. First thing in main: OpenSSL takes it before its first allocation
 * only. The blocks are malloc's own, so that whoever mixes free() and OPENSSL_free() may go on. */
void kg_secret_memory_install(void);
/* The part of it that is cJSON's. */
void kg_secret_memory_install_json(void);
/* cJSON found no memory at some time: members may be missing where nobody looked at what adding them answered. */
bool kg_secret_memory_json_ran_out(void);
/* Initialises libcurl, whose blocks are wiped, too. KG_E_BUG where it does not start. */
KG_MUST_USE enum kg_status kg_secret_memory_start_curl(struct kg_error *error);

#endif
