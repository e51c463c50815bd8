/* keyguardctl: the command that people and timers run. */
#include "core/base/buf.h"
#include "core/base/log.h"
#include "ctl/command.h"
#include "ctl/output.h"
#include "ctl/process.h"
#include "ctl/secret_memory.h"
#include "ctl/watchdog.h"
#include "wire/crypto.h"

#include <curl/curl.h>
#include <string.h>

static const struct kg_command *const commands[] = {
    &kg_command_provision,
    &kg_command_renew,
    &kg_command_status,
    &kg_command_token,
    &kg_command_exec,
    &kg_command_env,
    &kg_command_doctor,
    &kg_command_capabilities,
    &kg_command_version,
#if defined(_WIN32)
    &kg_command_install_certificate,
#endif
};
#define COMMAND_COUNT (sizeof commands / sizeof commands[0])

static void print_usage(FILE *out, const struct kg_option *options) {
  fputs("usage: keyguardctl [OPTION...] COMMAND [OPTION...] [NAME...]\n\ncommands:\n", out);
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    fprintf(out, "  %-14s %s\n", commands[i]->name, commands[i]->summary);
  fputs("\noptions, of every command:\n", out);
  kg_options_print(out, options);
  fputs("  -V, --version                what version says; before a command\n\nkeyguardctl COMMAND --help says more. "
        "Exit codes are in keyguardctl(1).\n",
        out);
}

static const struct kg_command *find_command(const char *name) {
  for (size_t i = 0; i < COMMAND_COUNT; i++)
    if (strcmp(commands[i]->name, name) == 0) return commands[i];
  return NULL;
}

static int usage_error(struct kg_run *run, const struct kg_option *options, struct kg_error *error) {
  int exit_code = kg_output_error(run, error);
  if (!run->json) print_usage(run->err, options);
  return exit_code;
}

static int dispatch(struct kg_run *run, int argc, char **argv) {
  struct kg_option options[KG_COMMON_OPTIONS];
  kg_command_common_options(run, options);
  bool version = argc > 0 && (strcmp(argv[0], "--version") == 0 || strcmp(argv[0], "-V") == 0);
  if (version) return kg_command_version.run(&kg_command_version, run, argc - 1, argv + 1);
  bool json = kg_options_ask_for("--json", argc, argv);
  struct kg_error error = {0};
  struct kg_operands operands;
  enum kg_status status = kg_options_parse(options, true, argc, argv, &operands, &error);
  const struct kg_command *command = status == KG_OK && operands.count > 0 ? find_command(operands.items[0]) : NULL;
  if (command == NULL) run->json = run->json || json;
  if (status != KG_OK) return usage_error(run, options, &error);
  if (command != NULL) return command->run(command, run, operands.count - 1, operands.items + 1);
  if (operands.count == 0 && run->help) {
    print_usage(run->out, options);
    return 0;
  }
  if (operands.count == 0)
    (void)kg_error_set(&error, KG_E_USAGE, "which command? keyguardctl --help has them all");
  else
    (void)kg_error_set(&error, KG_E_USAGE, "unknown command '%.64s': keyguardctl --help has them all",
                       operands.items[0]);
  return usage_error(run, options, &error);
}

/* The order matters: OpenSSL's memory before anything of it is used, OpenSSL before libcurl initialises it, both before
 * a key store opens a token that links them. */
static enum kg_status prepare(struct kg_error *error) {
  kg_process_harden();
  kg_secret_memory_install();
  enum kg_status status = kg_crypto_isolate(error);
  if (status == KG_OK) status = kg_secret_memory_start_curl(error);
  return status;
}

/* In the watchdog's thread: the one that works is stuck, and holds nothing of ours. */
static int report_hang(void *run, const struct kg_error *error) {
  int exit_code = kg_output_error(run, error);
  fflush(stdout);
  return exit_code;
}

int main(int argc, char **argv) {
  static char printed[BUFSIZ]; /* tokens pass through it */
  struct kg_run run = {.out = stdout, .err = stderr, .clock = kg_clock_system(), .again = true};
  (void)setvbuf(stdout, printed, _IOFBF, sizeof printed);
  kg_log_configure(KG_LOG_WARN, KG_LOG_STDERR); /* until the configuration says otherwise */
  kg_watchdog_init(report_hang, &run);
  struct kg_error error = {0};
  int exit_code = prepare(&error) == KG_OK ? dispatch(&run, argc - 1, argv + 1) : kg_output_error(&run, &error);
  kg_config_free(&run.config);
  if (fflush(stdout) != 0 || ferror(stdout)) { /* a full disk must not look like success */
    fputs("keyguardctl: standard output cannot be written\n", stderr);
    if (exit_code == 0) exit_code = kg_status_exit_code(KG_E_IO);
  }
  kg_wipe(printed, sizeof printed);
  curl_global_cleanup();
  return exit_code;
}
