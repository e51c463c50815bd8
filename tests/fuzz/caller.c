#include "caller.h"

#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#define STEP(name) static CK_RV name(struct caller *c)
#define S (&c->stream)

/* --- arguments --- */

static CK_SESSION_HANDLE any_session(struct caller *c) {
  uint8_t choice = stream_byte(S);
  return choice < 0xf0 ? c->sessions[choice % CALLER_SESSIONS] : stream_word(S);
}

static CK_OBJECT_HANDLE any_object(struct caller *c) {
  uint8_t choice = stream_byte(S);
  return choice < 0xf0 ? c->objects[choice % CALLER_OBJECTS] : stream_word(S);
}

/* The two configured slots, and others. */
static CK_SLOT_ID any_slot(struct caller *c) {
  CK_SLOT_ID slots[2] = {0, 0};
  CK_ULONG count = 2;
  uint8_t choice = stream_byte(S);
  promise(c->p11->C_GetSlotList(CK_FALSE, slots, &count) == CKR_OK && count == 2);
  return choice < 0xf0 ? slots[choice % 2] : stream_word(S);
}

/* Data to read: NULL now and then, with a length that lies then. */
static CK_BYTE *data(struct caller *c, CK_ULONG *len) {
  uint8_t form = stream_byte(S);
  if (form < 0x08) {
    *len = stream_word(S);
    return NULL;
  }
  *len = form < 0x80 ? 32 : (CK_ULONG)stream_byte(S) + stream_byte(S);
  return stream_heap(S, *len);
}

/* Room to write to, with its length behind a pointer that may be NULL. */
struct room {
  CK_BYTE *buffer;
  CK_ULONG len, *len_pointer, given;
};

static void room(struct caller *c, struct room *out) {
  uint8_t form = stream_byte(S);
  memset(out, 0, sizeof *out);
  out->len_pointer = form < 0x08 ? NULL : &out->len;
  out->len = out->given = form < 0x20 ? stream_word(S) : form < 0x40 ? stream_byte(S) : 256;
  if (form >= 0x20) out->buffer = stream_heap(S, out->len);
}

static CK_RV check_room(CK_RV rv, const struct room *room, CK_ULONG need) {
  if (rv == CKR_OK || rv == CKR_BUFFER_TOO_SMALL) promise(room->len_pointer != NULL && (!need || room->len == need));
  if (rv == CKR_OK && room->buffer != NULL) promise(room->len <= room->given);
  if (rv == CKR_BUFFER_TOO_SMALL) promise(room->buffer != NULL && room->len > room->given);
  return rv;
}

static CK_MECHANISM *mechanism(struct caller *c, CK_MECHANISM *out) {
  static const CK_MECHANISM_TYPE types[] = {CKM_RSA_PKCS,
                                            CKM_RSA_PKCS_PSS,
                                            CKM_SHA256_RSA_PKCS,
                                            CKM_SHA384_RSA_PKCS,
                                            CKM_SHA512_RSA_PKCS,
                                            CKM_SHA256_RSA_PKCS_PSS,
                                            CKM_SHA384_RSA_PKCS_PSS,
                                            CKM_SHA512_RSA_PKCS_PSS,
                                            CKM_SHA256,
                                            CKM_SHA384,
                                            CKM_SHA512,
                                            CKM_RSA_X_509,
                                            CKM_SHA_1};
  static const CK_RSA_PKCS_PSS_PARAMS good[] = {
      {CKM_SHA256, CKG_MGF1_SHA256, 32}, {CKM_SHA384, CKG_MGF1_SHA384, 48}, {CKM_SHA512, CKG_MGF1_SHA512, 64}};
  uint8_t choice = stream_byte(S), form = stream_byte(S);
  if (choice == 0xff) return NULL;
  memset(out, 0, sizeof *out);
  out->mechanism = choice < 0xf0 ? types[choice % 13] : stream_word(S);
  if (form < 0x60) return out;
  out->ulParameterLen = form < 0xd0 ? sizeof good[0] : stream_byte(S);
  out->pParameter = stream_heap(S, out->ulParameterLen);
  if (form < 0xb0) memcpy(out->pParameter, &good[form % 3], sizeof good[0]);
  return out;
}

