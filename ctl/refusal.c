#include "ctl/refusal.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/json.h"
#include "core/base/json_add.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "core/os/lock.h"
#include "ctl/error_json.h"
#include "ctl/fingerprint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define SIZE_LIMIT (64 * 1024)
#define WAITS_MAX 16
#define HASH_TEXT 65
#define LOCK_MS 5000

struct remint {
  unsigned count; /* that did not help, in a row; 0: none */
  int64_t at, until;
  char code[32], certificate[HASH_TEXT]; /* the one that was refused: SHA-256 of its DER */
};

struct wait {
  char scope[HASH_TEXT]; /* its SHA-256: a scope may be long */
  int64_t at, until;
  struct kg_error error;
};

struct memory {
  char subject[HASH_TEXT];
  struct remint remint;
  unsigned waits_count;
  struct wait waits[WAITS_MAX];
};

static int64_t now_of(const struct kg_refusal_subject *subject) {
  return subject->clock->wall(subject->clock->context);
}

/* A clock that went backwards keeps nobody waiting for longer than `max`. */
static bool is_active(int64_t until, int64_t max, int64_t now) {
  return now < until && until - now <= max;
}

/* Of texts one after the other, each with its NUL; NULL ends them. Empty where it cannot be computed. */
static void hash_texts(const char *const *texts, char out[HASH_TEXT]) {
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  for (; *texts != NULL; texts++)
    kg_hash_update(&hash, kg_span_of(*texts, strlen(*texts) + 1));
  unsigned char digest[KG_HASH_MAX_SIZE];
  char *hex = kg_hash_final(&hash, digest) ? kg_hex_format(kg_span_of(digest, 32)) : NULL;
  snprintf(out, HASH_TEXT, "%s", hex != NULL ? hex : "");
  free(hex);
}

static void hash_subject(const struct kg_refusal_subject *subject, char out[HASH_TEXT]) {
  char *fingerprint = kg_fingerprint(subject->config, subject->identity);
  const char *const texts[] = {fingerprint != NULL ? fingerprint : "", subject->binding->client_id,
                               subject->binding->tenant_id, subject->binding->token_endpoint, NULL};
  hash_texts(texts, out);
  free(fingerprint);
}

/* The file. */

static char *path_of(const struct kg_config *config, const struct kg_identity *identity) {
  /* Not .json: the binding of an identity named "web.refusal" is web.refusal.json. */
  return kg_file_join(config->state_dir, identity->name, ".refusal");
}

static bool parse_remint(const cJSON *object, struct remint *out) {
  int64_t count = 0;
  if (object == NULL) return true;
  if (!kg_json_get_int(object, "count", 1, 1000000, &count) || !kg_json_get_time(object, "at", &out->at) ||
      !kg_json_get_time(object, "until", &out->until))
    return false;
  out->count = (unsigned)count;
  kg_json_copy_text(object, "code", out->code, sizeof out->code);
  kg_json_copy_text(object, "certificate", out->certificate, sizeof out->certificate);
  return true;
}

static bool parse_waits(const cJSON *array, struct memory *out) {
  const cJSON *item = NULL;
  cJSON_ArrayForEach(item, array) {
    struct wait *wait = &out->waits[out->waits_count];
    if (out->waits_count == WAITS_MAX) return true;
    if (!kg_json_get_time(item, "at", &wait->at) || !kg_json_get_time(item, "until", &wait->until) ||
        !kg_error_json_parse(item, &wait->error))
      return false;
    kg_json_copy_text(item, "scope", wait->scope, sizeof wait->scope);
    out->waits_count++;
  }
  return true;
}

static bool parse(struct kg_span text, struct memory *out) {
  cJSON *object = kg_json_parse(text, KG_E_BINDING, NULL);
  int64_t version = 0;
  kg_json_copy_text(object, "subject", out->subject, sizeof out->subject);
  bool good = object != NULL && kg_json_get_int(object, "version", VERSION, VERSION, &version) &&
              parse_remint(cJSON_GetObjectItemCaseSensitive(object, "remint"), &out->remint) &&
              parse_waits(cJSON_GetObjectItemCaseSensitive(object, "waits"), out);
  cJSON_Delete(object);
  return good;
}

