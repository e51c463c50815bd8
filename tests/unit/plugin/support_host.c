#include "support_host.h"

#include "support_pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void on_log(void *context, int level, const char *line) {
  struct support_host *host = context;
  size_t more = strlen(line) + 3;
  char *longer = realloc(host->log, host->log_len + more + 1);
  if (longer == NULL) abort();
  host->log = longer;
  snprintf(host->log + host->log_len, more + 1, "%d %s\n", level, line);
  host->log_len += more;
}

static int64_t get_wall(void *context) {
  return ((struct support_host *)context)->wall_s;
}

static int64_t get_elapsed(void *context) {
  return ((struct support_host *)context)->elapsed_ms;
}

static void do_sleep(void *context, int64_t milliseconds) {
  struct support_host *host = context;
  if (host->sleeps >= sizeof host->slept_ms / sizeof host->slept_ms[0]) abort();
  host->slept_ms[host->sleeps++] = milliseconds;
  host->elapsed_ms += milliseconds;
  host->wall_s += milliseconds / 1000;
}

static int do_sign(void *context, const unsigned char digest[32], unsigned char *signature) {
  struct support_host *host = context;
  host->signatures++;
  if (host->refuse_to_sign) return 30;
  int code = support_sign_pss(host->pair, digest, signature);
  if (host->sign_wrongly) signature[7] ^= 1;
  return code;
}

EVP_PKEY *support_host_key(void) {
  static EVP_PKEY *key;
  if (key == NULL) key = support_key_rsa(2048);
  return key;
}

void support_host_init(struct support_host *host, const char *metadata_endpoint) {
  memset(host, 0, sizeof *host);
  host->host = (struct kg_plugin_host){host, on_log, get_wall, get_elapsed, do_sleep};
  host->wall_s = (int64_t)time(NULL);
  host->elapsed_ms = 5000;
  host->pair = support_host_key();
  host->key.context = host;
  host->key.public_key_info.data = support_public_key_info(host->pair, &host->key.public_key_info.len);
  host->key.bits = 2048;
  host->key.strength = 1;
  host->key.sign_pss_sha256 = do_sign;
  host->request = (struct kg_plugin_request){.size = sizeof host->request,
                                             .host = &host->host,
                                             .key = &host->key,
                                             .identity = "web",
                                             .proof_of_possession = 1,
                                             .metadata_endpoint = metadata_endpoint,
                                             .deadline_ms = host->elapsed_ms + 120000};
  host->acquisition.request = &host->request;
  strcpy(host->acquisition.correlation_id, "0f0f0f0f-0000-4000-8000-00000000000f");
  host->acquisition.metadata_origin = (char *)metadata_endpoint; /* borrowed */
}

void support_host_clear(struct support_host *host) {
  OPENSSL_free((void *)host->key.public_key_info.data);
  free(host->log);
  memset(host, 0, sizeof *host);
}

bool support_host_logged(const struct support_host *host, const char *part) {
  return host->log != NULL && strstr(host->log, part) != NULL;
}
