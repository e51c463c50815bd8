#include "core/os/machine.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"

#include <stdio.h>
#include <windows.h>

#define SALT "keyguard-pkcs11 machine 1:" /* as in machine_posix.c */

char *kg_machine_id(void) {
  char guid[64];
  DWORD size = sizeof guid;
  if (RegGetValueA(HKEY_LOCAL_MACHINE, "SOFTWARE\\Microsoft\\Cryptography", "MachineGuid",
                   RRF_RT_REG_SZ | RRF_SUBKEY_WOW6464KEY, NULL, guid, &size) != ERROR_SUCCESS)
    return NULL;
  struct kg_hash_ctx ctx;
  kg_hash_init(&ctx, KG_HASH_SHA256);
  kg_hash_update(&ctx, kg_span_text(SALT));
  kg_hash_update(&ctx, kg_span_text(guid));
  unsigned char digest[KG_HASH_MAX_SIZE];
  if (!kg_hash_final(&ctx, digest)) return NULL;
  return kg_hex_format(kg_span_of(digest, kg_hash_size(KG_HASH_SHA256)));
}

/* The number that the kernel's prefetcher counts starts with; there is no boot identifier that a program may ask for.
 */
char *kg_boot_id(void) {
  DWORD number = 0, size = sizeof number;
  if (RegGetValueA(HKEY_LOCAL_MACHINE,
                   "SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters",
                   "BootId", RRF_RT_REG_DWORD, NULL, &number, &size) != ERROR_SUCCESS)
    return NULL;
  char text[16];
  snprintf(text, sizeof text, "%lu", (unsigned long)number);
  return kg_strdup(text);
}
