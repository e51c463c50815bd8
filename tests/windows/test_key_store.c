/* The life of a cng: key against the fake ncrypt.dll: made, used again, dead, made anew. Numbers are those of the
 * acceptance cases of the protocol notes. */
#include "tests/windows/key_fixture.h"

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
  make_live_key();
  struct kg_key *machine = NULL;
  CHECK(open_key_of(STORE ";scope=machine", 0, &machine, &error) == KG_E_KEY_NOT_FOUND);
  CHECK(open_key_of(STORE ";scope=machine", KG_KEY_CREATE, &machine, &error) == KG_OK);
  CHECK(was_called("NCryptOpenKey 0x60\n"));
  CHECK(was_called("NCryptCreatePersistedKey 0x60020\n"));
  kg_key_close(&machine);
  CHECK(open_key(0) == KG_OK && is_same_key());
}

static void others_may_be_allowed_to_use_a_machines_key(void) {
  struct kg_key *machine = NULL;
  CHECK(open_key_of("cng:name=shared;scope=machine;allow=S-1-5-20,S-1-5-80-1-2-3", KG_KEY_CREATE, &machine, &error) ==
        KG_OK);
  CHECK(was_called("D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GR;;;NS)(A;;GR;;;S-1-5-80-1-2-3) 0x44\n"));
  kg_key_close(&machine);
}

/* 32: create says 0x80090029, or finalize says 0x80090009. */
static void without_vbs_keyguard_is_unavailable(void) {
  static const char *const failures[] = {"NCryptCreatePersistedKey=0x80090029", "NCryptFinalizeKey=0x80090009",
                                         "NCryptFinalizeKey=0x80090029",        "NCryptCreatePersistedKey=0x80090009",
                                         "NCryptFinalizeKey=0x80090027",        "NCryptCreatePersistedKey=0x80090039",
                                         "NCryptFinalizeKey=0x80090039"};
  for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
    const char *code = strchr(failures[i], '=') + 1;
    set("FAKE_NCRYPT_FAIL", failures[i]);
    CHECK(open_key(KG_KEY_CREATE) == KG_E_KEYGUARD_UNAVAILABLE);
    CHECK(strcmp(kg_status_code(error.status), "MSI_V2_KEYGUARD_UNAVAILABLE") == 0);
    CHECK(strstr(error.text, code) != NULL && strstr(error.text, "virtualization-based security") != NULL);
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

/* 35, and docs/pitfalls.md 41: nothing but "not found" and "dead" may cost a key its life. */
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
      {"NCryptOpenKey=0x80090039", KG_E_KEYGUARD_UNAVAILABLE},
      {"NCryptSignHash=0x80090039", KG_E_KEYGUARD_UNAVAILABLE},
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
  make_live_key();
  CHECK(open_key(0) == KG_OK);
  set("FAKE_NCRYPT_FAIL", "NCryptSignHash=0x8009003A");
  unsigned char digest[32] = {1}, signature[256];
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
      {"/race/a_lost_race_takes_the_winners_key", a_lost_race_takes_the_winners_key},
      {"/race/one_failed_probe_is_not_enough", one_failed_probe_is_not_enough},
  };
  return check_main(cases, sizeof cases / sizeof cases[0], start_clean, argc > 1 ? argv[1] : NULL);
}
