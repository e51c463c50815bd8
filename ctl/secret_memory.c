#include "ctl/secret_memory.h"

#include "core/base/buf.h"
#include "core/base/log.h"
#include "ctl/process.h"

#include <cJSON.h>
#include <curl/curl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

static void wipe_and_free(void *block) {
  if (block != NULL) kg_wipe(block, kg_process_block_size(block));
  free(block);
}

/* Never moved by the library, which would leave the old contents behind. */
static void *move_and_wipe(void *block, size_t size) {
  size_t old = block != NULL ? kg_process_block_size(block) : 0;
  if (size == 0) {
    wipe_and_free(block);
    return NULL;
  }
  if (size <= old && size > old / 2) return block;
  void *moved;
  if ((moved = malloc(size)) == NULL) return NULL;
  if (block != NULL) memcpy(moved, block, old < size ? old : size);
  wipe_and_free(block);
  return moved;
}

static void *crypto_malloc(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return size ? malloc(size) : NULL;
}

static void *crypto_realloc(void *block, size_t size, const char *file, int line) {
  (void)file, (void)line;
  return move_and_wipe(block, size);
}

static void crypto_free(void *block, const char *file, int line) {
  (void)file, (void)line;
  wipe_and_free(block);
}

static bool json_ran_out;

static void *json_malloc(size_t size) {
  void *block = malloc(size);
  if (block == NULL) json_ran_out = true;
  return block;
}

void kg_secret_memory_install_json(void) {
  cJSON_Hooks hooks = {json_malloc, wipe_and_free};
  cJSON_InitHooks(&hooks);
  json_ran_out = false;
}

bool kg_secret_memory_json_ran_out(void) {
  return json_ran_out;
}

void kg_secret_memory_install(void) {
  kg_secret_memory_install_json();
  if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1)
    kg_log(KG_LOG_WARN, "OpenSSL was in use before: what it frees is not wiped");
}

enum kg_status kg_secret_memory_start_curl(struct kg_error *error) {
  if (curl_global_init_mem(CURL_GLOBAL_DEFAULT, malloc, wipe_and_free, move_and_wipe, kg_strdup, calloc) == CURLE_OK)
    return KG_OK;
  return kg_error_set(error, KG_E_BUG, "libcurl cannot be initialised");
}
