#define _GNU_SOURCE /* asprintf, MAP_ANONYMOUS, timegm */
#include "host.h"

#include "core/base/strength.h"
#include "core/state/binding.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <spawn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

CK_BYTE host_digest[32] = {1, 2, 3, 4, 5, 6, 7, 8};
static CK_RSA_PKCS_PSS_PARAMS pss_params = {CKM_SHA256, CKG_MGF1_SHA256, 32};
CK_MECHANISM host_pss = {CKM_RSA_PKCS_PSS, &pss_params, sizeof pss_params};

void host_fail(const char *file, int line, const char *what, unsigned long value) {
  (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
  fprintf(stderr, "%s:%d: %s (0x%lx)\n", file, line, what, value);
  fflush(stderr);
  _exit(1); /* from any thread, without the host's exit handlers */
}

void host_must_be(const char *file, int line, const char *what, CK_RV expected, CK_RV got) {
  if (got == expected) return;
  fprintf(stderr, "expected 0x%lx: ", (unsigned long)expected);
  host_fail(file, line, what, (unsigned long)got);
}

int host_run(int argc, char **argv, const struct host_case *cases, size_t count) {
  for (size_t i = 0; i < count; i++) {
    bool wanted = argc < 2;
    for (int a = 1; a < argc; a++)
      wanted |= strcmp(argv[a], cases[i].name) == 0;
    if (!wanted) continue;
    printf("%s\n", cases[i].name);
    fflush(stdout);
    cases[i].run();
  }
  return 0;
}

void host_spawn(const char *const arguments[]) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  must(posix_spawnp(&child, arguments[0], &actions, NULL, (char *const *)arguments, environ) == 0);
  posix_spawn_file_actions_destroy(&actions);
  int status = -1;
  must(waitpid(child, &status, 0) == child && status == 0);
}

char *host_read(const char *path) {
  FILE *file = fopen(path, "r");
  char *text = calloc(1, 1 << 20);
  must(file != NULL && text != NULL);
  must(fread(text, 1, (1 << 20) - 1, file) > 0);
  fclose(file);
  return text;
}

/* --- keys, certificates, bindings --- */

static void set_der(struct kg_buf *buf, const unsigned char *der, int len) {
  must(len > 0 && kg_buf_set(buf, kg_span_of(der, (size_t)len)) == KG_OK);
}

static void set_number(struct kg_buf *buf, EVP_PKEY *key, const char *name) {
  BIGNUM *number = NULL;
  must(EVP_PKEY_get_bn_param(key, name, &number));
  unsigned char bytes[512];
  set_der(buf, bytes, BN_bn2bin(number, bytes));
  BN_free(number);
}

static X509 *make_certificate(const struct host_identity *identity, long serial, const char *subject) {
  X509 *certificate = X509_new();
  X509_NAME *name = X509_NAME_new();
  must(certificate != NULL && name != NULL);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)subject, -1, -1, 0);
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), identity->days * 86400);
  must(X509_set_subject_name(certificate, name) && X509_set_issuer_name(certificate, name));
  must(X509_set_pubkey(certificate, identity->key) && X509_sign(certificate, identity->key, EVP_sha256()) > 0);
  X509_NAME_free(name);
  return certificate;
}

static void describe_names(X509 *from, struct kg_certificate *out) {
  unsigned char *subject = NULL, *issuer = NULL, *serial = NULL;
  int subject_len = i2d_X509_NAME(X509_get_subject_name(from), &subject);
  int issuer_len = i2d_X509_NAME(X509_get_issuer_name(from), &issuer);
  int serial_len = i2d_ASN1_INTEGER(X509_get_serialNumber(from), &serial);
  set_der(&out->subject, subject, subject_len);
  set_der(&out->issuer, issuer, issuer_len);
  set_der(&out->serial, serial, serial_len);
  OPENSSL_free(subject);
  OPENSSL_free(issuer);
  OPENSSL_free(serial);
}

static int64_t seconds_of(const ASN1_TIME *time) {
  struct tm tm;
  must(ASN1_TIME_to_tm(time, &tm));
  return (int64_t)timegm(&tm);
}

