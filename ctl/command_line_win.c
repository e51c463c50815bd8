#include "ctl/command_line_win.h"

#include "core/base/buf.h"
#include "core/base/wide_win.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static bool append(struct kg_buf *line, const char *text, size_t length) {
  return kg_buf_append(line, kg_span_of(text, length)) == KG_OK;
}

/* As CommandLineToArgvW takes it apart again: backslashes before a quote are doubled. */
static bool append_quoted(struct kg_buf *line, const char *argument) {
  bool good = append(line, "\"", 1);
  size_t backslashes = 0;
  for (const char *at = argument; good && *at; at++) {
    backslashes = *at == '\\' ? backslashes + 1 : 0;
    if (*at == '"') {
      size_t before = 0;
      while (at - before > argument && at[-1 - (ptrdiff_t)before] == '\\')
        before++;
      for (; good && before > 0; before--)
        good = append(line, "\\", 1);
      good = good && append(line, "\\", 1);
    }
    good = good && append(line, at, 1);
  }
  for (; good && backslashes > 0; backslashes--)
    good = append(line, "\\", 1);
  return good && append(line, "\"", 1);
}

/* cmd.exe has rules of its own and wants no quotes that are not needed. */
static bool append_argument(struct kg_buf *line, const char *argument) {
  if (line->len && !append(line, " ", 1)) return false;
  if (*argument && strpbrk(argument, " \t\n\v\"") == NULL) return append(line, argument, strlen(argument));
  return append_quoted(line, argument);
}

wchar_t *kg_command_line(char *const *argv) {
  struct kg_buf line = {0};
  bool good = true;
  for (; good && *argv != NULL; argv++)
    good = append_argument(&line, *argv);
  wchar_t *wide = NULL;
  if (good && line.len) wide = kg_wide_dup((char *)line.data);
  kg_buf_clear(&line);
  return wide;
}
