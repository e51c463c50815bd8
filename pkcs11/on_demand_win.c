#include "pkcs11/on_demand.h"

/* There the scheduled task provisions: nothing here starts a process. */
enum kg_status kg_on_demand_run(const struct kg_on_demand *on_demand, struct kg_error *error) {
  (void)on_demand;
  return kg_error_set(error, KG_E_ACCESS,
                      "provision-on-demand is not supported on Windows: let a scheduled task provision");
}
