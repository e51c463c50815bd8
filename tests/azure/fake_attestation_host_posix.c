/* The stand-in for AttestationClientLib on GnuTLS and libcurl. AZURE_EMULATOR_CA names the CA to trust. */
#include "fake_attestation_host.h"

#include <curl/curl.h>
#include <gnutls/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define TIMEOUT_MS 30000L

int32_t fake_host_start(void) {
  return curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? KG_ATTESTATION_OK : KG_ATTESTATION_CURL_INIT;
}

void fake_host_stop(void) {
  curl_global_cleanup();
}

void fake_host_record(const char *endpoint, const char *auth_token, const char *client_payload, const char *client_id) {
  (void)endpoint, (void)auth_token, (void)client_payload, (void)client_id;
}

bool fake_host_ordered(char **token, int32_t *code) {
  (void)token, (void)code;
  return false;
}

const char *fake_host_bad_key(kg_attestation_key_handle handle) {
  const struct kg_attestation_key *key = (const struct kg_attestation_key *)handle;
  return key != NULL && key->size == sizeof *key && key->public_key_info != NULL && key->sign_pss_sha256 != NULL
             ? NULL
             : "key handle";
}

char *fake_host_base64(const void *bytes, size_t len) {
  gnutls_datum_t in = {NULL, (unsigned)len};
  memcpy(&in.data, &(const void *){bytes}, sizeof in.data); /* GnuTLS has no const form; it only reads */
  gnutls_datum_t out = {NULL, 0};
  if (gnutls_base64_encode2(&in, &out) != 0) return NULL;
  char *text = malloc((size_t)out.size + 1);
  if (text != NULL) {
    memcpy(text, out.data, out.size);
    text[out.size] = '\0';
  }
  gnutls_free(out.data);
  return text;
}

void fake_host_nonce(unsigned char nonce[FAKE_NONCE]) {
  gnutls_rnd(GNUTLS_RND_NONCE, nonce, FAKE_NONCE);
}

bool fake_host_public_key(kg_attestation_key_handle handle, struct fake_bytes *info) {
  const struct kg_attestation_key *key = (const struct kg_attestation_key *)handle;
  if (key->public_key_info_len > sizeof info->data) return false;
  memcpy(info->data, key->public_key_info, key->public_key_info_len);
  info->len = key->public_key_info_len;
  return true;
}

bool fake_host_sign(kg_attestation_key_handle handle, const char *text, struct fake_bytes *signature) {
  const struct kg_attestation_key *key = (const struct kg_attestation_key *)handle;
  if (key->signature_len > sizeof signature->data) return false;
  signature->len = key->signature_len;
  unsigned char digest[32];
  return gnutls_hash_fast(GNUTLS_DIG_SHA256, text, strlen(text), digest) == 0 &&
         key->sign_pss_sha256(key->context, digest, signature->data) == 0;
}

static size_t take_body(char *data, size_t size, size_t count, void *context) {
  struct fake_reply *reply = context;
  char *longer = realloc(reply->body, reply->len + count + 1);
  (void)size; /* always 1 */
  if (longer == NULL) return 0;
  reply->body = longer;
  memcpy(longer + reply->len, data, count);
  reply->len += count;
  longer[reply->len] = '\0';
  return count;
}

static size_t take_header(char *data, size_t size, size_t count, void *context) {
  static const char name[] = "x-fake-native-code:";
  struct fake_reply *reply = context;
  (void)size;
  char value[16] = "";
  if (count > strlen(name) && count < strlen(name) + sizeof value && strncasecmp(data, name, strlen(name)) == 0) {
    memcpy(value, data + strlen(name), count - strlen(name));
    reply->native_code = (int32_t)strtol(value, NULL, 10);
  }
  return count;
}

static void set_options(CURL *curl, const char *url, const char *body, struct curl_slist *headers,
                        struct fake_reply *reply) {
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
  curl_easy_setopt(curl, CURLOPT_CAINFO, getenv("AZURE_EMULATOR_CA"));
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, reply);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take_header);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, reply);
}

int32_t fake_host_post(const char *endpoint, const char *body, struct fake_reply *reply) {
  size_t len = strlen(endpoint);
  while (len > 0 && endpoint[len - 1] == '/')
    len--;
  char url[1024];
  if (snprintf(url, sizeof url, "%.*s" FAKE_PATH, (int)len, endpoint) >= (int)sizeof url)
    return KG_ATTESTATION_DNS_PARSE;
  struct curl_slist *headers = curl_slist_append(NULL, "Content-Type: application/json");
  CURL *curl = curl_easy_init();
  int32_t code = KG_ATTESTATION_CURL_INIT;
  if (curl != NULL && headers != NULL) {
    set_options(curl, url, body, headers, reply);
    CURLcode sent = curl_easy_perform(curl);
    if (sent != CURLE_OK) FAKE_LOG(FAKE_ERROR, "curl: %s", curl_easy_strerror(sent));
    code = sent == CURLE_OK ? KG_ATTESTATION_OK : KG_ATTESTATION_CURL_SEND;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &reply->status);
  }
  curl_easy_cleanup(curl);
  curl_slist_free_all(headers);
  return code;
}
