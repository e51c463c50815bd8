#include "core/key/pkcs11/pin.h"

#include "core/key/pin_memory.h"
#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/signals.h"
#include "core/key/pkcs11/token_field.h"
#include "core/os/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PIN_MAX 4096

/* A PIN that a token refused, so that no other call tries it again: each attempt brings the token nearer to locking.
 * Kept for the process, across keys and forks, and by keyguardctl for all processes (core/key/pin_memory.h); a change
 * of the file makes another PIN of it. */
struct refused_pin {
  struct refused_pin *next;
  char serial[sizeof((CK_TOKEN_INFO *)0)->serialNumber];
  struct kg_file_id file;      /* of pin-source */
  unsigned char pin_value[32]; /* SHA-256 of serial and pin-value, where there is no file */
};

static _Atomic(struct refused_pin *) refused;

/* The line end that an editor leaves behind is not part of a PIN. */
static void cut_line_end(struct kg_buf *pin) {
  if (pin->len > 0 && pin->data[pin->len - 1] == '\n') pin->data[--pin->len] = '\0';
  if (pin->len > 0 && pin->data[pin->len - 1] == '\r') pin->data[--pin->len] = '\0';
}

static enum kg_status read_pin(const struct kg_pkcs11_uri *uri, struct kg_buf *pin, struct refused_pin *tried,
                               struct kg_error *error) {
  if (uri->pin_source != NULL) {
    enum kg_status status = kg_file_read(uri->pin_source, PIN_MAX, KG_TRUST_GRANTED, pin, &tried->file, error);
    if (status == KG_E_NOT_FOUND) return kg_error_prefix(error, KG_E_KEY_PIN, "pin-source %s", uri->pin_source);
    cut_line_end(pin);
    return status;
  }
  if (uri->pin_value.data == NULL)
    return kg_error_set(error, KG_E_KEY_PIN, "the token asks for a PIN and the key store's URI has no pin-source");
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  kg_hash_update(&hash, kg_span_of(tried->serial, sizeof tried->serial));
  kg_hash_update(&hash, kg_buf_span(&uri->pin_value));
  if (!kg_hash_final(&hash, tried->pin_value)) return kg_error_no_memory(error, "for a PIN");
  return kg_buf_set(pin, kg_buf_span(&uri->pin_value)) == KG_OK ? KG_OK : kg_error_no_memory(error, "for a PIN");
}

static bool was_refused(const struct refused_pin *tried) {
  const struct refused_pin *pin = atomic_load(&refused);
  for (; pin != NULL; pin = pin->next)
    if (memcmp(pin->serial, tried->serial, sizeof pin->serial) == 0 && kg_file_id_equal(&pin->file, &tried->file) &&
        memcmp(pin->pin_value, tried->pin_value, sizeof pin->pin_value) == 0)
      return true;
  return false;
}

static void remember(const struct refused_pin *tried) {
  struct refused_pin *pin = malloc(sizeof *pin);
  if (pin == NULL) return;
  *pin = *tried;
  pin->next = atomic_load(&refused);
  while (!atomic_compare_exchange_weak(&refused, &pin->next, pin))
    continue;
}

/* Whether a PIN of this token was refused here: what is there now was put there since. */
static bool knows_token(const struct refused_pin *tried) {
  const struct refused_pin *pin = atomic_load(&refused);
  while (pin != NULL && memcmp(pin->serial, tried->serial, sizeof pin->serial) != 0)
    pin = pin->next;
  return pin != NULL;
}

static enum kg_status check_flags(const CK_TOKEN_INFO *info, struct kg_error *error) {
  if (info->flags & CKF_USER_PIN_LOCKED)
    return kg_error_set(error, KG_E_KEY_PIN,
                        "the token's user PIN is locked: its security officer has to set a new one");
  if (info->flags & CKF_USER_PIN_FINAL_TRY)
    return kg_error_set(error, KG_E_KEY_PIN,
                        "one more wrong PIN would lock the token, so none is tried: log in once by hand (pkcs11-tool "
                        "--login), and correct the PIN of key-store if it is not the one that worked");
  return KG_OK;
}

/* A wrong PIN was tried since the last good one, perhaps by a process like this one, which cannot write down that it
 * did: then only a PIN that keyguardctl has seen work is tried. */
static enum kg_status check_count_low(const CK_TOKEN_INFO *info, const struct refused_pin *tried,
                                      enum kg_pin_verdict verdict, struct kg_error *error) {
  if (!(info->flags & CKF_USER_PIN_COUNT_LOW) || !kg_pin_memory_is_used() || kg_pin_memory_may_try() ||
      verdict == KG_PIN_GOOD || knows_token(tried))
    return KG_OK;
  return kg_error_set(error, KG_E_KEY_PIN,
                      "a wrong PIN was tried at this token, and this one was never seen to work, so it is not tried: "
                      "keyguardctl doctor says whether it is right");
}

