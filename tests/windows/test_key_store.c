/* The cng: key store against the fake ncrypt.dll. Numbers are those of the acceptance cases of the protocol notes. */
#include "core/digest_info.h"
#include "core/key_store.h"
#include "core/key_store_cng_name.h"
#include "core/log.h"
#include "core/mutex_win.h"
#include "tests/windows/check.h"

#include <stdlib.h>
#include <windows.h>

#define STORE "cng:name=test"

static struct kg_error error;
static struct kg_key *key;
static char self[MAX_PATH];

/* --- the fake's levers ------------------------------------------------------------------------------------------- */

static void set(const char *name, const char *value) {
  SetEnvironmentVariableA(name, value);
}

static void in_folder(const char *pattern, char out[MAX_PATH]) {
  char folder[MAX_PATH];

  GetEnvironmentVariableA("FAKE_NCRYPT_DIR", folder, sizeof folder);
  snprintf(out, MAX_PATH, "%s\\%s", folder, pattern);
}

static void start_clean(void) {
  char pattern[MAX_PATH], path[MAX_PATH];
  WIN32_FIND_DATAA found;
  HANDLE search;

  kg_key_close(&key);
  set("FAKE_NCRYPT_EPOCH", "1");
  set("FAKE_NCRYPT_DEATH", NULL);
  set("FAKE_NCRYPT_ZOMBIE_CODE", NULL);
  set("FAKE_NCRYPT_FAIL", NULL);
  in_folder("*", pattern);
  search = FindFirstFileA(pattern, &found);
  do {
    in_folder(found.cFileName, path);
    if (!(found.dwFileAttributes & FILE_ATTRIBUTE_DIRECTORY)) DeleteFileA(path);
  } while (search != INVALID_HANDLE_VALUE && FindNextFileA(search, &found));
  FindClose(search);
  in_folder("calls", path);
  set("FAKE_NCRYPT_LOG", path);
}

/* Everything the fake was called with, as "Function 0xflags\n..." */
static const char *calls(void) {
  static char text[65536];
  char path[MAX_PATH];
  size_t length = 0;
  FILE *file;

  in_folder("calls", path);
  file = fopen(path, "r");
  if (file) length = fread(text, 1, sizeof text - 1, file);
  text[length] = '\0';
  if (file) fclose(file);
  return text;
}

static void forget_calls(void) {
  char path[MAX_PATH];

  in_folder("calls", path);
  DeleteFileA(path);
}

static int was_called(const char *call) {
  return strstr(calls(), call) != NULL;
}

static enum kg_status open_key(unsigned flags) {
  kg_key_close(&key);
  return kg_key_open(STORE, flags, &key, &error);
}

/* A key that lives; its modulus is remembered. */
static unsigned char modulus[512];

static void make_live_key(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_info(key)->modulus.len == 256);
  memcpy(modulus, kg_key_info(key)->modulus.data, 256);
  kg_key_close(&key);
  forget_calls();
}

static int is_same_key(void) {
  return memcmp(modulus, kg_key_info(key)->modulus.data, 256) == 0;
}

/* --- creation ---------------------------------------------------------------------------------------------------- */

static void creates_an_isolated_per_boot_key(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_info(key)->created);
  CHECK(kg_key_info(key)->bits == 2048);
  CHECK(kg_key_info(key)->strength == KG_STRENGTH_KEYGUARD);
  CHECK(kg_key_info(key)->capabilities == (KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY));
  CHECK(kg_key_info(key)->exponent.len == 3 && memcmp(kg_key_info(key)->exponent.data, "\1\0\1", 3) == 0);
  CHECK(kg_key_native_handle(key) != 0);
  CHECK(was_called("NCryptOpenKey 0x40\n"));
  CHECK(was_called("NCryptCreatePersistedKey 0x60000\n"));
  CHECK(was_called("NCryptFinalizeKey 0x40\n"));
}

static void does_not_create_unless_asked(void) {
  CHECK(open_key(0) == KG_E_KEY_NOT_FOUND);
  CHECK(error.native_code == (long)0x80090016);
  CHECK(strstr(error.text, "NTE_BAD_KEYSET (0x80090016)"));
  CHECK(!was_called("NCryptCreatePersistedKey"));
}