/* NULL now and then. */
static void *maybe(struct caller *c, void *pointer) {
  return stream_byte(S) < 0x10 ? NULL : pointer;
}

/* --- sessions and slots --- */

STEP(open_session) {
  CK_SESSION_HANDLE opened = 0;
  uint8_t form = stream_byte(S);
  CK_FLAGS flags = form & 0x80 ? stream_word(S) : CKF_SERIAL_SESSION | (form & CKF_RW_SESSION);
  CK_RV rv = c->p11->C_OpenSession(c->slot, flags, NULL, NULL, &opened);
  if (rv != CKR_OK) return rv;
  for (size_t i = 0; i < CALLER_SESSIONS; i++)
    promise(opened != 0 && opened != c->sessions[i]);
  c->sessions[c->next_session++ % CALLER_SESSIONS] = opened;
  return rv;
}

STEP(close_session) {
  return c->p11->C_CloseSession(c->session);
}

STEP(close_all) {
  return c->p11->C_CloseAllSessions(c->slot);
}

STEP(session_info) {
  CK_SESSION_INFO info;
  return c->p11->C_GetSessionInfo(c->session, maybe(c, &info));
}

STEP(session_cancel) {
  return c->p11->C_SessionCancel(c->session, stream_word(S));
}

STEP(log_in) {
  CK_ULONG len = 0;
  CK_BYTE *pin = data(c, &len);
  CK_USER_TYPE type = stream_word(S);
  return c->p11->C_Login(c->session, type, pin, len);
}

STEP(log_in_user) {
  CK_ULONG len = 0, user_len = 0;
  CK_BYTE *pin = data(c, &len), *user = data(c, &user_len);
  CK_USER_TYPE type = stream_word(S);
  return c->p11->C_LoginUser(c->session, type, pin, len, user, user_len);
}

STEP(log_out) {
  return c->p11->C_Logout(c->session);
}

STEP(slot_list) {
  CK_SLOT_ID list[2];
  CK_ULONG count = stream_byte(S) % 3;
  uint8_t form = stream_byte(S);
  CK_RV rv = c->p11->C_GetSlotList(form & 1, form & 2 ? NULL : list, maybe(c, &count));
  if (rv == CKR_OK) promise(count <= 2);
  return rv;
}

STEP(infos) {
  CK_SLOT_INFO slot_info;
  CK_MECHANISM_TYPE type = stream_word(S);
  (void)c->p11->C_GetSlotInfo(c->slot, maybe(c, &slot_info));
  CK_TOKEN_INFO token_info;
  (void)c->p11->C_GetTokenInfo(c->slot, maybe(c, &token_info));
  CK_MECHANISM_INFO mechanism_info;
  (void)c->p11->C_GetMechanismInfo(c->slot, type, maybe(c, &mechanism_info));
  CK_INFO info;
  return c->p11->C_GetInfo(maybe(c, &info));
}

STEP(mechanism_list) {
  CK_ULONG count = stream_byte(S);
  bool ask = stream_byte(S) & 1;
  CK_MECHANISM_TYPE *list = ask ? NULL : stream_heap(S, count * sizeof *list);
  return c->p11->C_GetMechanismList(c->slot, list, maybe(c, &count));
}

/* --- objects --- */

STEP(find_init) {
  CK_ULONG count = 0;
  CK_ATTRIBUTE *wanted = stream_template(S, false, &count);
  return c->p11->C_FindObjectsInit(c->session, count || stream_byte(S) ? wanted : NULL, count);
}