static void describe(X509 *from, struct kg_certificate *out) {
  unsigned char *der = NULL;
  int len = i2d_X509(from, &der);
  set_der(&out->der, der, len);
  OPENSSL_free(der);
  describe_names(from, out);
  unsigned char id[32];
  unsigned int id_len = 0;
  must(X509_pubkey_digest(from, EVP_sha1(), id, &id_len)); /* RFC 5280 method 1: SHA-1 of the key bits */
  set_der(&out->id, id, (int)id_len);
  out->not_before = seconds_of(X509_get0_notBefore(from));
  out->not_after = seconds_of(X509_get0_notAfter(from));
}

static void set_text(char **field, const char *text) {
  *field = kg_strdup(text);
  must(*field != NULL);
}

static void add_issuers(struct kg_binding *binding, const struct host_identity *identity) {
  if (!identity->issuers) return;
  binding->chain = calloc(identity->issuers, sizeof binding->chain[0]);
  must(binding->chain != NULL);
  binding->chain_count = identity->issuers;
  for (size_t i = 0; i < identity->issuers; i++) {
    char subject[32];
    snprintf(subject, sizeof subject, "issuer %zu", i + 1);
    X509 *certificate = make_certificate(identity, 1000 + (long)i, subject);
    describe(certificate, &binding->chain[i]);
    X509_free(certificate);
  }
}

static void set_key(struct kg_binding *binding, const struct host_identity *identity) {
  unsigned char *der = NULL;
  int len = i2d_PUBKEY(identity->key, &der);
  set_der(&binding->public_key_info, der, len);
  OPENSSL_free(der);
  set_number(&binding->modulus, identity->key, "n");
  set_number(&binding->exponent, identity->key, "e");
  binding->key_bits = (unsigned)EVP_PKEY_get_bits(identity->key);
  binding->capabilities = identity->capabilities;
  binding->strength = KG_STRENGTH_SOFTWARE;
}

static void set_facts(struct kg_binding *binding, const struct host_identity *identity) {
  set_text(&binding->identity, identity->name);
  set_text(&binding->client_id, "11111111-2222-3333-4444-555555555555");
  set_text(&binding->tenant_id, "66666666-7777-8888-9999-000000000000");
  set_text(&binding->identity_type, "SystemAssigned");
  set_text(&binding->mtls_authentication_endpoint, "https://mtls.example.test");
  set_text(&binding->token_endpoint, "https://mtls.example.test/tenant/oauth2/v2.0/token");
  set_text(&binding->key_store, "pkcs11:token=backing");
}

void host_bind(struct host_identity *identity) {
  struct kg_binding *binding = calloc(1, sizeof *binding);
  must(binding != NULL);
  X509 *certificate = make_certificate(identity, ++identity->serial, identity->name);
  set_facts(binding, identity);
  set_key(binding, identity);
  describe(certificate, &binding->leaf);
  binding->issued_at = binding->leaf.not_before;
  X509_free(certificate);
  add_issuers(binding, identity);
  kg_hash_once(KG_HASH_SHA256, kg_buf_span(&binding->leaf.der), binding->sha256);
  kg_hash_once(KG_HASH_SHA1, kg_buf_span(&binding->leaf.der), binding->sha1);
  struct kg_error error = {0};
  if (kg_binding_store(identity->binding, binding, &error) != KG_OK) host_fail(identity->binding, 0, error.text, 0);
  free(identity->der);
  identity->der_len = binding->leaf.der.len;
  identity->der = malloc(identity->der_len);
  memcpy(identity->der, binding->leaf.der.data, identity->der_len);
  kg_binding_free(&binding);
}

void host_new_key(struct host *host, struct host_identity *identity) {
  const char *id = identity->key != NULL ? "02" : "01";
  if (identity->key != NULL) host_drop_key(host, identity);
  EVP_PKEY_free(identity->key);
  identity->key = EVP_RSA_gen(2048);
  char *path = NULL;
  must(identity->key != NULL && asprintf(&path, "%s/key.pem", host->softhsm->folder) > 0);
  FILE *file = fopen(path, "w");
  must(file != NULL && PEM_write_PKCS8PrivateKey(file, identity->key, NULL, NULL, 0, NULL, NULL));
  fclose(file);
  host_spawn((const char *const[]){"softhsm2-util", "--import", path, "--token", identity->token, "--label",
                                   identity->name, "--id", id, "--force", "--pin", KG_SOFTHSM_PIN, NULL});
  unlink(path);
  free(path);
}

