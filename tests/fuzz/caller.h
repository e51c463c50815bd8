/* One call of the many, chosen and given arguments by the stream. */
#ifndef KG_TESTS_FUZZ_CALLER_H
#define KG_TESTS_FUZZ_CALLER_H

#include "stream.h"

#define CALLER_SESSIONS 6
#define CALLER_OBJECTS 16
#define CALLER_STATE 512

struct caller {
  struct stream stream;
  CK_FUNCTION_LIST_3_0 *p11;
  CK_SESSION_HANDLE sessions[CALLER_SESSIONS], session; /* open ones, closed ones, 0; the one of this step */
  CK_OBJECT_HANDLE objects[CALLER_OBJECTS], object;
  CK_SLOT_ID slot;
  size_t next_session, next_object;
  CK_BYTE state[CALLER_STATE]; /* the last saved one */
  CK_ULONG state_len;
};

/* Makes the call and checks what its answer promises. */
CK_RV caller_step(struct caller *caller);

#endif
