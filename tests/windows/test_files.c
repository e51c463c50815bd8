/* The Windows half of core: files and their access lists, locks, paths, the configuration, what the machine is. */
#include "core/base/clock.h"
#include "core/base/strength.h"
#include "core/base/wide_win.h"
#include "core/key/info.h"
#include "core/key/token_uri.h"
#include "core/os/file.h"
#include "core/os/fork.h"
#include "core/os/lock.h"
#include "core/os/machine.h"
#include "core/os/path.h"
#include "core/os/user_win.h"
#include "core/state/config.h"
#include "core/state/config_file.h"
#include "core/state/config_parse.h"
#include "tests/windows/check.h"

#include <stdlib.h>
#include <windows.h>

#include <aclapi.h>
#include <sddl.h>

/* SHA-256 of "keyguard-pkcs11 machine 1:00112233-4455-6677-8899-aabbccddeeff" */
#define MACHINE_ID "a9cd7b7f8d1730225ff68cad1a8fa60e5fd94a12ba7be15e08dd32c3f4b98559"

static struct kg_error error;
static struct kg_buf contents;
static char folder[MAX_PATH], self[MAX_PATH];

static const char *in_folder(const char *name) {
  static char paths[8][2 * MAX_PATH];
  static unsigned next;
  char *path = paths[next++ % 8];
  snprintf(path, sizeof paths[0], "%s\\%s", folder, name);
  return path;
}

static void write_file(const char *name, const char *text) {
  CHECK(kg_file_replace(in_folder(name), kg_span_text(text), 0644, &error) == KG_OK);
}

static int holds(const char *name, const char *text) {
  return kg_file_read(in_folder(name), 4096, KG_TRUST_ANY, &contents, NULL, &error) == KG_OK &&
         kg_span_equal(kg_buf_span(&contents), kg_span_text(text));
}

/* Replaces the access list of a file or folder. */
static void set_access(const char *path, const char *sddl) {
  PSECURITY_DESCRIPTOR descriptor = NULL;
  BOOL present = FALSE, defaulted = FALSE;
  CHECK(ConvertStringSecurityDescriptorToSecurityDescriptorA(sddl, SDDL_REVISION_1, &descriptor, NULL));
  PACL list = NULL;
  CHECK(GetSecurityDescriptorDacl(descriptor, &present, &list, &defaulted) && present);
  CHECK(SetNamedSecurityInfoA((char *)(uintptr_t)path, SE_FILE_OBJECT,
                              DACL_SECURITY_INFORMATION | PROTECTED_DACL_SECURITY_INFORMATION, NULL, NULL, list,
                              NULL) == ERROR_SUCCESS);
  LocalFree(descriptor);
}

/* --- files ------------------------------------------------------------------------------------------------------- */

static void replaces_whole_files(void) {
  write_file("a", "first");
  CHECK(holds("a", "first"));
  struct kg_file_id one;
  CHECK(kg_file_identify(in_folder("a"), &one) == KG_OK && one.size == 5);
  write_file("a", "second");
  CHECK(holds("a", "second"));
  struct kg_file_id two;
  CHECK(kg_file_identify(in_folder("a"), &two) == KG_OK && !kg_file_id_equal(&one, &two));
  write_file("\xC3\xA4\xE2\x82\xAC", "UTF-8 names");
  CHECK(holds("\xC3\xA4\xE2\x82\xAC", "UTF-8 names"));
}

static void a_failed_replacement_leaves_nothing(void) {
  CHECK(kg_file_replace(in_folder("no\\such"), kg_span_text("x"), 0644, &error) == KG_E_NOT_FOUND);
  CHECK(strstr(error.text, "no\\such") != NULL && error.native_code == ERROR_PATH_NOT_FOUND);
  CHECK(kg_file_make_directory(in_folder("target"), 0755, &error) == KG_OK);
  CHECK(kg_file_replace(in_folder("target"), kg_span_text("x"), 0644, &error) != KG_OK); /* a folder has the name */
  WIN32_FIND_DATAA found;
  HANDLE search = FindFirstFileA(in_folder("target*"), &found); /* the folder, and no temporary file beside it */
  CHECK(search != INVALID_HANDLE_VALUE && strcmp(found.cFileName, "target") == 0 && !FindNextFileA(search, &found));
  FindClose(search);
}