static void machine_scope_is_another_name_space(void) {
  struct kg_key *machine = NULL;

  make_live_key();
  CHECK(kg_key_open(STORE ";scope=machine", 0, &machine, &error) == KG_E_KEY_NOT_FOUND);
  CHECK(kg_key_open(STORE ";scope=machine", KG_KEY_CREATE, &machine, &error) == KG_OK);
  CHECK(was_called("NCryptOpenKey 0x60\n"));
  CHECK(was_called("NCryptCreatePersistedKey 0x60020\n"));
  kg_key_close(&machine);
  CHECK(open_key(0) == KG_OK && is_same_key());
}

static void others_may_be_allowed_to_use_a_machines_key(void) {
  struct kg_key *machine = NULL;

  CHECK(kg_key_open("cng:name=shared;scope=machine;allow=S-1-5-20,S-1-5-80-1-2-3", KG_KEY_CREATE, &machine, &error) ==
        KG_OK);
  CHECK(was_called("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;NS)(A;;GR;;;S-1-5-80-1-2-3) 0x44\n"));
  kg_key_close(&machine);
}

/* 32: create says 0x80090029, or finalize says 0x80090009. */
static void without_vbs_keyguard_is_unavailable(void) {
  static const char *const failures[] = {"NCryptCreatePersistedKey=0x80090029", "NCryptFinalizeKey=0x80090009",
                                         "NCryptFinalizeKey=0x80090029", "NCryptCreatePersistedKey=0x80090009",
                                         "NCryptFinalizeKey=0x80090027"};

  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
    const char *code = strchr(failures[i], '=') + 1;
    set("FAKE_NCRYPT_FAIL", failures[i]);
    CHECK(open_key(KG_KEY_CREATE) == KG_E_KEYGUARD_UNAVAILABLE);
    CHECK(strcmp(kg_status_code(error.status), "MSI_V2_KEYGUARD_UNAVAILABLE") == 0);
    CHECK(strstr(error.text, code) && strstr(error.text, "virtualization-based security"));
    CHECK(error.native_code == (long)strtoul(code, NULL, 0));
    CHECK(key == NULL);
    set("FAKE_NCRYPT_FAIL", NULL);
    CHECK(open_key(0) == KG_E_KEY_NOT_FOUND); /* no software key was left instead */
  }
}

static void a_fresh_key_that_is_not_isolated_is_removed(void) {
  set("FAKE_NCRYPT_FAIL", "NCryptGetProperty=0x80090027");
  CHECK(open_key(KG_KEY_CREATE) == KG_E_KEYGUARD_UNAVAILABLE);
  set("FAKE_NCRYPT_FAIL", NULL);
  CHECK(was_called("NCryptDeleteKey"));
  CHECK(open_key(0) == KG_E_KEY_NOT_FOUND);
}

static void other_creation_failures_keep_their_number(void) {
  static const struct {
    const char *failure;
    enum kg_status status;
  } cases[] = {{"NCryptCreatePersistedKey=0x80090010", KG_E_ACCESS},
               {"NCryptFinalizeKey=0x80070070", KG_E_KEY_STORE},
               {"NCryptSetProperty=0x8009000E", KG_E_NO_MEMORY}};

  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    set("FAKE_NCRYPT_FAIL", cases[i].failure);
    CHECK(open_key(KG_KEY_CREATE) == cases[i].status);
    CHECK(strstr(error.text, strchr(cases[i].failure, '=') + 1));
  }
}

/* A program without our mutex made it between our open and our create. */
static void a_lost_race_takes_the_winners_key(void) {
  make_live_key();
  set("FAKE_NCRYPT_FAIL", "NCryptOpenKey=0x80090016*1");
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(is_same_key() && !kg_key_info(key)->created);
}

/* --- life and death ---------------------------------------------------------------------------------------------- */

static void a_live_key_is_used_again(void) {
  make_live_key();
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(is_same_key() && !kg_key_info(key)->created);
  CHECK(!was_called("NCryptCreatePersistedKey"));
}

