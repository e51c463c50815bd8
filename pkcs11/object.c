#include "pkcs11/object.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* PKCS#11 3.0 section 4.6.3, CKA_CERTIFICATE_CATEGORY */
enum { CATEGORY_TOKEN_USER = 1, CATEGORY_AUTHORITY = 2 };

#define CHECK_VALUE_SIZE 3 /* PKCS#11 3.0 section 4.6.3: the first three bytes of the SHA-1 of the certificate */

/* What is the same for every object of a class. */
enum constant_kind { FLAG, NUMBER, EMPTY, SENSITIVE };
struct constant {
  CK_ATTRIBUTE_TYPE type;
  enum constant_kind kind;
  CK_ULONG value;
};

static const struct constant storage[] = {
    {CKA_TOKEN, FLAG, 1},    {CKA_PRIVATE, FLAG, 0},     {CKA_MODIFIABLE, FLAG, 0},
    {CKA_COPYABLE, FLAG, 0}, {CKA_DESTROYABLE, FLAG, 0},
};
static const struct constant any_key[] = {
    {CKA_KEY_TYPE, NUMBER, CKK_RSA},
    {CKA_START_DATE, EMPTY, 0},
    {CKA_END_DATE, EMPTY, 0},
    {CKA_DERIVE, FLAG, 0},
};
static const struct constant private_key[] = {
    {CKA_CLASS, NUMBER, CKO_PRIVATE_KEY},
    {CKA_SENSITIVE, FLAG, 1},
    {CKA_EXTRACTABLE, FLAG, 0},
    {CKA_SIGN, FLAG, 1},
    {CKA_SIGN_RECOVER, FLAG, 0},
    {CKA_DECRYPT, FLAG, 0},
    {CKA_UNWRAP, FLAG, 0},
    {CKA_WRAP_WITH_TRUSTED, FLAG, 0},
    {CKA_ALWAYS_AUTHENTICATE, FLAG, 0},
    {CKA_UNWRAP_TEMPLATE, EMPTY, 0},
    {CKA_DERIVE_TEMPLATE, EMPTY, 0},
    {CKA_PRIVATE_EXPONENT, SENSITIVE, 0},
    {CKA_PRIME_1, SENSITIVE, 0},
    {CKA_PRIME_2, SENSITIVE, 0},
    {CKA_EXPONENT_1, SENSITIVE, 0},
    {CKA_EXPONENT_2, SENSITIVE, 0},
    {CKA_COEFFICIENT, SENSITIVE, 0},
};
static const struct constant public_key[] = {
    {CKA_CLASS, NUMBER, CKO_PUBLIC_KEY},
    {CKA_VERIFY_RECOVER, FLAG, 0},
    {CKA_ENCRYPT, FLAG, 0},
    {CKA_WRAP, FLAG, 0},
    {CKA_TRUSTED, FLAG, 0},
    {CKA_WRAP_TEMPLATE, EMPTY, 0},
};
static const struct constant certificate[] = {
    {CKA_CLASS, NUMBER, CKO_CERTIFICATE},
    {CKA_CERTIFICATE_TYPE, NUMBER, CKC_X_509},
    {CKA_TRUSTED, FLAG, 0},
    {CKA_URL, EMPTY, 0},
    {CKA_HASH_OF_SUBJECT_PUBLIC_KEY, EMPTY, 0},
    {CKA_HASH_OF_ISSUER_PUBLIC_KEY, EMPTY, 0},
    {CKA_NAME_HASH_ALGORITHM, NUMBER, CKM_SHA_1},
    {CKA_JAVA_MIDP_SECURITY_DOMAIN, NUMBER, 0},
};
static const struct constant data[] = {
    {CKA_CLASS, NUMBER, CKO_DATA},
    {CKA_OBJECT_ID, EMPTY, 0},
};
static const CK_ULONG profiles[] = {CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN,
                                    CKP_PUBLIC_CERTIFICATES_TOKEN};

static void add_constants(struct kg_attributes *set, const struct constant *rows, size_t count) {
  for (size_t i = 0; i < count; i++) {
    switch (rows[i].kind) {
    case FLAG:
      kg_attributes_add_flag(set, rows[i].type, rows[i].value != 0);
      break;
    case NUMBER:
      kg_attributes_add_number(set, rows[i].type, rows[i].value);
      break;
    case EMPTY:
      kg_attributes_add_bytes(set, rows[i].type, kg_span_of(NULL, 0));
      break;
    case SENSITIVE:
      kg_attributes_add_sensitive(set, rows[i].type);
      break;
    }
  }
}

/* Handles are numbers of this process: counted up, never taken back. 0: used up (where CK_ULONG has 32 bits). */
static CK_OBJECT_HANDLE new_handle(void) {
  static _Atomic CK_OBJECT_HANDLE last;
  CK_OBJECT_HANDLE seen = atomic_load(&last);
  do {
    if (seen == (CK_OBJECT_HANDLE)-2) return 0;
  } while (!atomic_compare_exchange_weak(&last, &seen, seen + 1));
  return seen + 1;
}

