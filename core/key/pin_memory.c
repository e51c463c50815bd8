#include "core/key/pin_memory.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 4096
#define TEXT_SIZE 256
#define LOCK_MS 10000

static struct {
  char folder[PATH_SIZE], config[PATH_SIZE]; /* empty: none */
  bool may_write, look_only;
} memory;

static void keep(char out[PATH_SIZE], const char *text) {
  size_t len = text != NULL ? strlen(text) : 0;
  if (len >= PATH_SIZE) len = 0;
  memcpy(out, text != NULL ? text : "", len);
  out[len] = '\0';
}

void kg_pin_memory_use(const char *state_dir, const char *config_path, bool may_write) {
  keep(memory.folder, state_dir);
  keep(memory.config, config_path);
  memory.may_write = may_write;
}

void kg_pin_memory_look_only(void) {
  memory.look_only = true;
}

bool kg_pin_memory_is_used(void) {
  return memory.folder[0] != '\0';
}

bool kg_pin_memory_may_write(void) {
  return kg_pin_memory_is_used() && memory.may_write;
}

void kg_pin_memory_identify(struct kg_pin_source *source) {
  if (source->path == NULL && memory.config[0] != '\0' && kg_file_identify(memory.config, &source->id) != KG_OK)
    memset(&source->id, 0, sizeof source->id);
}

/* Of what is no secret: the token's serial number and where its PIN comes from. No identity's name begins with a dot.
 */
static char *path_of(const struct kg_pin_source *source, const char *suffix) {
  const char *texts[] = {source->serial, source->path != NULL ? source->path : memory.config};
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  for (size_t i = 0; i < 2; i++)
    kg_hash_update(&hash, kg_span_of(texts[i], strlen(texts[i]) + 1));
  unsigned char digest[KG_HASH_MAX_SIZE];
  char *hex = kg_hash_final(&hash, digest) ? kg_hex_format(kg_span_of(digest, 16)) : NULL;
  char name[64];
  snprintf(name, sizeof name, ".pin.%s", hex != NULL ? hex : "");
  char *path = hex != NULL && kg_pin_memory_is_used() ? kg_file_join(memory.folder, name, suffix) : NULL;
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
  if (memory.look_only && verdict == KG_PIN_GOOD) return;
  if (!kg_pin_memory_may_write() || !is_file(source) || kg_pin_memory_find(source) == verdict) return;
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
  if (!kg_pin_memory_may_write() || memory.look_only) return KG_OK;
  char *path = path_of(source, ".lock");
  struct kg_error own = {0};
  enum kg_status status = KG_OK;
  if (path != NULL) status = kg_lock_acquire(path, LOCK_MS, kg_clock_system(), lock, &own);
  free(path);
  if (status != KG_E_LOCK_BUSY) return KG_OK;
  return kg_error_set(error, KG_E_KEY_BUSY, "another process is still in the token's C_Login: %.200s", own.text);
}
