/* Where a line of the configuration ends and how long it may be: the same on every system. */
#include "core/state/config.h"
#include "core/state/config_parse.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#define STORE "cng:"
#else
#define STORE "pkcs11:object=o?module-path=/m"
#endif
#define KEY "user-assigned-resource-id = "
#define ID "/subscriptions/"

static char text[4 * KG_CONFIG_LINE_MAX];
static struct kg_error error;

/* A configuration whose third line has `length` bytes before `end`, all of them taken by one value. */
static void write_text(size_t length, const char *end) {
  size_t at = (size_t)sprintf(text, "[identity web]%skey-store = " STORE "%s" KEY ID, end, end);
  size_t value = length - strlen(KEY ID);
  memset(text + at, 'r', value);
  text[at + value - 1] = 'z';
  strcpy(text + at + value, end);
}

static struct kg_config *parse(size_t length) {
  struct kg_config *config = NULL;
  kg_error_clear(&error);
  enum kg_status status = kg_config_parse("t.conf", kg_span_of(text, length), &config, &error);
  assert_true((status == KG_OK) == (config != NULL));
  return config;
}

static void assert_value(size_t line_length) {
  struct kg_config *config = parse(strlen(text));
  if (config == NULL) printf("%s\n", error.text);
  assert_non_null(config);
  const char *value = config->identities[0].selector_value;
  assert_int_equal(strlen(value), line_length - strlen(KEY));
  assert_memory_equal(value, ID "r", sizeof ID);
  assert_int_equal(value[strlen(value) - 1], 'z');
  kg_config_free(&config);
}

static void assert_refused(const char *message) {
  assert_null(parse(strlen(text)));
  assert_string_equal(error.text, message);
  assert_int_equal(error.status, KG_E_CONFIG);
}

static const char *const ends[] = {"\n", "\r\n"};

static void long_lines_are_whole(void **state) {
  static const size_t lengths[] = {100, 197, 198, 199, 200, 201, 255, 256, 1000, 4096, 8000};
  (void)state;
  for (size_t i = 0; i < COUNT(lengths) * COUNT(ends); i++) {
    write_text(lengths[i / COUNT(ends)], ends[i % COUNT(ends)]);
    assert_value(lengths[i / COUNT(ends)]);
  }
}

static void limit_does_not_count_the_end(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(ends); i++) {
    write_text(KG_CONFIG_LINE_MAX, ends[i]);
    assert_value(KG_CONFIG_LINE_MAX);
    write_text(KG_CONFIG_LINE_MAX + 1, ends[i]);
    assert_refused("t.conf:3: the line is longer than 8192 bytes");
    write_text(2 * KG_CONFIG_LINE_MAX, ends[i]);
    assert_refused("t.conf:3: the line is longer than 8192 bytes");
  }
}

static void last_line_needs_no_end(void **state) {
  (void)state;
  for (size_t i = 0; i < COUNT(ends); i++) {
    write_text(KG_CONFIG_LINE_MAX, ends[i]);
    text[strlen(text) - strlen(ends[i])] = '\0';
    assert_value(KG_CONFIG_LINE_MAX);
    write_text(KG_CONFIG_LINE_MAX, ends[i]);
    text[strlen(text) - 1] = '\0'; /* CR alone, too */
    assert_value(KG_CONFIG_LINE_MAX);
    write_text(KG_CONFIG_LINE_MAX + 1, ends[i]);
    text[strlen(text) - strlen(ends[i])] = '\0';
    assert_refused("t.conf:3: the line is longer than 8192 bytes");
  }
}

static void comments_have_the_same_limit(void **state) {
  (void)state;
  sprintf(text, "[keyguard]\n#%0*d\nplugin = a\n", KG_CONFIG_LINE_MAX - 1, 0);
  struct kg_config *config = parse(strlen(text));
  assert_non_null(config);
  assert_string_equal(config->plugin, "a");
  kg_config_free(&config);
  sprintf(text, "[keyguard]\n#%0*d\nplugin = a\n", KG_CONFIG_LINE_MAX, 0);
  assert_refused("t.conf:2: the line is longer than 8192 bytes");
}