/* None, a damaged one, and another subject's are the same: nothing is remembered. */
static void load(const struct kg_refusal_subject *subject, struct memory *out) {
  char *path = path_of(subject->config, subject->identity);
  char mine[HASH_TEXT];
  hash_subject(subject, mine);
  memset(out, 0, sizeof *out);
  struct kg_buf text = {0};
  bool good = path != NULL && kg_file_read(path, SIZE_LIMIT, KG_TRUST_SHARED, &text, NULL, NULL) == KG_OK &&
              parse(kg_buf_span(&text), out) && strcmp(out->subject, mine) == 0;
  if (!good) memset(out, 0, sizeof *out);
  memcpy(out->subject, mine, sizeof mine);
  kg_buf_clear(&text);
  free(path);
}

static void add_remint(cJSON *object, const struct remint *remint) {
  if (remint->count == 0) return;
  cJSON *added = cJSON_AddObjectToObject(object, "remint");
  cJSON_AddNumberToObject(added, "count", remint->count);
  kg_json_add_time(added, "at", remint->at);
  kg_json_add_time(added, "until", remint->until);
  kg_json_add_filled(added, "code", remint->code);
  kg_json_add_filled(added, "certificate", remint->certificate);
}

static char *format(const struct memory *memory) {
  cJSON *object = cJSON_CreateObject();
  if (object == NULL) return NULL;
  cJSON_AddNumberToObject(object, "version", VERSION);
  cJSON_AddStringToObject(object, "subject", memory->subject);
  add_remint(object, &memory->remint);
  cJSON *list = cJSON_AddArrayToObject(object, "waits");
  for (unsigned i = 0; i < memory->waits_count; i++) {
    cJSON *wait = cJSON_CreateObject();
    kg_json_add_filled(wait, "scope", memory->waits[i].scope);
    kg_json_add_time(wait, "at", memory->waits[i].at);
    kg_json_add_time(wait, "until", memory->waits[i].until);
    kg_error_json_add(wait, &memory->waits[i].error);
    kg_json_append(list, wait);
  }
  char *text = cJSON_Print(object);
  cJSON_Delete(object);
  return text;
}

static enum kg_status store(const struct kg_refusal_subject *subject, const struct memory *memory,
                            struct kg_error *error) {
  char *path = path_of(subject->config, subject->identity), *text = format(memory);
  enum kg_status status = path != NULL && text != NULL ? kg_file_replace(path, kg_span_text(text), 0644, error)
                                                       : kg_error_no_memory(error, "to remember a refusal");
  cJSON_free(text);
  free(path);
  return status;
}

void kg_refusal_forget(const struct kg_config *config, const struct kg_identity *identity) {
  char *path = path_of(config, identity);
  if (path != NULL) (void)remove(path);
  free(path);
}

/* Re-mints. */

static enum kg_status withhold(const struct remint *remint, int64_t now, struct kg_error *error) {
  return kg_error_set(
      error, KG_E_TOKEN_REJECTED, "a new certificate was made %lld s ago (%s) and did not help; none for %lld s",
      (long long)(now > remint->at ? now - remint->at : 0), remint->code, (long long)(remint->until - now));
}

static void count(const struct kg_refusal_subject *subject, const char *code, struct remint *remint) {
  char *certificate = kg_hex_format(kg_span_of(subject->binding->sha256, sizeof subject->binding->sha256));
  remint->count++;
  remint->at = now_of(subject);
  remint->until = remint->at + KG_REMINT_DELAY_S;
  snprintf(remint->code, sizeof remint->code, "%s", code);
  snprintf(remint->certificate, sizeof remint->certificate, "%s", certificate != NULL ? certificate : "");
  free(certificate);
}

enum kg_status kg_refusal_begin_remint(const struct kg_refusal_subject *subject, const char *code,
                                       struct kg_error *error) {
  struct memory memory;
  int64_t now = now_of(subject);
  load(subject, &memory);
  if (memory.remint.count > 0 && is_active(memory.remint.until, KG_REMINT_DELAY_S, now))
    return withhold(&memory.remint, now, error);
  count(subject, code, &memory.remint);
  return store(subject, &memory, error);
}

void kg_refusal_withdraw_remint(const struct kg_refusal_subject *subject) {
  struct memory memory;
  load(subject, &memory);
  if (memory.remint.count == 0) return;
  memory.remint.count--;
  memory.remint.until = memory.remint.at;
  struct kg_error error = {0};
  if (store(subject, &memory, &error) != KG_OK) kg_log_error(KG_LOG_WARN, &error);
}

