/* Slots and tokens of several identities: numbers, labels, serial numbers, and the URIs that find them. */
#include "host.h"

#include "core/key/token_uri.h"

#include <p11-kit/uri.h>
#include <string.h>

static struct host *host;

static const char *const names[] = {"web", "a.name-with_all.of-32_characters", "0", "Web"};
#define NAMES (sizeof names / sizeof names[0])

static void token_of(const char *name, CK_TOKEN_INFO *info) {
  must_be(CKR_OK, host->p11->C_GetTokenInfo(host_slot(host, name), info));
}

static void one_slot_an_identity(void) {
  CK_SLOT_ID all[8];
  CK_ULONG count = 8;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_FALSE, all, &count));
  CK_SLOT_ID present[8];
  CK_ULONG with_token = 8;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_TRUE, present, &with_token));
  must(count == NAMES && with_token == NAMES);
  for (CK_ULONG i = 0; i < count; i++) /* in the order of the configuration, which Java's slotListIndex counts */
    must(all[i] == host_slot(host, names[i]) && present[i] == all[i]);
  must_be(CKR_SLOT_ID_INVALID, host->p11->C_GetSlotInfo(all[count - 1] + 1, &(CK_SLOT_INFO){0}));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_GetSlotInfo(all[0], NULL));
  must_be(CKR_ARGUMENTS_BAD, host->p11->C_GetTokenInfo(all[0], NULL));
}

static void labels_are_padded_and_never_cut(void) {
  for (size_t i = 0; i < NAMES; i++) {
    CK_TOKEN_INFO info;
    size_t len = strlen(names[i]);
    token_of(names[i], &info);
    must(len <= sizeof info.label && memcmp(info.label, names[i], len) == 0);
    for (size_t at = len; at < sizeof info.label; at++)
      must(info.label[at] == ' ');
    must(memchr(info.serialNumber, '\0', sizeof info.serialNumber) == NULL);
  }
}

static void serial_numbers_differ_and_stay(void) {
  CK_TOKEN_INFO infos[NAMES];
  for (size_t i = 0; i < NAMES; i++) {
    token_of(names[i], &infos[i]);
    host_bind(&host->identities[i]);
    CK_TOKEN_INFO again;
    token_of(names[i], &again);
    must(memcmp(again.serialNumber, infos[i].serialNumber, 16) == 0);
    for (size_t j = 0; j < i; j++)
      must(memcmp(infos[i].serialNumber, infos[j].serialNumber, 16) != 0);
  }
}

/* What we print finds the token that it was printed for, and no other, by p11-kit's own judgement. */
static void uris_find_their_token(void) {
  for (size_t i = 0; i < NAMES; i++) {
    char *text = kg_token_uri_format(names[i], names[i], "private");
    P11KitUri *uri = p11_kit_uri_new();
    must(text != NULL && uri != NULL && p11_kit_uri_parse(text, P11_KIT_URI_FOR_ANY, uri) == P11_KIT_URI_OK);
    for (size_t j = 0; j < NAMES; j++) {
      CK_TOKEN_INFO info;
      token_of(names[j], &info);
      must((p11_kit_uri_match_token_info(uri, &info) == 1) == (i == j));
    }
    p11_kit_uri_free(uri);
    free(text);
  }
}

/* Each signs with its own key. */
static void tokens_are_not_mixed_up(void) {
  for (size_t i = 0; i < NAMES; i++) {
    CK_SESSION_HANDLE session = 0;
    must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, names[i]), CKF_SERIAL_SESSION, NULL, NULL, &session));
    host_sign_checked(host, session, host_find(host, session, CKO_PRIVATE_KEY), host->identities[i].key);
  }
}

static const struct host_case cases[] = {
    {"/slots/one_slot_an_identity", one_slot_an_identity},
    {"/slots/labels_are_padded_and_never_cut", labels_are_padded_and_never_cut},
    {"/slots/serial_numbers_differ_and_stay", serial_numbers_differ_and_stay},
    {"/slots/uris_find_their_token", uris_find_their_token},
    {"/slots/tokens_are_not_mixed_up", tokens_are_not_mixed_up},
};

int main(int argc, char **argv) {
  host = host_new();
  for (size_t i = 1; i < NAMES; i++)
    (void)host_add(host, names[i]);
  host_configure(host);
  host_start(host);
  return host_finish(&host, argc, argv, cases, sizeof cases / sizeof cases[0]);
}