static void reads_what_is_a_file_and_not_too_large(void) {
  HANDLE pipe = CreateNamedPipeA("\\\\.\\pipe\\keyguard-test", PIPE_ACCESS_DUPLEX, PIPE_TYPE_BYTE, 1, 16, 16, 0, NULL);
  write_file("b", "0123456789");
  CHECK(kg_file_read(in_folder("b"), 10, KG_TRUST_ANY, &contents, NULL, &error) == KG_OK && contents.len == 10);
  CHECK(kg_file_read(in_folder("b"), 9, KG_TRUST_ANY, &contents, NULL, &error) == KG_E_IO);
  CHECK(kg_file_read(in_folder("none"), 9, KG_TRUST_ANY, &contents, NULL, &error) == KG_E_NOT_FOUND);
  CHECK(kg_file_read(folder, 9, KG_TRUST_ANY, &contents, NULL, &error) == KG_E_UNTRUSTED);
  CHECK(pipe != INVALID_HANDLE_VALUE);
  CHECK(kg_file_read("\\\\.\\pipe\\keyguard-test", 9, KG_TRUST_ANY, &contents, NULL, &error) == KG_E_UNTRUSTED);
  CloseHandle(pipe);
}

/* SHA-256 of "0123456789" */
static const unsigned char digits_hash[32] = {0x84, 0xd8, 0x98, 0x77, 0xf0, 0xd4, 0x04, 0x1e, 0xfb, 0x6b, 0xf9,
                                              0x1a, 0x16, 0xf0, 0x24, 0x8f, 0x2f, 0xd5, 0x73, 0xe6, 0xaf, 0x05,
                                              0xc1, 0x9f, 0x96, 0xbe, 0xdb, 0x9f, 0x88, 0x2f, 0x78, 0x82};

static void hashes_what_it_would_read(void) {
  unsigned char digest[32] = {0};
  write_file("b", "0123456789");
  CHECK(kg_file_hash(in_folder("b"), 10, KG_TRUST_ANY, KG_HASH_SHA256, digest, &error) == KG_OK);
  CHECK(memcmp(digest, digits_hash, sizeof digest) == 0);
  CHECK(kg_file_hash(in_folder("b"), 9, KG_TRUST_ANY, KG_HASH_SHA256, digest, &error) == KG_E_IO);
  CHECK(kg_file_hash(in_folder("none"), 9, KG_TRUST_ANY, KG_HASH_SHA256, digest, &error) == KG_E_NOT_FOUND);
  CHECK(kg_file_hash(folder, 9, KG_TRUST_ANY, KG_HASH_SHA256, digest, &error) == KG_E_UNTRUSTED);
}

static DWORD WINAPI read_often(void *bad) {
  struct kg_buf mine = {0};
  for (int i = 0; i < 300; i++) {
    Sleep(1); /* readers without a gap would keep the file from being replaced: 3 in 25 runs, and none reads so */
    enum kg_status status = kg_file_read(in_folder("swapped"), 4096, KG_TRUST_ANY, &mine, NULL, NULL);
    if (status == KG_E_ACCESS) continue; /* the very moment of the exchange */
    if (status != KG_OK || mine.len != 1000 || mine.data[0] != mine.data[999]) (*(int *)bad)++;
  }
  kg_buf_clear(&mine);
  return 0;
}

static void readers_see_old_or_new(void) {
  char text[1001] = "";
  memset(text, 'a', 1000);
  write_file("swapped", text);
  int bad = 0;
  HANDLE thread = CreateThread(NULL, 0, read_often, &bad, 0, NULL);
  CHECK(thread != NULL);
  for (int i = 0; i < 50; i++) {
    memset(text, 'a' + i % 26, 1000);
    write_file("swapped", text);
  }
  CHECK(WaitForSingleObject(thread, 120000) == WAIT_OBJECT_0 && bad == 0);
}

/* --- trust ------------------------------------------------------------------------------------------------------- */

static enum kg_status trust(const char *name, enum kg_file_trust wanted) {
  enum kg_status status = kg_file_read(in_folder(name), 4096, wanted, &contents, NULL, &error);
  if (status != KG_OK && status != KG_E_UNTRUSTED) printf("  %s\n", error.text);
  return status;
}

static void what_others_may_write_is_not_trusted(void) {
  write_file("c", "x");
  CHECK(trust("c", KG_TRUST_OWNER) == KG_OK);
  CHECK(trust("c", KG_TRUST_SHARED) == KG_OK);
  set_access(in_folder("c"), "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FR;;;WD)");
  CHECK(trust("c", KG_TRUST_OWNER) == KG_OK);
  CHECK(trust("c", KG_TRUST_PRIVATE) == KG_E_UNTRUSTED &&
        strstr(error.text, "may be read by others (S-1-1-0)") != NULL);
  set_access(in_folder("c"), "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FRFW;;;WD)");
  CHECK(trust("c", KG_TRUST_OWNER) == KG_E_UNTRUSTED &&
        strstr(error.text, "may be written by others (S-1-1-0)") != NULL);
  CHECK(trust("c", KG_TRUST_ANY) == KG_OK);
  set_access(in_folder("c"), "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)");
  CHECK(trust("c", KG_TRUST_PRIVATE) == KG_OK);
}

