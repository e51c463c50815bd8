#include "core/os/errno_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

static enum kg_status status_of(int number) {
  switch (number) {
  case ENOENT:
  case ENOTDIR:
    return KG_E_NOT_FOUND;
  case EACCES:
  case EPERM:
  case EROFS:
    return KG_E_ACCESS;
  case ENOMEM:
    return KG_E_NO_MEMORY;
  default:
    return KG_E_IO;
  }
}

enum kg_status kg_errno_report(int number, const char *doing, const char *path, struct kg_error *error) {
  enum kg_status status = status_of(number);
  char text[128] = "unknown error";
  if (strerror_r(number, text, sizeof text) != 0) text[sizeof text - 1] = '\0';
  return kg_error_set_code(error, status, number, "cannot %s '%s': %s", doing, path, text);
}

int kg_errno_openat(int folder, const char *path, int flags) {
  int opened = -1;
  do {
    opened = openat(folder, path, flags, 0);
  } while (opened < 0 && errno == EINTR);
  return opened;
}