void host_drop_key(struct host *host, const struct host_identity *identity) {
  for (int i = 0; i < 2; i++)
    host_spawn((const char *const[]){"pkcs11-tool", "--module", host->softhsm->library, "--token-label",
                                     identity->token, "--login", "--pin", KG_SOFTHSM_PIN, "--delete-object", "--type",
                                     i ? "pubkey" : "privkey", "--label", identity->name, NULL});
}

/* --- the folder --- */

void host_configure(struct host *host) {
  if (host->extra == NULL && getenv("KG_LOG") != NULL) host->extra = "log-level = error\n";
  char *text = NULL;
  must(asprintf(&text, "[keyguard]\nstate-dir = %s\n%s", host->state, host->extra != NULL ? host->extra : "") > 0);
  char *more = NULL;
  for (size_t i = 0; i < host->count; i++) {
    must(asprintf(&more,
                  "%s[identity %s]\nkey-store = %s\nmtls-proof-of-possession = true\nwith-attestation-support = false\n"
                  "minimum-strength = software\n",
                  text, host->identities[i].name, host->identities[i].uri) > 0);
    free(text);
    text = more;
  }
  free(host->configuration);
  host->configuration = kg_softhsm_write(host->softhsm, "keyguard.conf", text, 0600);
  free(text);
}

static struct host_identity *add(struct host *host, const char *name, const char *token, const char *library) {
  struct host_identity *identity = &host->identities[host->count++];
  set_text(&identity->name, name);
  identity->token = token;
  identity->uri = kg_softhsm_uri(host->softhsm, library, token, name);
  identity->binding = kg_binding_path(host->state, name);
  identity->days = 7;
  identity->capabilities =
      KG_CAN_SIGN_PKCS1 | KG_CAN_SIGN_PSS | KG_CAN_VERIFY | KG_CAN_PSS_ANY_SALT | KG_CAN_PKCS1_ANY_INPUT;
  host_new_key(host, identity);
  host_bind(identity);
  return identity;
}

struct host_identity *host_add(struct host *host, const char *name) {
  return add(host, name, "backing", NULL);
}

struct host_identity *host_add_apart(struct host *host, const char *name, const char *token) {
  char *copy = NULL;
  must(asprintf(&copy, "%s/%s.so", host->softhsm->folder, token) > 0);
  host_spawn((const char *const[]){"cp", "-L", host->softhsm->library, copy, NULL});
  kg_softhsm_add_token(host->softhsm, token);
  struct host_identity *identity = add(host, name, token, copy);
  free(copy);
  return identity;
}

/* The fake's key has a modulus that nobody knows the factors of; the module does not look into the certificate. */
static void rebind(const struct host_identity *identity, const unsigned char modulus[256]) {
  struct kg_binding *binding = NULL;
  struct kg_error error = {0};
  must(kg_binding_load(identity->binding, &binding, NULL, &error) == KG_OK);
  set_der(&binding->modulus, modulus, 256);
  must(kg_binding_store(identity->binding, binding, &error) == KG_OK);
  kg_binding_free(&binding);
}

struct host_identity *host_add_forkable(struct host *host, const char *name) {
  static const unsigned char modulus[256] = {0xc1, 0xc2, 0xc3};
  struct host_identity *identity = host_add(host, name);
  free(identity->uri);
  set_text(&identity->uri, "pkcs11:token=t;object=a?module-path=" KG_FAKE_FORK_TOKEN);
  rebind(identity, modulus);
  return identity;
}

struct host_identity *host_add_fake(struct host *host, const char *name) {
  struct host_identity *identity = host_add(host, name);
  free(identity->uri);
  identity->uri = kg_softhsm_uri(host->softhsm, KG_FAKE_TOKEN, "backing", name);
  return identity;
}

