/* The happy path: every mechanism, single and multi part, against OpenSSL. */
#include "host.h"

#include <string.h>

static struct host *host;

static void first_signature(void) {
  CK_SESSION_HANDLE session = 0;
  host = host_new();
  host_start(host);
  session = host_open(host, 0);
  host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[0].key);
  must_be(CKR_OK, host->p11->C_Finalize(NULL));
  host_free(&host);
}

static const struct host_case cases[] = {{"/sign/first_signature", first_signature}};
HOST_MAIN(cases)