static enum kg_status refuse_again(const struct kg_pkcs11_uri *uri, struct kg_error *error) {
  if (uri->pin_source != NULL)
    return kg_error_set(error, KG_E_KEY_PIN,
                        "the token refused this PIN before; it is not tried again until the pin-source file changes: "
                        "correct %.200s, or touch it to have it tried as it is",
                        uri->pin_source);
  return kg_error_set(
      error, KG_E_KEY_PIN,
      "the token refused this PIN before; it is not tried again until the configuration changes: correct "
      "its pin-value, or touch the file to have it tried as it is");
}

static bool is_logged_in(struct kg_backing *backing, CK_SESSION_HANDLE session) {
  CK_SESSION_INFO info;
  memset(&info, 0, sizeof info);
  return backing->f->C_GetSessionInfo(session, &info) == CKR_OK &&
         (info.state == CKS_RO_USER_FUNCTIONS || info.state == CKS_RW_USER_FUNCTIONS);
}

static bool is_wrong_pin(CK_RV rv) {
  return rv == CKR_PIN_INCORRECT || rv == CKR_PIN_INVALID || rv == CKR_PIN_LEN_RANGE || rv == CKR_PIN_LOCKED;
}

static void describe_source(const struct kg_pkcs11_uri *uri, const struct refused_pin *tried,
                            struct kg_pin_source *out) {
  *out = (struct kg_pin_source){.path = uri->pin_source, .id = tried->file};
  size_t len = kg_token_field_length((const CK_UTF8CHAR *)tried->serial, sizeof tried->serial);
  memcpy(out->serial, tried->serial, len);
  kg_pin_memory_identify(out);
}

static enum kg_status try_pin(struct kg_backing *backing, CK_USER_TYPE user, CK_SESSION_HANDLE session,
                              struct kg_buf *pin, const struct refused_pin *tried, const struct kg_pin_source *source,
                              struct kg_error *error) {
  sigset_t before;
  kg_signals_hold(&before);
  CK_RV rv = backing->f->C_Login(session, user, pin->data, (CK_ULONG)pin->len);
  kg_signals_release(&before);
  if (rv == CKR_OK) kg_pin_memory_note(source, KG_PIN_GOOD);
  if (rv == CKR_OK || rv == CKR_USER_ALREADY_LOGGED_IN) return KG_OK;
  if (is_wrong_pin(rv)) {
    remember(tried);
    kg_pin_memory_note(source, KG_PIN_REFUSED);
  }
  return kg_ckr_error(error, "C_Login", rv);
}

static enum kg_status try_once(struct kg_backing_key *key, struct kg_backing *backing, CK_USER_TYPE user,
                               CK_SESSION_HANDLE session, const CK_TOKEN_INFO *info, struct kg_buf *pin,
                               const struct refused_pin *tried, struct kg_error *error) {
  struct kg_pin_source source;
  describe_source(key->uri, tried, &source);
  struct kg_lock *lock = NULL;
  enum kg_status status = kg_pin_memory_lock(&source, &lock, error);
  if (status != KG_OK) return status;
  enum kg_pin_verdict verdict = kg_pin_memory_find(&source);
  if (verdict == KG_PIN_REFUSED || was_refused(tried)) status = refuse_again(key->uri, error);
  if (status == KG_OK) status = check_count_low(info, tried, verdict, error);
  if (status == KG_OK) status = try_pin(backing, user, session, pin, tried, &source, error);
  kg_lock_release(&lock);
  return status;
}

/* Holding the turn, so that two threads cannot both try a wrong PIN. */
static enum kg_status login(struct kg_backing_key *key, struct kg_backing *backing, CK_USER_TYPE user,
                            CK_SESSION_HANDLE session, const CK_TOKEN_INFO *info, struct kg_error *error) {
  struct refused_pin tried;
  memset(&tried, 0, sizeof tried);
  memcpy(tried.serial, info->serialNumber, sizeof tried.serial);
  if (user == CKU_USER && is_logged_in(backing, session)) return KG_OK;
  enum kg_status status = check_flags(info, error);
  struct kg_buf pin = {0};
  if (status == KG_OK) status = read_pin(key->uri, &pin, &tried, error);
  if (status == KG_OK) status = try_once(key, backing, user, session, info, &pin, &tried, error);
  kg_buf_clear(&pin);
  return status;
}

enum kg_status kg_backing_login(struct kg_backing_key *key, struct kg_backing *backing, CK_USER_TYPE user,
                                CK_SESSION_HANDLE session, const CK_TOKEN_INFO *info, struct kg_error *error) {
  if (!kg_turn_take(&backing->login))
    return kg_error_set(error, KG_E_KEY_BUSY, "another thread is still in the token's C_Login");
  enum kg_status status = login(key, backing, user, session, info, error);
  kg_turn_give(&backing->login);
  return status;
}