struct fake_token *host_fake_token(void) {
  void *library = dlopen(KG_FAKE_TOKEN, RTLD_NOW | RTLD_LOCAL);
  struct fake_token *token = library != NULL ? dlsym(library, "fake_token") : NULL;
  must(token != NULL);
  return token;
}

struct host *host_new(void) {
  struct host *host = calloc(1, sizeof *host);
  must(host != NULL);
  host->softhsm = kg_softhsm_new();
  kg_softhsm_add_token(host->softhsm, "backing");
  must(asprintf(&host->state, "%s/state", host->softhsm->folder) > 0);
  must(mkdir(host->state, 0755) == 0);
  (void)host_add(host, "web");
  host_configure(host);
  setenv("KEYGUARD_CONF", host->configuration, 1);
  return host;
}

void host_free(struct host **pointer) {
  struct host *host = *pointer;
  for (size_t i = 0; i < host->count; i++) {
    free(host->identities[i].name);
    free(host->identities[i].uri);
    free(host->identities[i].binding);
    free(host->identities[i].der);
    EVP_PKEY_free(host->identities[i].key);
  }
  if (host->library != NULL) dlclose(host->library);
  kg_softhsm_free(&host->softhsm);
  unsetenv("KEYGUARD_CONF");
  free(host->state);
  free(host->configuration);
  free(host);
  *pointer = NULL;
}

/* --- the module --- */

int host_finish(struct host **host, int argc, char **argv, const struct host_case *cases, size_t count) {
  int status = host_run(argc, argv, cases, count);
  must_be(CKR_OK, (*host)->p11->C_Finalize(NULL));
  host_free(host);
  return status;
}

static char shared_folder[] = "/tmp/kg-module-XXXXXX", shared[sizeof shared_folder + 24];

const char *host_module(void) {
  const char *copy = getenv("KG_TEST_MODULE"); /* in the environment, because programs execute themselves */
  return copy != NULL ? copy : KG_MODULE_PATH;
}

void host_share_module(void) {
  must(mkdtemp(shared_folder) != NULL && chmod(shared_folder, 0755) == 0);
  must(snprintf(shared, sizeof shared, "%s/keyguard-pkcs11.so", shared_folder) > 0);
  host_spawn((const char *const[]){"cp", KG_MODULE_PATH, shared, NULL});
  must(chmod(shared, 0755) == 0 && setenv("KG_TEST_MODULE", shared, 1) == 0);
}

void host_unshare_module(void) {
  must(unsetenv("KG_TEST_MODULE") == 0 && unlink(shared) == 0 && rmdir(shared_folder) == 0);
}

void host_load(struct host *host) {
  host->library = dlopen(host_module(), RTLD_NOW | RTLD_LOCAL);
  if (host->library == NULL) host_fail(host_module(), 0, dlerror(), 0);
  CK_C_GetInterface get_interface = NULL;
  *(void **)&get_interface = dlsym(host->library, "C_GetInterface");
  must(get_interface != NULL);
  CK_INTERFACE *interface = NULL;
  must_be(CKR_OK, get_interface(NULL, NULL, &interface, 0));
  host->p11 = interface->pFunctionList;
}

void host_start(struct host *host) {
  CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
  if (host->library == NULL) host_load(host);
  must_be(CKR_OK, host->p11->C_Initialize(&args));
}

CK_SLOT_ID host_slot(const struct host *host, const char *label) {
  CK_SLOT_ID slots[16];
  CK_ULONG count = 16;
  must_be(CKR_OK, host->p11->C_GetSlotList(CK_FALSE, slots, &count));
  for (CK_ULONG i = 0; i < count; i++) {
    CK_SLOT_INFO info;
    must_be(CKR_OK, host->p11->C_GetSlotInfo(slots[i], &info));
    if (memcmp(info.slotDescription, label, strlen(label)) == 0 && info.slotDescription[strlen(label)] == ' ')
      return slots[i];
  }
  host_fail(__FILE__, __LINE__, label, 0);
}

CK_SESSION_HANDLE host_open(const struct host *host, CK_FLAGS flags) {
  CK_SESSION_HANDLE session = 0;
  must_be(CKR_OK, host->p11->C_OpenSession(host_slot(host, host->identities[0].name), flags | CKF_SERIAL_SESSION, NULL,
                                           NULL, &session));
  return session;
}

