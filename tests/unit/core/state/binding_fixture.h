/* A complete binding of plausible contents, and the frame of its file written down a second time. */
#ifndef KG_TESTS_BINDING_FIXTURE_H
#define KG_TESTS_BINDING_FIXTURE_H

#include "core/state/binding.h"

#define FIXTURE_NOT_BEFORE 1795730326 /* 2026-11-26T21:58:46Z */
#define FIXTURE_NOT_AFTER (FIXTURE_NOT_BEFORE + 14 * 86400)
#define FIXTURE_TOKEN_NOT_AFTER (FIXTURE_NOT_BEFORE + 7 * 86400)

/* User-assigned, attested, with a chain of one, token_not_after, machine and boot; kg_binding_free() it. */
struct kg_binding *fixture_binding(void);
/* The same with everything optional left out. */
struct kg_binding *fixture_bare_binding(void);
/* The identity it was issued for. Borrows. */
struct kg_identity fixture_identity(const struct kg_binding *binding);

/* {"version":VERSION,"sha256":"...","binding":BODY}\n; free() it. */
char *fixture_frame(const char *version, const char *body);
/* What is between; free() it. */
char *fixture_body(const char *text);

#endif
