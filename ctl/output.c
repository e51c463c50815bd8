#include "ctl/output.h"

#include "core/base/buf.h"
#include "core/base/json_add.h"
#include "ctl/error_json.h"
#include "ctl/process.h"
#include "ctl/secret_memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool wants_colour(FILE *stream) {
  const char *terminal = getenv("TERM");
  const char *off = getenv("NO_COLOR");
  return kg_process_is_terminal(stream) && !(off != NULL && *off) && terminal != NULL && strcmp(terminal, "dumb") != 0;
}

void kg_output_coloured(FILE *stream, enum kg_colour colour, const char *text) {
  static const char *const codes[] = {"", "\033[32m", "\033[33m", "\033[31m"};
  if (colour != KG_COLOUR_NONE && wants_colour(stream))
    fprintf(stream, "%s%s\033[0m", codes[colour], text);
  else
    fputs(text, stream);
}

int kg_output_json(struct kg_run *run, cJSON *object, int exit_code) {
  char *text = object != NULL ? cJSON_Print(object) : NULL;
  cJSON_Delete(object);
  /* Reports are put together without looking at each member: rather no report than one that lacks the error's text. */
  if (text != NULL && kg_secret_memory_json_ran_out()) {
    kg_wipe(text, strlen(text));
    cJSON_free(text);
    text = NULL;
  }
  if (text == NULL) {
    fputs("keyguardctl: out of memory\n", run->err);
    return kg_status_exit_code(KG_E_NO_MEMORY);
  }
  fprintf(run->out, "%s\n", text);
  kg_wipe(text, strlen(text)); /* may hold a token */
  cJSON_free(text);
  return exit_code;
}

cJSON *kg_output_error_object(const struct kg_error *error) {
  cJSON *object = cJSON_CreateObject();
  if (object == NULL) return NULL;
  kg_json_add_filled(object, "code", kg_status_code(error->status));
  kg_error_json_add(object, error);
  cJSON_AddNumberToObject(object, "exit_code", kg_status_exit_code(error->status));
  return object;
}

static void print_detail(FILE *stream, const char *name, const char *value) {
  if (value[0]) fprintf(stream, "keyguardctl:   %s: %s\n", name, value);
}

static void print_error(FILE *stream, const struct kg_error *error) {
  kg_output_coloured(stream, KG_COLOUR_BAD, "keyguardctl: ");
  fputs(kg_status_code(error->status), stream);
  if (kg_error_sub_code(error)[0]) fprintf(stream, " (%s)", kg_error_sub_code(error));
  fprintf(stream, ": %s\n", error->text);
  if (error->http_status) fprintf(stream, "keyguardctl:   http status: %d\n", error->http_status);
  print_detail(stream, "oauth error", error->oauth_error);
  print_detail(stream, "aadsts", error->aadsts);
  print_detail(stream, "correlation id", error->correlation_id);
}

int kg_output_error_as(struct kg_run *run, const struct kg_error *error, int exit_code) {
  if (!run->json) {
    print_error(run->err, error);
    return exit_code;
  }
  cJSON *object = cJSON_CreateObject(), *inner = kg_output_error_object(error);
  cJSON_DeleteItemFromObjectCaseSensitive(inner, "exit_code");
  cJSON_AddNumberToObject(inner, "exit_code", exit_code);
  kg_json_add_item(object, "error", inner);
  return kg_output_json(run, object, exit_code);
}

int kg_output_error(struct kg_run *run, const struct kg_error *error) {
  return kg_output_error_as(run, error, kg_status_exit_code(error->status));
}

void kg_output_assignment(FILE *out, const char *name, const char *value) {
  fprintf(out, "export %s='", name); /* so that what the shell starts sees it, too */
  for (; *value; value++) {
    if (*value == '\'')
      fputs("'\\''", out);
    else
      fputc(*value, out);
  }
  fputs("'\n", out);
}

void kg_duration_format(int64_t seconds, char out[KG_DURATION_SIZE]) {
  int64_t s = seconds < 0 ? 0 : seconds;
  if (s < 60)
    snprintf(out, KG_DURATION_SIZE, "%" PRId64 " s", s);
  else if (s < 3600)
    snprintf(out, KG_DURATION_SIZE, "%" PRId64 " min %" PRId64 " s", s / 60, s % 60);
  else if (s < 86400)
    snprintf(out, KG_DURATION_SIZE, "%" PRId64 " h %" PRId64 " min", s / 3600, s % 3600 / 60);
  else
    snprintf(out, KG_DURATION_SIZE, "%" PRId64 " d %" PRId64 " h", s / 86400, s % 86400 / 3600);
}
