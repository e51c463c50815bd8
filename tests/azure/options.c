#include "options.h"

#include "identity.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: azure-emulator --directory DIR [options]\n"
    "\n"
    "Azure's side of managed identity v2 on the loopback address: the metadata service (plain HTTP), the attestation\n"
    "service, the token service and a protected resource (HTTPS). Addresses, identities and the CA are written to\n"
    "DIR/emulator.env (for a shell) and DIR/emulator.json; then one line beginning with \"ready\" goes to stdout.\n"
    "It runs in the foreground until SIGTERM or SIGINT.\n"
    "\n"
    "  --directory DIR            where to write the files; made if it is not there\n"
    "  --ready-fd N               also write the ready line to this descriptor, and close it\n"
    "  --port N                   listen on N, N+1, N+2 and N+3 instead of free ports\n"
    "  --exit-with-parent         end when the parent process ends, or when standard input, if it is a pipe, does\n"
    "  --verbose                  one line a request on stderr\n"
    "  --record-secrets FILE      append every token and request that passes, for tests that look where none may be\n"
    "\n"
    "What the machine is:\n"
    "  --identity WHICH           both (default: one system-assigned, two user-assigned), system, user, none\n"
    "  --scale-set                the machine belongs to a scale set: its cuId has a vmssId\n"
    "  --require-attestation      no certificate without an attestation token\n"
    "  --no-attestation-endpoint  the metadata names no attestation service\n"
    "\n"
    "What is issued (seconds; relative to now):\n"
    "  --validity N               life of certificates (604800)\n"
    "  --not-before N             begin of certificates (-300)\n"
    "  --token-not-after N        put the token_not_after extension into certificates (0: do not)\n"
    "  --intermediate             the issuer is an intermediate CA below a root\n"
    "  --expires-in N             life of access tokens (86399)\n"
    "  --expires-in-string        say it as a string\n"
    "\n"
    "TLS:\n"
    "  --token-tls VERSION        1.2, 1.3 or both (default)      --resource-tls VERSION   likewise\n"
    "  --signatures WHICH         of clients: all (default), pss, pkcs1 (TLS 1.2 only)\n"
    "  --token-auth WHEN          when the client certificate is asked for: initial (default), tls1.2 (in the\n"
    "                             handshake, but not in TLS 1.3: what the real service is said to do), late (after "
    "the\n"
    "                             request: renegotiation or post-handshake authentication), never\n"
    "  --resource-auth WHEN       likewise; late only asks requests with x-ms-tokenboundauth: true, as Key Vault does\n"
    "  --ca-names WHICH           named in that request: issuer (default), none, other (names that do not fit)\n"
    "\n"
    "  --help  --version\n"
    "\n"
    "Faults, counters, the clock and the settings are changed while it runs: see "
    "/emulator/ on the metadata service's\n"
    "address, and tests/azure/README.md.\n";

enum code {
  DIRECTORY = 256,
  READY_FD,
  PORT,
  EXIT_WITH_PARENT,
  VERBOSE,
  RECORD_SECRETS,
  IDENTITY,
  SCALE_SET,
  REQUIRE_ATTESTATION,
  NO_ATTESTATION_ENDPOINT,
  VALIDITY,
  NOT_BEFORE,
  TOKEN_NOT_AFTER,
  INTERMEDIATE,
  EXPIRES_IN,
  EXPIRES_IN_STRING,
  TOKEN_TLS,
  RESOURCE_TLS,
  SIGNATURES,
  TOKEN_AUTH,
  RESOURCE_AUTH,
  CA_NAMES,
  HELP,
  VERSION
};

