#include "ctl/options.h"

#include "tests/support/unit.h"

#include <string.h>

struct parsed {
  bool flag;
  unsigned count;
  const char *text;
  struct kg_operands operands;
  struct kg_error error;
  char line[1024], *argv[16];
};

/* Splits `line` at its blanks. */
static enum kg_status parse(struct parsed *out, bool stop_at_operand, const char *line) {
  memset(out, 0, sizeof *out);
  const struct kg_option options[] = {{"flag", 'f', KG_OPTION_FLAG, &out->flag, NULL, ""},
                                      {"verbose", 'v', KG_OPTION_COUNT, &out->count, NULL, ""},
                                      {"text", 't', KG_OPTION_TEXT, &out->text, "TEXT", ""},
                                      {0}};
  snprintf(out->line, sizeof out->line, "%s", line);
  int argc = 0;
  for (char *word = strtok(out->line, " "); word != NULL; word = strtok(NULL, " "))
    out->argv[argc++] = word;
  return kg_options_parse(options, stop_at_operand, argc, out->argv, &out->operands, &out->error);
}

static void options_and_operands_may_be_mixed(void **state) {
  (void)state;
  struct parsed out;
  assert_int_equal(parse(&out, false, "web --flag other -v --text=x -v"), KG_OK);
  assert_true(out.flag);
  assert_int_equal(out.count, 2);
  assert_string_equal(out.text, "x");
  assert_int_equal(out.operands.count, 2);
  assert_string_equal(out.operands.items[0], "web");
  assert_string_equal(out.operands.items[1], "other");
  assert_false(out.operands.separator);
  assert_int_equal(out.operands.before_separator, 2);
}

static void subcommand_ends_the_first_table(void **state) {
  (void)state;
  struct parsed out;
  assert_int_equal(parse(&out, true, "-v token --flag"), KG_OK);
  assert_int_equal(out.count, 1);
  assert_false(out.flag);
  assert_int_equal(out.operands.count, 2);
  assert_string_equal(out.operands.items[1], "--flag");
}

static void everything_after_two_dashes_is_an_operand(void **state) {
  (void)state;
  struct parsed out;
  assert_int_equal(parse(&out, false, "web -- curl --flag -v --"), KG_OK);
  assert_false(out.flag);
  assert_true(out.operands.separator);
  assert_int_equal(out.operands.before_separator, 1);
  assert_int_equal(out.operands.count, 5);
  assert_string_equal(out.operands.items[1], "curl");
  assert_string_equal(out.operands.items[4], "--");
}

static void values_come_in_four_ways(void **state) {
  (void)state;
  struct parsed out;
  assert_int_equal(parse(&out, false, "--text x"), KG_OK);
  assert_string_equal(out.text, "x");
  assert_int_equal(parse(&out, false, "--text="), KG_OK);
  assert_string_equal(out.text, "");
  assert_int_equal(parse(&out, false, "-tx"), KG_OK);
  assert_string_equal(out.text, "x");
  assert_int_equal(parse(&out, false, "-ft --flag"), KG_OK); /* a value may look like an option */
  assert_string_equal(out.text, "--flag");
  assert_true(out.flag);
}

static void one_dash_is_an_operand(void **state) {
  (void)state;
  struct parsed out;
  assert_int_equal(parse(&out, false, "-"), KG_OK);
  assert_int_equal(out.operands.count, 1);
}

static void mistakes_are_named(void **state) {
  static const struct {
    const char *line, *named;
  } table[] = {{"--nix", "unknown option --nix"},
               {"--fla", "unknown option --fla"}, /* no abbreviations */
               {"--flagg", "unknown option --flagg"},
               {"-x", "unknown option -x"},
               {"-fx", "unknown option -x"},
               {"--flag=yes", "--flag takes no value"},
               {"--text", "--text needs a value"},
               {"-t", "--text needs a value"},
               {"--text=a --text=b", "--text is given twice"}};
  (void)state;
  for (size_t i = 0; i < COUNT(table); i++) {
    struct parsed out;
    assert_int_equal(parse(&out, false, table[i].line), KG_E_USAGE);
    if (strstr(out.error.text, table[i].named) == NULL)
      fail_msg("'%s' does not say '%s'", out.error.text, table[i].named);
  }
}

static void long_unknown_option_is_cut(void **state) {
  char name[600] = "--";
  (void)state;
  memset(name + 2, 'a', sizeof name - 3);
  struct parsed out;
  assert_int_equal(parse(&out, false, name), KG_E_USAGE);
  assert_true(strlen(out.error.text) < 120);
}

static void help_shows_every_option(void **state) {
  char text[512] = "";
  FILE *out = fmemopen(text, sizeof text, "w");
  (void)state;
  const struct kg_option options[] = {
      {"flag", 'f', KG_OPTION_FLAG, NULL, NULL, "does it"}, {"text", 0, KG_OPTION_TEXT, NULL, "TEXT", "says it"}, {0}};
  kg_options_print(out, options);
  fclose(out);
  assert_non_null(strstr(text, "-f, --flag"));
  assert_non_null(strstr(text, "    --text TEXT"));
  assert_non_null(strstr(text, "says it\n"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/options/options_and_operands_may_be_mixed", options_and_operands_may_be_mixed),
      CASE("/options/subcommand_ends_the_first_table", subcommand_ends_the_first_table),
      CASE("/options/everything_after_two_dashes_is_an_operand", everything_after_two_dashes_is_an_operand),
      CASE("/options/values_come_in_four_ways", values_come_in_four_ways),
      CASE("/options/one_dash_is_an_operand", one_dash_is_an_operand),
      CASE("/options/mistakes_are_named", mistakes_are_named),
      CASE("/options/long_unknown_option_is_cut", long_unknown_option_is_cut),
      CASE("/options/help_shows_every_option", help_shows_every_option)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