STEP(find_next) {
  CK_ULONG room = stream_byte(S) % 8;
  CK_OBJECT_HANDLE *found = stream_heap(S, room * sizeof *found);
  found = maybe(c, found);
  CK_ULONG count = 0;
  CK_RV rv = c->p11->C_FindObjects(c->session, found, room, maybe(c, &count));
  if (rv == CKR_OK) promise(count <= room);
  for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++)
    c->objects[c->next_object++ % CALLER_OBJECTS] = found[i];
  return rv;
}

STEP(find_final) {
  return c->p11->C_FindObjectsFinal(c->session);
}

STEP(get_attributes) {
  CK_ULONG count = 0;
  CK_ATTRIBUTE *wanted = stream_template(S, true, &count), asked[16];
  memcpy(asked, wanted, count * sizeof *asked);
  CK_RV rv = c->p11->C_GetAttributeValue(c->session, c->object, count || stream_byte(S) ? wanted : NULL, count);
  for (CK_ULONG i = 0; rv == CKR_OK && i < count; i++) {
    promise(wanted[i].ulValueLen != CK_UNAVAILABLE_INFORMATION);
    if (asked[i].pValue != NULL) promise(wanted[i].ulValueLen <= asked[i].ulValueLen);
  }
  return rv;
}

/* Nothing on this token can be made or changed. */
STEP(change_objects) {
  CK_ULONG count = 0;
  CK_ATTRIBUTE *wanted = stream_template(S, false, &count);
  CK_OBJECT_HANDLE made = 0;
  CK_OBJECT_HANDLE *out = maybe(c, &made);
  promise(c->p11->C_CreateObject(c->session, wanted, count, out) != CKR_OK);
  promise(c->p11->C_CopyObject(c->session, c->object, wanted, count, out) != CKR_OK);
  promise(c->p11->C_SetAttributeValue(c->session, c->object, wanted, count) != CKR_OK);
  promise(c->p11->C_DestroyObject(c->session, c->object) != CKR_OK && made == 0);
  CK_ULONG size = 0;
  return c->p11->C_GetObjectSize(c->session, c->object, maybe(c, &size));
}

/* --- operations --- */

STEP(sign_init) {
  CK_MECHANISM chosen;
  return c->p11->C_SignInit(c->session, mechanism(c, &chosen), c->object);
}

STEP(sign_once) {
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  struct room out;
  room(c, &out);
  return check_room(c->p11->C_Sign(c->session, in, len, out.buffer, out.len_pointer), &out, 256);
}

STEP(sign_update) {
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  return c->p11->C_SignUpdate(c->session, in, len);
}

STEP(sign_final) {
  struct room out;
  room(c, &out);
  return check_room(c->p11->C_SignFinal(c->session, out.buffer, out.len_pointer), &out, 256);
}

STEP(verify_init) {
  CK_MECHANISM chosen;
  return c->p11->C_VerifyInit(c->session, mechanism(c, &chosen), c->object);
}

STEP(verify_once) {
  CK_ULONG len = 0, signature_len = 256;
  CK_BYTE *in = data(c, &len);
  CK_BYTE *signature = stream_byte(S) & 1 ? data(c, &signature_len) : stream_heap(S, 256);
  return c->p11->C_Verify(c->session, in, len, signature, signature_len);
}

STEP(verify_update) {
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  return c->p11->C_VerifyUpdate(c->session, in, len);
}

STEP(verify_final) {
  CK_ULONG signature_len = 256;
  CK_BYTE *signature = stream_byte(S) & 1 ? data(c, &signature_len) : stream_heap(S, 256);
  return c->p11->C_VerifyFinal(c->session, signature, signature_len);
}

STEP(digest_init) {
  CK_MECHANISM chosen;
  return c->p11->C_DigestInit(c->session, mechanism(c, &chosen));
}

STEP(digest_once) {
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  struct room out;
  room(c, &out);
  return check_room(c->p11->C_Digest(c->session, in, len, out.buffer, out.len_pointer), &out, 0);
}

