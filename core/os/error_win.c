#include "core/os/error_win.h"

#include "core/base/wide_win.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

static enum kg_status status_of(unsigned long code) {
  switch (code) {
  case ERROR_FILE_NOT_FOUND:
  case ERROR_PATH_NOT_FOUND:
  case ERROR_INVALID_DRIVE:
  case ERROR_BAD_NETPATH:
    return KG_E_NOT_FOUND;
  case ERROR_ACCESS_DENIED:
  case ERROR_SHARING_VIOLATION:
  case ERROR_WRITE_PROTECT:
  case ERROR_PRIVILEGE_NOT_HELD:
    return KG_E_ACCESS;
  case ERROR_NOT_ENOUGH_MEMORY:
  case ERROR_OUTOFMEMORY:
    return KG_E_NO_MEMORY;
  default:
    return KG_E_IO;
  }
}

/* Windows's own words, in its own language, without the line end; free() it. */
static char *words_of(unsigned long code) {
  wchar_t text[256];
  DWORD length =
      FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS | FORMAT_MESSAGE_MAX_WIDTH_MASK, NULL,
                     code, 0, text, sizeof text / sizeof text[0], NULL);
  while (length > 0 && (text[length - 1] == L' ' || text[length - 1] == L'.'))
    length--;
  text[length] = L'\0';
  return length > 0 ? kg_wide_to_utf8(text) : NULL;
}

enum kg_status kg_win_report(unsigned long code, const char *doing, const char *path, struct kg_error *error) {
  char *words = words_of(code);
  enum kg_status status =
      kg_error_set_code(error, status_of(code), (long)code, "cannot %s '%s': error %lu%s%s%s", doing, path, code,
                        words != NULL ? " (" : "", words != NULL ? words : "", words != NULL ? ")" : "");
  free(words);
  return status;
}