/* The first: a token's own certificate stands before its issuers. */
CK_OBJECT_HANDLE host_find(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_CLASS class) {
  CK_ATTRIBUTE template = {CKA_CLASS, &class, sizeof class};
  must_be(CKR_OK, host->p11->C_FindObjectsInit(session, &template, 1));
  CK_ULONG count = 0;
  CK_OBJECT_HANDLE object = 0;
  must_be(CKR_OK, host->p11->C_FindObjects(session, &object, 1, &count));
  must_be(CKR_OK, host->p11->C_FindObjectsFinal(session));
  must(count == 1);
  return object;
}

CK_RV host_sign(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, CK_BYTE signature[256]) {
  CK_ULONG len = 256;
  CK_RV rv = host->p11->C_SignInit(session, &host_pss, key);
  if (rv == CKR_OK) rv = host->p11->C_Sign(session, host_digest, sizeof host_digest, signature, &len);
  if (rv == CKR_OK) must(len == 256);
  return rv;
}

void host_sign_checked(const struct host *host, CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key, EVP_PKEY *public_key) {
  CK_BYTE signature[256];
  must_be(CKR_OK, host_sign(host, session, key, signature));
  const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  must(host_verifies(public_key, &params, kg_span_of(host_digest, sizeof host_digest),
                     kg_span_of(signature, sizeof signature)));
}

static const EVP_MD *md_of(enum kg_hash hash) {
  switch (hash) {
  case KG_HASH_SHA256:
    return EVP_sha256();
  case KG_HASH_SHA384:
    return EVP_sha384();
  case KG_HASH_SHA512:
    return EVP_sha512();
  default:
    return NULL;
  }
}

bool host_verifies(EVP_PKEY *key, const struct kg_sign_params *params, struct kg_span digest,
                   struct kg_span signature) {
  EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(key, NULL);
  const EVP_MD *md = md_of(params->hash);
  bool pss = params->padding == KG_PADDING_PSS;
  must(ctx != NULL && EVP_PKEY_verify_init(ctx) == 1);
  must(EVP_PKEY_CTX_set_rsa_padding(ctx, pss ? RSA_PKCS1_PSS_PADDING : RSA_PKCS1_PADDING) == 1);
  if (md != NULL) must(EVP_PKEY_CTX_set_signature_md(ctx, md) == 1);
  if (pss) must(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, (int)params->salt_len) == 1);
  bool verified = EVP_PKEY_verify(ctx, signature.data, signature.len, digest.data, digest.len) == 1;
  EVP_PKEY_CTX_free(ctx);
  return verified;
}

/* --- what the tests of the tables and of processes need --- */

void host_entries(const CK_FUNCTION_LIST_3_0 *list, struct host_entry out[HOST_ENTRIES]) {
  size_t count = 0;
#define ADD(function)                                                                                                  \
  out[count].name = #function;                                                                                         \
  out[count++].call = (host_any)(void (*)(void))list->function;
  KG_CRYPTOKI_FUNCTIONS_2_40(ADD)
  KG_CRYPTOKI_FUNCTIONS_3_0(ADD)
#undef ADD
  must(count == HOST_ENTRIES);
}

bool host_needs_initialize(const char *name) {
  static const char *const without[] = {"C_Initialize", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"};
  for (size_t i = 0; i < sizeof without / sizeof without[0]; i++)
    if (strcmp(name, without[i]) == 0) return false;
  return true;
}

void *host_guarded(size_t size) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE), pages = (size + page - 1) / page + 1;
  unsigned char *base = mmap(NULL, pages * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  must(base != MAP_FAILED);
  must(mprotect(base + (pages - 1) * page, page, PROT_NONE) == 0);
  return base + (pages - 1) * page - size;
}

int host_fork(int (*function)(void *), void *argument) {
  pid_t child = fork();
  must(child >= 0);
  if (child == 0) {
    alarm(60);
    _exit(function(argument));
  }
  int status = 0;
  must(waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool host_is_mapped(const char *name) {
  char *maps = host_read("/proc/self/maps");
  bool mapped = strstr(maps, name) != NULL;
  free(maps);
  return mapped;
}
