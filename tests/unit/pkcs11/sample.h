/* A binding that was never issued, and a key store that holds no key: what the module's parts need to be tested alone.
 */
#ifndef KG_TESTS_SAMPLE_H
#define KG_TESTS_SAMPLE_H

#include "core/base/clock.h"
#include "core/state/binding.h"

#define SAMPLE_NOW 1800000000

enum {
  SAMPLE_ALL = KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PSS_ANY_SALT | KG_CAN_PKCS1_ANY_INPUT
};

/* Valid from SAMPLE_NOW for a week. The same `key` is the same modulus; the same `serial` and key the same DER. */
struct kg_binding *sample_binding(const char *identity, unsigned char key, unsigned char serial);
struct kg_identity sample_identity(const char *name); /* borrows the name */

extern int64_t sample_wall, sample_elapsed_ms;
extern const struct kg_clock sample_clock; /* tells the two above */

/* The key store of these tests, in place of core/key/key.c. Counters of what was asked. */
struct fake_key_store {
  unsigned char key;      /* the modulus is sample_binding()'s for this number */
  enum kg_status on_open; /* KG_OK unless a test wants a failure */
  int opened, closed, signatures;
};
extern struct fake_key_store fake_key_store;

#endif
