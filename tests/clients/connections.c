/* A program that lives on and connects again and again, on the multi interface of a libcurl:
 *   connections LIBRARY CERT KEY CA URL FORM
 * Each line on standard input is a file: FORM is posted to URL over a connection of its own, the answer goes to the
 * file, and a line with the status (000: there was no answer) to standard output. The library is opened here, because a
 * program can be linked with only one of the libcurls that there are. */
#include <curl/curl.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct api {
  CURLcode (*global_init)(long flags);
  CURL *(*easy_init)(void);
  CURLcode (*easy_setopt)(CURL *easy, CURLoption option, ...);
  CURLcode (*easy_getinfo)(CURL *easy, CURLINFO info, ...);
  CURLM *(*multi_init)(void);
  CURLMcode (*multi_add_handle)(CURLM *multi, CURL *easy);
  CURLMcode (*multi_remove_handle)(CURLM *multi, CURL *easy);
  CURLMcode (*multi_perform)(CURLM *multi, int *running);
  CURLMcode (*multi_wait)(CURLM *multi, struct curl_waitfd *extra, unsigned int count, int timeout_ms, int *ready);
  curl_version_info_data *(*version_info)(CURLversion age);
};

static void find(void *library, const char *name, void *function) {
  void *found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "no %s\n", name);
    exit(1);
  }
  memcpy(function, &found, sizeof found); /* ISO C has no other way from dlsym to a function */
}

static struct api open_library(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) {
    fprintf(stderr, "%s\n", dlerror());
    exit(1);
  }
  struct api curl = {0};
  find(library, "curl_global_init", &curl.global_init);
  find(library, "curl_easy_init", &curl.easy_init);
  find(library, "curl_easy_setopt", &curl.easy_setopt);
  find(library, "curl_easy_getinfo", &curl.easy_getinfo);
  find(library, "curl_multi_init", &curl.multi_init);
  find(library, "curl_multi_add_handle", &curl.multi_add_handle);
  find(library, "curl_multi_remove_handle", &curl.multi_remove_handle);
  find(library, "curl_multi_perform", &curl.multi_perform);
  find(library, "curl_multi_wait", &curl.multi_wait);
  find(library, "curl_version_info", &curl.version_info);
  return curl;
}

static void must(CURLcode code, const char *what) {
  if (code == CURLE_OK) return;
  fprintf(stderr, "%s: %d\n", what, code);
  exit(1);
}

/* The options as docs/clients.md has them; libcurl's NSS and GnuTLS know where the key is without an engine. */
static void set_up(const struct api *curl, CURL *easy, char **argv) {
  if (strstr(curl->version_info(CURLVERSION_NOW)->ssl_version, "OpenSSL") != NULL) {
    must(curl->easy_setopt(easy, CURLOPT_SSLENGINE, "pkcs11"), "CURLOPT_SSLENGINE");
    must(curl->easy_setopt(easy, CURLOPT_SSLCERTTYPE, "ENG"), "CURLOPT_SSLCERTTYPE");
    must(curl->easy_setopt(easy, CURLOPT_SSLKEYTYPE, "ENG"), "CURLOPT_SSLKEYTYPE");
  }
  must(curl->easy_setopt(easy, CURLOPT_SSLCERT, argv[2]), "CURLOPT_SSLCERT");
  must(curl->easy_setopt(easy, CURLOPT_SSLKEY, argv[3]), "CURLOPT_SSLKEY");
  must(curl->easy_setopt(easy, CURLOPT_CAINFO, argv[4]), "CURLOPT_CAINFO");
  must(curl->easy_setopt(easy, CURLOPT_URL, argv[5]), "CURLOPT_URL");
  must(curl->easy_setopt(easy, CURLOPT_POSTFIELDS, argv[6]), "CURLOPT_POSTFIELDS");
  must(curl->easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L), "CURLOPT_FORBID_REUSE");
  must(curl->easy_setopt(easy, CURLOPT_TIMEOUT, 60L), "CURLOPT_TIMEOUT");
}

static long answer_of(const struct api *curl, CURLM *multi, CURL *easy, const char *path) {
  FILE *body = fopen(path, "w");
  if (body == NULL) return -1;
  (void)curl->easy_setopt(easy, CURLOPT_WRITEDATA, body);
  int running = 1;
  CURLMcode code = curl->multi_add_handle(multi, easy);
  while (code == CURLM_OK && running > 0) {
    code = curl->multi_perform(multi, &running);
    if (code == CURLM_OK && running > 0) code = curl->multi_wait(multi, NULL, 0, 1000, NULL);
  }
  long status = 0;
  (void)curl->easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  (void)curl->multi_remove_handle(multi, easy);
  return fclose(body) == 0 ? status : -1;
}

int main(int argc, char **argv) {
  if (argc != 7) return 2;
  struct api curl = open_library(argv[1]);
  must(curl.global_init(CURL_GLOBAL_ALL), "curl_global_init");
  CURLM *multi = curl.multi_init();
  CURL *easy = curl.easy_init();
  if (multi == NULL || easy == NULL) return 1;
  set_up(&curl, easy, argv);
  char line[4096];
  while (fgets(line, sizeof line, stdin) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    printf("%03ld\n", answer_of(&curl, multi, easy, line));
    if (fflush(stdout) != 0) return 1;
  }
  return 0; /* without cleaning up, as curl itself ends */
}
