#include "core/key/pkcs11/backing.h"

#include "core/base/clock.h"
#include "core/key/pkcs11/backing_key.h"
#include "core/key/pkcs11/ckr.h"
#include "core/key/pkcs11/host.h"
#include "core/key/pkcs11/load.h"
#include "core/key/pkcs11/token_field.h"
#include "core/os/exit.h"
#include "core/os/fork.h"

#include <stdlib.h>
#include <string.h>

static _Atomic(struct kg_backing *) backings; /* grows at the head; nothing is ever taken out or freed */

bool kg_turn_take(atomic_flag *turn) {
  const struct kg_clock *clock = kg_clock_system();
  if (!atomic_flag_test_and_set(turn)) return true;
  int64_t deadline = kg_lanes_now_ms() + KG_LANE_WAIT_MS;
  while (atomic_flag_test_and_set(turn)) {
    if (kg_lanes_now_ms() >= deadline) return false;
    clock->sleep_ms(clock->context, 1);
  }
  return true;
}

void kg_turn_give(atomic_flag *turn) {
  atomic_flag_clear(turn);
}

static enum kg_status busy(struct kg_error *error) {
  return kg_error_set(error, KG_E_KEY_BUSY, "another thread is still in the token's C_Initialize or C_Finalize");
}

/* p11-kit-client.so repeats what the library behind its socket says of itself, and that is a proxy in the server's
 * process. */
static bool speaks_for_a_server(const char *path) {
  const char *name = strrchr(path, '/');
  return strcmp(name != NULL ? name + 1 : path, "p11-kit-client.so") == 0;
}

/* By what the library says of itself: the only way to know our own module from another process image of it (keyguardctl
 * is not the module), and tpm2-pkcs11, whose C_OpenSession gives two threads the same handle (1.9.0). */
static enum kg_status recognise(struct kg_backing *backing, struct kg_error *error) {
  CK_INFO info;
  memset(&info, 0, sizeof info);
  CK_RV rv = backing->f->C_GetInfo(&info);
  if (rv != CKR_OK) return kg_ckr_error(error, "C_GetInfo", rv);
  if (kg_token_field_is(info.manufacturerID, sizeof info.manufacturerID, "keyguard-pkcs11"))
    return kg_error_set(error, KG_E_CONFIG, "module-path %s is this module itself, not a token's library",
                        backing->path);
  if (kg_token_field_is(info.manufacturerID, sizeof info.manufacturerID, "PKCS#11 Kit") &&
      kg_token_field_is(info.libraryDescription, sizeof info.libraryDescription, "PKCS#11 Kit Proxy Module") &&
      !backing->is_client)
    return kg_error_set(error, KG_E_CONFIG, "module-path %s is p11-kit's proxy: name the token's own library",
                        backing->path);
  bool is_tpm2 = kg_token_field_is(info.libraryDescription, sizeof info.libraryDescription, "TPM2.0 Cryptoki");
  atomic_store(&backing->is_tpm2, is_tpm2);
  atomic_store(&backing->lanes.size, is_tpm2 ? 1 : KG_LANES);
  return KG_OK;
}

/* Holding the turn. An initialisation that was there before is adopted: whoever made it ends it. The epoch is counted
 * on twice: before, so that whoever still holds numbers of the last one sees that they mean something else as soon as
 * they can be valid again; and after, so that whoever fails in between does not take this initialisation for the lost
 * one. */
static enum kg_status initialise(struct kg_backing *backing, struct kg_error *error) {
  CK_C_INITIALIZE_ARGS arguments = {.flags = CKF_OS_LOCKING_OK};
  atomic_fetch_add(&backing->epoch, 1);
  CK_RV rv = backing->f->C_Initialize(&arguments);
  if (rv != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED) return kg_ckr_error(error, "C_Initialize", rv);
  bool owned = rv == CKR_OK;
  enum kg_status status = recognise(backing, error);
  if (status != KG_OK) {
    if (owned) backing->f->C_Finalize(NULL);
    return status;
  }
  if (!backing->watched) kg_exit_watch();
  backing->watched = true;
  atomic_store(&backing->owned, owned);
  atomic_fetch_add(&backing->epoch, 1);
  atomic_store(&backing->ready, true);
  return KG_OK;
}

enum kg_status kg_backing_renew(struct kg_backing *backing, unsigned epoch, struct kg_error *error) {
  if (!kg_turn_take(&backing->turn)) return busy(error);
  enum kg_status status = KG_OK;
  if (atomic_load(&backing->epoch) == epoch || !atomic_load(&backing->ready)) {
    atomic_store(&backing->ready, false);
    status = initialise(backing, error);
  }
  kg_turn_give(&backing->turn);
  return status;
}

