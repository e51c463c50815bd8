/* The two command-line tools that everybody has. */
#include "host.h"

#include <string.h>
#include <unistd.h>

static struct host *host;

static void list_objects(void) {
  host_spawn((const char *const[]){"pkcs11-tool", "--module", KG_MODULE_PATH, "--list-objects", NULL});
  host_spawn((const char *const[]){"pkcs11-tool", "--module", KG_MODULE_PATH, "--list-slots", NULL});
  host_spawn((const char *const[]){"pkcs11-tool", "--module", KG_MODULE_PATH, "--list-mechanisms", NULL});
  host_spawn((const char *const[]){"p11tool", "--provider", KG_MODULE_PATH, "--list-all", NULL});
}

static void sign_pss(void) {
  char *in = kg_softhsm_write(host->softhsm, "data", "data", 0600);
  char *out = kg_softhsm_write(host->softhsm, "signature", "", 0600);
  host_spawn((const char *const[]){"pkcs11-tool", "--module", KG_MODULE_PATH, "--token-label", "web", "--sign",
                                   "--mechanism", "SHA256-RSA-PKCS-PSS", "--salt-len", "32", "--label", "web",
                                   "--input-file", in, "--output-file", out, NULL});
  FILE *file = fopen(out, "r");
  unsigned char signature[257];
  must(file != NULL && fread(signature, 1, sizeof signature, file) == 256);
  fclose(file);
  unsigned char digest[KG_HASH_MAX_SIZE];
  kg_hash_once(KG_HASH_SHA256, kg_span_text("data"), digest);
  const struct kg_sign_params params = {KG_PADDING_PSS, KG_HASH_SHA256, 32};
  must(host_verifies(host->identities[0].key, &params, kg_span_of(digest, 32), kg_span_of(signature, 256)));
  free(in);
  free(out);
}

static const struct host_case cases[] = {{"/tools/list", list_objects}, {"/tools/sign_pss", sign_pss}};

int main(int argc, char **argv) {
  host = host_new();
  int status = host_run(argc, argv, cases, sizeof cases / sizeof cases[0]);
  if (getenv("KG_SHELL") != NULL) (void)!system(getenv("KG_SHELL"));
  host_free(&host);
  return status;
}