static const struct option long_options[] = {
    {"directory", required_argument, NULL, DIRECTORY},
    {"ready-fd", required_argument, NULL, READY_FD},
    {"port", required_argument, NULL, PORT},
    {"exit-with-parent", no_argument, NULL, EXIT_WITH_PARENT},
    {"verbose", no_argument, NULL, VERBOSE},
    {"record-secrets", required_argument, NULL, RECORD_SECRETS},
    {"identity", required_argument, NULL, IDENTITY},
    {"scale-set", no_argument, NULL, SCALE_SET},
    {"require-attestation", no_argument, NULL, REQUIRE_ATTESTATION},
    {"no-attestation-endpoint", no_argument, NULL, NO_ATTESTATION_ENDPOINT},
    {"validity", required_argument, NULL, VALIDITY},
    {"not-before", required_argument, NULL, NOT_BEFORE},
    {"token-not-after", required_argument, NULL, TOKEN_NOT_AFTER},
    {"intermediate", no_argument, NULL, INTERMEDIATE},
    {"expires-in", required_argument, NULL, EXPIRES_IN},
    {"expires-in-string", no_argument, NULL, EXPIRES_IN_STRING},
    {"token-tls", required_argument, NULL, TOKEN_TLS},
    {"resource-tls", required_argument, NULL, RESOURCE_TLS},
    {"signatures", required_argument, NULL, SIGNATURES},
    {"token-auth", required_argument, NULL, TOKEN_AUTH},
    {"resource-auth", required_argument, NULL, RESOURCE_AUTH},
    {"ca-names", required_argument, NULL, CA_NAMES},
    {"help", no_argument, NULL, HELP},
    {"version", no_argument, NULL, VERSION},
    {NULL, 0, NULL, 0},
};

struct word {
  const char *word;
  int value;
};

static const struct word tls_words[] = {{"1.2", AZ_TLS_12}, {"1.3", AZ_TLS_13}, {"both", AZ_TLS_BOTH}, {NULL, 0}};
static const struct word signature_words[] = {
    {"all", AZ_SIGNATURES_ALL}, {"pss", AZ_SIGNATURES_PSS}, {"pkcs1", AZ_SIGNATURES_PKCS1}, {NULL, 0}};
static const struct word auth_words[] = {{"initial", AZ_AUTH_INITIAL},
                                         {"tls1.2", AZ_AUTH_TLS12},
                                         {"late", AZ_AUTH_LATE},
                                         {"never", AZ_AUTH_NEVER},
                                         {NULL, 0}};
static const struct word ca_words[] = {
    {"issuer", AZ_CA_NAMES_ISSUER}, {"none", AZ_CA_NAMES_NONE}, {"other", AZ_CA_NAMES_OTHER}, {NULL, 0}};
static const struct word identity_words[] = {{"both", AZ_SYSTEM_ASSIGNED | AZ_USER_ASSIGNED},
                                             {"system", AZ_SYSTEM_ASSIGNED},
                                             {"user", AZ_USER_ASSIGNED},
                                             {"none", 0},
                                             {NULL, 0}};

static bool complain(const char *option, const char *value, const char *expected) {
  fprintf(stderr, "azure-emulator: --%s %s: %s expected\n", option, value, expected);
  return false;
}

static bool parse_word(const struct word *words, const char *option, const char *value, int *result) {
  for (const struct word *w = words; w->word != NULL; w++)
    if (strcmp(w->word, value) == 0) {
      *result = w->value;
      return true;
    }
  return complain(option, value, "another word");
}

static bool parse_number(const char *option, const char *value, long low, long high, long *result) {
  errno = 0;
  char *end = NULL;
  *result = strtol(value, &end, 10);
  if (errno || end == value || *end || *result < low || *result > high) return complain(option, value, "a number");
  return true;
}

static bool parse_flag(struct az_options *options, int code) {
  switch (code) {
  case EXIT_WITH_PARENT:
    options->exit_with_parent = true;
    return true;
  case VERBOSE:
    options->verbose = true;
    return true;
  case SCALE_SET:
    options->settings.scale_set = true;
    return true;
  case REQUIRE_ATTESTATION:
    options->settings.require_attestation = true;
    return true;
  case NO_ATTESTATION_ENDPOINT:
    options->settings.attestation_endpoint = false;
    return true;
  case INTERMEDIATE:
    options->intermediate = true;
    return true;
  case EXPIRES_IN_STRING:
    options->settings.expires_in_string = true;
    return true;
  default:
    return false;
  }
}

static bool parse_numbers(struct az_options *options, int code, const char *name, const char *value) {
  long number = 0;
  bool good = false;
  if (code == READY_FD && (good = parse_number(name, value, 0, 65535, &number))) options->ready_fd = (int)number;
  if (code == PORT && (good = parse_number(name, value, 1, 65532, &number))) options->port = (int)number;
  if (code == VALIDITY) return parse_number(name, value, INT_MIN, INT_MAX, &options->settings.validity_s);
  if (code == NOT_BEFORE) return parse_number(name, value, INT_MIN, INT_MAX, &options->settings.not_before_s);
  if (code == TOKEN_NOT_AFTER) return parse_number(name, value, INT_MIN, INT_MAX, &options->settings.token_not_after_s);
  if (code == EXPIRES_IN) return parse_number(name, value, INT_MIN, INT_MAX, &options->settings.expires_in);
  return good;
}