static void a_folder_whose_files_others_may_exchange_is_not_trusted(void) {
  CHECK(kg_file_make_directory(in_folder("open"), 0755, &error) == KG_OK);
  write_file("open\\d", "x");
  CHECK(trust("open\\d", KG_TRUST_OWNER) == KG_OK);
  CHECK(kg_file_check(in_folder("open"), KG_TRUST_OWNER, &error) == KG_OK);
  set_access(in_folder("open"), "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;OW)(A;;FA;;;WD)");
  CHECK(trust("open\\d", KG_TRUST_OWNER) == KG_E_UNTRUSTED && strstr(error.text, "open") != NULL);
  CHECK(kg_file_check(in_folder("open"), KG_TRUST_OWNER, &error) == KG_E_UNTRUSTED);
}

static void modes_become_access_lists(void) {
  CHECK(kg_file_replace(in_folder("secret"), kg_span_text("x"), 0600, &error) == KG_OK);
  CHECK(trust("secret", KG_TRUST_PRIVATE) == KG_OK);
  CHECK(kg_file_make_directory(in_folder("made"), 0755, &error) == KG_OK);
  CHECK(kg_file_make_directory(in_folder("made"), 0755, &error) == KG_OK); /* there already */
  write_file("plain", "x");
  CHECK(kg_file_make_directory(in_folder("plain"), 0755, &error) != KG_OK);
}

/* --- locks ------------------------------------------------------------------------------------------------------- */

static int hold_lock(const char *path) {
  struct kg_lock *lock = NULL;
  if (kg_lock_acquire(path, 0, kg_clock_system(), &lock, &error) != KG_OK) return 2;
  printf("held\n");
  fflush(stdout);
  Sleep(60000);
  return 3; /* killed long before */
}

static HANDLE start_holder(DWORD *pid) {
  STARTUPINFOA startup = {0};
  startup.cb = sizeof startup, startup.dwFlags = STARTF_USESTDHANDLES;
  HANDLE reader = NULL;
  SECURITY_ATTRIBUTES inherit = {sizeof inherit, NULL, TRUE};
  CHECK(CreatePipe(&reader, &startup.hStdOutput, &inherit, 0));
  char command[3 * MAX_PATH];
  snprintf(command, sizeof command, "\"%s\" --hold \"%s\"", self, in_folder("lock"));
  PROCESS_INFORMATION process;
  CHECK(CreateProcessA(NULL, command, NULL, NULL, TRUE, 0, NULL, NULL, &startup, &process));
  CloseHandle(startup.hStdOutput);
  char line[8] = "";
  DWORD got = 0;
  CHECK(ReadFile(reader, line, sizeof line, &got, NULL) && strncmp(line, "held", 4) == 0);
  *pid = process.dwProcessId;
  return process.hProcess;
}

static void a_lock_is_held_and_dies_with_its_holder(void) {
  struct kg_lock *lock = NULL;
  DWORD pid = 0;
  HANDLE holder = start_holder(&pid);
  CHECK(kg_lock_acquire(in_folder("lock"), 100, kg_clock_system(), &lock, &error) == KG_E_LOCK_BUSY && lock == NULL);
  char expected[32];
  snprintf(expected, sizeof expected, "process %lu", pid);
  CHECK(strstr(error.text, expected));
  CHECK(TerminateProcess(holder, 1) && WaitForSingleObject(holder, 60000) == WAIT_OBJECT_0);
  CHECK(kg_lock_acquire(in_folder("lock"), 20000, kg_clock_system(), &lock, &error) == KG_OK);
  kg_lock_release(&lock);
  CHECK(kg_lock_acquire(in_folder("lock"), 0, kg_clock_system(), &lock, &error) == KG_OK);
  kg_lock_release(&lock);
  CHECK(kg_lock_acquire(in_folder("no\\lock"), 0, kg_clock_system(), &lock, &error) == KG_E_NOT_FOUND);
}

/* --- paths and configuration ------------------------------------------------------------------------------------- */