static void expect_made_anew(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_info(key)->created && !is_same_key());
  CHECK(kg_key_info(key)->strength == KG_STRENGTH_KEYGUARD);
  CHECK(kg_key_probe(key, &error) == KG_OK);
}

static void reboot(const char *death) {
  make_live_key();
  set("FAKE_NCRYPT_EPOCH", "2");
  set("FAKE_NCRYPT_DEATH", death);
}

static void after_a_reboot_a_gone_key_is_made_anew(void) {
  reboot("gone");
  CHECK(open_key(0) == KG_E_KEY_NOT_FOUND);
  expect_made_anew();
  CHECK(was_called("NCryptCreatePersistedKey 0x60000\n") && !was_called("NCryptCreatePersistedKey 0x60080\n"));
}

static void after_a_reboot_an_empty_container_is_filled_anew(void) {
  reboot("empty");
  CHECK(open_key(0) == KG_E_KEY_NOT_FOUND);
  expect_made_anew();
  CHECK(was_called("NCryptCreatePersistedKey 0x60000\n") && was_called("NCryptCreatePersistedKey 0x60080\n"));
}

/* 34 */
static void after_a_reboot_an_undecryptable_key_is_made_anew(void) {
  reboot("undecryptable");
  CHECK(open_key(0) == KG_E_KEY_DEAD);
  CHECK(error.native_code == (long)0x8009003A);
  expect_made_anew();
  CHECK(was_called("NCryptCreatePersistedKey 0x60080\n")); /* with the overwrite flag */
}

/* 33 */
static void after_a_reboot_a_zombie_is_made_anew(void) {
  reboot("zombie");
  CHECK(open_key(0) == KG_OK && is_same_key()); /* opens, exports ... */
  CHECK(kg_key_probe(key, &error) == KG_E_KEY_DEAD);
  expect_made_anew();
  CHECK(was_called("NCryptCreatePersistedKey 0x60080\n"));
}

static void every_code_of_a_zombie_is_recognised(void) {
  static const char *const codes[] = {"0x8009003A", "0x80090016", "0x8009000D", "0x80090003",
                                      "0x80090005", "0x80090020", "0x8009002C", "0x8009002D"};

  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    start_clean();
    reboot("zombie");
    set("FAKE_NCRYPT_ZOMBIE_CODE", codes[i]);
    expect_made_anew();
  }
}

static void a_replaced_key_is_used_as_it_is(void) {
  reboot("replaced");
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(!is_same_key() && !kg_key_info(key)->created); /* the binding's own check tells the two apart */
  CHECK(!was_called("NCryptCreatePersistedKey"));
}

/* 35, and pitfall 41: nothing but "not found" and "dead" may cost a key its life. */
static void no_other_code_makes_a_key_anew(void) {
  static const struct {
    const char *failure;
    enum kg_status status;
  } cases[] = {
      {"NCryptOpenKey=0x80090010", KG_E_ACCESS},
      {"NCryptOpenKey=0x80070005", KG_E_ACCESS},
      {"NCryptOpenKey=0x80090020", KG_E_KEY_STORE},
      {"NCryptOpenKey=0x80090005", KG_E_KEY_STORE},
      {"NCryptOpenKey=0x80090030", KG_E_KEY_STORE},
      {"NCryptOpenKey=0x800706BA", KG_E_KEY_STORE},
      {"NCryptOpenKey=0x8009000E", KG_E_NO_MEMORY},
      {"NCryptSignHash=0x80090010", KG_E_ACCESS},
      {"NCryptSignHash=0x80090022", KG_E_KEY_STORE},
      {"NCryptSignHash=0x800706BA", KG_E_KEY_STORE},
      {"NCryptSignHash=0x80090029", KG_E_KEY_STORE},
      {"NCryptExportKey=0x80090020", KG_E_KEY_STORE},
      {"NCryptOpenStorageProvider=0x80090013", KG_E_KEY_STORE},
  };

  make_live_key();
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    set("FAKE_NCRYPT_FAIL", cases[i].failure);
    CHECK(open_key(KG_KEY_CREATE) == cases[i].status);
    CHECK(strstr(error.text, strchr(cases[i].failure, '=') + 1));
    CHECK(error.native_code == (long)strtoul(strchr(cases[i].failure, '=') + 1, NULL, 0));
  }
  set("FAKE_NCRYPT_FAIL", NULL);
  CHECK(!was_called("NCryptCreatePersistedKey") && !was_called("NCryptDeleteKey"));
  CHECK(open_key(0) == KG_OK && is_same_key());
}

