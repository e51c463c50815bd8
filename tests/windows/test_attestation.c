/* Loading the attestation library, and calling it with a key of the fake ncrypt.dll. Numbers are the acceptance cases'.
 *   test_attestation PATH-OF-FAKE SHA256-OF-FAKE */
#include "core/base/wide_win.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "plugin/acquisition.h"
#include "plugin/attestation.h"
#include "plugin/attestation_cache.h"
#include "plugin/attestation_loader.h"
#include "tests/support/open_key.h"
#include "tests/windows/check.h"

#include <stdlib.h>
#include <windows.h>

#define STORE "cng:name=attestation-test"
/* {"alg":"none"}.{"exp":4000000000}.c2ln and the same without an end, and with one that is over */
#define TOKEN "eyJhbGciOiJub25lIn0.eyJleHAiOjQwMDAwMDAwMDB9.c2ln"
#define TOKEN_NO_EXP "eyJhbGciOiJub25lIn0.e30.c2ln"
#define TOKEN_OLD "eyJhbGciOiJub25lIn0.eyJleHAiOjEwMDB9.c2ln"

static struct kg_error error;
static char fake_path[MAX_PATH], fake_hash[65], folder[MAX_PATH];
static struct kg_key *key;
static struct kg_buf token;

/* --- a request, as keyguardctl would make it ---------------------------------------------------------------------- */

static char logged[8192];

static void host_log(void *context, int level, const char *line) {
  (void)context;
  snprintf(logged + strlen(logged), sizeof logged - strlen(logged), "%d %s\n", level, line);
}

static int64_t host_wall(void *context) {
  (void)context;
  return 1800000000;
}

static int64_t host_elapsed(void *context) {
  (void)context;
  return 1000;
}

static void host_sleep(void *context, int64_t milliseconds) {
  (void)context, (void)milliseconds;
}

static struct kg_plugin_host host = {NULL, host_log, host_wall, host_elapsed, host_sleep};
static struct kg_plugin_key plugin_key;
static struct kg_plugin_request request;
static struct kg_acquisition acquisition;
static struct kg_metadata metadata;
static char endpoint[64], client_id[] = "11111111-2222-3333-4444-555555555555";

static const char *in_folder(const char *name) {
  static char paths[4][2 * MAX_PATH];
  static unsigned next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s\\%s", folder, name);
  return path;
}

static unsigned calls(void) {
  struct kg_buf text = {0};
  unsigned count = 0;
  if (kg_file_read(in_folder("attest.log"), 65536, KG_TRUST_ANY, &text, NULL, NULL) == KG_OK)
    for (size_t i = 0; i < text.len; i++)
      count += text.data[i] == '\n';
  kg_buf_clear(&text);
  return count;
}

static void set(const char *name, const char *value) {
  SetEnvironmentVariableA(name, value);
}

/* Each case has an endpoint of its own, so that no cached token of another one helps. */
static void start(void) {
  static const unsigned char info[] = {0x30, 0x00};
  static unsigned number;
  set("FAKE_NCRYPT_FAIL", NULL);
  set("FAKE_ATTESTATION_INIT", NULL);
  set("FAKE_ATTESTATION_CODE", NULL);
  set("FAKE_ATTESTATION_TOKEN", TOKEN);
  set("FAKE_ATTESTATION_LOG", in_folder("attest.log"));
  DeleteFileA(in_folder("attest.log"));
  kg_key_close(&key);
  CHECK(open_key_of(STORE, KG_KEY_CREATE, &key, &error) == KG_OK);
  plugin_key = (struct kg_plugin_key){
      .public_key_info = {info, sizeof info}, .bits = 2048, .strength = 3, .native_handle = kg_key_native_handle(key)};
  request = (struct kg_plugin_request){.size = sizeof request,
                                       .host = &host,
                                       .key = &plugin_key,
                                       .identity = "web",
                                       .proof_of_possession = 1,
                                       .attestation = 1,
                                       .attestation_library = fake_path,
                                       .attestation_library_sha256 = fake_hash,
                                       .deadline_ms = 60000};
  acquisition.request = &request;
  snprintf(endpoint, sizeof endpoint, "https://attest%u.example", number++);
  metadata = (struct kg_metadata){.client_id = client_id, .attestation_endpoint = endpoint};
  logged[0] = '\0';
}

static enum kg_status get(void) {
  kg_buf_clear(&token);
  return kg_attestation_get(&acquisition, &metadata, &token, &error);
}

/* --- loading ------------------------------------------------------------------------------------------------------ */

static enum kg_status require(const char *path, const char *hash) {
  struct kg_attestation_library *library = NULL;
  enum kg_status status = kg_attestation_library_require(path, hash, &library, &error);
  CHECK((status == KG_OK) == (library != NULL));
  return status;
}