static void paths_are_absolute_on_a_drive(void) {
  static const char *const good[] = {"C:\\x", "c:/x", "%ProgramData%\\x", "%PROGRAMDATA%/x", "%LOCALAPPDATA%\\x"};
  static const char *const bad[] = {
      "x",     "\\x", "/x", "C:x", "\\\\server\\share\\x", "//server/x", "\\\\?\\C:\\x", "%TEMP%\\x", "%ProgramData%x",
      "1:\\x", ""};
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
    CHECK(kg_path_is_absolute(good[i]));
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(!kg_path_is_absolute(bad[i]));
  char *path = kg_path_expand("%ProgramData%\\KeyGuard\\x");
  CHECK(path != NULL && strcmp(path, "C:\\ProgramData\\KeyGuard\\x") == 0);
  free(path);
  SetEnvironmentVariableW(L"LOCALAPPDATA", L"C:\\users\\me\\local");
  path = kg_path_expand("%LOCALAPPDATA%/KeyGuard");
  CHECK(path != NULL && strcmp(path, "C:\\users\\me\\local\\KeyGuard") == 0);
  free(path);
  path = kg_path_expand("D:/x/y");
  CHECK(path != NULL && strcmp(path, "D:\\x\\y") == 0);
  free(path);
}

/* An environment variable is a user's to set, also for programs that then run with more rights. */
static void program_data_does_not_come_from_the_environment(void) {
  SetEnvironmentVariableA("ProgramData", "C:\\evil");
  SetEnvironmentVariableA("SystemDrive", "E:");
  char *path = kg_path_state_dir();
  CHECK(path != NULL && strcmp(path, "C:\\ProgramData\\KeyGuard\\state") == 0);
  free(path);
}

static void a_configuration_of_windows_is_read(void) {
  static const char text[] = "[keyguard]\r\nstate-dir = %ProgramData%\\KeyGuard\\state\r\n"
                             "attestation-library = C:\\Program Files\\KeyGuard\\AttestationClientLib.dll\r\n"
                             "[identity web]\r\nkey-store = cng:name=web;scope=machine\r\n"
                             "mtls-proof-of-possession = true\r\n";
  write_file("keyguard.conf", text);
  struct kg_config *config = NULL;
  if (kg_config_load(in_folder("keyguard.conf"), &config, &error) != KG_OK) printf("  %s\n", error.text);
  CHECK(config != NULL);
  CHECK(strcmp(config->state_dir, "C:\\ProgramData\\KeyGuard\\state") == 0);
  CHECK(strcmp(config->attestation_library, "C:\\Program Files\\KeyGuard\\AttestationClientLib.dll") == 0);
  CHECK(strcmp(kg_key_uri_shown(config->identities[0].key_store), "cng:name=web;scope=machine") == 0);
  CHECK(config->identities[0].floor == KG_STRENGTH_KEYGUARD);
  kg_config_free(&config);
  set_access(in_folder("keyguard.conf"), "D:P(A;;FA;;;OW)(A;;FA;;;WD)");
  CHECK(kg_config_load(in_folder("keyguard.conf"), &config, &error) == KG_E_UNTRUSTED && config == NULL);
}

/* Bindings are files of these names. */
static void names_that_files_cannot_have_are_refused(void) {
  static const char *const bad[] = {"nul", "CON", "com1", "Lpt9", "aux.x", "prn.json"};
  static const char *const good[] = {"null", "com", "com10"};
  struct kg_config *config = NULL;
  char text[256];
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    snprintf(text, sizeof text, "[identity %s]\nkey-store = cng:\n", bad[i]);
    CHECK(kg_config_parse("x", kg_span_text(text), &config, &error) == KG_E_CONFIG);
    CHECK(strstr(error.text, "no file can have this name"));
  }
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    snprintf(text, sizeof text, "[identity %s]\nkey-store = cng:\n", good[i]);
    CHECK(kg_config_parse("x", kg_span_text(text), &config, &error) == KG_OK);
    kg_config_free(&config);
  }
  CHECK(kg_config_parse("x", kg_span_text("[identity web]\nkey-store = cng:\n[identity Web]\nkey-store = cng:\n"),
                        &config, &error) == KG_E_CONFIG);
  CHECK(strstr(error.text, "[identity web] is on line 1 already"));
}

static void the_configuration_path_is_absolute_or_the_default(void) {
  const char *path = kg_config_path(); /* read once a process: --conf covers the other case */
  CHECK(strcmp(path, "C:\\ProgramData\\KeyGuard\\keyguard.conf") == 0);
}

