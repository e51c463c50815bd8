#include "plugin/attestation_cache.h"

#include <stdlib.h>
#include <string.h>

#define ENTRIES 16
#define MARGIN_S 300 /* docs/protocol.md 5.6: KA/PopKeyAttestor.cs */

static struct entry {
  char *endpoint; /* NULL: free */
  unsigned char key[32];
  struct kg_buf token;
  int64_t expires;
} entries[ENTRIES];

static bool matches(const struct entry *entry, const struct kg_attestation_id *id) {
  return entry->endpoint != NULL && strcmp(entry->endpoint, id->endpoint) == 0 && memcmp(entry->key, id->key, 32) == 0;
}

static struct entry *find(const struct kg_attestation_id *id) {
  for (size_t i = 0; i < ENTRIES; i++)
    if (matches(&entries[i], id)) return &entries[i];
  return NULL;
}

static void clear(struct entry *entry) {
  free(entry->endpoint);
  kg_buf_clear(&entry->token);
  memset(entry, 0, sizeof *entry);
}

/* A free one, else the one that ends first. */
static struct entry *choose(void) {
  struct entry *chosen = &entries[0];
  for (size_t i = 0; i < ENTRIES; i++) {
    if (entries[i].endpoint == NULL) return &entries[i];
    if (entries[i].expires < chosen->expires) chosen = &entries[i];
  }
  clear(chosen);
  return chosen;
}

bool kg_attestation_cache_get(const struct kg_attestation_id *id, int64_t now, struct kg_buf *token) {
  const struct entry *entry = find(id);
  return entry != NULL && entry->expires > now + MARGIN_S && kg_buf_set(token, kg_buf_span(&entry->token)) == KG_OK;
}

static void clear_all(void) {
  for (size_t i = 0; i < ENTRIES; i++)
    clear(&entries[i]);
}

/* The process ends, and nothing of them stays in its memory. */
static void clear_at_exit(void) {
  static bool registered;
  if (!registered) registered = atexit(clear_all) == 0;
}

/* Best effort: without memory there is no entry, and the next acquisition attests again. */
void kg_attestation_cache_put(const struct kg_attestation_id *id, struct kg_span token, int64_t expires) {
  clear_at_exit();
  kg_attestation_cache_drop(id);
  struct entry *entry = choose();
  memcpy(entry->key, id->key, sizeof entry->key);
  entry->expires = expires;
  entry->endpoint = kg_strdup(id->endpoint);
  if (entry->endpoint == NULL || kg_buf_set(&entry->token, token) != KG_OK) clear(entry);
}

void kg_attestation_cache_drop(const struct kg_attestation_id *id) {
  struct entry *entry = find(id);
  if (entry != NULL) clear(entry);
}
