#include "core/base/strength.h"
#include "core/key/pkcs11/uri.h"
#include "core/state/config.h"
#include "core/state/config_parse.h"

#include "tests/support/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STORE "pkcs11:token=t;object=o?module-path=/m.so"
#define WEB "[identity web]\nkey-store = " STORE "\n"
#define GUID "11111111-2222-3333-4444-555566667777"
#define SECRET "canary-4711"

static struct kg_config *parse(const char *text, struct kg_error *error) {
  kg_error_clear(error);
  struct kg_config *config = NULL;
  if (kg_config_parse("t.conf", kg_span_text(text), &config, error) != KG_OK) assert_null(config);
  return config;
}

static struct kg_config *require(const char *text) {
  struct kg_error error;
  struct kg_config *config = parse(text, &error);
  if (config == NULL) print_error("%s\n", error.text);
  assert_non_null(config);
  return config;
}

static void empty_file_gives_the_defaults(void **state) {
  static const char *const empty[] = {
      "", "\n", "# nothing\n; at all\n   # indented\n", "[keyguard]\n", "\xEF\xBB\xBF[keyguard]\n", "\xEF\xBB\xBF"};
  (void)state;
  for (size_t i = 0; i < COUNT(empty); i++) {
    struct kg_config *config = require(empty[i]);
    assert_string_equal(config->path, "t.conf");
    assert_string_equal(config->state_dir, "/var/lib/keyguard");
    assert_string_equal(config->plugin, "imds");
    assert_null(config->metadata_endpoint);
    assert_null(config->attestation_library);
    assert_null(config->attestation_library_sha256);
    assert_null(config->ca_file);
    assert_null(config->proxy);
    assert_int_equal(config->allowed_hosts_count, 0);
    assert_int_equal(config->tls_max, 12);
    assert_int_equal(config->deadline_s, 120);
    assert_false(config->provision_on_demand);
    assert_false(config->token_cache);
    assert_false(config->mounted_state);
    assert_int_equal(config->log_level, KG_LOG_OFF);
    assert_int_equal(config->log_sink, KG_LOG_STDERR);
    assert_int_equal(config->identities_count, 0);
    kg_config_free(&config);
    assert_null(config);
  }
}

static void every_key_of_keyguard_is_kept(void **state) {
  struct kg_config *config = require("[keyguard]\n"
                                     "state-dir = /srv/state\n"
                                     "plugin = /opt/other.so\n"
                                     "metadata-endpoint = http://127.0.0.1:8080/\n"
                                     "attestation-library = /opt/att.so\n"
                                     "attestation-library-sha256 = "
                                     "0123456789abcdefABCDEF6789abcdef0123456789abcdef0123456789abcdef\n"
                                     "ca-file = /etc/ca.pem\n"
                                     "proxy = HTTP://[FE80::1]:65535\n"
                                     "allowed-hosts = attest.azure.net, .microsoft.com,\n"
                                     "  login.example\n"
                                     "tls-max = 1.3\n"
                                     "deadline = 3600\n"
                                     "provision-on-demand = true\n"
                                     "token-cache = true\n"
                                     "log-level = debug\n"
                                     "log = syslog\n");
  (void)state;
  assert_string_equal(config->state_dir, "/srv/state");
  assert_string_equal(config->plugin, "/opt/other.so");
  assert_string_equal(config->metadata_endpoint, "http://127.0.0.1:8080");
  assert_string_equal(config->attestation_library, "/opt/att.so");
  assert_string_equal(config->attestation_library_sha256,
                      "0123456789abcdefABCDEF6789abcdef0123456789abcdef0123456789abcdef");
  assert_string_equal(config->ca_file, "/etc/ca.pem");
  assert_string_equal(config->proxy, "http://[fe80::1]:65535");
  assert_int_equal(config->allowed_hosts_count, 3);
  assert_string_equal(config->allowed_hosts[0], "attest.azure.net");
  assert_string_equal(config->allowed_hosts[1], ".microsoft.com");
  assert_string_equal(config->allowed_hosts[2], "login.example");
  assert_int_equal(config->tls_max, 13);
  assert_int_equal(config->deadline_s, 3600);
  assert_true(config->provision_on_demand);
  assert_true(config->token_cache);
  assert_int_equal(config->log_level, KG_LOG_DEBUG);
  assert_int_equal(config->log_sink, KG_LOG_SYSLOG);
  kg_config_free(&config);
}