static void one_failed_probe_is_not_enough(void) {
  make_live_key();
  set("FAKE_NCRYPT_FAIL", "NCryptSignHash=0x80090020*1");
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(is_same_key() && !was_called("NCryptCreatePersistedKey"));
}

/* 92: the key dies under an open handle. */
static void a_key_that_dies_in_use_says_so(void) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  unsigned char digest[32] = {1}, signature[256];

  make_live_key();
  CHECK(open_key(0) == KG_OK);
  set("FAKE_NCRYPT_FAIL", "NCryptSignHash=0x8009003A");
  CHECK(kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &error) == KG_E_KEY_DEAD);
  CHECK(error.native_code == (long)0x8009003A);
  set("FAKE_NCRYPT_FAIL", "NCryptSignHash=0x80090010");
  CHECK(kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &error) == KG_E_ACCESS);
}

/* 31: what is under our name may be a key that somebody made without isolation. */
static void a_key_that_is_not_isolated_is_a_software_key(void) {
  make_live_key();
  set("FAKE_NCRYPT_FAIL", "NCryptGetProperty=0x80090027");
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_info(key)->strength == KG_STRENGTH_SOFTWARE);
  CHECK(is_same_key() && !was_called("NCryptCreatePersistedKey"));
}

static void delete_removes_it(void) {
  make_live_key();
  CHECK(open_key(0) == KG_OK);
  CHECK(kg_key_delete(&key, &error) == KG_OK && key == NULL);
  CHECK(open_key(0) == KG_E_KEY_NOT_FOUND);
}

static void a_refused_delete_keeps_it(void) {
  make_live_key();
  CHECK(open_key(0) == KG_OK);
  set("FAKE_NCRYPT_FAIL", "NCryptDeleteKey=0x80090010");
  CHECK(kg_key_delete(&key, &error) == KG_E_ACCESS);
  set("FAKE_NCRYPT_FAIL", NULL);
  CHECK(kg_key_probe(key, &error) == KG_OK);
}

/* --- signatures -------------------------------------------------------------------------------------------------- */

static void check_signature(enum kg_padding padding, enum kg_hash hash) {
  struct kg_sign_params params = {padding, hash, padding == KG_PADDING_PSS ? kg_hash_size(hash) : 0};
  unsigned char digest[KG_HASH_MAX_SIZE], signature[256];
  struct kg_span input = kg_span_of(digest, kg_hash_size(hash)), made = kg_span_of(signature, sizeof signature);

  CHECK(kg_hash_once(hash, kg_span_text("what is signed"), digest));
  CHECK(kg_key_sign(key, &params, input, signature, &error) == KG_OK);
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_OK);
  signature[100] ^= 1;
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_E_SIGNATURE);
  signature[100] ^= 1;
  digest[0] ^= 1;
  CHECK(kg_key_verify(key, &params, input, made, &error) == KG_E_SIGNATURE);
}

static void signs_and_verifies_with_every_hash(void) {
  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  for (int hash = KG_HASH_SHA256; hash <= KG_HASH_SHA512; hash++) {
    check_signature(KG_PADDING_PKCS1, (enum kg_hash)hash);
    check_signature(KG_PADDING_PSS, (enum kg_hash)hash);
  }
}

