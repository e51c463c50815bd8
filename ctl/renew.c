#include "ctl/renew.h"

#include "core/base/hash.h"

#define DAY_S (24 * 60 * 60)
/* A token may live 24 hours and must not outlive its certificate (docs/protocol.md 7.2:
 * MI/V2/CertificateCacheEntry.cs). */
#define LAST_DAY_S DAY_S
/* Below two days of life the rule above would make a certificate due at birth. */
#define SHORT_LIFE_S (2 * LAST_DAY_S)
#define SPREAD_PER_MILLE 100

/* Half of the life, moved by -10 % to +10 % of the half. */
static int64_t half_life(int64_t life, uint64_t seed) {
  int64_t half = life / 2;
  int64_t width = half / 1000 * (2 * SPREAD_PER_MILLE) + half % 1000 * (2 * SPREAD_PER_MILLE) / 1000;
  return half - width / 2 + (int64_t)(seed % (uint64_t)(width + 1));
}

static enum kg_renew_state used_state(int64_t used, int64_t life) {
  if (used >= life - life / 10) return KG_RENEW_LATEST;
  return used >= life - life / 4 ? KG_RENEW_LATE : KG_RENEW_DUE;
}

struct kg_renew kg_renew_plan(int64_t now, int64_t begin, int64_t end, uint64_t seed) {
  struct kg_renew plan = {KG_RENEW_GOOD, begin, 0, false};
  int64_t life = end > begin ? end - begin : 0;
  plan.left_s = now < end ? end - now : 0;
  plan.due_at = begin + half_life(life, seed);
  if (life >= SHORT_LIFE_S && plan.due_at > end - LAST_DAY_S) plan.due_at = end - LAST_DAY_S;
  plan.last_day = life >= SHORT_LIFE_S && plan.left_s <= LAST_DAY_S;
  if (plan.left_s == 0)
    plan.state = KG_RENEW_ENDED;
  else if (now >= plan.due_at)
    plan.state = used_state(now - begin, life);
  return plan;
}

struct kg_renew kg_renew_binding(const struct kg_binding *binding, int64_t now) {
  int64_t end = kg_binding_end(binding), begin = binding->leaf.not_before;
  /* The service may hand out a certificate that it made earlier: what counts is the life it had left for us. */
  if (binding->issued_at > begin && binding->issued_at < end) begin = binding->issued_at;
  return kg_renew_plan(now, begin, end, kg_renew_seed(binding->machine_id, binding->identity));
}

uint64_t kg_renew_seed(const char *machine, const char *identity) {
  struct kg_hash_ctx hash;
  kg_hash_init(&hash, KG_HASH_SHA256);
  kg_hash_update(&hash, kg_span_text(machine != NULL ? machine : ""));
  kg_hash_update(&hash, kg_span_of("", 1)); /* "ab","c" is not "a","bc" */
  kg_hash_update(&hash, kg_span_text(identity));
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_final(&hash, digest);
  uint64_t seed = 0;
  for (unsigned i = 0; i < 8; i++)
    seed = seed << 8 | digest[i];
  return seed;
}

const char *kg_renew_state_name(enum kg_renew_state state) {
  static const char *const names[] = {"good", "due", "late", "latest", "ended"};
  return names[state];
}
