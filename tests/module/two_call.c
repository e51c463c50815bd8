/* Every function with an output, asked for the length, with too little room, with enough: one rule for all. Buffers end
 * at a page without access. */
#include "host.h"

#include <string.h>

static struct host *host;
static CK_SESSION_HANDLE session;
static CK_OBJECT_HANDLE private_key;
static CK_SLOT_ID slot;
static CK_BYTE data[] = "data";

/* One call with an output: what has to be done before it, the call, and the size of one element. */
struct output {
  const char *name;
  void (*prepare)(void);
  CK_RV (*call)(void *buffer, CK_ULONG *len);
  size_t element;
  bool is_operation; /* success ends it, a query does not */
};

static void nothing(void) {}
static void sign_init(void) {
  must_be(CKR_OK, host->p11->C_SignInit(session, &host_pss, private_key));
}
static void sign_parts(void) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  must_be(CKR_OK, host->p11->C_SignInit(session, &mechanism, private_key));
  must_be(CKR_OK, host->p11->C_SignUpdate(session, data, sizeof data));
}
static void digest_init(void) {
  CK_MECHANISM mechanism = {CKM_SHA384, NULL, 0};
  must_be(CKR_OK, host->p11->C_DigestInit(session, &mechanism));
}
static void digest_parts(void) {
  digest_init();
  must_be(CKR_OK, host->p11->C_DigestUpdate(session, data, sizeof data));
}
static void digest_anew(void) {
  must_be(CKR_OK, host->p11->C_DigestInit(session, NULL));
  digest_parts();
}
static CK_RV slots(void *buffer, CK_ULONG *len) {
  return host->p11->C_GetSlotList(CK_TRUE, buffer, len);
}
static CK_RV mechanisms(void *buffer, CK_ULONG *len) {
  return host->p11->C_GetMechanismList(slot, buffer, len);
}
static CK_RV interfaces(void *buffer, CK_ULONG *len) {
  return host->p11->C_GetInterfaceList(buffer, len);
}
static CK_RV sign_once(void *buffer, CK_ULONG *len) {
  return host->p11->C_Sign(session, host_digest, sizeof host_digest, buffer, len);
}
static CK_RV sign_final(void *buffer, CK_ULONG *len) {
  return host->p11->C_SignFinal(session, buffer, len);
}
static CK_RV digest_once(void *buffer, CK_ULONG *len) {
  return host->p11->C_Digest(session, data, sizeof data, buffer, len);
}
static CK_RV digest_final(void *buffer, CK_ULONG *len) {
  return host->p11->C_DigestFinal(session, buffer, len);
}
static CK_RV operation_state(void *buffer, CK_ULONG *len) {
  return host->p11->C_GetOperationState(session, buffer, len);
}

static const struct output outputs[] = {
    {"C_GetSlotList", nothing, slots, sizeof(CK_SLOT_ID), false},
    {"C_GetMechanismList", nothing, mechanisms, sizeof(CK_MECHANISM_TYPE), false},
    {"C_GetInterfaceList", nothing, interfaces, sizeof(CK_INTERFACE), false},
    {"C_GetOperationState", digest_anew, operation_state, 1, false},
    {"C_Sign", sign_init, sign_once, 1, true},
    {"C_SignFinal", sign_parts, sign_final, 1, true},
    {"C_Digest", digest_init, digest_once, 1, true},
    {"C_DigestFinal", digest_parts, digest_final, 1, true},
};

static void must_query(const struct output *output, CK_ULONG expected) {
  static const CK_ULONG garbage[] = {0, 1, 7, 255, 256, 257, (CK_ULONG)-1};
  for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
    CK_ULONG len = garbage[i];
    must_be(CKR_OK, output->call(NULL, &len));
    must(len == expected);
  }
}

static void must_be_too_small(const struct output *output, CK_ULONG needed, CK_ULONG room) {
  CK_BYTE *buffer = host_guarded(room * output->element);
  CK_ULONG len = room;
  must_be(CKR_BUFFER_TOO_SMALL, output->call(buffer, &len));
  must(len == needed);
}

static void must_fit(const struct output *output, CK_ULONG needed, CK_ULONG room) {
  CK_BYTE *buffer = host_guarded(room * output->element);
  CK_ULONG len = room;
  must_be(CKR_OK, output->call(buffer, &len));
  must(len == needed);
}

static void walk(const struct output *output) {
  printf("  %s\n", output->name);
  must_be(CKR_OK, host->p11->C_SessionCancel(session, CKF_SIGN | CKF_DIGEST));
  output->prepare();
  CK_ULONG needed = 0;
  must_be(CKR_OK, output->call(NULL, &needed));
  must(needed > 0);
  must_query(output, needed);
  must_be_too_small(output, needed, 0);
  must_be_too_small(output, needed, needed - 1);
  must_query(output, needed);
  must_fit(output, needed, needed);
  if (output->is_operation) {
    must_be(CKR_OPERATION_NOT_INITIALIZED, output->call(NULL, &needed));
    output->prepare();
  }
  must_fit(output, needed, needed + 1);
  if (output->is_operation) output->prepare();
  must_be(CKR_ARGUMENTS_BAD, output->call(NULL, NULL)); /* no room for a length ends it, too */
  if (output->is_operation) must_be(CKR_OPERATION_NOT_INITIALIZED, output->call(NULL, &needed));
}

static void queries_do_not_touch_the_key(void) {
  sign_init();
  CK_ULONG len = 0;
  must_be(CKR_OK, sign_once(NULL, &len));
  len = 1;
  CK_BYTE small[1];
  must_be(CKR_BUFFER_TOO_SMALL, sign_once(small, &len));
  must(!host_is_mapped("libsofthsm2"));
  must_be(CKR_OK, host->p11->C_SignInit(session, NULL, 0));
}

static void every_output_keeps_the_rule(void) {
  for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++)
    walk(&outputs[i]);
}

/* C_FindObjects has room in elements and never too little of it. */
static void find_fills_what_room_there_is(void) {
  CK_OBJECT_HANDLE *objects = host_guarded(2 * sizeof *objects);
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, NULL, 0));
  CK_ULONG count = 9;
  must_be(CKR_OK, host->p11->C_FindObjects(session, NULL, 0, &count));
  must(count == 0);
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_FindObjects(session, NULL, 1, &count));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_FindObjects(session, objects, 2, NULL));
  CK_ULONG total = 0;
  do {
    must_be(CKR_OK, host->p11->C_FindObjects(session, objects, 2, &count));
    total += count;
  } while (count);
  must(total == 8);
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
}

static const struct host_case cases[] = {
    {"/two_call/queries_do_not_touch_the_key", queries_do_not_touch_the_key},
    {"/two_call/every_output_keeps_the_rule", every_output_keeps_the_rule},
    {"/two_call/find_fills_what_room_there_is", find_fills_what_room_there_is},
};

int main(int argc, char **argv) {
  host = host_new();
  host_start(host);
  slot = host_slot(host, "web");
  session = host_open(host, 0);
  private_key = host_find(host, session, CKO_PRIVATE_KEY);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