/* --- the rest ---------------------------------------------------------------------------------------------------- */

static void uris_are_percent_encoded(void) {
  char *text = kg_token_uri_format("my token", "a;b", "private");
  CHECK(text != NULL && strcmp(text, "pkcs11:token=my%20token;object=a%3Bb;type=private") == 0);
  free(text);
}

/* There are two kinds: ours, and those that this build does not have. */
static void only_keys_of_windows_are_named(void) {
  struct kg_key_uri *uri = NULL;
  CHECK(kg_key_uri_parse("cng:name=web", &uri, &error) == KG_OK);
  CHECK(strcmp(kg_key_uri_shown(uri), "cng:name=web") == 0);
  CHECK(kg_key_uri_has(uri, KG_STORE_PER_BOOT) && kg_key_uri_has(uri, KG_STORE_REPLACES_DEAD));
  CHECK(kg_key_uri_has(uri, KG_STORE_NATIVE_HANDLE) && kg_key_uri_has(uri, KG_STORE_VERIFIES));
  kg_key_uri_free(&uri);
  CHECK(kg_key_uri_parse("cng:name=a b", &uri, &error) == KG_E_USAGE && uri == NULL);
  CHECK(kg_key_uri_parse("pkcs11:object=x?module-path=/m&pin-value=4711", &uri, &error) == KG_E_USAGE && uri == NULL);
  CHECK(strstr(error.text, "cng:") != NULL && strstr(error.text, "4711") == NULL);
}

static void clocks_run(void) {
  const struct kg_clock *clock = kg_clock_system();
  int64_t before = clock->elapsed_ms(clock->context), wall = clock->wall(clock->context);
  CHECK(wall > 1750000000 && wall < 4000000000LL); /* 2025 to 2096 */
  clock->sleep_ms(clock->context, 50);
  CHECK(clock->elapsed_ms(clock->context) - before >= 30);
  CHECK(kg_fork_count() == 0);
}

/* What wine.sh wrote into the registry. */
static void machine_and_user_are_known(void) {
  char sid[KG_SID_TEXT_SIZE];
  CHECK(kg_user_sid(sid, &error) == KG_OK && strncmp(sid, "S-1-5-", 6) == 0);
  char *machine = kg_machine_id();
  CHECK(machine != NULL && strcmp(machine, MACHINE_ID) == 0);
  free(machine);
  char *boot = kg_boot_id();
  CHECK(boot != NULL && strcmp(boot, "42") == 0);
  free(boot);
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/file/replaces_whole_files", replaces_whole_files},
      {"/file/a_failed_replacement_leaves_nothing", a_failed_replacement_leaves_nothing},
      {"/file/reads_what_is_a_file_and_not_too_large", reads_what_is_a_file_and_not_too_large},
      {"/file/hashes_what_it_would_read", hashes_what_it_would_read},
      {"/file/readers_see_old_or_new", readers_see_old_or_new},
      {"/trust/what_others_may_write_is_not_trusted", what_others_may_write_is_not_trusted},
      {"/trust/a_folder_of_everybodys_is_not_trusted", a_folder_whose_files_others_may_exchange_is_not_trusted},
      {"/trust/modes_become_access_lists", modes_become_access_lists},
      {"/lock/is_held_and_dies_with_its_holder", a_lock_is_held_and_dies_with_its_holder},
      {"/path/is_absolute_on_a_drive", paths_are_absolute_on_a_drive},
      {"/path/program_data_does_not_come_from_the_environment", program_data_does_not_come_from_the_environment},
      {"/config/of_windows_is_read", a_configuration_of_windows_is_read},
      {"/config/names_that_files_cannot_have", names_that_files_cannot_have_are_refused},
      {"/config/path_is_the_default", the_configuration_path_is_absolute_or_the_default},
      {"/uri/is_percent_encoded", uris_are_percent_encoded},
      {"/uri/only_keys_of_windows_are_named", only_keys_of_windows_are_named},
      {"/clock/runs", clocks_run},
      {"/machine/and_user_are_known", machine_and_user_are_known},
  };
  if (argc == 3 && strcmp(argv[1], "--hold") == 0) return hold_lock(argv[2]);
  GetModuleFileNameA(NULL, self, sizeof self);
  GetEnvironmentVariableA("KG_TEST_DIR", folder, sizeof folder);
  SetEnvironmentVariableA("KEYGUARD_CONF", "relative\\keyguard.conf"); /* ignored */
  return check_main(cases, sizeof cases / sizeof cases[0], NULL, argc > 1 ? argv[1] : NULL);
}
