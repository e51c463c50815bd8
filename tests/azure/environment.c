#include "environment.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[] = {"server-ca.pem", "issuer-ca.pem", "emulator.env", "emulator.json"};

static bool write_file(const char *directory, const char *name, const char *text) {
  char *path = az_text_format("%s/%s", directory, name), *temporary = az_text_format("%s/.%s.new", directory, name);
  FILE *file = fopen(temporary, "w");
  bool good = file != NULL && fputs(text, file) >= 0;
  if (file != NULL && fclose(file) != 0) good = false;
  if (good && rename(temporary, path) != 0) good = false;
  if (!good) fprintf(stderr, "azure-emulator: cannot write %s: %s\n", path, strerror(errno));
  free(path);
  free(temporary);
  return good;
}

static void add(cJSON *facts, const char *name, char *value /* taken */) {
  cJSON_AddStringToObject(facts, name, value);
  free(value);
}

static void add_identity(cJSON *facts, const struct az_identity *identity) {
  const char *ids[][2] = {
      {"client_id", identity->client_id}, {"object_id", identity->object_id}, {"resource_id", identity->resource_id}};
  for (size_t i = 0; i < 3; i++) {
    char *name = az_text_format("%s_%s", identity->name, ids[i][0]);
    if (ids[i][1] != NULL) cJSON_AddStringToObject(facts, name, ids[i][1]);
    free(name);
  }
}

static char *find_directory(const char *directory) {
  char *absolute = realpath(directory, NULL);
  return absolute != NULL ? absolute : az_text_dup(directory);
}

static cJSON *collect(const struct az_emulator *emulator) {
  const char *token = az_emulator_get_origin(emulator, AZ_ON_TOKEN);
  const char *resource = az_emulator_get_origin(emulator, AZ_ON_RESOURCE);
  const struct az_directory *directory = &emulator->directory;
  char *place = find_directory(emulator->options->directory);
  cJSON *facts = cJSON_CreateObject();
  add(facts, "pid", az_text_format("%ld", (long)getpid()));
  add(facts, "url", az_text_dup(az_emulator_get_origin(emulator, AZ_ON_METADATA)));
  add(facts, "attestation_url", az_text_dup(az_emulator_get_origin(emulator, AZ_ON_ATTESTATION)));
  add(facts, "token_origin", az_text_dup(token));
  add(facts, "token_url", az_text_format("%s/%s/oauth2/v2.0/token", token, directory->tenant_id));
  add(facts, "resource_url", az_text_format("%s/secrets/demo", resource));
  add(facts, "canary_url", az_text_format("%s/emulator/canary", resource));
  add(facts, "ca", az_text_format("%s/server-ca.pem", place));
  add(facts, "issuer_ca", az_text_format("%s/issuer-ca.pem", place));
  add(facts, "tenant_id", az_text_dup(directory->tenant_id));
  add(facts, "vm_id", az_text_dup(directory->vm_id));
  add(facts, "vmss_id", az_text_dup(directory->vmss_id));
  for (size_t i = 0; i < directory->count; i++)
    add_identity(facts, &directory->identities[i]);
  free(place);
  return facts;
}

/* Quoted only where it must be: programs that are no shell read the file too. */
static const char *get_quote(const char *value) {
  static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_./:@%+=,-";
  return value[strspn(value, plain)] ? "'" : "";
}

static char *format_shell(const cJSON *facts) {
  char *text = az_text_dup("");
  for (const cJSON *fact = facts->child; fact != NULL; fact = fact->next) {
    char *name = az_text_dup(fact->string);
    for (char *p = name; *p; p++)
      *p = (char)toupper((unsigned char)*p);
    const char *quote = get_quote(fact->valuestring);
    char *longer = az_text_format("%sAZURE_EMULATOR_%s=%s%s%s\n", text, name, quote, fact->valuestring, quote);
    free(text);
    free(name);
    text = longer;
  }
  return text;
}

static bool write_certificate(const char *directory, const char *name, gnutls_x509_crt_t certificate) {
  char *pem = az_certificate_format_pem(certificate);
  bool good = write_file(directory, name, pem);
  free(pem);
  return good;
}

bool az_environment_write(const struct az_emulator *emulator) {
  const char *directory = emulator->options->directory;
  if (mkdir(directory, 0755) != 0 && errno != EEXIST) {
    fprintf(stderr, "azure-emulator: cannot make %s: %s\n", directory, strerror(errno));
    return false;
  }
  cJSON *facts = collect(emulator);
  char *shell = format_shell(facts), *json = cJSON_Print(facts);
  bool good = write_certificate(directory, names[0], emulator->authority.server_ca.certificate) &&
              write_certificate(directory, names[1], emulator->authority.issuer.certificate) &&
              write_file(directory, names[2], shell) && write_file(directory, names[3], json);
  cJSON_free(json);
  free(shell);
  cJSON_Delete(facts);
  return good;
}

void az_environment_remove(const struct az_emulator *emulator) {
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *path = az_text_format("%s/%s", emulator->options->directory, names[i]);
    unlink(path);
    free(path);
  }
}
