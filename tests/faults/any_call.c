#define _DEFAULT_SOURCE /* usleep, MAP_ANONYMOUS */
/* Whole commands and a whole module session in which any call may fail by a seeded choice (injector.h):
 *   any_call FOLDER SEED...          FOLDER: made by any_call.sh; SEED: a number or a range, 1-300
 *   any_call FOLDER --all SEED...    and each function must have failed at least once
 * Each seed is a process of its own, so that each begins as a program does. In it one thing is done with faults, then
 * without them: there must be no crash, no hang, no leak (LeakSanitizer, where built with it), no descriptor left open,
 * an error always has a text, the old binding is as it was or there is a whole new one, and what is done without faults
 * succeeds. KEYGUARD_FAULTS_RATE: one call in so many fails; default 400. KEYGUARD_FAULTS_TRACE=1 names each failure.
 */
#include "core/base/log.h"
#include "core/os/library.h"
#include "core/state/binding_reader.h"
#include "ctl/command.h"
#include "ctl/process.h"
#include "ctl/secret_memory.h"
#include "injector.h"
#include "keyguard/credential_plugin.h"
#include "tests/support/fake_token.h"
#include "wire/crypto.h"

#include <cJSON.h>
#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { HANG_S = 60, TEXT = 65536 };

/* LeakSanitizer's own tracer crashes when it looks into the thread-local storage of the libraries that provision loads;
 * without that, what dlerror() keeps there looks lost. */
#define SEEN __attribute__((visibility("default")))
SEEN const char *__lsan_default_options(void);
const char *__lsan_default_options(void) {
  return "use_tls=0:print_suppressions=0";
}
SEEN const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) {
  return "leak:_dlerror_run\n";
}

/* Names of addresses are looked up for the suppressions in every process; what it takes for that is read once, here. */
void __sanitizer_symbolize_pc(void *address, const char *format, char *out, size_t size) __attribute__((weak));
static void learn_names(void) {
  char name[64];
  if (__sanitizer_symbolize_pc != NULL) __sanitizer_symbolize_pc(__builtin_return_address(0), "%f", name, sizeof name);
}

static const char *folder;
static unsigned rate = 400;