static void a_digest_info_is_the_same_as_digest_and_hash(void) {
  static const struct kg_sign_params bare = {KG_PADDING_PKCS1, KG_HASH_NONE, 0};
  struct kg_sign_params named = {KG_PADDING_PKCS1, KG_HASH_SHA256, 0};
  unsigned char digest[KG_HASH_MAX_SIZE], info[KG_DIGEST_INFO_MAX], one[256], two[256];

  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  for (int hash = KG_HASH_SHA256; hash <= KG_HASH_SHA512; hash++) {
    struct kg_span input = kg_span_of(digest, kg_hash_size((enum kg_hash)hash));
    size_t length;
    named.hash = (enum kg_hash)hash;
    CHECK(kg_hash_once(named.hash, kg_span_text("x"), digest));
    length = kg_digest_info_format(named.hash, input, info);
    CHECK(kg_key_sign(key, &named, input, one, &error) == KG_OK);
    CHECK(kg_key_sign(key, &bare, kg_span_of(info, length), two, &error) == KG_OK);
    CHECK(memcmp(one, two, sizeof one) == 0);
    for (size_t i = 0; i + input.len < length; i++) { /* any byte of the prefix changed: refused */
      info[i] ^= 1;
      CHECK(kg_key_sign(key, &bare, kg_span_of(info, length), two, &error) == KG_E_KEY_INPUT);
      info[i] ^= 1;
    }
    CHECK(kg_key_sign(key, &bare, kg_span_of(info, length - 1), two, &error) == KG_E_KEY_INPUT);
  }
}

static void what_it_cannot_sign_is_refused(void) {
  struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 20};
  unsigned char bytes[64] = {0}, signature[256];

  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 32), signature, &error) == KG_E_KEY_MECHANISM);
  params.salt_len = 32;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 31), signature, &error) == KG_E_KEY_INPUT);
  params.padding = KG_PADDING_PKCS1, params.hash = KG_HASH_SHA1;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 20), signature, &error) == KG_E_KEY_MECHANISM);
  params.hash = KG_HASH_NONE;
  CHECK(kg_key_sign(key, &params, kg_span_of(bytes, 36), signature, &error) == KG_E_KEY_INPUT);
}

static DWORD WINAPI sign_many(void *result) {
  static const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  unsigned char digest[32] = {7}, signature[256];
  struct kg_error mine;
  int good = 1;

  for (int i = 0; good && i < 25; i++)
    good = kg_key_sign(key, &params, kg_span_of(digest, 32), signature, &mine) == KG_OK &&
           kg_key_verify(key, &params, kg_span_of(digest, 32), kg_span_of(signature, 256), &mine) == KG_OK;
  *(int *)result = good;
  return 0;
}

static void many_threads_use_one_key(void) {
  HANDLE threads[8];
  int results[8] = {0};

  CHECK(open_key(KG_KEY_CREATE) == KG_OK);
  for (int i = 0; i < 8; i++)
    CHECK((threads[i] = CreateThread(NULL, 0, sign_many, &results[i], 0, NULL)) != NULL);
  CHECK(WaitForMultipleObjects(8, threads, TRUE, 120000) == WAIT_OBJECT_0);
  for (int i = 0; i < 8; i++)
    CHECK(results[i]);
}

/* --- names and the mutex ----------------------------------------------------------------------------------------- */

static void names_are_parsed_strictly(void) {
  static const char *const bad[] = {"cng:name=",
                                    "cng:name=a/b",
                                    "cng:name=a;name=b",
                                    "cng:scope=all",
                                    "cng:scope=",
                                    "cng:nam=a",
                                    "cng:name=a;",
                                    "cng:;name=a",
                                    "cng:name=a b",
                                    "cng:allow=S-1-5-20",
                                    "cng:scope=machine;allow=",
                                    "cng:scope=machine;allow=everybody",
                                    "cng:scope=machine;allow=S-1-5-20,",
                                    "cng:scope=machine;allow=S-1-5-20)(A;;GA;;;WD",
                                    "cng:allow=S-1-5-20;scope=user",
                                    "cng:name=a?scope=user",
                                    "cng:scope=user;scope=user"};
  struct kg_cng_name name;

  CHECK(kg_cng_name_parse("cng:", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, KG_CNG_DEFAULT_NAME) == 0 && !name.machine);
  CHECK(kg_cng_name_parse("cng:name=KeyGuardRSAKey;scope=user", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, "KeyGuardRSAKey") == 0 && !name.machine);
  CHECK(kg_cng_name_parse("cng:scope=machine;name=a.B_c-1", &name, &error) == KG_OK);
  CHECK(strcmp(name.name, "a.B_c-1") == 0 && name.machine);
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
    CHECK(kg_cng_name_parse(bad[i], &name, &error) == KG_E_USAGE);
}

