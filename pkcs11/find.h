/* A search: what matched when it began, handed out in portions. */
#ifndef KG_PKCS11_FIND_H
#define KG_PKCS11_FIND_H

#include "core/base/status.h"
#include "keyguard/cryptoki.h"

#include <stdbool.h>
#include <stddef.h>

struct kg_objects;

struct kg_find { /* {0}: none is active */
  bool active;
  CK_OBJECT_HANDLE *handles;
  size_t count, position;
};

/* Clients of 2.40 that list everything end at a class that they do not know: profiles are for those of 3.0, and for
 * whoever asks for them. */
enum kg_find_scope { KG_FIND_ALL, KG_FIND_2_40 };

/* What matches the template, as an active search. False: no memory. */
KG_MUST_USE bool kg_find_begin(const struct kg_objects *objects, const CK_ATTRIBUTE *wanted, CK_ULONG count,
                               enum kg_find_scope scope, struct kg_find *out);
/* The next ones, at most `room`; returns how many. */
size_t kg_find_next(struct kg_find *find, CK_OBJECT_HANDLE *out, size_t room);
void kg_find_clear(struct kg_find *find);

#endif
