/* The mechanisms, as one table, and the checks of what comes with them. */
#ifndef KG_PKCS11_MECHANISM_H
#define KG_PKCS11_MECHANISM_H

#include "core/key/key.h"
#include "keyguard/cryptoki.h"

enum kg_mechanism_use { KG_USE_SIGN, KG_USE_DIGEST };

struct kg_mechanism {
  CK_MECHANISM_TYPE type;
  enum kg_mechanism_use use;
  enum kg_padding padding;
  enum kg_hash hash; /* the one it applies to the data; KG_HASH_NONE: the caller has done that, single part only */
};

/* What a mechanism may be used for on one token; from the binding. */
struct kg_mechanism_limits {
  unsigned capabilities; /* KG_CAN_* */
  unsigned key_bits;
  bool hardware;
};

#define KG_MECHANISMS_MAX 16

/* Row of `type`, if this token offers it. NULL: it does not. */
const struct kg_mechanism *kg_mechanism_find(CK_MECHANISM_TYPE type, const struct kg_mechanism_limits *limits);
/* All that the token offers, in the table's order; only those of `use`. Returns how many. */
size_t kg_mechanism_list(const struct kg_mechanism_limits *limits, CK_MECHANISM_TYPE out[KG_MECHANISMS_MAX]);
size_t kg_mechanism_list_sign(const struct kg_mechanism_limits *limits, CK_MECHANISM_TYPE out[KG_MECHANISMS_MAX]);
void kg_mechanism_info(const struct kg_mechanism *row, const struct kg_mechanism_limits *limits,
                       CK_MECHANISM_INFO *out);

/* The parameters, checked completely; the data is judged where the key is. CKR_MECHANISM_PARAM_INVALID; no default is
 * invented. */
CK_RV kg_mechanism_read_params(const struct kg_mechanism *row, const struct kg_mechanism_limits *limits,
                               const CK_MECHANISM *given, struct kg_sign_params *out);

#endif
