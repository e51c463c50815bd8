#include "core/key/pin_memory.h"

#include "core/base/buf.h"
#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_SIZE 256
#define LOCK_MS 10000

/* Where PINs are remembered and on whose behalf. Never changed and never freed: a thread may be reading one while
 * another initialises the module with another configuration. There is one for each pair that this process ever used. */
struct place {
  struct place *next;
  bool may_write;
  char *folder, *config; /* `config` NULL: it has none */
};

static _Atomic(struct place *) places, used;
static atomic_bool look_only;

static bool equal(const char *a, const char *b) {
  return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static struct place *find_place(const char *folder, const char *config, bool may_write) {
  for (struct place *place = atomic_load(&places); place != NULL; place = place->next)
    if (equal(place->folder, folder) && equal(place->config, config) && place->may_write == may_write) return place;
  return NULL;
}

static struct place *new_place(const char *folder, const char *config, bool may_write) {
  struct place *place = calloc(1, sizeof *place);
  if (place == NULL) return NULL;
  place->may_write = may_write;
  place->folder = kg_strdup(folder);
  place->config = kg_strdup(config);
  if (place->folder == NULL || (config != NULL && place->config == NULL)) {
    free(place->folder);
    free(place->config);
    free(place);
    return NULL;
  }
  place->next = atomic_load(&places);
  while (!atomic_compare_exchange_weak(&places, &place->next, place))
    continue;
  return place;
}

enum kg_status kg_pin_memory_use(const char *state_dir, const char *config_path, bool may_write) {
  struct place *place = NULL;
  if (state_dir != NULL) {
    place = find_place(state_dir, config_path, may_write);
    if (place == NULL) place = new_place(state_dir, config_path, may_write);
    if (place == NULL) return KG_E_NO_MEMORY;
  }
  atomic_store(&used, place);
  return KG_OK;
}

void kg_pin_memory_look_only(void) {
  atomic_store(&look_only, true);
}

bool kg_pin_memory_is_used(void) {
  return atomic_load(&used) != NULL;
}

static bool is_writer(void) {
  const struct place *place = atomic_load(&used);
  return place != NULL && place->may_write;
}

bool kg_pin_memory_may_try(void) {
  const struct place *place = atomic_load(&used);
  return place != NULL && place->may_write && (atomic_load(&look_only) || kg_file_may_write_in(place->folder));
}

void kg_pin_memory_identify(struct kg_pin_source *source) {
  const struct place *place = atomic_load(&used);
  if (source->path == NULL && place != NULL && place->config != NULL &&
      kg_file_identify(place->config, &source->id) != KG_OK)
    memset(&source->id, 0, sizeof source->id);
}

/* Of what is no secret: the token's serial number and where its PIN comes from. No identity's name begins with a dot.
 */
static char *path_of(const struct kg_pin_source *source, const char *suffix) {
  const struct place *place = atomic_load(&used);
  if (place == NULL) return NULL;
  const char *config = place->config != NULL ? place->config : "";
  const char *texts[] = {source->serial, source->path != NULL ? source->path : config};
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  for (size_t i = 0; i < 2; i++)
    kg_hash_update(&hash, kg_span_of(texts[i], strlen(texts[i]) + 1));
  unsigned char digest[KG_HASH_MAX_SIZE];
  char *hex = kg_hash_final(&hash, digest) ? kg_hex_format(kg_span_of(digest, 16)) : NULL;
  char name[64];
  snprintf(name, sizeof name, ".pin.%s", hex != NULL ? hex : "");
  char *path = hex != NULL ? kg_file_join(place->folder, name, suffix) : NULL;
  free(hex);
  return path;
}

/* The whole file, for one verdict: so it is read by comparing. */
static void format(const struct kg_pin_source *source, enum kg_pin_verdict verdict, char out[TEXT_SIZE]) {
  snprintf(out, TEXT_SIZE, "keyguard-pin 1 %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRId64 "\n",
           verdict == KG_PIN_GOOD ? "good" : "refused", source->id.device, source->id.inode, source->id.size,
           source->id.mtime_ns);
}

static bool is_file(const struct kg_pin_source *source) {
  static const struct kg_file_id none;
  return !kg_file_id_equal(&source->id, &none);
}

enum kg_pin_verdict kg_pin_memory_find(const struct kg_pin_source *source) {
  char *path = is_file(source) ? path_of(source, "") : NULL;
  enum kg_pin_verdict found = KG_PIN_UNKNOWN;
  struct kg_buf text = {0};
  if (path != NULL && kg_file_read(path, TEXT_SIZE, KG_TRUST_SHARED, &text, NULL, NULL) == KG_OK)
    for (enum kg_pin_verdict verdict = KG_PIN_GOOD; verdict <= KG_PIN_REFUSED; verdict++) {
      char expected[TEXT_SIZE];
      format(source, verdict, expected);
      if (kg_span_equal(kg_buf_span(&text), kg_span_text(expected))) found = verdict;
    }
  kg_buf_clear(&text);
  free(path);
  return found;
}

void kg_pin_memory_note(const struct kg_pin_source *source, enum kg_pin_verdict verdict) {
  if (atomic_load(&look_only) && verdict == KG_PIN_GOOD) return;
  if (!is_writer() || !is_file(source) || kg_pin_memory_find(source) == verdict) return;
  char *path = path_of(source, ""), text[TEXT_SIZE];
  format(source, verdict, text);
  struct kg_error error = {0};
  if (path != NULL && kg_file_replace(path, kg_span_text(text), 0644, &error) != KG_OK)
    kg_log(verdict == KG_PIN_REFUSED ? KG_LOG_WARN : KG_LOG_DEBUG, "what became of a PIN is not remembered: %s",
           error.text);
  free(path);
}

enum kg_status kg_pin_memory_lock(const struct kg_pin_source *source, struct kg_lock **lock, struct kg_error *error) {
  *lock = NULL;
  if (!is_writer() || atomic_load(&look_only)) return KG_OK;
  char *path = path_of(source, ".lock");
  struct kg_error own = {0};
  enum kg_status status = KG_OK;
  if (path != NULL) status = kg_lock_acquire(path, LOCK_MS, kg_clock_system(), lock, &own);
  free(path);
  if (status != KG_E_LOCK_BUSY) return KG_OK;
  return kg_error_set(error, KG_E_KEY_BUSY, "another process is still in the token's C_Login: %.200s", own.text);
}
