#include "pkcs11/handle.h"

#include "core/os/fork.h"
#include "core/os/mutex.h"

#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#define FIRST_ROOM 64u /* doubled until KG_HANDLE_LIMIT */
#define INDEX_BITS 16
#define NO_INDEX UINT32_MAX

struct entry {
  void *item;
  uint32_t tag;        /* of its handle; 0: free */
  uint32_t references; /* those who are using the item, and one of the table itself while it is open */
  bool open;
  uint32_t next_free;
};

struct kg_handles {
  kg_handle_free_function *free_item; /* called without the lock: it may end in a key store */
  uint32_t forks;                     /* kg_fork_count() of the process that the table belongs to */
  struct kg_mutex mutex;              /* guards what follows */
  struct entry *entries;
  uint32_t first_free, used, room;
};

/* The last tag given out for an index, in this process and not in one table: handles survive C_Finalize in the heads
 * of applications. Where CK_ULONG has 32 bits, an index that has used up its 16-bit tags is retired. No lock, which a
 * forked child would inherit: a table's own is left behind with the table. */
static _Atomic uint32_t issued[KG_HANDLE_LIMIT];

static uint32_t tag_limit(void) {
  return sizeof(CK_ULONG) > 4 ? UINT32_MAX : UINT16_MAX;
}

static CK_ULONG handle_of(uint32_t index, uint32_t tag) {
  return (CK_ULONG)((uint64_t)tag << INDEX_BITS | index);
}

/* False in a child. A token's library that forks inside a call returns into us there as well: the table is the
 * parent's, and so is its lock, which a thread that is not there may hold. Nothing is found in it, and nothing changed.
 */
static bool lock(struct kg_handles *handles) {
  if (handles->forks != kg_fork_count()) return false;
  kg_mutex_lock(&handles->mutex);
  return true;
}

static uint32_t index_of(CK_ULONG handle) {
  return (uint32_t)(handle & (KG_HANDLE_LIMIT - 1));
}

struct kg_handles *kg_handles_new(kg_handle_free_function *free_item) {
  struct kg_handles *handles = calloc(1, sizeof *handles);
  if (handles == NULL) return NULL;
  handles->free_item = free_item;
  handles->forks = kg_fork_count();
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
  free((*handles)->entries);
  kg_mutex_destroy(&(*handles)->mutex);
  free(*handles);
  *handles = NULL;
}

static bool grow_locked(struct kg_handles *handles) {
  if (handles->room == KG_HANDLE_LIMIT) return false;
  uint32_t room = handles->room ? 2 * handles->room : FIRST_ROOM;
  struct entry *entries = realloc(handles->entries, room * sizeof *entries);
  if (entries == NULL) return false;
  handles->entries = entries;
  handles->room = room;
  return true;
}

/* A free index, from the list or by growing; NO_INDEX: none. */
static uint32_t take_index_locked(struct kg_handles *handles) {
  uint32_t index = handles->first_free;
  if (index != NO_INDEX) {
    handles->first_free = handles->entries[index].next_free;
    return index;
  }
  return handles->used < handles->room || grow_locked(handles) ? handles->used++ : NO_INDEX;
}

bool kg_handle_open(struct kg_handles *handles, void *item, CK_ULONG *handle) {
  if (!lock(handles)) return false;
  uint32_t index = NO_INDEX;
  do {
    index = take_index_locked(handles);
  } while (index != NO_INDEX && atomic_load(&issued[index]) == tag_limit());
  if (index != NO_INDEX) {
    uint32_t tag = atomic_fetch_add(&issued[index], 1) + 1;
    handles->entries[index] = (struct entry){.item = item, .tag = tag, .references = 1, .open = true};
    *handle = handle_of(index, tag);
  }
  kg_mutex_unlock(&handles->mutex);
  return index != NO_INDEX;
}

/* Whose handle this is or, if it is closed and still in use, was. */
static struct entry *find_locked(struct kg_handles *handles, CK_ULONG handle) {
  uint64_t tag = (uint64_t)handle >> INDEX_BITS;
  uint32_t index = index_of(handle);
  if (tag == 0 || index >= handles->used || handles->entries[index].tag != tag) return NULL;
  return &handles->entries[index];
}

void *kg_handle_acquire(struct kg_handles *handles, CK_ULONG handle) {
  void *item = NULL;
  if (!lock(handles)) return NULL;
  struct entry *entry = find_locked(handles, handle);
  if (entry != NULL && entry->open) {
    entry->references++;
    item = entry->item;
  }
  kg_mutex_unlock(&handles->mutex);
  return item;
}

/* One reference less. The item, if it was the last one. */
static void *drop_locked(struct kg_handles *handles, struct entry *entry) {
  if (--entry->references > 0) return NULL;
  entry->tag = 0;
  entry->next_free = handles->first_free;
  handles->first_free = (uint32_t)(entry - handles->entries);
  return entry->item;
}

void kg_handle_release(struct kg_handles *handles, CK_ULONG handle) {
  if (!lock(handles)) return;
  struct entry *entry = find_locked(handles, handle);
  void *last = entry != NULL ? drop_locked(handles, entry) : NULL;
  kg_mutex_unlock(&handles->mutex);
  if (last != NULL) handles->free_item(last);
}

bool kg_handle_close(struct kg_handles *handles, CK_ULONG handle) {
  if (!lock(handles)) return false;
  struct entry *entry = find_locked(handles, handle);
  bool closed = entry != NULL && entry->open;
  if (closed) entry->open = false;
  void *last = closed ? drop_locked(handles, entry) : NULL;
  kg_mutex_unlock(&handles->mutex);
  if (last != NULL) handles->free_item(last);
  return closed;
}

CK_ULONG kg_handle_next(struct kg_handles *handles, size_t *position) {
  CK_ULONG handle = 0;
  if (!lock(handles)) return 0;
  for (; handle == 0 && *position < handles->used; (*position)++) {
    const struct entry *entry = &handles->entries[*position];
    if (entry->tag != 0 && entry->open) handle = handle_of((uint32_t)*position, entry->tag);
  }
  kg_mutex_unlock(&handles->mutex);
  return handle;
}