/* 48 */
static void a_missing_library_is_an_error(void) {
  CHECK(require(in_folder("missing.dll"), NULL) == KG_E_ATTESTATION_FAILED &&
        strstr(error.text, "missing.dll") != NULL);
  CHECK(require(NULL, NULL) == KG_E_ATTESTATION_FAILED); /* beside our own file there is one, but nobody signed it */
}

static void a_relative_or_network_path_is_refused(void) {
  static const char *const paths[] = {"AttestationClientLib.dll", ".\\AttestationClientLib.dll",
                                      "\\AttestationClientLib.dll", "\\\\server\\share\\AttestationClientLib.dll"};
  for (size_t i = 0; i < sizeof paths / sizeof paths[0]; i++)
    CHECK(require(paths[i], NULL) == KG_E_ATTESTATION_FAILED && strstr(error.text, "absolute path") != NULL);
}

static void copy_fake(const char *name, int alter) {
  struct kg_buf bytes = {0};
  CHECK(kg_file_read(fake_path, 64 << 20, KG_TRUST_ANY, &bytes, NULL, &error) == KG_OK);
  if (alter) bytes.data[bytes.len - 1] ^= 1;
  CHECK(kg_file_replace(in_folder(name), kg_buf_span(&bytes), 0644, &error) == KG_OK);
  kg_buf_clear(&bytes);
}

/* 49 */
static void an_altered_library_is_refused_before_it_is_loaded(void) {
  copy_fake("altered.dll", 1);
  CHECK(require(in_folder("altered.dll"), fake_hash) == KG_E_ATTESTATION_FAILED &&
        strstr(error.text, "pinned hash") != NULL);
  CHECK(GetModuleHandleA("altered.dll") == NULL);
}

static void an_unsigned_library_needs_a_pin(void) {
  copy_fake("unsigned.dll", 0);
  CHECK(require(in_folder("unsigned.dll"), NULL) == KG_E_ATTESTATION_FAILED);
  CHECK(strstr(error.text, "no signature that Windows trusts") != NULL &&
        strstr(error.text, "pin its SHA-256") != NULL);
  CHECK(GetModuleHandleA("unsigned.dll") == NULL);
  CHECK(require(in_folder("unsigned.dll"), fake_hash) == KG_OK);
  CHECK(GetModuleHandleA("unsigned.dll") != NULL);
}

static void the_same_path_is_the_same_library(void) {
  char upper[65];
  snprintf(upper, sizeof upper, "%s", fake_hash);
  CharUpperA(upper);
  struct kg_attestation_library *one = NULL;
  CHECK(kg_attestation_library_require(fake_path, fake_hash, &one, &error) == KG_OK);
  struct kg_attestation_library *two = NULL;
  CHECK(kg_attestation_library_require(fake_path, upper, &two, &error) == KG_OK);
  CHECK(one == two);
  upper[0] = upper[0] == '0' ? '1' : '0';
  CHECK(kg_attestation_library_require(fake_path, upper, &two, &error) == KG_E_ATTESTATION_FAILED && two == NULL);
}

/* 50 */
static void a_planted_library_is_not_found(void) {
  char before[MAX_PATH];
  GetCurrentDirectoryA(sizeof before, before);
  copy_fake("Planted.dll", 0);
  CHECK(SetCurrentDirectoryA(folder));
  set("PATH", folder);
  CHECK(require("Planted.dll", fake_hash) == KG_E_ATTESTATION_FAILED);
  CHECK(GetModuleHandleA("Planted.dll") == NULL);
  SetCurrentDirectoryA(before);
}

static void what_is_no_library_says_why(void) {
  static const char text[] = "this is no library";
  static const char hash[] = "b6ef31aa4f25a4a1ae8c8bd8f2a2b1ff4f4f7d8fd0b7a5a6f37e7e1b3d0d3a3f";
  CHECK(kg_file_replace(in_folder("text.dll"), kg_span_text(text), 0644, &error) == KG_OK);
  CHECK(require(in_folder("text.dll"), hash) == KG_E_ATTESTATION_FAILED && strstr(error.text, "pinned hash") != NULL);
  CHECK(require(in_folder("text.dll"), NULL) == KG_E_ATTESTATION_FAILED);
}

/* --- calling ------------------------------------------------------------------------------------------------------ */

/* 46, first, since a library is initialised once */
static void a_refused_initialisation_is_an_error(void) {
  set("FAKE_ATTESTATION_INIT", "-35");
  CHECK(get() == KG_E_ATTESTATION_FAILED && error.native_code == -35 && token.len == 0);
  CHECK(strstr(error.text, "InitAttestationLib") != NULL && strstr(error.text, "-35") != NULL);
  CHECK(calls() == 0);
}

