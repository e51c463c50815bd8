#include "ctl/cure.h"

#include <string.h>

static const char *const texts[] = {
    [KG_CURE_NONE] = "",
#define CURE(name, text) [KG_CURE_##name] = (text),
#include "ctl/cure.def"
#undef CURE
};

enum kg_cure kg_cure_of(enum kg_status status) {
  static const struct {
    enum kg_status status;
    enum kg_cure cure;
  } usual[] = {
      {KG_E_CONFIG, KG_CURE_CONFIGURATION},
      {KG_E_ACCESS, KG_CURE_ACCESS},
      {KG_E_UNTRUSTED, KG_CURE_UNTRUSTED},
      {KG_E_NOT_FOUND, KG_CURE_PROVISION},
      {KG_E_BINDING, KG_CURE_BINDING},
      {KG_E_BINDING_STALE, KG_CURE_BINDING_STALE},
      {KG_E_KEY_STORE, KG_CURE_KEY_STORE},
      {KG_E_KEY_NOT_FOUND, KG_CURE_KEY_NOT_FOUND},
      {KG_E_KEY_DEAD, KG_CURE_KEY_DEAD},
      {KG_E_KEY_PIN, KG_CURE_KEY_PIN},
      {KG_E_KEY_MECHANISM, KG_CURE_KEY_MECHANISM},
      {KG_E_KEY_BUSY, KG_CURE_KEY_BUSY},
      {KG_E_KEYGUARD_UNAVAILABLE, KG_CURE_FLOOR},
      {KG_E_POP_REQUIRED, KG_CURE_POP},
      {KG_E_ATTESTATION_REQUIRES_POP, KG_CURE_ATTESTATION_POP},
      {KG_E_ATTESTATION_FAILED, KG_CURE_ATTESTATION_LIBRARY},
      {KG_E_PLUGIN, KG_CURE_PLUGIN},
      {KG_E_LOCK_BUSY, KG_CURE_LOCK_BUSY},
      {KG_E_IO, KG_CURE_IO},
      {KG_E_TLS, KG_CURE_TLS},
      {KG_E_TRANSPORT, KG_CURE_TRANSPORT},
      {KG_E_TIMEOUT, KG_CURE_TIMEOUT},
      {KG_E_DISABLED, KG_CURE_DISABLED},
      {KG_E_ENVIRONMENT, KG_CURE_ENVIRONMENT},
  };
  for (size_t i = 0; i < sizeof usual / sizeof usual[0]; i++)
    if (usual[i].status == status) return usual[i].cure;
  return KG_CURE_NONE;
}

void kg_cure_format(enum kg_cure cure, const char *subject, char *out, size_t size) {
  size_t used = 0;
  for (const char *at = texts[cure]; *at && used + 1 < size; at++) {
    if (*at != '@') {
      out[used++] = *at;
      continue;
    }
    size_t length = strlen(subject), left = size - 1 - used;
    if (length > left) length = left;
    memcpy(out + used, subject, length);
    used += length;
  }
  out[used] = '\0';
}
