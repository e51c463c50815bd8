#include "pkcs11/on_demand.h"

#include "core/key/key.h"

#define WAIT_MS 35000 /* for another thread's: longer than it is given */
#define POLL_MS 20

/* The last failures, in this process and not in one initialisation: {slot: 32, second of the elapsed clock: 32}. 0:
 * none. Atomic words and no lock, as a host may fork at any moment. */
#define REMEMBERED 32
static _Atomic uint64_t failures[REMEMBERED];

#define SLOT(word) ((uint32_t)((word) >> 32))
#define SECOND(word) ((uint32_t)(word))

void kg_on_demand_init(struct kg_on_demand *on_demand, const struct kg_config *config, const char *identity,
                       uint32_t slot, const struct kg_clock *clock) {
  on_demand->config = config->provision_on_demand ? config->path : NULL;
  on_demand->identity = identity;
  on_demand->clock = clock;
  on_demand->slot = slot;
  atomic_init(&on_demand->running, false);
}

static int64_t now_ms(const struct kg_on_demand *on_demand) {
  return on_demand->clock->elapsed_ms(on_demand->clock->context);
}

static uint32_t now_s(const struct kg_on_demand *on_demand) {
  return (uint32_t)(now_ms(on_demand) / 1000) + 1; /* never 0 */
}

/* A word of the table that is this slot's, or free, or else the one that has been there longest. */
static size_t place_of(uint32_t slot) {
  size_t oldest = 0;
  for (size_t i = 0; i < REMEMBERED; i++) {
    uint64_t word = atomic_load(&failures[i]);
    if (word == 0 || SLOT(word) == slot) return i;
    if (SECOND(word) < SECOND(atomic_load(&failures[oldest]))) oldest = i;
  }
  return oldest;
}

static bool has_failed_lately(const struct kg_on_demand *on_demand) {
  uint64_t word = atomic_load(&failures[place_of(on_demand->slot)]);
  uint32_t now = now_s(on_demand);
  if (word == 0 || SLOT(word) != on_demand->slot) return false;
  return now >= SECOND(word) && now - SECOND(word) < KG_ON_DEMAND_PAUSE_S;
}

static void wait_for_the_other(struct kg_on_demand *on_demand) {
  int64_t deadline = now_ms(on_demand) + WAIT_MS;
  while (atomic_load(&on_demand->running) && now_ms(on_demand) < deadline)
    on_demand->clock->sleep_ms(on_demand->clock->context, POLL_MS);
}

bool kg_on_demand_claim(struct kg_on_demand *on_demand) {
  if (on_demand->config == NULL || kg_key_is_inside_store()) return false;
  if (atomic_exchange(&on_demand->running, true)) {
    wait_for_the_other(on_demand);
    return false;
  }
  if (!has_failed_lately(on_demand)) return true;
  atomic_store(&on_demand->running, false);
  return false;
}

void kg_on_demand_settle(struct kg_on_demand *on_demand, bool good) {
  if (!good) atomic_store(&failures[place_of(on_demand->slot)], (uint64_t)on_demand->slot << 32 | now_s(on_demand));
  atomic_store(&on_demand->running, false);
}