/* 43, and the arguments of docs/protocol.md 5.1 */
static void a_token_comes_with_the_right_arguments(void) {
  CHECK(get() == KG_OK && kg_span_equal(kg_buf_span(&token), kg_span_text(TOKEN)));
  struct kg_buf text = {0};
  CHECK(kg_file_read(in_folder("attest.log"), 4096, KG_TRUST_ANY, &text, NULL, &error) == KG_OK);
  char expected[256];
  snprintf(expected, sizeof expected, "%s|NULL|{}|%s\r\n", endpoint, client_id);
  CHECK(kg_span_equal(kg_buf_span(&text), kg_span_text(expected)));
  kg_buf_clear(&text);
  CHECK(strstr(logged, TOKEN) == NULL);
}

/* 44 */
static void no_token_is_a_failure(void) {
  static const char *const bad[] = {"NULL", "", " ", "a.b", "a.b.c.d", "a..c", "not a token"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    set("FAKE_ATTESTATION_TOKEN", bad[i]);
    CHECK(get() == KG_E_ATTESTATION_FAILED && token.len == 0);
    CHECK(strcmp(kg_status_sub_code(error.status), "attestation_failed") == 0);
  }
}

/* 45: every code of docs/protocol.md 5.2 is named */
static void every_native_code_is_named(void) {
  char code[8];
  for (int i = 1; i <= 35; i++) {
    snprintf(code, sizeof code, "-%d", i);
    set("FAKE_ATTESTATION_CODE", code);
    CHECK(get() == KG_E_ATTESTATION_FAILED && error.native_code == -i && token.len == 0);
    CHECK(strstr(error.text, code) != NULL && strstr(error.text, "unknown") == NULL);
    CHECK(strstr(error.text, "The environment ordered this code")); /* the library's own last words */
  }
}

static void a_key_that_is_not_isolated_is_refused(void) {
  set("FAKE_NCRYPT_FAIL", "NCryptGetProperty=0x80090027");
  CHECK(get() == KG_E_ATTESTATION_FAILED && error.native_code == -8);
  CHECK(strstr(error.text, "not isolated"));
}

/* 52, 54 */
static void tokens_are_kept_by_endpoint_and_key(void) {
  static const unsigned char other[] = {0x31, 0x00};
  CHECK(get() == KG_OK && get() == KG_OK && calls() == 1);
  plugin_key.public_key_info.data = other; /* made anew under the same name */
  CHECK(get() == KG_OK && calls() == 2);
  endpoint[8] = 'b';
  CHECK(get() == KG_OK && calls() == 3);
  request.drop_attestation = 1; /* 94 */
  CHECK(get() == KG_OK && calls() == 4);
}

/* 53, 56 */
static void tokens_that_end_are_not_kept(void) {
  set("FAKE_ATTESTATION_TOKEN", TOKEN_NO_EXP);
  CHECK(get() == KG_OK && get() == KG_OK && calls() == 2);
  set("FAKE_ATTESTATION_TOKEN", TOKEN_OLD);
  CHECK(get() == KG_E_ATTESTATION_FAILED && calls() == 3);
}

static void failures_are_not_kept(void) {
  set("FAKE_ATTESTATION_CODE", "-6");
  CHECK(get() == KG_E_ATTESTATION_FAILED);
  set("FAKE_ATTESTATION_CODE", NULL);
  CHECK(get() == KG_OK && calls() == 2);
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/load/a_missing_library_is_an_error", a_missing_library_is_an_error},
      {"/load/a_relative_or_network_path_is_refused", a_relative_or_network_path_is_refused},
      {"/load/an_altered_library_is_refused", an_altered_library_is_refused_before_it_is_loaded},
      {"/load/an_unsigned_library_needs_a_pin", an_unsigned_library_needs_a_pin},
      {"/load/the_same_path_is_the_same_library", the_same_path_is_the_same_library},
      {"/load/a_planted_library_is_not_found", a_planted_library_is_not_found},
      {"/load/what_is_no_library_says_why", what_is_no_library_says_why},
      {"/call/a_refused_initialisation_is_an_error", a_refused_initialisation_is_an_error},
      {"/call/a_token_comes_with_the_right_arguments", a_token_comes_with_the_right_arguments},
      {"/call/no_token_is_a_failure", no_token_is_a_failure},
      {"/call/every_native_code_is_named", every_native_code_is_named},
      {"/call/a_key_that_is_not_isolated_is_refused", a_key_that_is_not_isolated_is_refused},
      {"/cache/tokens_are_kept_by_endpoint_and_key", tokens_are_kept_by_endpoint_and_key},
      {"/cache/tokens_that_end_are_not_kept", tokens_that_end_are_not_kept},
      {"/cache/failures_are_not_kept", failures_are_not_kept},
  };
  if (argc < 3) return 2;
  snprintf(fake_path, sizeof fake_path, "%s", argv[1]);
  snprintf(fake_hash, sizeof fake_hash, "%s", argv[2]);
  GetEnvironmentVariableA("KG_TEST_DIR", folder, sizeof folder);
  return check_main(cases, sizeof cases / sizeof cases[0], start, argc > 3 ? argv[3] : NULL);
}
