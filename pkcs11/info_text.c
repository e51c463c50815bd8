#include "pkcs11/info_text.h"

#include <stdlib.h>
#include <string.h>

void kg_info_text_pad(CK_UTF8CHAR *out, size_t size, const char *text) {
  size_t len = strlen(text);
  memset(out, ' ', size);
  memcpy(out, text, len < size ? len : size);
}

CK_VERSION kg_info_version(void) {
  char *end = NULL;
  CK_VERSION version = {0, 0};
  version.major = (CK_BYTE)strtoul(KEYGUARD_VERSION, &end, 10);
  if (*end == '.') version.minor = (CK_BYTE)strtoul(end + 1, NULL, 10);
  return version;
}
