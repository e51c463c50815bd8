#include "core/base/error.h"

#include "core/base/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void kg_error_clear(struct kg_error *error) {
  if (error != NULL) memset(error, 0, sizeof *error);
}

void kg_error_begin(struct kg_error *error) {
  error->status = KG_OK;
  error->sub_code[0] = error->text[0] = '\0';
}

/* `length` is what snprintf() would have written. */
static void text_cut(char *text, size_t size, int length) {
  if (length < 0) text[0] = '\0';
  if (length >= 0 && (size_t)length >= size) memcpy(text + size - 4, "...", 4);
  kg_text_clean(text);
}

static void KG_PRINTF(3, 0) format_cut(char *text, size_t size, const char *format, va_list arguments) {
  text_cut(text, size, vsnprintf(text, size, format, arguments));
}

/* The arguments may point into *error, so that it is written last. */
static enum kg_status KG_PRINTF(4, 0)
    set(struct kg_error *error, enum kg_status status, const char *before, const char *format, va_list arguments) {
  if (error == NULL) return status;
  char text[sizeof error->text];
  size_t used = strlen(before);
  memcpy(text, before, used);
  int length = vsnprintf(text + used, sizeof text - used, format, arguments);
  text_cut(text, sizeof text, length < 0 ? length : (int)used + length);
  kg_error_clear(error);
  error->status = status;
  memcpy(error->text, text, sizeof text);
  return status;
}

enum kg_status kg_error_set(struct kg_error *error, enum kg_status status, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  set(error, status, "", format, arguments);
  va_end(arguments);
  return status;
}

enum kg_status kg_error_set_code(struct kg_error *error, enum kg_status status, long native_code, const char *format,
                                 ...) {
  va_list arguments;
  va_start(arguments, format);
  set(error, status, "", format, arguments);
  va_end(arguments);
  if (error != NULL) error->native_code = native_code;
  return status;
}

enum kg_status kg_error_no_memory(struct kg_error *error, const char *purpose, ...) {
  va_list arguments;
  va_start(arguments, purpose);
  set(error, KG_E_NO_MEMORY, "no memory ", purpose, arguments);
  va_end(arguments);
  return KG_E_NO_MEMORY;
}

enum kg_status kg_error_change(struct kg_error *error, enum kg_status status) {
  if (error == NULL || error->status == status) return status;
  error->status = status;
  error->sub_code[0] = '\0';
  return status;
}

/* Both may be the error's own text. */
static void join(struct kg_error *error, const char *first, const char *between, const char *second) {
  char text[sizeof error->text];
  int length = snprintf(text, sizeof text, "%s%s%s", first, between, second);
  text_cut(text, sizeof text, length);
  memcpy(error->text, text, sizeof text);
}

enum kg_status kg_error_prefix(struct kg_error *error, enum kg_status status, const char *format, ...) {
  if (error == NULL) return status;
  char prefix[sizeof error->text];
  va_list arguments;
  va_start(arguments, format);
  format_cut(prefix, sizeof prefix, format, arguments);
  va_end(arguments);
  join(error, prefix, ": ", error->text);
  return kg_error_change(error, status);
}

void kg_error_append(struct kg_error *error, const char *format, ...) {
  if (error == NULL) return;
  char words[sizeof error->text];
  va_list arguments;
  va_start(arguments, format);
  format_cut(words, sizeof words, format, arguments);
  va_end(arguments);
  join(error, error->text, "", words);
}

enum kg_status kg_error_copy(struct kg_error *error, const struct kg_error *from) {
  if (error != NULL && error != from) *error = *from;
  return from->status;
}

const char *kg_error_sub_code(const struct kg_error *error) {
  return error->sub_code[0] ? error->sub_code : kg_status_sub_code(error->status);
}