/* 79 */
static void mutex_names_do_not_tell_case_apart(void) {
  wchar_t one[KG_CNG_MUTEX_NAME_SIZE], two[KG_CNG_MUTEX_NAME_SIZE];
  struct kg_cng_name name;

  CHECK(kg_cng_name_parse("cng:name=KeyName", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, one, &error) == KG_OK);
  CHECK(wcslen(one) == wcslen(L"Global\\KeyguardPkcs11_") + 32);
  CHECK(kg_cng_name_parse("cng:name=KEYNAME", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, two, &error) == KG_OK);
  CHECK(wcscmp(one, two) == 0);
  CHECK(kg_cng_name_parse("cng:name=KeyName2", &name, &error) == KG_OK &&
        kg_cng_mutex_name(&name, two, &error) == KG_OK);
  CHECK(wcscmp(one, two) != 0);
  CHECK(kg_cng_name_parse("cng:name=KeyName;scope=machine", &name, &error) == KG_OK);
  CHECK(kg_cng_mutex_name(&name, two, &error) == KG_OK && wcscmp(one, two) != 0);
}

static DWORD WINAPI hold_and_die(void *name) {
  void *mutex = NULL;

  return kg_mutex_acquire(name, 0, 0, &mutex, NULL) == KG_OK ? 0 : 1; /* the thread ends and leaves it abandoned */
}

static HANDLE taken, give_back;

static DWORD WINAPI hold(void *name) {
  void *mutex = NULL;
  enum kg_status status = kg_mutex_acquire(name, 1, 0, &mutex, NULL);

  SetEvent(taken);
  WaitForSingleObject(give_back, 60000);
  kg_mutex_release(&mutex);
  return status == KG_OK ? 0 : 1;
}

static void an_abandoned_mutex_is_free_and_a_held_one_busy(void) {
  static wchar_t name[] = L"Global\\KeyguardPkcs11_test";
  void *mutex = NULL;
  HANDLE thread = CreateThread(NULL, 0, hold_and_die, name, 0, NULL);
  DWORD code = 1;

  CHECK(thread && WaitForSingleObject(thread, 60000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) && code == 0);
  CHECK(kg_mutex_acquire(name, 0, 0, &mutex, &error) == KG_OK);
  kg_mutex_release(&mutex);
  taken = CreateEventA(NULL, TRUE, FALSE, NULL), give_back = CreateEventA(NULL, TRUE, FALSE, NULL);
  thread = CreateThread(NULL, 0, hold, name, 0, NULL);
  CHECK(thread && WaitForSingleObject(taken, 60000) == WAIT_OBJECT_0);
  CHECK(kg_mutex_acquire(name, 1, 10, &mutex, &error) == KG_E_LOCK_BUSY && mutex == NULL);
  SetEvent(give_back);
  CHECK(WaitForSingleObject(thread, 60000) == WAIT_OBJECT_0 && GetExitCodeThread(thread, &code) && code == 0);
}

/* 36: two processes at once. The child prints its key's modulus into a file. */
static int child(const char *path) {
  FILE *file;

  if (kg_key_open(STORE, KG_KEY_CREATE, &key, &error) != KG_OK) return 2;
  file = fopen(path, "wb");
  if (!file || fwrite(kg_key_info(key)->modulus.data, 1, 256, file) != 256) return 3;
  fclose(file);
  kg_key_close(&key);
  return 0;
}