static void indented_lines_may_be_as_long_and_many(void **state) {
  (void)state;
  sprintf(text, "[identity web]\nkey-store = " STORE "\n" KEY ID "\n  %0*d\n\t%0*d\n", KG_CONFIG_LINE_MAX - 2, 0,
          KG_CONFIG_LINE_MAX - 1, 0);
  struct kg_config *config = parse(strlen(text));
  assert_non_null(config);
  assert_int_equal(strlen(config->identities[0].selector_value), strlen(ID) + 2 * KG_CONFIG_LINE_MAX - 3);
  kg_config_free(&config);
  sprintf(text, "[identity web]\nkey-store = " STORE "\n" KEY ID "\n  %0*d\n", KG_CONFIG_LINE_MAX - 1, 0);
  assert_refused("t.conf:4: the line is longer than 8192 bytes");
}

/* The message says the line's number and the key behind long lines as before short ones. */
static void what_follows_a_long_line_keeps_its_number(void **state) {
  (void)state;
  write_text(5000, "\n");
  strcat(text, "minimum-strength = much\n");
  assert_refused("t.conf:4: key 'minimum-strength' in [identity web]: must be none, software, hardware or keyguard");
  write_text(5000, "\n");
  strcat(text, "neither\n");
  assert_refused("t.conf:4: the line is neither a [section] nor key = value");
  write_text(5000, "\n");
  text[strlen(text) - 2] = ' ';
  text[strlen(text) - 3] = '?'; /* in the long value itself */
  assert_refused("t.conf:3: key 'user-assigned-resource-id' in [identity web]: must be a resource identifier, "
                 "beginning with /subscriptions/");
}

static void zero_byte_is_refused_wherever_it_is(void **state) {
  static const size_t places[] = {0, 14, 40, 300, 5000, 8000};
  (void)state;
  for (size_t i = 0; i < COUNT(places); i++) {
    write_text(KG_CONFIG_LINE_MAX, "\n");
    size_t length = strlen(text);
    unsigned line = 1;
    for (size_t at = 0; at < places[i]; at++)
      line += text[at] == '\n';
    bool was_end = text[places[i]] == '\n';
    text[places[i]] = '\0';
    assert_null(parse(length));
    char expected[80];
    sprintf(expected, "t.conf:%u: the line holds a control character", line);
    assert_string_equal(error.text, expected);
    assert_true(was_end == (places[i] == 14));
  }
}

static void byte_order_mark_is_for_the_first_line_alone(void **state) {
  (void)state;
  write_text(KG_CONFIG_LINE_MAX, "\r\n");
  memmove(text + 3, text, strlen(text) + 1);
  memcpy(text, "\xEF\xBB\xBF", 3);
  assert_value(KG_CONFIG_LINE_MAX);
  strcpy(text, "\xEF\xBB\xBF");
  sprintf(text + 3, "#%0*d\n", KG_CONFIG_LINE_MAX - 1, 0); /* it is no part of the line */
  struct kg_config *config = parse(strlen(text));
  assert_non_null(config);
  kg_config_free(&config);
  strcpy(text, "[keyguard]\n\xEF\xBB\xBFplugin = a\n");
  assert_refused("t.conf:2: a line in [keyguard] does not begin with the name of a key");
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/config_lines/long_lines_are_whole", long_lines_are_whole),
      CASE("/config_lines/limit_does_not_count_the_end", limit_does_not_count_the_end),
      CASE("/config_lines/last_line_needs_no_end", last_line_needs_no_end),
      CASE("/config_lines/comments_have_the_same_limit", comments_have_the_same_limit),
      CASE("/config_lines/indented_lines_may_be_as_long_and_many", indented_lines_may_be_as_long_and_many),
      CASE("/config_lines/what_follows_a_long_line_keeps_its_number", what_follows_a_long_line_keeps_its_number),
      CASE("/config_lines/zero_byte_is_refused_wherever_it_is", zero_byte_is_refused_wherever_it_is),
      CASE("/config_lines/byte_order_mark_is_for_the_first_line_alone", byte_order_mark_is_for_the_first_line_alone),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
