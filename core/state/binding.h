/* What was issued: one versioned JSON file an identity, and the only thing that passes from keyguardctl to the
 * module. Everything the module shows about a certificate is computed before it is stored, so the module parses no
 * DER. Nothing in it is secret; the private key is never in it. */
#ifndef KG_CORE_STATE_BINDING_H
#define KG_CORE_STATE_BINDING_H

#include "core/base/error.h"
#include "core/key/key.h"
#include "core/state/identity.h"

#include <stdint.h>

#define KG_KEY_ID_SIZE 20

struct kg_certificate {
  struct kg_buf der, subject, issuer; /* the latter two DER Names */
  struct kg_buf serial;               /* DER INTEGER, tag and length included (PKCS#11 CKA_SERIAL_NUMBER) */
  struct kg_buf id;                   /* RFC 5280 4.2.1.2 method (1) of its public key, 20 bytes */
  int64_t not_before, not_after;
};

struct kg_binding {
  char *identity;
  enum kg_selector selector;
  char *selector_value;                                /* as configured when it was issued; NULL: system */
  char *client_id, *tenant_id, *identity_type;         /* as answered */
  char *mtls_authentication_endpoint, *token_endpoint; /* the latter is the whole URL to POST to */
  char *key_store;                                     /* redacted URI */
  enum kg_strength strength;
  bool attested;
  unsigned key_bits, capabilities;
  struct kg_buf modulus, exponent, public_key_info; /* DER SubjectPublicKeyInfo: PKCS#11 3.0 CKA_PUBLIC_KEY_INFO */
  struct kg_certificate leaf;
  struct kg_certificate *chain; /* issuers, nearest first; usually none */
  size_t chain_count;
  unsigned char sha256[32], sha1[20]; /* of the leaf's DER: x5t#S256, and CKA_CHECK_VALUE's source */
  int64_t issued_at;
  int64_t token_not_after;    /* certificate extension 1.3.6.1.4.1.311.90.2.1; 0: none */
  char *vm_id, *vmss_id;      /* the machine's, as answered; may be NULL */
  char *machine_id, *boot_id; /* where and in which boot it was issued; may be NULL */
  char *file;                 /* that it was read from, which is no part of it; NULL: none */
};

char *kg_binding_path(const char *state_dir, const char *identity); /* free() it */
void kg_binding_free(struct kg_binding **binding);
void kg_certificate_clear(struct kg_certificate *certificate);

int64_t kg_binding_end(const struct kg_binding *binding); /* min(not_after, token_not_after) */
/* Same modulus and exponent as the store's key, else KG_E_BINDING_STALE. */
KG_MUST_USE enum kg_status kg_binding_check_key(const struct kg_binding *binding, const struct kg_key_info *key,
                                                struct kg_error *error);
/* Issued for this identity as it is configured now (name, selector, attestation, floor) and for this machine: by its
 * machine id, unless it was issued in this very boot, or its folder is mounted read-only or mounted-state. */
KG_MUST_USE enum kg_status kg_binding_check_identity(const struct kg_binding *binding,
                                                     const struct kg_identity *identity, struct kg_error *error);
/* Usable at `now`: not before not_before - 300 s, before its end. */
KG_MUST_USE enum kg_status kg_binding_check_time(const struct kg_binding *binding, int64_t now, struct kg_error *error);

#endif
