/* The objects of a token: keys, certificates, the facts of the binding, profiles. */
#ifndef KG_PKCS11_OBJECT_H
#define KG_PKCS11_OBJECT_H

#include "core/base/error.h"
#include "core/state/binding.h"
#include "pkcs11/attribute.h"
#include "pkcs11/mechanism.h"

enum kg_object_kind {
  KG_OBJECT_PRIVATE_KEY,
  KG_OBJECT_PUBLIC_KEY,
  KG_OBJECT_CERTIFICATE,
  KG_OBJECT_ISSUER,
  KG_OBJECT_FACTS,
  KG_OBJECT_PROFILE
};

#define KG_OBJECT_SAME_SIZE 32
#define KG_OBJECT_LABEL_MAX 64

struct kg_object {
  CK_OBJECT_HANDLE handle;
  enum kg_object_kind kind;
  unsigned char same[KG_OBJECT_SAME_SIZE]; /* equal in two generations: it is the same object */
  char unique_id[2 * KG_OBJECT_SAME_SIZE + 1];
  char label[KG_OBJECT_LABEL_MAX];
  unsigned char check_value[3]; /* certificates: CKA_CHECK_VALUE */
  struct kg_attributes attributes;
};

struct kg_objects {
  struct kg_object *items;
  size_t count;
};

struct kg_objects_source { /* what they are built from; they borrow of it, but for the last */
  const char *identity;
  const struct kg_binding *binding;
  const struct kg_mechanism_limits *limits;
  struct kg_span mechanisms;       /* of the keys: CKA_ALLOWED_MECHANISMS */
  const char *facts;               /* JSON, the value of the data object */
  const struct kg_objects *before; /* may be NULL: what these follow; the same ones keep their handles */
};

/* Where it fails, what is there is for kg_objects_clear() all the same. */
KG_MUST_USE enum kg_status kg_objects_build(const struct kg_objects_source *from, struct kg_objects *out,
                                            struct kg_error *error);
const struct kg_object *kg_objects_find(const struct kg_objects *objects, CK_OBJECT_HANDLE handle);
void kg_objects_clear(struct kg_objects *objects);

#endif
