/* The fake in keyguardctl's place, what it was told, and the module that starts it. */
#ifndef KG_TESTS_MODULE_ON_DEMAND_HOST_H
#define KG_TESTS_MODULE_ON_DEMAND_HOST_H

#include "host.h"

extern struct host *host;
extern bool demand_no_process; /* the limit of processes is reached */

const char *demand_path(const char *name); /* in the host's folder; the last four answers stay valid */
/* No binding for "web", the fake in this mode, and nothing started so far. */
void demand_arrange(const char *mode);
char *demand_report(void);          /* of all starts; empty: none. free() it */
int demand_count(const char *word); /* in the report */
int demand_starts(void);

void demand_load(void); /* the module of these tests, not initialised */
CK_RV demand_open(const char *identity, CK_SESSION_HANDLE *session);
/* A session on "web": it opens and signs, or there is no token. C_Finalize; 0. */
int demand_opens_and_signs(void);
int demand_finds_no_token(void);
/* C_Initialize; a session that is open while the binding goes away, and searches then. C_Finalize; 0. */
int demand_finds_in_an_old_session(void);

void demand_must_have_no_child(void);
void demand_copy_self(const char *to); /* this program */
/* Each host is a process of its own. */
void demand_in_child(int (*function)(void *));

#endif