/* What makes an object the same one in two generations: its identity, kind, and what it was built from. */
static void hash_same(struct kg_object *object, const char *identity, struct kg_span source) {
  struct kg_hash_ctx ctx;
  unsigned char kind = (unsigned char)object->kind;
  kg_hash_init(&ctx, KG_HASH_SHA256);
  kg_hash_update(&ctx, kg_span_of(identity, strlen(identity) + 1));
  kg_hash_update(&ctx, kg_span_of(&kind, 1));
  kg_hash_update(&ctx, source);
  kg_hash_final(&ctx, object->same);
}

static void set_unique_id(struct kg_object *object) {
  for (size_t i = 0; i < sizeof object->same; i++)
    (void)snprintf(object->unique_id + 2 * i, 3, "%02x", object->same[i]);
}

static const struct kg_object *find_same(const struct kg_objects *objects, const struct kg_object *object) {
  for (size_t i = 0; objects != NULL && i < objects->count; i++)
    if (memcmp(objects->items[i].same, object->same, sizeof object->same) == 0) return &objects->items[i];
  return NULL;
}

/* The next free place, filled with what every object has; its class adds the rest. NULL: it is there already (the same
 * issuer twice). */
static struct kg_object *begin(struct kg_objects *objects, const struct kg_objects_source *from,
                               enum kg_object_kind kind, struct kg_span source) {
  struct kg_object *object = &objects->items[objects->count];
  memset(object, 0, sizeof *object);
  object->kind = kind;
  hash_same(object, from->identity, source);
  if (find_same(objects, object) != NULL) return NULL;
  const struct kg_object *same = find_same(from->before, object);
  object->handle = same != NULL ? same->handle : new_handle();
  set_unique_id(object);
  (void)snprintf(object->label, sizeof object->label, "%s", from->identity);
  objects->count++;
  add_constants(&object->attributes, storage, COUNT(storage));
  kg_attributes_add_bytes(&object->attributes, CKA_UNIQUE_ID, kg_span_text(object->unique_id));
  return object;
}

static void add_label(struct kg_object *object) {
  kg_attributes_add_bytes(&object->attributes, CKA_LABEL, kg_span_text(object->label));
}

/* Hardware and KeyGuard keys are made where they live and cannot have come from anywhere else; of a software token we
 * do not know. */
static void add_key(struct kg_attributes *set, const struct kg_objects_source *from) {
  const struct kg_binding *binding = from->binding;
  bool local = from->limits->hardware;
  add_constants(set, any_key, COUNT(any_key));
  kg_attributes_add_flag(set, CKA_LOCAL, local);
  kg_attributes_add_number(set, CKA_KEY_GEN_MECHANISM, local ? CKM_RSA_PKCS_KEY_PAIR_GEN : CK_UNAVAILABLE_INFORMATION);
  kg_attributes_add_bytes(set, CKA_ID, kg_buf_span(&binding->leaf.id));
  kg_attributes_add_bytes(set, CKA_SUBJECT, kg_buf_span(&binding->leaf.subject));
  kg_attributes_add_bytes(set, CKA_MODULUS, kg_buf_span(&binding->modulus));
  kg_attributes_add_bytes(set, CKA_PUBLIC_EXPONENT, kg_buf_span(&binding->exponent));
  kg_attributes_add_bytes(set, CKA_PUBLIC_KEY_INFO, kg_buf_span(&binding->public_key_info));
  kg_attributes_add_bytes(set, CKA_ALLOWED_MECHANISMS, from->mechanisms);
}

static void build_private_key(struct kg_object *object, const struct kg_objects_source *from) {
  struct kg_attributes *set = &object->attributes;
  add_label(object);
  add_constants(set, private_key, COUNT(private_key));
  add_key(set, from);
  kg_attributes_add_flag(set, CKA_ALWAYS_SENSITIVE, from->limits->hardware);
  kg_attributes_add_flag(set, CKA_NEVER_EXTRACTABLE, from->limits->hardware);
}

static void build_public_key(struct kg_object *object, const struct kg_objects_source *from) {
  struct kg_attributes *set = &object->attributes;
  add_label(object);
  add_constants(set, public_key, COUNT(public_key));
  add_key(set, from);
  kg_attributes_add_number(set, CKA_MODULUS_BITS, from->limits->key_bits);
  kg_attributes_add_flag(set, CKA_VERIFY, (from->limits->capabilities & KG_CAN_VERIFY) != 0);
}

