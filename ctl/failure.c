#include "ctl/failure.h"

#include "core/base/json.h"
#include "core/base/json_add.h"
#include "core/base/log.h"
#include "core/os/file.h"
#include "ctl/error_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FAILURE_VERSION 1
#define FAILURE_SIZE_MAX 8192

char *kg_failure_path(const char *state_dir, const char *identity) {
  /* Not .json: the binding of an identity named "web.failure" is web.failure.json. */
  return kg_file_join(state_dir, identity, ".failure");
}

int64_t kg_failure_delay(unsigned count) {
  int64_t delay = KG_FAILURE_DELAY_FIRST_S;
  for (; count > 1 && delay < KG_FAILURE_DELAY_MAX_S; count--)
    delay *= 2;
  return delay < KG_FAILURE_DELAY_MAX_S ? delay : KG_FAILURE_DELAY_MAX_S;
}

bool kg_failure_is_active(const struct kg_failure *failure, const char *fingerprint, int64_t now) {
  return strcmp(failure->fingerprint, fingerprint) == 0 && now < failure->until &&
         failure->until - now <= KG_FAILURE_DELAY_MAX_S;
}

static bool parse(struct kg_span text, struct kg_failure *out) {
  cJSON *object = kg_json_parse(text, KG_E_BINDING, NULL);
  int64_t version = 0, count = 0;
  bool good = object != NULL && kg_json_get_int(object, "version", FAILURE_VERSION, FAILURE_VERSION, &version) &&
              kg_json_get_int(object, "count", 1, 1000000, &count) && kg_json_get_time(object, "at", &out->at) &&
              kg_json_get_time(object, "until", &out->until) && kg_error_json_parse(object, &out->error);
  out->count = (unsigned)count;
  kg_json_copy_text(object, "fingerprint", out->fingerprint, sizeof out->fingerprint);
  cJSON_Delete(object);
  return good;
}

bool kg_failure_load(const char *path, struct kg_failure *out) {
  *out = (struct kg_failure){0};
  struct kg_buf text = {0};
  bool good = kg_file_read(path, FAILURE_SIZE_MAX, KG_TRUST_SHARED, &text, NULL, NULL) == KG_OK &&
              parse(kg_buf_span(&text), out);
  kg_buf_clear(&text);
  return good;
}

static char *format(const struct kg_failure *failure) {
  cJSON *object = cJSON_CreateObject();
  if (object == NULL) return NULL;
  cJSON_AddNumberToObject(object, "version", FAILURE_VERSION);
  cJSON_AddNumberToObject(object, "count", failure->count);
  kg_json_add_time(object, "at", failure->at);
  kg_json_add_time(object, "until", failure->until);
  kg_json_add_filled(object, "fingerprint", failure->fingerprint);
  kg_error_json_add(object, &failure->error);
  char *text = cJSON_Print(object);
  cJSON_Delete(object);
  return text;
}

static int64_t longer_delay(unsigned count, int64_t retry_after_s) {
  int64_t delay = kg_failure_delay(count);
  if (retry_after_s > KG_FAILURE_DELAY_MAX_S) retry_after_s = KG_FAILURE_DELAY_MAX_S;
  return retry_after_s > delay ? retry_after_s : delay;
}

void kg_failure_note(const char *path, const struct kg_error *error, const char *fingerprint, int64_t retry_after_s,
                     int64_t now) {
  struct kg_failure before, failure = {0};
  bool again = kg_failure_load(path, &before) && strcmp(before.fingerprint, fingerprint) == 0;
  failure.count = again ? before.count + 1 : 1;
  failure.at = now;
  failure.until = now + longer_delay(failure.count, retry_after_s);
  failure.error = *error;
  snprintf(failure.fingerprint, sizeof failure.fingerprint, "%s", fingerprint);
  char *text = format(&failure);
  struct kg_error own = {0};
  if (text == NULL || kg_file_replace(path, kg_span_text(text), 0644, &own) != KG_OK)
    kg_log(KG_LOG_WARN, "the failure cannot be remembered: %s", text != NULL ? own.text : "out of memory");
  cJSON_free(text);
}

void kg_failure_forget(const char *path) {
  (void)remove(path);
}