static void two_processes_that_start_together_use_one_key(void) {
  PROCESS_INFORMATION processes[3];
  unsigned char one[256], first[256];
  char path[MAX_PATH], name[16], command[2 * MAX_PATH + 16];

  for (int i = 0; i < 3; i++) {
    STARTUPINFOA startup = {0};
    startup.cb = sizeof startup;
    snprintf(name, sizeof name, "modulus%d", i);
    in_folder(name, path);
    snprintf(command, sizeof command, "\"%s\" --child \"%s\"", self, path);
    CHECK(CreateProcessA(NULL, command, NULL, NULL, FALSE, 0, NULL, NULL, &startup, &processes[i]));
  }
  for (int i = 0; i < 3; i++) {
    DWORD code = 1;
    FILE *file;
    CHECK(WaitForSingleObject(processes[i].hProcess, 120000) == WAIT_OBJECT_0);
    CHECK(GetExitCodeProcess(processes[i].hProcess, &code) && code == 0);
    snprintf(name, sizeof name, "modulus%d", i);
    in_folder(name, path);
    file = fopen(path, "rb");
    CHECK(file && fread(i ? one : first, 1, 256, file) == 256);
    fclose(file);
    CHECK(i == 0 || memcmp(one, first, 256) == 0);
  }
}

int main(int argc, char **argv) {
  static const struct check_case cases[] = {
      {"/keyguard/creates_an_isolated_per_boot_key", creates_an_isolated_per_boot_key},
      {"/keyguard/does_not_create_unless_asked", does_not_create_unless_asked},
      {"/keyguard/machine_scope_is_another_name_space", machine_scope_is_another_name_space},
      {"/keyguard/others_may_be_allowed_to_use_a_machines_key", others_may_be_allowed_to_use_a_machines_key},
      {"/keyguard/without_vbs_it_is_unavailable", without_vbs_keyguard_is_unavailable},
      {"/keyguard/a_fresh_key_that_is_not_isolated_is_removed", a_fresh_key_that_is_not_isolated_is_removed},
      {"/keyguard/other_creation_failures_keep_their_number", other_creation_failures_keep_their_number},
      {"/keyguard/a_live_key_is_used_again", a_live_key_is_used_again},
      {"/death/a_gone_key_is_made_anew", after_a_reboot_a_gone_key_is_made_anew},
      {"/death/an_empty_container_is_filled_anew", after_a_reboot_an_empty_container_is_filled_anew},
      {"/death/an_undecryptable_key_is_made_anew", after_a_reboot_an_undecryptable_key_is_made_anew},
      {"/death/a_zombie_is_made_anew", after_a_reboot_a_zombie_is_made_anew},
      {"/death/every_code_of_a_zombie_is_recognised", every_code_of_a_zombie_is_recognised},
      {"/death/a_replaced_key_is_used_as_it_is", a_replaced_key_is_used_as_it_is},
      {"/death/no_other_code_makes_a_key_anew", no_other_code_makes_a_key_anew},
      {"/death/a_key_that_dies_in_use_says_so", a_key_that_dies_in_use_says_so},
      {"/strength/a_key_that_is_not_isolated_is_a_software_key", a_key_that_is_not_isolated_is_a_software_key},
      {"/delete/removes_it", delete_removes_it},
      {"/delete/refused_keeps_it", a_refused_delete_keeps_it},
      {"/sign/signs_and_verifies_with_every_hash", signs_and_verifies_with_every_hash},
      {"/sign/a_digest_info_is_the_same_as_digest_and_hash", a_digest_info_is_the_same_as_digest_and_hash},
      {"/sign/what_it_cannot_sign_is_refused", what_it_cannot_sign_is_refused},
      {"/sign/many_threads_use_one_key", many_threads_use_one_key},
      {"/name/is_parsed_strictly", names_are_parsed_strictly},
      {"/mutex/names_do_not_tell_case_apart", mutex_names_do_not_tell_case_apart},
      {"/mutex/abandoned_is_free_held_is_busy", an_abandoned_mutex_is_free_and_a_held_one_busy},
      {"/race/two_processes_use_one_key", two_processes_that_start_together_use_one_key},
      {"/race/a_lost_race_takes_the_winners_key", a_lost_race_takes_the_winners_key},
      {"/race/one_failed_probe_is_not_enough", one_failed_probe_is_not_enough},
  };

  if (argc == 3 && strcmp(argv[1], "--child") == 0) return child(argv[2]);
  GetModuleFileNameA(NULL, self, sizeof self);
  return check_main(cases, sizeof cases / sizeof cases[0], start_clean, argc > 1 ? argv[1] : NULL);
}