static void deadline_begins_at_one_second(void **state) {
  struct kg_config *config = require("[keyguard]\ndeadline = 1\n");
  (void)state;
  assert_int_equal(config->deadline_s, 1);
  kg_config_free(&config);
}

static void every_key_of_an_identity_is_kept(void **state) {
  struct kg_config *config = require("[identity web]\n"
                                     "key-store = " STORE "\n"
                                     "mtls-proof-of-possession = true\n"
                                     "with-attestation-support = true\n"
                                     "minimum-strength = software\n"
                                     "[keyguard]\n"
                                     "\n"
                                     "[identity db-1]\n"
                                     "user-assigned-client-id = " GUID "\n"
                                     "key-store=pkcs11:object=db?module-path=/m.so\n"
                                     "[identity object]\n"
                                     "user-assigned-object-id = " GUID "\n"
                                     "key-store = " STORE "\n"
                                     "[identity resource]\n"
                                     "user-assigned-resource-id = /subscriptions/" GUID "/resourceGroups/group\n"
                                     "   /providers/Microsoft.ManagedIdentity/userAssignedIdentities/name\n"
                                     "key-store = " STORE "\n");
  const struct kg_identity *web = kg_config_find(config, "web"), *db = kg_config_find(config, "db-1");
  const struct kg_identity *object = kg_config_find(config, "object"), *resource = kg_config_find(config, "resource");
  (void)state;
  assert_int_equal(config->identities_count, 4);
  assert_string_equal(kg_key_uri_shown(web->key_store), "pkcs11:token=t;object=o?module-path=%2Fm.so");
  assert_true(web->proof_of_possession && web->attestation);
  assert_int_equal(web->floor, KG_STRENGTH_SOFTWARE);
  assert_int_equal(web->selector, KG_SELECT_SYSTEM);
  assert_null(web->selector_value);
  assert_int_equal(web->line, 1);
  assert_string_equal(kg_key_uri_shown(db->key_store), "pkcs11:object=db?module-path=%2Fm.so");
  assert_false(db->proof_of_possession || db->attestation);
  assert_int_equal(db->floor, KG_STRENGTH_KEYGUARD);
  assert_int_equal(db->selector, KG_SELECT_CLIENT_ID);
  assert_string_equal(db->selector_value, GUID);
  assert_int_equal(db->line, 8);
  assert_int_equal(object->selector, KG_SELECT_OBJECT_ID);
  assert_int_equal(resource->selector, KG_SELECT_RESOURCE_ID);
  assert_string_equal(resource->selector_value,
                      "/subscriptions/" GUID
                      "/resourceGroups/group/providers/Microsoft.ManagedIdentity/userAssignedIdentities/name");
  assert_null(kg_config_find(config, "Web"));
  assert_null(kg_config_find(config, ""));
  kg_config_free(&config);
}

static void key_store_goes_on_in_indented_lines(void **state) {
  static const char *const texts[] = {
      "[identity web]\nkey-store = pkcs11:token=t;\n    object=o\n  ?module-path=/m.so\n \t# comment\n "
      "\t&pin-source=file:/pin\n",
      "[identity web]\nkey-store = pkcs11:token=t;object=o\n    ?module-path=/m.so\n\t&pin-source=file:/pin\n",
      ("[identity web]\nkey-store =\n  pkcs11:token=t;object=o\n  ?module-path=/m.so\n  # comment\n\n"
       "  &pin-source=file:/pin\nminimum-strength = none\n"),
      "[identity web]\r\nkey-store = pkcs11:token=t;object=o \r\n  ?module-path=/m.so  \r\n  &pin-source=file:/pin\r\n",
  };
  (void)state;
  for (size_t i = 0; i < COUNT(texts); i++) {
    struct kg_config *config = require(texts[i]);
    const struct kg_pkcs11_uri *uri = kg_key_uri_place(config->identities[0].key_store);
    assert_string_equal(uri->module_path, "/m.so");
    assert_string_equal(uri->object, "o");
    assert_string_equal(uri->pin_source, "/pin");
    kg_config_free(&config);
  }
}

