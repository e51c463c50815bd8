#include "pkcs11/handle.h"

#include "core/os/mutex.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define CHUNK_SIZE 256u
#define CHUNKS (KG_HANDLE_LIMIT / CHUNK_SIZE)
#define INDEX_BITS 16
#define NO_INDEX UINT32_MAX

/* A word is {tag: 32, closed: 1, references: 31}. The table itself holds one reference to an open item. */
#define CLOSED UINT64_C(0x80000000)
#define REFERENCES UINT64_C(0x7fffffff)

struct entry {
  _Atomic uint64_t word; /* 0: free */
  void *item;            /* written before the word is, read only by who holds a reference */
  uint32_t next_free;
};

struct kg_handles {
  kg_handle_free_function *free_item;
  _Atomic(struct entry *) chunks[CHUNKS];
  struct kg_mutex mutex; /* guards the free list and growth */
  uint32_t first_free, used;
};

/* The last tag given out for an index, in this process and not in one table: handles survive C_Finalize in the heads
 * of applications. Where CK_ULONG has 32 bits, an index that has used up its 16-bit tags is retired. */
static _Atomic uint32_t issued[KG_HANDLE_LIMIT];

static uint32_t tag_limit(void) {
  return sizeof(CK_ULONG) > 4 ? UINT32_MAX : UINT16_MAX;
}

static CK_ULONG handle_of(uint32_t index, uint32_t tag) {
  return (CK_ULONG)((uint64_t)tag << INDEX_BITS | index);
}

static struct entry *entry_at(struct kg_handles *handles, uint32_t index) {
  struct entry *chunk = atomic_load_explicit(&handles->chunks[index / CHUNK_SIZE], memory_order_acquire);
  return chunk != NULL ? &chunk[index % CHUNK_SIZE] : NULL;
}

struct kg_handles *kg_handles_new(kg_handle_free_function *free_item) {
  struct kg_handles *handles = calloc(1, sizeof *handles);
  if (handles == NULL) return NULL;
  handles->free_item = free_item;
  handles->first_free = NO_INDEX;
  kg_mutex_init(&handles->mutex);
  return handles;
}

void kg_handles_free(struct kg_handles **handles) {
  if (*handles == NULL) return;
  size_t position = 0;
  CK_ULONG handle = 0;
  while ((handle = kg_handle_next(*handles, &position)) != 0)
    (void)!kg_handle_close(*handles, handle);
  for (size_t i = 0; i < CHUNKS; i++)
    free(atomic_load(&(*handles)->chunks[i]));
  kg_mutex_destroy(&(*handles)->mutex);
  free(*handles);
  *handles = NULL;
}

/* A free index, from the list or by growing; NO_INDEX: none. */
static uint32_t take_index_locked(struct kg_handles *handles) {
  uint32_t index = handles->first_free;
  if (index != NO_INDEX) {
    handles->first_free = entry_at(handles, index)->next_free;
    return index;
  }
  if (handles->used == KG_HANDLE_LIMIT) return NO_INDEX;
  if (handles->used % CHUNK_SIZE == 0) {
    struct entry *chunk = calloc(CHUNK_SIZE, sizeof *chunk);
    if (chunk == NULL) return NO_INDEX;
    atomic_store_explicit(&handles->chunks[handles->used / CHUNK_SIZE], chunk, memory_order_release);
  }
  return handles->used++;
}

/* The same, passing over those whose tags are used up. */
static uint32_t take_index(struct kg_handles *handles, uint32_t *tag) {
  uint32_t index = NO_INDEX;
  kg_mutex_lock(&handles->mutex);
  do {
    index = take_index_locked(handles);
  } while (index != NO_INDEX && atomic_load(&issued[index]) == tag_limit());
  kg_mutex_unlock(&handles->mutex);
  if (index != NO_INDEX) *tag = atomic_fetch_add(&issued[index], 1) + 1;
  return index;
}

bool kg_handle_open(struct kg_handles *handles, void *item, CK_ULONG *handle) {
  uint32_t tag = 0, index = take_index(handles, &tag);
  if (index == NO_INDEX) return false;
  struct entry *entry = entry_at(handles, index);
  entry->item = item;
  atomic_store_explicit(&entry->word, (uint64_t)tag << 32 | 1, memory_order_release);
  *handle = handle_of(index, tag);
  return true;
}

static struct entry *find(struct kg_handles *handles, CK_ULONG handle, uint64_t *tag) {
  *tag = (uint64_t)handle >> INDEX_BITS;
  if (*tag == 0 || *tag > UINT32_MAX) return NULL;
  return entry_at(handles, (uint32_t)(handle & (KG_HANDLE_LIMIT - 1)));
}

void *kg_handle_acquire(struct kg_handles *handles, CK_ULONG handle) {
  uint64_t tag = 0;
  struct entry *entry = find(handles, handle, &tag);
  if (entry == NULL) return NULL;
  uint64_t word = atomic_load_explicit(&entry->word, memory_order_relaxed);
  do {
    if (word >> 32 != tag || (word & CLOSED)) return NULL;
  } while (!atomic_compare_exchange_weak_explicit(&entry->word, &word, word + 1, memory_order_acquire,
                                                  memory_order_relaxed));
  return entry->item;
}

static void drop(struct kg_handles *handles, struct entry *entry, uint32_t index) {
  uint64_t word = atomic_fetch_sub_explicit(&entry->word, 1, memory_order_acq_rel) - 1;
  if (word & REFERENCES) return;
  handles->free_item(entry->item);
  entry->item = NULL;
  atomic_store_explicit(&entry->word, 0, memory_order_relaxed);
  kg_mutex_lock(&handles->mutex);
  entry->next_free = handles->first_free;
  handles->first_free = index;
  kg_mutex_unlock(&handles->mutex);
}

void kg_handle_release(struct kg_handles *handles, CK_ULONG handle) {
  uint64_t tag = 0;
  struct entry *entry = find(handles, handle, &tag);
  if (entry != NULL) drop(handles, entry, (uint32_t)(handle & (KG_HANDLE_LIMIT - 1)));
}

bool kg_handle_close(struct kg_handles *handles, CK_ULONG handle) {
  uint64_t tag = 0;
  struct entry *entry = find(handles, handle, &tag);
  if (entry == NULL) return false;
  uint64_t word = atomic_load_explicit(&entry->word, memory_order_relaxed);
  do {
    if (word >> 32 != tag || (word & CLOSED)) return false;
  } while (!atomic_compare_exchange_weak_explicit(&entry->word, &word, word | CLOSED, memory_order_acq_rel,
                                                  memory_order_relaxed));
  drop(handles, entry, (uint32_t)(handle & (KG_HANDLE_LIMIT - 1)));
  return true;
}

CK_ULONG kg_handle_next(struct kg_handles *handles, size_t *position) {
  for (; *position < KG_HANDLE_LIMIT; (*position)++) {
    struct entry *entry = entry_at(handles, (uint32_t)*position);
    uint64_t word = entry != NULL ? atomic_load_explicit(&entry->word, memory_order_acquire) : 0;
    if (entry == NULL) return 0; /* chunks fill in order */
    if (word && !(word & CLOSED)) return handle_of((uint32_t)(*position)++, (uint32_t)(word >> 32));
  }
  return 0;
}
