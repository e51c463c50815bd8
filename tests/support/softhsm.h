/* A private SoftHSM2 in a folder of its own: configuration, tokens and PIN files, all gone at the end. The process's
 * SOFTHSM2_CONF points at it, so there is one at a time. A step that fails ends the test program with the reason; where
 * SoftHSM2 is not installed the program ends with 77 (skipped). */
#ifndef KG_TESTS_SUPPORT_SOFTHSM_H
#define KG_TESTS_SUPPORT_SOFTHSM_H

#define KG_SOFTHSM_PIN "1234"

struct kg_softhsm {
  char *folder;        /* mode 0700 */
  const char *library; /* the real libsofthsm2.so */
};

struct kg_softhsm *kg_softhsm_new(void);
void kg_softhsm_free(struct kg_softhsm **softhsm);
/* A token with KG_SOFTHSM_PIN. */
void kg_softhsm_add_token(struct kg_softhsm *softhsm, const char *label);
/* Writes or rewrites a file in the folder; returns its path, free() it. */
char *kg_softhsm_write(struct kg_softhsm *softhsm, const char *name, const char *text, unsigned mode);
/* A key store URI for an object on a token, with a PIN file of mode 0600. `library` NULL: SoftHSM's. free() it. */
char *kg_softhsm_uri(struct kg_softhsm *softhsm, const char *library, const char *token, const char *object);

#endif