static bool has_slots(const struct kg_backing *backing) {
  CK_ULONG count = 0;
  return backing->f->C_GetSlotList(CK_TRUE, NULL, &count) == CKR_OK && count > 0;
}

/* p11-kit-client.so (0.24) never looks for its server again by itself. Calls of other threads fail already. */
bool kg_backing_reconnect(struct kg_backing *backing, unsigned epoch) {
  if (!backing->is_client || !atomic_load(&backing->owned) || has_slots(backing)) return false;
  if (!kg_turn_take(&backing->turn)) return false;
  bool connected = atomic_load(&backing->epoch) != epoch;
  if (!connected) {
    atomic_store(&backing->ready, false);
    backing->f->C_Finalize(NULL);
    connected = initialise(backing, NULL) == KG_OK;
  }
  kg_turn_give(&backing->turn);
  return connected;
}

/* Order matters: the user is counted before `ready` is read, while kg_backing_release clears `ready` before it reads
 * the count. One of the two sees the other. */
static enum kg_status join(struct kg_backing *backing, struct kg_error *error) {
  atomic_fetch_add(&backing->users, 1);
  if (atomic_load(&backing->ready)) return KG_OK;
  enum kg_status status = kg_backing_renew(backing, 0, error);
  if (status != KG_OK) atomic_fetch_sub(&backing->users, 1);
  return status;
}

void kg_backing_release(struct kg_backing *backing) {
  if (atomic_fetch_sub(&backing->users, 1) != 1 || !atomic_load(&backing->owned)) return;
  if (!kg_turn_take(&backing->turn)) return;
  bool ready = atomic_exchange(&backing->ready, false);
  if (ready && (atomic_load(&backing->users) > 0 || !atomic_load(&backing->owned))) {
    atomic_store(&backing->ready, true);
  } else if (ready) {
    backing->f->C_Finalize(NULL);
    atomic_store(&backing->owned, false);
  }
  kg_turn_give(&backing->turn);
}

/* Of this process; a parent's stay in the list. */
static struct kg_backing *find(const char *path) {
  struct kg_backing *backing = atomic_load(&backings);
  while (backing != NULL && (strcmp(backing->path, path) != 0 || !kg_lanes_are_here(&backing->lanes)))
    backing = backing->next;
  return backing;
}

/* Takes `path`. */
static struct kg_backing *new_backing(char *path, const CK_FUNCTION_LIST *f) {
  struct kg_backing *backing = calloc(1, sizeof *backing);
  if (backing == NULL || kg_lanes_init(&backing->lanes) != KG_OK) {
    free(backing);
    free(path);
    return NULL;
  }
  backing->path = path;
  backing->f = f;
  backing->is_client = speaks_for_a_server(path);
  return backing;
}

/* Puts it at the head, or finds the one that another thread just put there. */
static struct kg_backing *publish(struct kg_backing *backing) {
  backing->next = atomic_load(&backings);
  do {
    struct kg_backing *other = find(backing->path);
    if (other == NULL) continue;
    free(backing->path);
    free(backing);
    return other;
  } while (!atomic_compare_exchange_weak(&backings, &backing->next, backing));
  return backing;
}

static enum kg_status add(char *path, const CK_FUNCTION_LIST *f, struct kg_backing **out, struct kg_error *error) {
  struct kg_backing *backing = path != NULL ? new_backing(path, f) : NULL;
  if (backing == NULL) return kg_error_no_memory(error, "for a token");
  *out = publish(backing);
  return join(*out, error);
}

enum kg_status kg_backing_acquire(const char *path, struct kg_backing **out, struct kg_error *error) {
  kg_fork_watch();
  char *resolved = NULL;
  const CK_FUNCTION_LIST *f = NULL;
  enum kg_status status = kg_backing_library_load(path, &resolved, &f, error);
  if (status != KG_OK) return status;
  bool entered = kg_host_enter();
  *out = find(resolved);
  if (*out == NULL) {
    status = add(resolved, f, out, error);
  } else {
    free(resolved);
    status = join(*out, error);
  }
  kg_host_leave(entered);
  return status;
}

enum kg_status kg_backing_of(struct kg_backing_key *key, struct kg_backing **out, struct kg_error *error) {
  struct kg_backing *inherited = atomic_load(&key->backing);
  *out = inherited;
  if (kg_lanes_are_here(&inherited->lanes)) return KG_OK;
  struct kg_backing *backing = find(inherited->path);
  enum kg_status status =
      backing != NULL ? join(backing, error) : add(kg_strdup(inherited->path), inherited->f, &backing, error);
  if (status != KG_OK) return status;
  if (!atomic_compare_exchange_strong(&key->backing, &inherited, backing)) kg_backing_release(backing);
  *out = atomic_load(&key->backing);
  return KG_OK;
}