static bool parse_words(struct az_options *options, int code, const char *name, const char *value) {
  int word = 0;
  const struct word *words = code == IDENTITY                            ? identity_words
                             : code == SIGNATURES                        ? signature_words
                             : code == CA_NAMES                          ? ca_words
                             : code == TOKEN_TLS || code == RESOURCE_TLS ? tls_words
                                                                         : auth_words;
  if (!parse_word(words, name, value, &word)) return false;
  switch (code) {
  case IDENTITY:
    options->kinds = (unsigned)word;
    break;
  case TOKEN_TLS:
    options->token.versions = (enum az_tls_versions)word;
    break;
  case RESOURCE_TLS:
    options->resource.versions = (enum az_tls_versions)word;
    break;
  case TOKEN_AUTH:
    options->token.auth = (enum az_client_auth)word;
    break;
  case CA_NAMES:
    options->token.ca_names = options->resource.ca_names = (enum az_ca_names)word;
    break;
  case RESOURCE_AUTH:
    options->resource.auth = (enum az_client_auth)word;
    break;
  default:
    options->token.signatures = options->resource.signatures = (enum az_signatures)word;
    break;
  }
  return true;
}

static bool parse_one(struct az_options *options, int code, const char *name, const char *value) {
  switch (code) {
  case DIRECTORY:
    options->directory = value;
    return true;
  case RECORD_SECRETS:
    options->secrets = value;
    return true;
  case READY_FD:
  case PORT:
  case VALIDITY:
  case NOT_BEFORE:
  case TOKEN_NOT_AFTER:
  case EXPIRES_IN:
    return parse_numbers(options, code, name, value);
  case IDENTITY:
  case SIGNATURES:
  case TOKEN_TLS:
  case RESOURCE_TLS:
  case TOKEN_AUTH:
  case RESOURCE_AUTH:
  case CA_NAMES:
    return parse_words(options, code, name, value);
  default:
    return parse_flag(options, code);
  }
}

static bool is_consistent(const struct az_options *options) {
  bool needs13 = options->token.versions == AZ_TLS_13 || options->resource.versions == AZ_TLS_13;
  if (options->directory == NULL || !*options->directory) {
    fputs("azure-emulator: --directory is required\n", stderr);
    return false;
  }
  if (needs13 && options->token.signatures == AZ_SIGNATURES_PKCS1) {
    fputs("azure-emulator: TLS 1.3 has no PKCS #1 signatures\n", stderr);
    return false;
  }
  return true;
}

static enum az_options_result print(const char *text) {
  fputs(text, stdout);
  return AZ_OPTIONS_DONE;
}

static enum az_options_result refuse(void) {
  fputs("Try: azure-emulator --help\n", stderr);
  return AZ_OPTIONS_BAD;
}

enum az_options_result az_options_parse(struct az_options *options, int argc, char **argv) {
  static const struct az_tls_mode mode = {AZ_TLS_BOTH, AZ_SIGNATURES_ALL, AZ_AUTH_INITIAL, AZ_CA_NAMES_ISSUER};
  *options = (struct az_options){.ready_fd = -1,
                                 .kinds = AZ_SYSTEM_ASSIGNED | AZ_USER_ASSIGNED,
                                 .token = mode,
                                 .resource = mode,
                                 .settings = az_settings_default};
  int code, index = 0;
  while ((code = getopt_long(argc, argv, "", long_options, &index)) != -1) {
    if (code == HELP) return print(usage);
    if (code == VERSION) return print("azure-emulator " KEYGUARD_VERSION "\n");
    if (code == '?' || !parse_one(options, code, long_options[index].name, optarg)) return refuse();
  }
  if (optind < argc) {
    fprintf(stderr, "azure-emulator: unexpected argument: %s\n", argv[optind]);
    return refuse();
  }
  return is_consistent(options) ? AZ_OPTIONS_RUN : refuse();
}