static void build_certificate(struct kg_object *object, const struct kg_certificate *from) {
  struct kg_attributes *set = &object->attributes;
  unsigned char sha1[KG_HASH_MAX_SIZE];
  CK_ULONG category = object->kind == KG_OBJECT_CERTIFICATE ? CATEGORY_TOKEN_USER : CATEGORY_AUTHORITY;
  kg_hash_once(KG_HASH_SHA1, kg_buf_span(&from->der), sha1);
  memcpy(object->check_value, sha1, CHECK_VALUE_SIZE);
  add_label(object);
  add_constants(set, certificate, COUNT(certificate));
  kg_attributes_add_number(set, CKA_CERTIFICATE_CATEGORY, category);
  kg_attributes_add_bytes(set, CKA_VALUE, kg_buf_span(&from->der));
  kg_attributes_add_bytes(set, CKA_SUBJECT, kg_buf_span(&from->subject));
  kg_attributes_add_bytes(set, CKA_ISSUER, kg_buf_span(&from->issuer));
  kg_attributes_add_bytes(set, CKA_SERIAL_NUMBER, kg_buf_span(&from->serial));
  kg_attributes_add_bytes(set, CKA_ID, kg_buf_span(&from->id));
  kg_attributes_add_bytes(set, CKA_CHECK_VALUE, kg_span_of(object->check_value, CHECK_VALUE_SIZE));
  kg_attributes_add_date(set, CKA_START_DATE, from->not_before);
  kg_attributes_add_date(set, CKA_END_DATE, from->not_after);
}

static void build_facts(struct kg_object *object, const char *facts) {
  struct kg_attributes *set = &object->attributes;
  add_label(object);
  add_constants(set, data, COUNT(data));
  kg_attributes_add_bytes(set, CKA_APPLICATION, kg_span_text("keyguard"));
  kg_attributes_add_bytes(set, CKA_VALUE, kg_span_text(facts));
}

static void build_issuers(const struct kg_objects_source *from, struct kg_objects *objects) {
  for (size_t i = 0; i < from->binding->chain_count; i++) {
    const struct kg_certificate *issuer = &from->binding->chain[i];
    struct kg_object *object = begin(objects, from, KG_OBJECT_ISSUER, kg_buf_span(&issuer->der));
    if (object == NULL) continue;
    (void)snprintf(object->label, sizeof object->label, "%s issuer %zu", from->identity, i + 1);
    build_certificate(object, issuer);
    kg_attributes_add_bytes(&object->attributes, CKA_PUBLIC_KEY_INFO, kg_span_of(NULL, 0));
  }
}

static void build_profiles(const struct kg_objects_source *from, struct kg_objects *objects) {
  for (size_t i = 0; i < COUNT(profiles); i++) {
    struct kg_object *object = begin(objects, from, KG_OBJECT_PROFILE, kg_span_of(&profiles[i], sizeof profiles[i]));
    if (object == NULL) continue; /* no label: a URI with object= means a key or a certificate */
    kg_attributes_add_number(&object->attributes, CKA_CLASS, CKO_PROFILE);
    kg_attributes_add_number(&object->attributes, CKA_PROFILE_ID, profiles[i]);
  }
}

static void build_all(const struct kg_objects_source *from, struct kg_objects *objects) {
  const struct kg_binding *binding = from->binding;
  struct kg_span key = kg_buf_span(&binding->public_key_info), leaf = kg_buf_span(&binding->leaf.der);
  /* these kinds occur once, so each finds its place */
  build_private_key(begin(objects, from, KG_OBJECT_PRIVATE_KEY, key), from);
  build_public_key(begin(objects, from, KG_OBJECT_PUBLIC_KEY, key), from);
  struct kg_object *object = begin(objects, from, KG_OBJECT_CERTIFICATE, leaf);
  build_certificate(object, &binding->leaf);
  kg_attributes_add_bytes(&object->attributes, CKA_PUBLIC_KEY_INFO, key);
  build_issuers(from, objects);
  build_facts(begin(objects, from, KG_OBJECT_FACTS, kg_span_text(from->facts)), from->facts);
  build_profiles(from, objects);
}

enum kg_status kg_objects_build(const struct kg_objects_source *from, struct kg_objects *out, struct kg_error *error) {
  out->count = 0;
  out->items = calloc(4 + from->binding->chain_count + COUNT(profiles), sizeof *out->items);
  if (out->items == NULL) return kg_error_no_memory(error, "for the objects of a token");
  build_all(from, out);
  for (size_t i = 0; i < out->count; i++)
    if (out->items[i].attributes.incomplete || out->items[i].handle == 0)
      return kg_error_no_memory(error, "for the attributes of an object, or no handle left");
  return KG_OK;
}

const struct kg_object *kg_objects_find(const struct kg_objects *objects, CK_OBJECT_HANDLE handle) {
  for (size_t i = 0; i < objects->count; i++)
    if (objects->items[i].handle == handle) return &objects->items[i];
  return NULL;
}

void kg_objects_clear(struct kg_objects *objects) {
  for (size_t i = 0; i < objects->count; i++)
    kg_attributes_clear(&objects->items[i].attributes);
  free(objects->items);
  memset(objects, 0, sizeof *objects);
}
