/* What the mandatory test cases of the OASIS provider profiles have in common. The published cases are those of PKCS
 * #11 Profiles 3.1 (BL-M-1-31, EXT-M-1-31, AUTH-M-1-31, CERT-M-1-31); Profiles 3.0 define the same four profiles
 * without cases of their own. The order of calls is theirs; labels, key and certificate are our token's, as theirs are
 * those of the token that they were recorded on. */
#ifndef KG_TESTS_MODULE_PROFILE_H
#define KG_TESTS_MODULE_PROFILE_H

#include "host.h"

/* One identity, "web", with a chain; the module is loaded and not yet initialised. For the program's `host`. */
#define PROFILE_ISSUERS 2
struct host *profile_host(void);
#define PROFILE_MAIN(cases)                                                                                            \
  int main(int argc, char **argv) {                                                                                    \
    int status = 0;                                                                                                    \
    host = profile_host();                                                                                             \
    status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);                                              \
    host_free(&host);                                                                                                  \
    return status;                                                                                                     \
  }

/* C_Initialize, C_GetInfo. */
void profile_initialize(const struct host *host);
/* C_GetSlotList twice, with tokens only: for the number and then for the numbers. The first slot. */
CK_SLOT_ID profile_first_slot(const struct host *host);
/* C_GetSlotInfo, C_GetTokenInfo: every field holds what its type demands. */
void profile_slot_and_token_info(const struct host *host, CK_SLOT_ID slot);
/* C_CloseSession, C_CloseAllSessions, C_Finalize. */
void profile_finish(const struct host *host, CK_SLOT_ID slot, CK_SESSION_HANDLE session);
/* A text field is UTF-8, filled with blanks and without a NUL. */
bool profile_is_padded(const CK_UTF8CHAR *text, size_t size);

/* C_FindObjectsInit, C_FindObjects for at most `room`, C_FindObjectsFinal; how many. */
CK_ULONG profile_find(const struct host *host, CK_SESSION_HANDLE session, CK_ATTRIBUTE *wanted, CK_ULONG count,
                      CK_OBJECT_HANDLE *objects, CK_ULONG room);
/* The one object of this class with the label of the token. */
CK_OBJECT_HANDLE profile_find_labelled(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class);
/* C_GetAttributeValue twice: for the length and then for the value; free() it. */
CK_BYTE *profile_read(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                      CK_ATTRIBUTE_TYPE type, CK_ULONG *len);
bool profile_flag(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type);
CK_ULONG profile_number(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE object,
                        CK_ATTRIBUTE_TYPE type);
/* The token says by a CKO_PROFILE object, once and without a login, that it follows the profile. */
void profile_is_claimed(const struct host *host, CK_ULONG profile);

#endif
