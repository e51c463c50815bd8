#include "wire/answer.h"

#include "core/base/json.h"
#include "wire/redact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AADSTS "AADSTS" /* docs/protocol.md 9.1: the prefix of Entra's codes in a description */

struct answer { /* borrowed; NULL where it is not a string */
  const char *error, *description, *correlation_id;
  const cJSON *codes;
};

static const char *get_text(const cJSON *json, const char *name) {
  return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, name));
}

static struct answer read_answer(const cJSON *json) {
  struct answer answer = {0};
  if (json == NULL) return answer;
  answer.error = get_text(json, "error");
  answer.description = get_text(json, "error_description");
  if (answer.description == NULL)
    answer.description = get_text(json, "message"); /* MI/ManagedIdentityErrorResponse.cs */
  answer.correlation_id = get_text(json, "correlationId");
  if (answer.correlation_id == NULL) answer.correlation_id = get_text(json, "correlation_id");
  answer.codes = cJSON_GetObjectItemCaseSensitive(json, "error_codes");
  return answer;
}

/* RFC 6749 section 5.2 allows more, but every value that is in use is a word. */
static const char *oauth_error_of(const struct answer *answer) {
  const char *word = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-", *text = answer->error;
  bool good =
      text != NULL && strspn(text, word) == strlen(text) && strlen(text) < sizeof((struct kg_error *)0)->oauth_error;
  return good ? text : "";
}

static void set_aadsts(const struct answer *answer, struct kg_error *error) {
  const char *found = answer->description != NULL ? strstr(answer->description, AADSTS) : NULL;
  size_t digits = found != NULL ? strspn(found + sizeof AADSTS - 1, "0123456789") : 0;
  const cJSON *code = cJSON_GetArrayItem(answer->codes, 0);
  if (digits && digits < sizeof error->aadsts - sizeof AADSTS)
    snprintf(error->aadsts, sizeof error->aadsts, "%.*s", (int)(sizeof AADSTS - 1 + digits), found);
  else if (cJSON_IsNumber(code) && code->valuedouble > 0 && code->valuedouble < 1e12)
    snprintf(error->aadsts, sizeof error->aadsts, AADSTS "%.0f", code->valuedouble);
}

enum kg_status kg_answer_error(enum kg_status status, const char *what, const struct kg_http_response *response,
                               struct kg_error *error) {
  if (error == NULL) return status;
  cJSON *json = kg_json_parse(kg_buf_span(&response->body), status, NULL);
  struct answer answer = read_answer(json);
  const char *oauth_error = oauth_error_of(&answer);
  char description[KG_DESCRIPTION_MAX + 1] = "";
  if (answer.description != NULL) kg_redact(answer.description, description, sizeof description);
  char id[40] = "";
  if (answer.correlation_id != NULL) kg_redact(answer.correlation_id, id, sizeof id);
  (void)kg_error_set(error, status, "%s: HTTP %d%s%s%s%s%s%s%s", what, response->status, *oauth_error ? ", " : "",
                     oauth_error, *description ? ": " : "", description, *id ? " (service's correlation id " : "", id,
                     *id ? ")" : "");
  error->http_status = response->status;
  snprintf(error->oauth_error, sizeof error->oauth_error, "%s", oauth_error);
  set_aadsts(&answer, error);
  cJSON_Delete(json);
  return status;
}