static struct kg_lock *take_lock(const struct kg_refusal_subject *subject) {
  char *path = kg_file_join(subject->config->state_dir, subject->identity->name, ".lock");
  struct kg_lock *lock = NULL;
  struct kg_error error = {0};
  if (path == NULL || kg_lock_acquire(path, LOCK_MS, subject->clock, &lock, &error) != KG_OK)
    kg_log(KG_LOG_INFO, "what the token service said is not remembered: %s", error.text);
  free(path);
  return lock;
}

static void save(const struct kg_refusal_subject *subject, const struct memory *memory) {
  struct kg_error error = {0};
  if (store(subject, memory, &error) != KG_OK)
    kg_log(KG_LOG_WARN, "what the token service said cannot be remembered: %s", error.text);
}

void kg_refusal_note_fresh(const struct kg_refusal_subject *subject, const char *code) {
  struct kg_lock *lock = take_lock(subject);
  if (lock == NULL) return;
  struct memory memory;
  load(subject, &memory);
  count(subject, code, &memory.remint);
  save(subject, &memory);
  kg_lock_release(&lock);
}

/* Waits. */

static void drop_wait(struct memory *memory, unsigned at) {
  memory->waits[at] = memory->waits[--memory->waits_count];
}

/* Those whose time is over, and the one of `scope`, which is said anew. */
static void clean_waits(struct memory *memory, const char *scope, int64_t now) {
  for (unsigned i = memory->waits_count; i > 0; i--)
    if (strcmp(memory->waits[i - 1].scope, scope) == 0 || !is_active(memory->waits[i - 1].until, KG_WAIT_MAX_S, now))
      drop_wait(memory, i - 1);
}

void kg_refusal_note_wait(const struct kg_refusal_subject *subject, const char *scope, int64_t seconds,
                          const struct kg_error *error) {
  const char *const texts[] = {scope, NULL};
  struct kg_lock *lock = take_lock(subject);
  if (lock == NULL) return;
  struct memory memory;
  int64_t now = now_of(subject);
  load(subject, &memory);
  struct wait wait = {.at = now, .until = now + (seconds < KG_WAIT_MAX_S ? seconds : KG_WAIT_MAX_S), .error = *error};
  hash_texts(texts, wait.scope);
  clean_waits(&memory, wait.scope, now);
  if (memory.waits_count == WAITS_MAX) drop_wait(&memory, 0);
  memory.waits[memory.waits_count++] = wait;
  save(subject, &memory);
  kg_lock_release(&lock);
}

void kg_refusal_note_grant(const struct kg_refusal_subject *subject, const char *scope) {
  const char *const texts[] = {scope, NULL};
  char *path = path_of(subject->config, subject->identity);
  struct kg_file_id id;
  bool is_there = path != NULL && kg_file_identify(path, &id) == KG_OK;
  free(path);
  if (!is_there) return; /* the usual case costs no lock */
  struct kg_lock *lock = take_lock(subject);
  if (lock == NULL) return;
  struct memory memory;
  char name[HASH_TEXT];
  hash_texts(texts, name);
  load(subject, &memory);
  clean_waits(&memory, name, now_of(subject));
  memory.remint = (struct remint){0};
  if (memory.waits_count > 0)
    save(subject, &memory);
  else
    kg_refusal_forget(subject->config, subject->identity);
  kg_lock_release(&lock);
}

enum kg_status kg_refusal_check_wait(const struct kg_refusal_subject *subject, const char *scope,
                                     struct kg_error *error) {
  const char *const texts[] = {scope, NULL};
  struct memory memory;
  char name[HASH_TEXT];
  int64_t now = now_of(subject);
  hash_texts(texts, name);
  load(subject, &memory);
  for (unsigned i = 0; i < memory.waits_count; i++) {
    const struct wait *wait = &memory.waits[i];
    if (strcmp(wait->scope, name) != 0 || !is_active(wait->until, KG_WAIT_MAX_S, now)) continue;
    enum kg_status status = kg_error_copy(error, &wait->error);
    return kg_error_prefix(error, status,
                           "asked %lld s ago, and the service wants to be left alone for %lld s more (keyguardctl "
                           "provision %s --force asks now)",
                           (long long)(now > wait->at ? now - wait->at : 0), (long long)(wait->until - now),
                           subject->identity->name);
  }
  return KG_OK;
}