/* The URI without ";token=t" would be good, and name a key of another token. */
static void no_piece_of_a_value_vanishes_as_a_comment(void **state) {
  static const struct {
    const char *text, *key;
  } bad[] = {
      {"[identity web]\nkey-store = pkcs11:object=o\n  ;token=t\n  ?module-path=/m.so\n", "key-store"},
      {"[identity web]\nkey-store =\n\t;token=t\n  pkcs11:object=o?module-path=/m.so\n", "key-store"},
      {"[identity web]\nkey-store = pkcs11:object=o?module-path=/m.so\n  ; a comment\n", "key-store"},
      {WEB "user-assigned-resource-id = /subscriptions\n   ;x\n", "user-assigned-resource-id"},
  };
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct kg_error error;
    assert_null(parse(bad[i].text, &error));
    char start[100];
    snprintf(start, sizeof start, "t.conf:%d: key '%s' in [identity web]: an indented line that begins with ';'",
             i == 3 ? 4 : 3, bad[i].key);
    assert_memory_equal(error.text, start, strlen(start));
  }
  struct kg_config *config =
      require("[keyguard]\n  ; nothing\nplugin = imds\n  ; of a value that has no second line\n");
  kg_config_free(&config);
}

static void no_piece_on_the_same_line_vanishes_either(void **state) {
  static const char *const bad[] = {"key-store = pkcs11:token=t ;object=o?module-path=/m.so\n",
                                    "key-store = pkcs11:token=t\t;object=o?module-path=/m.so\n",
                                    "key-store = pkcs11:token=t   ;pin-source=/p ; a comment\n"};
  (void)state;
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct kg_error error;
    char text[200];
    snprintf(text, sizeof text, "[identity web]\n%s", bad[i]);
    assert_null(parse(text, &error));
    assert_memory_equal(error.text, "t.conf:2: ", 10);
    assert_non_null(strstr(error.text, "looks like a piece of a URI"));
  }
}

static void semicolon_begins_a_comment_after_white_space_only(void **state) {
  struct kg_config *config = require("[keyguard] ; head\n"
                                     "state-dir = /srv/a ; comment\n"
                                     "plugin = imds\t; comment\n"
                                     "ca-file = /etc/a;b.pem\n"
                                     "proxy = http://proxy:1   ;\n"
                                     "[identity web]# head\n"
                                     "key-store = " STORE " ; comment\n");
  (void)state;
  assert_string_equal(config->state_dir, "/srv/a");
  assert_string_equal(config->plugin, "imds");
  assert_string_equal(config->ca_file, "/etc/a;b.pem");
  assert_string_equal(config->proxy, "http://proxy:1");
  assert_string_equal(kg_key_uri_shown(config->identities[0].key_store), "pkcs11:token=t;object=o?module-path=%2Fm.so");
  kg_config_free(&config);
}

#define KEYGUARD(line) "[keyguard]\n\n" line "\n"
#define IN_KEYGUARD(key, reason) "t.conf:3: key '" key "' in [keyguard]: " reason
#define WEB_AND(line) WEB line "\n"
#define IN_WEB(key, reason) "t.conf:3: key '" key "' in [identity web]: " reason

#define PATH_REASON "must be an absolute path"
#define URL_SCHEME "must begin with http:// or https://"
#define URL_FORM "must be a host and perhaps a port, without a path"
#define BOOL_REASON "must be true or false"
#define HOSTS_REASON "must be host suffixes in lower case, with commas between"
#define DEADLINE_REASON "must be a number of seconds from 1 to 3600"
#define SHA_REASON "must be the 64 hexadecimal digits of a SHA-256"
#define PLUGIN_REASON "must be a name of a-z, 0-9, _ and -, or an absolute path"
#define STORE_REASON "must begin with the name of a key store that is here: pkcs11:"
#define RESOURCE_REASON "must be a resource identifier, beginning with /subscriptions/"
#define NAME_REASON                                                                                                    \
  "section [identity NAME]: the name must be 1 to 32 of A-Z, a-z, 0-9, '.', '_' and '-', beginning with a letter or "  \
  "digit"
#define HEAD_REASON "a section's head must be [keyguard] or [identity NAME]"
#define UNKNOWN_SECTION(name) "unknown section [" name "]; there are [keyguard] and [identity NAME]"
#define NEITHER "the line is neither a [section] nor key = value"
#define INDENTED "an indented line may only continue the value of key-store, user-assigned-resource-id or allowed-hosts"

