#include "secrets.h"

#include "text.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* One write, so that lines of several threads do not mix. */
void az_secrets_note(const struct az_emulator *emulator, const char *kind, const char *text) {
  const char *path = emulator->options->secrets;
  if (path == NULL || text == NULL) return;
  int file = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  char *line = az_text_format("%s %s\n", kind, text);
  if (file < 0 || write(file, line, strlen(line)) < 0) perror("azure-emulator: --record-secrets");
  if (file >= 0) close(file);
  free(line);
}
