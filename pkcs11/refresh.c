#include "pkcs11/refresh.h"

#include "core/base/log.h"
#include "core/os/file.h"
#include "core/state/binding_reader.h"

#include <stdlib.h>
#include <string.h>

#define INTERVAL_MS 1000

enum kg_status kg_refresh_init(struct kg_refresh *refresh, const struct kg_identity *identity, const char *state_dir,
                               const struct kg_clock *clock) {
  memset(refresh, 0, sizeof *refresh);
  refresh->identity = identity;
  refresh->clock = clock;
  refresh->path = kg_binding_path(state_dir, identity->name);
  if (refresh->path == NULL) return KG_E_NO_MEMORY;
  kg_mutex_init(&refresh->mutex);
  return KG_OK;
}

void kg_refresh_clear(struct kg_refresh *refresh) {
  if (refresh->path == NULL) return;
  kg_view_clear(&refresh->view);
  kg_mutex_destroy(&refresh->mutex);
  free(refresh->path);
  refresh->path = NULL;
}

static void report(const struct kg_refresh *refresh, struct kg_error *error) {
  (void)kg_error_prefix(error, error->status, "identity %s", refresh->identity->name);
  kg_log_error(KG_LOG_WARN, error);
}

/* Whether contents were read, and these are good, damaged or of another. All else (no descriptor, no memory, no right,
 * a name that changed meanwhile) says nothing of them and may be otherwise in a moment. */
static bool is_judgement(enum kg_status status) {
  return status == KG_OK || status == KG_E_BINDING || status == KG_E_BINDING_STALE;
}

/* A judgement is made once; what goes on is told when it begins. */
static void tell_locked(struct kg_refresh *refresh, struct kg_error *error) {
  bool goes_on =
      !is_judgement(error->status) && error->status == refresh->told && error->native_code == refresh->told_code;
  refresh->told = error->status;
  refresh->told_code = error->native_code;
  if (error->status != KG_OK && !goes_on) report(refresh, error);
}

/* A binding that can be read and is not for this identity withdraws the token: somebody means another one. */
static enum kg_status adopt_locked(struct kg_refresh *refresh, struct kg_binding **binding,
                                   struct kg_generation **replaced, struct kg_error *error) {
  enum kg_status status = kg_binding_check_identity(*binding, refresh->identity, error);
  if (status == KG_E_BINDING_STALE) refresh->withdrawn = true;
  struct kg_generation *next = NULL;
  if (status == KG_OK) status = kg_generation_new(refresh->identity, binding, refresh->view.now, &next, error);
  if (status != KG_OK) return status;
  refresh->withdrawn = false;
  *replaced = kg_view_move(&refresh->view, next);
  return KG_OK;
}

/* The file has other contents than those that were judged last. What cannot be used changes nothing: what we have stays
 * in use. */
static void load_locked(struct kg_refresh *refresh, struct kg_generation **replaced) {
  struct kg_error error = {0};
  struct kg_binding *binding = NULL;
  struct kg_file_id id = {0};
  enum kg_status status = kg_binding_load(refresh->path, &binding, &id, &error);
  if (status == KG_OK) status = adopt_locked(refresh, &binding, replaced, &error);
  if (is_judgement(status)) refresh->seen = id;
  tell_locked(refresh, &error);
  kg_binding_free(&binding);
}

static bool is_valid_now(const struct kg_refresh *refresh) {
  int64_t now = refresh->clock->wall(refresh->clock->context);
  struct kg_error error = {0};
  bool valid = refresh->view.now != NULL && !refresh->withdrawn &&
               kg_binding_check_time(refresh->view.now->binding, now, &error) == KG_OK;
  if (refresh->present && !valid && error.status != KG_OK) report(refresh, &error);
  return valid;
}

static void look_locked(struct kg_refresh *refresh, struct kg_generation **replaced) {
  struct kg_file_id id = {0};
  enum kg_status status = kg_file_identify(refresh->path, &id);
  if (status == KG_E_NOT_FOUND) {
    refresh->withdrawn = true;
    memset(&refresh->seen, 0, sizeof refresh->seen);
  } else if (status != KG_OK) {
    struct kg_error error = {0};
    (void)kg_error_set(&error, status, "cannot examine '%s'", refresh->path);
    tell_locked(refresh, &error);
  } else if (!kg_file_id_equal(&id, &refresh->seen)) {
    load_locked(refresh, replaced);
  }
  refresh->present = is_valid_now(refresh);
}

static bool is_due(const struct kg_refresh *refresh, int64_t now) {
  return !refresh->looked || now < refresh->looked_ms || now - refresh->looked_ms >= INTERVAL_MS;
}

static struct kg_generation *look(struct kg_refresh *refresh, bool at_once) {
  int64_t now = refresh->clock->elapsed_ms(refresh->clock->context);
  kg_mutex_lock(&refresh->mutex);
  struct kg_generation *replaced = NULL;
  if (at_once || is_due(refresh, now)) {
    refresh->looked = true;
    refresh->looked_ms = now;
    look_locked(refresh, &replaced);
  }
  struct kg_generation *now_shown = NULL;
  if (refresh->present) now_shown = kg_generation_ref(refresh->view.now);
  kg_mutex_unlock(&refresh->mutex);
  kg_generation_unref(&replaced); /* out here: it may close a key */
  return now_shown;
}

struct kg_generation *kg_refresh_look(struct kg_refresh *refresh) {
  return look(refresh, false);
}

struct kg_generation *kg_refresh_look_again(struct kg_refresh *refresh) {
  return look(refresh, true);
}

struct kg_generation *kg_refresh_find(struct kg_refresh *refresh, CK_OBJECT_HANDLE handle) {
  struct kg_generation *found = NULL;
  kg_mutex_lock(&refresh->mutex);
  if (kg_view_find(&refresh->view, handle, &found) != NULL) (void)kg_generation_ref(found);
  kg_mutex_unlock(&refresh->mutex);
  return found;
}