static void found(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* A finding ends the seed's process. */
static void found(const char *format, ...) {
  injector_stop();
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  _exit(1);
}

static char *in_folder(const char *name) {
  static char paths[4][512];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static char *read_file(const char *path) { /* NULL: there is none */
  FILE *file = fopen(path, "r");
  if (file == NULL) return NULL;
  char *text = calloc(1, TEXT);
  if (text == NULL) found("no memory");
  text[fread(text, 1, TEXT - 1, file)] = '\0';
  fclose(file);
  return text;
}

/* --- what is done ------------------------------------------------------------------------------------------------- */

struct outcome {
  bool done;
  char out[TEXT], err[TEXT], log[TEXT];
};

static void keep_log(void *context, enum kg_log_level level, const char *line) {
  struct outcome *outcome = context;
  size_t used = strlen(outcome->log);
  (void)level;
  snprintf(outcome->log + used, sizeof outcome->log - used, "%s\n", line);
}

/* The line is split at its blanks. */
static void run_command(const struct kg_command *command, const char *line, struct outcome *outcome) {
  struct kg_run run = {.out = fmemopen(outcome->out, sizeof outcome->out, "w"),
                       .err = fmemopen(outcome->err, sizeof outcome->err, "w"),
                       .clock = kg_clock_system()};
  char copy[256], *argv[16] = {0};
  int argc = 0;
  snprintf(copy, sizeof copy, "%s", line);
  for (char *word = strtok(copy, " "); word != NULL; word = strtok(NULL, " "))
    argv[argc++] = word;
  outcome->done = command->run(command, &run, argc, argv) == 0;
  kg_config_free(&run.config);
  fclose(run.out);
  fclose(run.err);
}

static unsigned long round_now; /* every second one asks for JSON */

static void provision(struct outcome *outcome) {
  run_command(&kg_command_provision, round_now % 2 == 0 ? "--force web" : "--json --force web", outcome);
}

static void token(struct outcome *outcome) {
  run_command(&kg_command_token,
              round_now % 2 == 0 ? "web --scope https://vault.azure.net"
                                 : "web --no-cache --scope https://vault.azure.net",
              outcome);
}

/* No binding and no key: everything, as on a new machine. */
static void cold_token(struct outcome *outcome) {
  run_command(&kg_command_token, "cold --output json --scope https://vault.azure.net", outcome);
}

static CK_RV sign(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_MECHANISM mechanism = {CKM_SHA256_RSA_PKCS, NULL, 0};
  CK_BYTE signature[512], data[3] = {1, 2, 3};
  CK_ULONG len = sizeof signature;
  CK_RV rv = p11->C_SignInit(session, &mechanism, key);
  return rv == CKR_OK ? p11->C_Sign(session, data, sizeof data, signature, &len) : rv;
}

static CK_RV use_session(CK_FUNCTION_LIST *p11, CK_SESSION_HANDLE session) {
  CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
  CK_ATTRIBUTE wanted = {CKA_CLASS, &class, sizeof class};
  CK_OBJECT_HANDLE key = 0;
  CK_ULONG count = 0;
  CK_RV rv = p11->C_FindObjectsInit(session, &wanted, 1);
  if (rv == CKR_OK) rv = p11->C_FindObjects(session, &key, 1, &count);
  if (rv == CKR_OK) rv = p11->C_FindObjectsFinal(session);
  if (rv == CKR_OK && count != 1) rv = CKR_TOKEN_NOT_PRESENT;
  return rv == CKR_OK ? sign(p11, session, key) : rv;
}

static CK_RV use_module(CK_FUNCTION_LIST *p11) {
  CK_SLOT_ID slots[4] = {0};
  CK_ULONG count = 4;
  CK_RV rv = p11->C_GetSlotList(CK_TRUE, slots, &count);
  if (rv == CKR_OK && count == 0) rv = CKR_TOKEN_NOT_PRESENT; /* what cannot be read now is not there */
  CK_SESSION_HANDLE session = 0;
  if (rv == CKR_OK) rv = p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session);
  return rv == CKR_OK ? use_session(p11, session) : rv;
}

static void module_session(struct outcome *outcome) {
  CK_FUNCTION_LIST *p11 = NULL;
  CK_RV rv = C_GetFunctionList(&p11);
  if (rv != CKR_OK) found("C_GetFunctionList: 0x%lx", (unsigned long)rv);
  rv = p11->C_Initialize(NULL);
  if (rv == CKR_OK) {
    rv = use_module(p11);
    CK_RV finalized = p11->C_Finalize(NULL);
    if (finalized != CKR_OK) found("C_Finalize: 0x%lx", (unsigned long)finalized);
  }
  outcome->done = rv == CKR_OK;
  if (rv != CKR_OK) snprintf(outcome->err, sizeof outcome->err, "C_: 0x%lx\n", (unsigned long)rv);
}

static const struct scenario {
  const char *name, *identity;
  void (*run)(struct outcome *outcome);
} scenarios[INJECTOR_KINDS] = {
    {"provision", "web", provision},
    {"token", "web", token},
    {"module", "web", module_session},
    {"cold token", "cold", cold_token},
};

/* --- what must hold ----------------------------------------------------------------------------------------------- */

static void check_error(const struct outcome *outcome) {
  cJSON *json = cJSON_Parse(outcome->out);
  const cJSON *text = cJSON_GetObjectItem(cJSON_GetObjectItem(json, "error"), "text");
  const char *colon = strstr(outcome->err, ": ");
  bool described = (cJSON_IsString(text) && text->valuestring[0] != '\0') || (colon != NULL && colon[2] > ' ');
  cJSON_Delete(json);
  if (!described)
    found("an error without a text: out '%s', err '%s', log '%s'", outcome->out, outcome->err, outcome->log);
}

static void check_binding(const char *name, const char *before) {
  char *path = in_folder(name);
  char *now = read_file(path);
  if (now == NULL && before != NULL) found("%s is gone", name);
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  if (now != NULL && kg_binding_load(path, &binding, NULL, &error) != KG_OK)
    found("%s cannot be read: %s", name, error.text);
  kg_binding_free(&binding);
  free(now);
}

/* A temporary file may stay only where it could not be removed. */
static void check_leftovers(void) {
  DIR *state = opendir(in_folder("state"));
  if (state == NULL) return;
  for (const struct dirent *entry; (entry = readdir(state)) != NULL;) {
    const char *name = entry->d_name;
    const char *dot = strrchr(name, '.');
    const char *end = dot != NULL ? dot : "";
    bool known = name[0] == '.' || strncmp(name, "tokens", 6) == 0 || strcmp(end, ".json") == 0 ||
                 strcmp(end, ".lock") == 0 || strcmp(end, ".failure") == 0;
    if (!known && injector_failures_of("unlink") + injector_failures_of("remove") == 0)
      found("left over in the state folder: %s", name);
  }
  closedir(state);
}

static int count_descriptors(void) {
  DIR *open = opendir("/proc/self/fd");
  int count = 0;
  while (readdir(open) != NULL)
    count++;
  closedir(open);
  return count;
}

/* --- a seed ------------------------------------------------------------------------------------------------------- */

static void shell(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void shell(const char *format, ...) {
  char command[2048];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(command, sizeof command, format, arguments);
  va_end(arguments);
  if (system(command) != 0) found("failed: %s", command);
}

/* The state and the token as any_call.sh left them. */
static void start_anew(void) {
  shell("cd '%s' && rm -rf state softhsm && cp -r state.old state && cp -r softhsm.old softhsm", folder);
}

static void prepare(struct outcome *outcome) {
  kg_process_harden();
  kg_secret_memory_install_json(); /* not OpenSSL's: its own bugs without memory would be found, too */
  struct kg_error error = {0};
  if (kg_crypto_isolate(&error) != KG_OK) found("%s", error.text);
  if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) found("curl_global_init");
  struct kg_library_failure failure;
  void *library = kg_library_open(KG_FAKE_TOKEN, &failure);
  void (*symbol)(void) = library != NULL ? kg_library_find(library, "fake_token") : NULL;
  struct fake_token *fake;
  if (symbol == NULL) found("%s: %s", KG_FAKE_TOKEN, failure.text);
  memcpy(&fake, &symbol, sizeof fake);
  atomic_store(&fake->decide, injector_token_call);
  injector_substitute("/imds.so", "keyguard_credential_plugin", (void (*)(void))keyguard_credential_plugin);
  kg_log_capture(keep_log, outcome);
}

static int *usual_descriptors; /* of each scenario, when all is done; shared with the processes */

/* Runs in the seed's process; exits 0 if all held. one_in 0: without faults, to learn what is usual. */
static void run_seed(unsigned long seed, unsigned one_in) {
  static struct outcome outcome;
  unsigned which = (unsigned)(seed % INJECTOR_KINDS);
  round_now = seed / INJECTOR_KINDS;
  const struct scenario *scenario = &scenarios[which];
  char name[64];
  snprintf(name, sizeof name, "state/%s.json", scenario->identity);
  prepare(&outcome);
  char *before = read_file(in_folder(name));
  if (before == NULL) shell("rm -r '%s/state'", folder); /* as on a new machine */
  if (one_in == 0)
    injector_learn(which);
  else
    injector_start(which, round_now, one_in);
  scenario->run(&outcome);
  injector_stop();
  if (!outcome.done && injector_failures() == 0) found("fails without a fault: %s%s", outcome.err, outcome.out);
  if (!outcome.done) check_error(&outcome);
  check_binding(name, before);
  check_leftovers();
  memset(&outcome, 0, sizeof outcome);
  snprintf(name, sizeof name, "state/%s.failure", scenario->identity);
  (void)remove(in_folder(name));   /* nobody waits here until what failed is tried again */
  kg_secret_memory_install_json(); /* as a new process would */
  scenario->run(&outcome);
  if (!outcome.done) found("fails after the faults: %s%s%s", outcome.err, outcome.out, outcome.log);
  int descriptors = count_descriptors();
  if (one_in == 0) usual_descriptors[which] = descriptors;
  if (descriptors > usual_descriptors[which])
    found("%d descriptors, and not %d", descriptors, usual_descriptors[which]);
  kg_log_capture(NULL, NULL);
  free(before);
  curl_global_cleanup();
  exit(0);
}

/* --- all seeds ---------------------------------------------------------------------------------------------------- */

/* Waits; the exit status, 128 + signal, or -1 for one that hung. */
static int wait_for(pid_t child) {
  for (int tenths = 0; tenths < HANG_S * 100; tenths++) {
    int status = 0;
    if (waitpid(child, &status, WNOHANG) == child)
      return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    usleep(10000);
  }
  kill(child, SIGKILL);
  waitpid(child, NULL, 0);
  return -1;
}

static int try_seed(unsigned long seed, unsigned one_in, char **said) {
  start_anew();
  char *path = in_folder("said");
  fflush(NULL);
  pid_t child = fork();
  if (child == 0) {
    if (freopen(path, "w", stderr) == NULL) _exit(2);
    setvbuf(stderr, NULL, _IONBF, 0);
    dup2(STDERR_FILENO, STDOUT_FILENO);
    run_seed(seed, one_in);
  }
  int result = wait_for(child);
  free(*said);
  *said = read_file(path);
  return result;
}

/* False: a finding, which is printed. Where many processes end, LeakSanitizer's own tracer fails now and then, and says
 * so: that is no answer, so it is asked again. */
static bool run_one(unsigned long seed, unsigned one_in) {
  char *said = NULL;
  int result = try_seed(seed, one_in, &said);
  for (int again = 0; again < 5 && said != NULL && strstr(said, "LeakSanitizer has encountered a fatal error") != NULL;
       again++)
    result = try_seed(seed, one_in, &said);
  const char *verdict = result == -1 ? "hangs" : result == 0 ? "good" : result > 128 ? "ended by a signal" : "fails";
  if (result != 0 || getenv("KEYGUARD_FAULTS_TRACE") != NULL)
    printf("seed %lu (%s)%s: %s (%d)\n%s\n", seed, scenarios[seed % INJECTOR_KINDS].name,
           one_in > 0 ? "" : ", no faults", verdict, result, said != NULL ? said : "");
  free(said);
  return result == 0;
}

static unsigned run_range(const char *argument, unsigned long *seeds) {
  char *end = NULL;
  unsigned long first = strtoul(argument, &end, 10), last = *end == '-' ? strtoul(end + 1, NULL, 10) : first;
  unsigned bad = 0;
  for (unsigned long seed = first; seed <= last; seed++, ++*seeds)
    bad += !run_one(seed, rate);
  return bad;
}

int main(int argc, char **argv) {
  bool all = argc > 2 && strcmp(argv[2], "--all") == 0;
  if (argc < (all ? 4 : 3)) return 2;
  folder = argv[1];
  if (getenv("KEYGUARD_FAULTS_RATE") != NULL) rate = (unsigned)atoi(getenv("KEYGUARD_FAULTS_RATE"));
  injector_setup();
  learn_names();
  usual_descriptors =
      mmap(NULL, INJECTOR_KINDS * sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (rate == 0 || usual_descriptors == MAP_FAILED) return 2;
  unsigned bad = 0;
  unsigned long seeds = 0;
  for (unsigned long usual = 0; usual < INJECTOR_KINDS; usual++)
    bad += !run_one(usual, 0);
  for (int i = all ? 3 : 2; bad == 0 && i < argc; i++)
    bad += run_range(argv[i], &seeds);
  unsigned never = injector_report();
  printf("%lu seeds, one call in %u fails: %u findings; %u functions never failed\n", seeds, rate, bad, never);
  return bad > 0 || (all && never > 0) ? 1 : 0;
}
