#include "ctl/patience.h"

#define ATTEMPTS 5
#define FIRST_WAIT_MS 20 /* then twice as long each time: 300 ms in all */

enum kg_status kg_key_open_patiently(const char *store, unsigned flags, const struct kg_clock *clock,
                                     struct kg_key **out, struct kg_error *error) {
  int64_t wait_ms = FIRST_WAIT_MS;
  enum kg_status status = kg_key_open(store, flags, out, error);
  for (int attempt = 1; attempt < ATTEMPTS; attempt++, wait_ms *= 2) {
    if (status != KG_E_KEY_NOT_FOUND && status != KG_E_KEY_STORE) break;
    clock->sleep_ms(clock->context, wait_ms);
    status = kg_key_open(store, flags, out, error);
  }
  return status;
}