STEP(digest_update) {
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  return c->p11->C_DigestUpdate(c->session, in, len);
}

STEP(digest_final) {
  struct room out;
  room(c, &out);
  return check_room(c->p11->C_DigestFinal(c->session, out.buffer, out.len_pointer), &out, 0);
}

STEP(save_state) {
  CK_ULONG len = sizeof c->state;
  CK_RV rv = c->p11->C_GetOperationState(c->session, c->state, &len);
  c->state_len = rv == CKR_OK ? len : 0;
  return rv;
}

/* As it was, damaged, or something else. */
STEP(restore_state) {
  CK_ULONG len = c->state_len;
  CK_BYTE *state = stream_heap(S, len);
  uint8_t bit = stream_byte(S), at = stream_byte(S);
  if (len) memcpy(state, c->state, len);
  if (len && bit < 8) state[at % len] ^= (CK_BYTE)(1 << bit);
  if (stream_byte(S) > 0xc0) state = data(c, &len);
  return c->p11->C_SetOperationState(c->session, state, len, 0, stream_byte(S) > 0xf0);
}

/* Of those that are not there, some of each shape. */
STEP(unsupported) {
  CK_MECHANISM chosen;
  CK_ULONG len = 0;
  CK_BYTE *in = data(c, &len);
  promise(c->p11->C_EncryptInit(c->session, mechanism(c, &chosen), c->object) == CKR_FUNCTION_NOT_SUPPORTED);
  CK_ULONG out_len = 0;
  promise(c->p11->C_DecryptFinal(c->session, in, &out_len) == CKR_FUNCTION_NOT_SUPPORTED);
  CK_OBJECT_HANDLE made = 0, other = 0;
  promise(c->p11->C_GenerateKeyPair(c->session, mechanism(c, &chosen), NULL, 0, NULL, 0, &made, &other) ==
          CKR_FUNCTION_NOT_SUPPORTED);
  promise(c->p11->C_SignRecover(c->session, in, len, NULL, &out_len) == CKR_FUNCTION_NOT_SUPPORTED);
  promise(c->p11->C_MessageSignInit(c->session, mechanism(c, &chosen), c->object) == CKR_FUNCTION_NOT_SUPPORTED);
  promise(c->p11->C_GenerateRandom(c->session, in, len) == CKR_RANDOM_NO_RNG);
  return c->p11->C_WaitForSlotEvent(CKF_DONT_BLOCK, &made, NULL);
}

STEP(start_again) {
  if (stream_byte(S) & 1) promise(c->p11->C_Initialize(NULL) == CKR_CRYPTOKI_ALREADY_INITIALIZED);
  promise(c->p11->C_Finalize(NULL) == CKR_OK);
  promise(c->p11->C_GetSessionInfo(c->session, NULL) == CKR_CRYPTOKI_NOT_INITIALIZED);
  return c->p11->C_Initialize(NULL);
}

typedef CK_RV step(struct caller *caller);
static step *const steps[] = {
    open_session, open_session, close_session,  close_all,      session_info,   session_cancel, log_in,
    log_in_user,  log_out,      slot_list,      infos,          mechanism_list, find_init,      find_next,
    find_next,    find_final,   get_attributes, get_attributes, change_objects, sign_init,      sign_init,
    sign_once,    sign_once,    sign_update,    sign_final,     verify_init,    verify_once,    verify_update,
    verify_final, digest_init,  digest_once,    digest_update,  digest_final,   save_state,     restore_state,
    unsupported,  start_again,
};

CK_RV caller_step(struct caller *caller) {
  uint8_t choice = stream_byte(&caller->stream);
  caller->session = any_session(caller);
  caller->object = any_object(caller);
  caller->slot = any_slot(caller);
  return steps[choice % (sizeof steps / sizeof steps[0])](caller);
}
