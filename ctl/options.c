#include "ctl/options.h"

#include <string.h>

struct cursor {
  int argc, next;
  char **argv;
};

static const struct kg_option *find_name(const struct kg_option *options, const char *name, size_t len) {
  for (; options->name != NULL; options++)
    if (strlen(options->name) == len && memcmp(options->name, name, len) == 0) return options;
  return NULL;
}

static const struct kg_option *find_letter(const struct kg_option *options, char letter) {
  for (; options->name != NULL; options++)
    if (options->letter && options->letter == letter) return options;
  return NULL;
}

static enum kg_status set_text(const struct kg_option *option, const char *value, struct kg_error *error) {
  const char **target = option->target;
  if (*target != NULL) return kg_error_set(error, KG_E_USAGE, "option --%s is given twice", option->name);
  *target = value;
  return KG_OK;
}

static void set_switch(const struct kg_option *option) {
  if (option->kind == KG_OPTION_COUNT)
    ++*(unsigned *)option->target;
  else
    *(bool *)option->target = true;
}

/* `inline_value`: what follows the "=", or the rest of a cluster of letters; NULL: none. */
static enum kg_status apply(const struct kg_option *option, const char *inline_value, struct cursor *at,
                            struct kg_error *error) {
  if (option->kind != KG_OPTION_TEXT) {
    if (inline_value != NULL) return kg_error_set(error, KG_E_USAGE, "option --%s takes no value", option->name);
    set_switch(option);
    return KG_OK;
  }
  if (inline_value != NULL) return set_text(option, inline_value, error);
  if (at->next >= at->argc) return kg_error_set(error, KG_E_USAGE, "option --%s needs a value", option->name);
  return set_text(option, at->argv[at->next++], error);
}

static enum kg_status parse_long(const struct kg_option *options, const char *text, struct cursor *at,
                                 struct kg_error *error) {
  const char *equals = strchr(text, '=');
  size_t len = equals != NULL ? (size_t)(equals - text) : strlen(text);
  const struct kg_option *option = find_name(options, text, len);
  if (option == NULL) return kg_error_set(error, KG_E_USAGE, "unknown option --%.*s", (int)(len > 64 ? 64 : len), text);
  return apply(option, equals != NULL ? equals + 1 : NULL, at, error);
}

static enum kg_status parse_letters(const struct kg_option *options, const char *letters, struct cursor *at,
                                    struct kg_error *error) {
  enum kg_status status = KG_OK;
  while (*letters && status == KG_OK) {
    const struct kg_option *option = find_letter(options, *letters++);
    if (option == NULL) return kg_error_set(error, KG_E_USAGE, "unknown option -%c", letters[-1]);
    if (option->kind == KG_OPTION_TEXT) return apply(option, *letters ? letters : NULL, at, error);
    status = apply(option, NULL, at, error);
  }
  return status;
}

static void take_rest(struct cursor *at, struct kg_operands *out) {
  while (at->next < at->argc)
    out->items[out->count++] = at->argv[at->next++];
}

enum kg_status kg_options_parse(const struct kg_option *options, bool stop_at_operand, int argc, char **argv,
                                struct kg_operands *out, struct kg_error *error) {
  *out = (struct kg_operands){argv, 0, 0, false};
  struct cursor at = {argc, 0, argv};
  enum kg_status status = KG_OK;
  while (status == KG_OK && at.next < argc) {
    char *text = argv[at.next];
    if (text[0] != '-' || text[1] == 0) { /* "-" alone is an operand */
      if (stop_at_operand) break;
      out->items[out->count++] = text;
      at.next++;
    } else if (strcmp(text, "--") == 0) {
      at.next++;
      out->separator = true;
      break;
    } else {
      at.next++;
      status =
          text[1] == '-' ? parse_long(options, text + 2, &at, error) : parse_letters(options, text + 1, &at, error);
    }
  }
  out->before_separator = out->count;
  if (status != KG_OK) return status;
  take_rest(&at, out);
  if (!out->separator) out->before_separator = out->count;
  return KG_OK;
}

bool kg_options_ask_for(const char *name, int argc, char **argv) {
  for (int i = 0; i < argc && strcmp(argv[i], "--") != 0; i++)
    if (strcmp(argv[i], name) == 0) return true;
  return false;
}

void kg_options_print(FILE *out, const struct kg_option *options) {
  for (; options->name != NULL; options++) {
    char left[64];
    if (options->letter)
      snprintf(left, sizeof left, "-%c, --%s%s%s", options->letter, options->name, options->argument != NULL ? " " : "",
               options->argument != NULL ? options->argument : "");
    else
      snprintf(left, sizeof left, "    --%s%s%s", options->name, options->argument != NULL ? " " : "",
               options->argument != NULL ? options->argument : "");
    fprintf(out, "  %-28s %s\n", left, options->help);
  }
}
