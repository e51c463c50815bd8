#include "plugin/attestation_log.h"

#include "wire/redact.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#define ERROR_LINES 3

struct line {
  int level; /* of the host's log */
  char text[240];
};

/* The library may log from threads of its own. A flag to spin on is portable, and nothing long happens under it. */
static atomic_flag busy = ATOMIC_FLAG_INIT;
static struct line lines[KG_ATTESTATION_LOG_LINES];
static size_t received; /* in all; the newest is at (received - 1) % KG_ATTESTATION_LOG_LINES */

static void lock(void) {
  while (atomic_flag_test_and_set_explicit(&busy, memory_order_acquire))
    ;
}

static void unlock(void) {
  atomic_flag_clear_explicit(&busy, memory_order_release);
}

/* 0 error, 1 warning, 2 information; everything else stays out of sight unless debugging (docs/protocol.md 12). */
static int level_of(int native) {
  switch (native) {
  case 0:
    return KG_PLUGIN_LOG_ERROR;
  case 1:
    return KG_PLUGIN_LOG_WARN;
  case 2:
    return KG_PLUGIN_LOG_INFO;
  default:
    return KG_PLUGIN_LOG_DEBUG;
  }
}

void kg_attestation_log_receive(void *context, const char *tag, int level, const char *function, int line,
                                const char *message) {
  (void)context;
  (void)function;
  (void)line;
  char clean_tag[32];
  kg_redact(tag != NULL ? tag : "", clean_tag, sizeof clean_tag);
  char clean[200];
  kg_redact(message != NULL ? message : "", clean, sizeof clean);
  lock();
  struct line *to = &lines[received++ % KG_ATTESTATION_LOG_LINES];
  to->level = level_of(level);
  snprintf(to->text, sizeof to->text, "%s%s%s", clean_tag, *clean_tag ? ": " : "", clean);
  unlock();
}

void kg_attestation_log_start(void) {
  lock();
  received = 0;
  unlock();
}

static size_t oldest_locked(void) {
  return received > KG_ATTESTATION_LOG_LINES ? received - KG_ATTESTATION_LOG_LINES : 0;
}

/* Where the last ERROR_LINES errors begin. */
static size_t first_error_locked(void) {
  size_t at = received, found = 0;
  while (at > oldest_locked() && found < ERROR_LINES)
    if (lines[--at % KG_ATTESTATION_LOG_LINES].level == KG_PLUGIN_LOG_ERROR) found++;
  return at;
}

void kg_attestation_log_errors(char *out, size_t size) {
  out[0] = '\0';
  lock();
  size_t len = 0;
  for (size_t i = first_error_locked(); i < received && len + 1 < size; i++) {
    const struct line *line = &lines[i % KG_ATTESTATION_LOG_LINES];
    if (line->level != KG_PLUGIN_LOG_ERROR) continue;
    snprintf(out + len, size - len, "%s%s", len ? "; " : "", line->text);
    len = strlen(out);
  }
  unlock();
}

/* One at a time out of the lock: the host's log is foreign code, too. */
static bool take(size_t index, struct line *out) {
  lock();
  bool there = index < received;
  if (there) *out = lines[index % KG_ATTESTATION_LOG_LINES];
  unlock();
  return there;
}

void kg_attestation_log_drain(const struct kg_acquisition *acquisition) {
  lock();
  size_t index = oldest_locked();
  unlock();
  if (index)
    kg_acquisition_log(acquisition, KG_PLUGIN_LOG_WARN, "attestation library: %zu earlier lines were dropped", index);
  struct line line;
  for (; take(index, &line); index++)
    kg_acquisition_log(acquisition, line.level, "attestation library: %s", line.text);
}
