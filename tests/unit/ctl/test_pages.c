/* The pages against the code: docs/errors.md and core/base/status.c, the manuals and options, keys, exit codes. */
#include "core/base/status.h"
#include "core/state/config_key.h"
#include "ctl/command.h"

#include "keyguard/cryptoki.h"
#include "tests/support/scratch.h"
#include "tests/support/unit.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { COLUMNS = 6 };

static const struct {
  const char *name;
  CK_RV value;
} ckrs[] = {
#define CKR(name)                                                                                                      \
  { #name, name }
    CKR(CKR_OK),
    CKR(CKR_GENERAL_ERROR),
    CKR(CKR_HOST_MEMORY),
    CKR(CKR_FUNCTION_FAILED),
    CKR(CKR_FUNCTION_REJECTED),
    CKR(CKR_TOKEN_NOT_PRESENT),
    CKR(CKR_TOKEN_NOT_RECOGNIZED),
    CKR(CKR_DEVICE_ERROR),
    CKR(CKR_KEY_HANDLE_INVALID),
    CKR(CKR_DATA_LEN_RANGE),
    CKR(CKR_DATA_INVALID),
    CKR(CKR_SIGNATURE_INVALID),
};

static const char *ckr_name(CK_RV value) {
  for (size_t i = 0; i < COUNT(ckrs); i++)
    if (ckrs[i].value == value) return ckrs[i].name;
  fail_msg("the test does not know CKR 0x%lx", value);
  return NULL;
}

/* The cells of the row whose first one is `name`. `line` is taken apart. */
static bool split_row(char *line, const char *name, char *cells[COLUMNS]) {
  int count = 0;
  for (char *at = line; at != NULL && count < COLUMNS; count++) {
    char *end = strstr(at, " | ");
    at += count == 0 ? 2 : 0; /* "| " */
    cells[count] = at;
    if (end != NULL) *end = '\0';
    at = end != NULL ? end + 3 : NULL;
  }
  return count == COLUMNS && strcmp(cells[0], name) == 0;
}

static void check_row(enum kg_status status, char *cells[COLUMNS]) {
  char exit_code[16];
  snprintf(exit_code, sizeof exit_code, "%d", kg_status_exit_code(status));
  assert_string_equal(cells[1], kg_status_code(status));
  assert_string_equal(cells[2], kg_status_sub_code(status));
  assert_string_equal(cells[3], exit_code);
  assert_string_equal(cells[4], ckr_name(kg_status_ckr(status)));
  assert_true(strlen(cells[5]) > 10);
}

/* The number of rows of a status. */
static int check_status(enum kg_status status, const char *page) {
  char *copy = strdup(page), *rest = copy, *line;
  int rows = 0;
  while ((line = strtok_r(rest, "\n", &rest)) != NULL) {
    char *cells[COLUMNS];
    if (strncmp(line, "| KG_", 5) != 0 || !split_row(line, kg_status_name(status), cells)) continue;
    check_row(status, cells);
    rows++;
  }
  free(copy);
  return rows;
}

static void every_status_has_its_row(void **state) {
  char *page = scratch_read(ERRORS_PAGE);
  (void)state;
  for (int status = KG_OK + 1; status < KG_STATUS_COUNT; status++)
    if (check_status((enum kg_status)status, page) != 1)
      fail_msg("%s is not on the page exactly once", kg_status_name((enum kg_status)status));
  free(page);
}

static void no_row_is_of_a_status_that_is_gone(void **state) {
  char *page = scratch_read(ERRORS_PAGE);
  (void)state;
  int rows = 0;
  for (const char *at = page; (at = strstr(at, "\n| KG_")) != NULL; at++)
    rows++;
  assert_int_equal(rows, KG_STATUS_COUNT - 1);
  free(page);
}

static void every_exit_code_is_explained(void **state) {
  char *page = scratch_read(ERRORS_PAGE), *manual = scratch_read(MANUAL_PAGE);
  (void)state;
  char row[32];
  for (int status = KG_OK; status < KG_STATUS_COUNT; status++) {
    int code = kg_status_exit_code((enum kg_status)status);
    snprintf(row, sizeof row, "\n| %d | ", code);
    if (strstr(page, row) == NULL) fail_msg("exit code %d is not on the page", code);
    snprintf(row, sizeof row, "\n.It %d\n", code);
    if (strstr(manual, row) == NULL) fail_msg("exit code %d is not in keyguardctl(1)", code);
  }
  free(page);
  free(manual);
}

/* Every "--name" of the text is ".Fl -name" in keyguardctl(1). */
static void check_options(char *help, const char *manual, const char *command) {
  char wanted[64];
  for (char *at = help; (at = strstr(at, " --")) != NULL;) {
    size_t len = strspn(at += 3, "abcdefghijklmnopqrstuvwxyz-");
    snprintf(wanted, sizeof wanted, "Fl -%.*s", (int)len, at);
    if (len && strstr(manual, wanted) == NULL) fail_msg("%s: --%.*s is not in keyguardctl(1)", command, (int)len, at);
  }
}

static void every_option_is_in_the_manual(void **state) {
  static const struct kg_command *const commands[] = {
      &kg_command_provision, &kg_command_renew,  &kg_command_status,       &kg_command_token,  &kg_command_exec,
      &kg_command_env,       &kg_command_doctor, &kg_command_capabilities, &kg_command_version};
  char *manual = scratch_read(MANUAL_PAGE), name[] = "--help";
  (void)state;
  char section[64];
  for (size_t i = 0; i < COUNT(commands); i++) {
    char help[4096] = "", *argv[] = {name, NULL};
    struct kg_run run = {.out = fmemopen(help, sizeof help, "w"), .err = stderr};
    assert_int_equal(commands[i]->run(commands[i], &run, 1, argv), 0);
    fclose(run.out);
    check_options(help, manual, commands[i]->name);
    snprintf(section, sizeof section, ".Cm %s\n", commands[i]->name);
    if (strstr(manual, section) == NULL) fail_msg("%s is not in keyguardctl(1)", commands[i]->name);
  }
  free(manual);
}

static void check_keys(enum kg_config_section section, const char *first, const char *manual) {
  char item[64];
  for (const struct kg_config_key *key = kg_config_key_find(section, first); key->name != NULL; key++) {
    snprintf(item, sizeof item, "\n.It Cm %s\n", key->name);
    if (strstr(manual, item) == NULL) fail_msg("%s is not in keyguard.conf(5)", key->name);
  }
}

static void every_key_is_in_the_manual(void **state) {
  char *manual = scratch_read(CONFIGURATION_PAGE);
  (void)state;
  check_keys(KG_SECTION_KEYGUARD, "state-dir", manual);
  check_keys(KG_SECTION_IDENTITY, "key-store", manual);
  for (char *at = manual; (at = strstr(at, "\n.It Cm ")) != NULL;) {
    char name[64];
    size_t len = strcspn(at += 8, "\n");
    snprintf(name, sizeof name, "%.*s", (int)len, at);
    if (kg_config_key_find(KG_SECTION_KEYGUARD, name) == NULL && kg_config_key_find(KG_SECTION_IDENTITY, name) == NULL)
      fail_msg("keyguard.conf(5) has %s, which is no key", name);
  }
  free(manual);
}

/* The unit does not start again for what only a person can mend. */
static void unit_knows_what_a_person_has_to_mend(void **state) {
  char *text = scratch_read(SERVICE_UNIT), *line = strstr(text, "\nRestartPreventExitStatus=");
  char expected[64] = "";
  (void)state;
  for (int code = 0; code < 64; code++)
    if (kg_status_needs_a_person(code)) snprintf(expected + strlen(expected), 64 - strlen(expected), " %d", code);
  assert_non_null(line);
  line = strchr(line, '=') + 1;
  *strchr(line, '\n') = '\0';
  assert_string_equal(line, expected + 1);
  assert_true(kg_status_needs_a_person(kg_status_exit_code(KG_E_KEY_PIN)));
  assert_false(kg_status_needs_a_person(kg_status_exit_code(KG_E_TIMEOUT)));
  assert_false(kg_status_needs_a_person(kg_status_exit_code(KG_E_LOCK_BUSY)));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      CASE("/pages/every_status_has_its_row", every_status_has_its_row),
      CASE("/pages/no_row_is_of_a_status_that_is_gone", no_row_is_of_a_status_that_is_gone),
      CASE("/pages/every_exit_code_is_explained", every_exit_code_is_explained),
      CASE("/pages/every_option_is_in_the_manual", every_option_is_in_the_manual),
      CASE("/pages/every_key_is_in_the_manual", every_key_is_in_the_manual),
      CASE("/pages/unit_knows_what_a_person_has_to_mend", unit_knows_what_a_person_has_to_mend)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
