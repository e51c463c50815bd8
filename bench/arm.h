/* One way to sign: a PKCS#11 module (ours, or the token behind it), or libcrypto. Each executable links one of them, so
 * that no arm finds a library already loaded by another. */
#ifndef KG_BENCH_ARM_H
#define KG_BENCH_ARM_H

#include <stdbool.h>
#include <stddef.h>

enum kg_form { KG_FORM_PKCS1, KG_FORM_PSS, KG_FORM_SHA256_PSS, KG_FORM_COUNT };

struct kg_place {                                  /* where the key is; strings are borrowed */
  const char *library, *token, *object, *pin_file; /* PKCS#11; pin_file may be NULL: no login */
  const char *key_file;                            /* libcrypto: PEM */
};

struct kg_arm;
struct kg_signer; /* belongs to one thread */

extern const char *const kg_form_names[KG_FORM_COUNT];

/* Each prints what failed on stderr and answers NULL or false. */
struct kg_arm *kg_arm_open(const struct kg_place *place);
void kg_arm_close(struct kg_arm **arm);
bool kg_arm_idle(const struct kg_place *place); /* load, initialise, list slots, token information, finalise */
struct kg_signer *kg_signer_new(struct kg_arm *arm, enum kg_form form);
bool kg_signer_sign(struct kg_signer *signer); /* one complete signature */
void kg_signer_free(struct kg_signer **signer);

#endif