static const struct {
  const char *text, *message;
} bad[] = {
    /* values of [keyguard] */
    {KEYGUARD("state-dir = var/lib"), IN_KEYGUARD("state-dir", PATH_REASON)},
    {KEYGUARD("state-dir ="), IN_KEYGUARD("state-dir", "is empty")},
    {KEYGUARD("state-dir = ; comment"), IN_KEYGUARD("state-dir", "is empty")},
    {KEYGUARD("plugin = ./imds.so"), IN_KEYGUARD("plugin", PLUGIN_REASON)},
    {KEYGUARD("plugin = IMDS"), IN_KEYGUARD("plugin", PLUGIN_REASON)},
    {KEYGUARD("plugin = a/b"), IN_KEYGUARD("plugin", PLUGIN_REASON)},
    {KEYGUARD("metadata-endpoint = 169.254.169.254"), IN_KEYGUARD("metadata-endpoint", URL_SCHEME)},
    {KEYGUARD("metadata-endpoint = ftp://host"), IN_KEYGUARD("metadata-endpoint", URL_SCHEME)},
    {KEYGUARD("metadata-endpoint = http://a..b"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host."), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://[::1%25eth0]"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http:///"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://:80"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host/path"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host//"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host?query"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host:0"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host:65536"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host:8x"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://host:"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://[::1"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://[]:80"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://[::1]x"), IN_KEYGUARD("metadata-endpoint", URL_FORM)},
    {KEYGUARD("metadata-endpoint = http://me:" SECRET "@host"),
     IN_KEYGUARD("metadata-endpoint", "must not hold a user name or password")},
    {KEYGUARD("proxy = http://me:" SECRET "@host:1"), IN_KEYGUARD("proxy", "must not hold a user name or password")},
    {KEYGUARD("proxy = https://host:1"),
     IN_KEYGUARD("proxy", "must begin with http://: a proxy that is reached over TLS is not supported")},
    {KEYGUARD("proxy = socks5://host:1"), IN_KEYGUARD("proxy", URL_SCHEME)},
    {KEYGUARD("attestation-library = att.so"), IN_KEYGUARD("attestation-library", PATH_REASON)},
    {KEYGUARD("attestation-library-sha256 = 0123"), IN_KEYGUARD("attestation-library-sha256", SHA_REASON)},
    {KEYGUARD("attestation-library-sha256 = g123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"),
     IN_KEYGUARD("attestation-library-sha256", SHA_REASON)},
    {KEYGUARD("ca-file = ca.pem"), IN_KEYGUARD("ca-file", PATH_REASON)},
    {KEYGUARD("allowed-hosts = ,"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = a,"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = a b"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = ."), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = a..net"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = azure.net."), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = -azure.net"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = *.net"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = Azure.net"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("allowed-hosts = https://azure.net"), IN_KEYGUARD("allowed-hosts", HOSTS_REASON)},
    {KEYGUARD("tls-max = 1.1"), IN_KEYGUARD("tls-max", "must be 1.2 or 1.3")},
    {KEYGUARD("tls-max = 13"), IN_KEYGUARD("tls-max", "must be 1.2 or 1.3")},
    {KEYGUARD("deadline = 0"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("deadline = 3601"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("deadline = -1"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("deadline = 1m"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("deadline = 99999999999999999999"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("token-cache = 1"), IN_KEYGUARD("token-cache", BOOL_REASON)},
    {KEYGUARD("provision-on-demand = yes"), IN_KEYGUARD("provision-on-demand", BOOL_REASON)},
    {KEYGUARD("provision-on-demand = True"), IN_KEYGUARD("provision-on-demand", BOOL_REASON)},
    {KEYGUARD("log-level = verbose"), IN_KEYGUARD("log-level", "must be off, error, warn, info or debug")},
    {KEYGUARD("log = /var/log/x"), IN_KEYGUARD("log", "must be stderr or syslog")},
    /* values of [identity] */
    {WEB_AND("mtls-proof-of-possession = 1"), IN_WEB("mtls-proof-of-possession", BOOL_REASON)},
    {WEB_AND("with-attestation-support = TRUE"), IN_WEB("with-attestation-support", BOOL_REASON)},
    {WEB_AND("minimum-strength = 3"), IN_WEB("minimum-strength", "must be none, software, hardware or keyguard")},
    {WEB_AND("user-assigned-client-id = web"), IN_WEB("user-assigned-client-id", "must be a GUID")},
    {WEB_AND("user-assigned-client-id = {" GUID "}"), IN_WEB("user-assigned-client-id", "must be a GUID")},
    {WEB_AND("user-assigned-object-id = 11111111x2222-3333-4444-555566667777"),
     IN_WEB("user-assigned-object-id", "must be a GUID")},
    {WEB_AND("user-assigned-resource-id = subscriptions/x"), IN_WEB("user-assigned-resource-id", RESOURCE_REASON)},
    {WEB_AND("user-assigned-resource-id = /subscriptions/a b"), IN_WEB("user-assigned-resource-id", RESOURCE_REASON)},
    {WEB "user-assigned-client-id = " GUID "\nuser-assigned-object-id = " GUID "\n",
     "t.conf:4: key 'user-assigned-object-id' in [identity web]: stands beside another user-assigned-...-id; one is "
     "the most"},
    {"[identity web]\n\nkey-store = file:/key\n", IN_WEB("key-store", STORE_REASON)},
    {"[identity web]\n\nkey-store = pkcs11:\n",
     IN_WEB("key-store", "the key store's URI needs module-path= with an absolute path")},
    {"[identity web]\n\nkey-store = pkcs11:token=t?module-path=/m.so\n",
     IN_WEB("key-store", "the key store's URI needs object= or id=")},
    {"[identity web]\n\nkey-store = pkcs11:tokn=t?pin-value=" SECRET "\n",
     IN_WEB("key-store", "PKCS#11 URI: \"tokn\" is not an attribute that a key store can use")},
    {"[identity web]\n\nkey-store = pkcs11:object=o?module-path=/m.so&pin-value=1&" SECRET "\n",
     IN_WEB("key-store",
            "PKCS#11 URI: what follows pin-value is not an attribute that a key store can use; in a PIN, & "
            "is written as %26")},
    {"[identity web]\n\nkey-store = tpm2:handle=0x81000100\n", IN_WEB("key-store", STORE_REASON)},
    {"[identity web]\n\nkey-store = cng:\n", IN_WEB("key-store", STORE_REASON)},
    {"[identity web]\n\nkey-store = tpm2:" SECRET "\n", IN_WEB("key-store", STORE_REASON)},
    {"[identity web]\n\nkey-store = PKCS11:token=t\n", IN_WEB("key-store", STORE_REASON)},
    {"[identity web]\n\nkey-store = pkcs11:token=t object=o\n", IN_WEB("key-store", "must not hold white space")},
    {"[identity web]\n\nkey-store = pkcs11:token=t\n  &a b\n", IN_WEB("key-store", "must not hold white space")},
    {"[identity web]\n\nkey-store =\n", IN_WEB("key-store", "is empty")},
    {"[identity web]\n\nkey-store = " SECRET "\n", IN_WEB("key-store", STORE_REASON)},
    /* keys */
    {"\n[identity web]\n", "t.conf:2: key 'key-store' in [identity web]: is missing"},
    {"[identity web]\nmtls-proof-of-possession = true\n[keyguard]\n",
     "t.conf:1: key 'key-store' in [identity web]: is missing"},
    {KEYGUARD("state_dir = /a"), IN_KEYGUARD("state_dir", "unknown; did you mean 'state-dir'?")},
    {KEYGUARD("deadlin = 1"), IN_KEYGUARD("deadlin", "unknown; did you mean 'deadline'?")},
    {KEYGUARD("Plugin = imds"), IN_KEYGUARD("Plugin", "unknown; did you mean 'plugin'?")},
    {KEYGUARD("retries = 3"), IN_KEYGUARD("retries", "unknown")},
    {KEYGUARD("minimum-strength = none"), IN_KEYGUARD("minimum-strength", "belongs into [identity NAME]")},
    {WEB_AND("state-dir = /a"), IN_WEB("state-dir", "belongs into [keyguard]")},
    {WEB_AND("mtls-proof-of-posession = true"),
     IN_WEB("mtls-proof-of-posession", "unknown; did you mean 'mtls-proof-of-possession'?")},
    {"[keyguard]\nplugin = a\nplugin = b\n", IN_KEYGUARD("plugin", "is there twice")},
    {WEB_AND("key-store = " STORE), IN_WEB("key-store", "is there twice")},
    {KEYGUARD("= value"), "t.conf:3: key '' in [keyguard]: unknown"},
    {"plugin = imds\n", "t.conf:1: a key stands before the first section"},
    /* sections */
    {"[keyguard]\n\n[keyguard]\n", "t.conf:3: section [keyguard] is on line 1 already"},
    {WEB WEB, "t.conf:3: section [identity web] is on line 1 already"},
    {WEB "[identity web]\n", "t.conf:3: section [identity web] is on line 1 already"},
    {"[Keyguard]\n", "t.conf:1: " UNKNOWN_SECTION("Keyguard")},
    {"[]\n", "t.conf:1: " UNKNOWN_SECTION("")},
    {"[ keyguard ]\n", "t.conf:1: " UNKNOWN_SECTION(" keyguard ")},
    {"[identity]\n", "t.conf:1: " UNKNOWN_SECTION("identity")},
    {"[identities]\nx = y\n", "t.conf:1: " UNKNOWN_SECTION("identities")},
    {"[identity ]\n", "t.conf:1: " NAME_REASON},
    {"[identity  web]\n", "t.conf:1: " NAME_REASON},
    {"[identity ../web]\n", "t.conf:1: " NAME_REASON},
    {"[identity 123456789012345678901234567890123]\n", "t.conf:1: " NAME_REASON},
    {"[keyguard\n", "t.conf:1: " HEAD_REASON},
    {"[identity 1234567890123456789012345678901234567890123456789012345678901234567890]\n", "t.conf:1: " HEAD_REASON},
    {"[keyguard] plugin = imds\n", "t.conf:1: text after the head of section [keyguard]"},
    /* lines */
    {KEYGUARD("plugin"), "t.conf:3: " NEITHER},
    {KEYGUARD("plugin ; = imds"), "t.conf:3: " NEITHER},
    {KEYGUARD("plugin\ndeadline = 0"), "t.conf:3: " NEITHER},
    {KEYGUARD("deadline = 0\nplugin"), IN_KEYGUARD("deadline", DEADLINE_REASON)},
    {KEYGUARD("  plugin = imds"), "t.conf:3: " INDENTED},
    {"[keyguard]\nplugin = imds\n  deadline = 5\n", "t.conf:3: " INDENTED},
    {"[keyguard]\nplugin = imds\n\t[identity web]\n", "t.conf:3: " INDENTED},
    {" [keyguard]\n", "t.conf:1: " INDENTED},
    /* what may be a piece of a PIN is not shown, even in the wrong place */
    {WEB_AND("?pin-value=" SECRET), "t.conf:3: a line in [identity web] does not begin with the name of a key"},
    {WEB_AND("pin-value=" SECRET), IN_WEB("pin-value", "unknown")},
    {WEB_AND(SECRET " = x"), "t.conf:3: a line in [identity web] does not begin with the name of a key"},
    {WEB_AND(SECRET), "t.conf:3: " NEITHER},
};

static void bad_input_is_named_by_line_and_key(void **state) {
  (void)state;
  struct kg_error error;
  for (size_t i = 0; i < COUNT(bad); i++) {
    struct kg_config *config = parse(bad[i].text, &error);
    if (config != NULL || strcmp(error.text, bad[i].message) != 0) print_error("%s\n%s\n", bad[i].text, error.text);
    assert_null(config);
    assert_int_equal(error.status, KG_E_CONFIG);
    assert_string_equal(error.text, bad[i].message);
    assert_null(strstr(error.text, "canary"));
    assert_int_equal(kg_config_parse("t.conf", kg_span_text(bad[i].text), &config, NULL), KG_E_CONFIG);
  }
}

static void a_uri_of_4096_bytes_fits_in_a_line(void **state) {
  static char text[8192], uri[4096 + 1];
  (void)state;
  int head = sprintf(uri, "pkcs11:token=t;object=o?pin-source=file:/pin&module-path=/");
  memset(uri + head, 'm', sizeof uri - 1 - (size_t)head);
  sprintf(text, "[identity web]\nkey-store = %s\n", uri);
  struct kg_config *config = require(text);
  const struct kg_pkcs11_uri *parsed = kg_key_uri_place(config->identities[0].key_store);
  assert_string_equal(parsed->module_path, strrchr(uri, '=') + 1);
  kg_config_free(&config);
}

static void long_values_fit_in_many_lines(void **state) {
  static char text[64 * 1024] = "[identity web]\nkey-store = pkcs11:object=o?module-path=/";
  (void)state;
  for (int i = 0; i < 300; i++)
    sprintf(text + strlen(text), "\n  %0150d", i);
  struct kg_config *config = require(text);
  const struct kg_pkcs11_uri *uri = kg_key_uri_place(config->identities[0].key_store);
  assert_int_equal(strlen(uri->module_path), 1 + 300 * 150);
  kg_config_free(&config);
}

static void control_characters_are_refused_wherever_they_are(void **state) {
  static const char text[] = WEB "[keyguard]\nplugin = imds\n", control[] = {0, 1, '\b', '\v', '\f', '\r', 0x1b, 0x7f};
  (void)state;
  char copy[sizeof text];
  struct kg_config *config = NULL;
  struct kg_error error;
  for (size_t i = 0; i < sizeof text - 1; i++)
    for (size_t c = 0; c < sizeof control; c++) {
      if (control[c] == '\r' && (text[i + 1] == '\n' || text[i + 1] == 0)) continue; /* the end of a line */
      memcpy(copy, text, sizeof text);
      copy[i] = control[c];
      assert_int_equal(kg_config_parse("t.conf", kg_span_of(copy, sizeof text - 1), &config, &error), KG_E_CONFIG);
      assert_non_null(strstr(error.text, "the line holds a control character"));
    }
}

static void hostile_names_cannot_forge_a_line(void **state) {
  (void)state;
  struct kg_error error;
  assert_null(parse("[\x1b[2Jevil\rt.conf: fine]\n", &error));
  assert_string_equal(error.text, "t.conf:1: the line holds a control character");
}

static void every_prefix_and_flipped_bit_is_survived(void **state) {
  static const char text[] =
      "[keyguard]\nallowed-hosts = a, b\n" WEB "  ?module-path=/m.so\nuser-assigned-client-id = " GUID "\n";
  (void)state;
  struct kg_config *config = NULL;
  for (size_t i = 0; i < sizeof text; i++)
    if (kg_config_parse("t.conf", kg_span_of(text, i), &config, NULL) == KG_OK) kg_config_free(&config);
  char copy[sizeof text];
  for (size_t i = 0; i < 8 * (sizeof text - 1); i++) {
    memcpy(copy, text, sizeof text);
    copy[i / 8] = (char)(copy[i / 8] ^ 1 << i % 8);
    if (kg_config_parse("t.conf", kg_span_of(copy, sizeof text - 1), &config, NULL) == KG_OK) kg_config_free(&config);
  }
  assert_null(config);
}

int main(void) {
  static const struct CMUnitTest cases[] = {
      CASE("/config/empty_file_gives_the_defaults", empty_file_gives_the_defaults),
      CASE("/config/every_key_of_keyguard_is_kept", every_key_of_keyguard_is_kept),
      CASE("/config/deadline_begins_at_one_second", deadline_begins_at_one_second),
      CASE("/config/every_key_of_an_identity_is_kept", every_key_of_an_identity_is_kept),
      CASE("/config/key_store_goes_on_in_indented_lines", key_store_goes_on_in_indented_lines),
      CASE("/config/no_piece_of_a_value_vanishes_as_a_comment", no_piece_of_a_value_vanishes_as_a_comment),
      CASE("/config/no_piece_on_the_same_line_vanishes_either", no_piece_on_the_same_line_vanishes_either),
      CASE("/config/semicolon_begins_a_comment_after_white_space_only",
           semicolon_begins_a_comment_after_white_space_only),
      CASE("/config/bad_input_is_named_by_line_and_key", bad_input_is_named_by_line_and_key),
      CASE("/config/a_uri_of_4096_bytes_fits_in_a_line", a_uri_of_4096_bytes_fits_in_a_line),
      CASE("/config/long_values_fit_in_many_lines", long_values_fit_in_many_lines),
      CASE("/config/control_characters_are_refused_wherever_they_are",
           control_characters_are_refused_wherever_they_are),
      CASE("/config/hostile_names_cannot_forge_a_line", hostile_names_cannot_forge_a_line),
      CASE("/config/every_prefix_and_flipped_bit_is_survived", every_prefix_and_flipped_bit_is_survived),
  };
  return cmocka_run_group_tests(cases, NULL, NULL);
}
