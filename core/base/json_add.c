#include "core/base/json_add.h"

#include "core/base/clock.h"

#include <stdlib.h>

bool kg_json_add_text(cJSON *object, const char *name, const char *text) {
  return text == NULL || cJSON_AddStringToObject(object, name, text) != NULL;
}

bool kg_json_add_filled(cJSON *object, const char *name, const char *text) {
  return kg_json_add_text(object, name, text != NULL && *text ? text : NULL);
}

bool kg_json_add_taken(cJSON *object, const char *name, char *text) {
  bool added = text != NULL && cJSON_AddStringToObject(object, name, text) != NULL;
  free(text);
  return added;
}

bool kg_json_add_item(cJSON *object, const char *name, cJSON *item) {
  if (cJSON_AddItemToObject(object, name, item)) return true;
  cJSON_Delete(item);
  return false;
}

bool kg_json_append(cJSON *array, cJSON *item) {
  if (cJSON_AddItemToArray(array, item)) return true;
  cJSON_Delete(item);
  return false;
}

bool kg_json_add_time(cJSON *object, const char *name, int64_t seconds) {
  char text[KG_TIME_TEXT_SIZE];
  kg_time_format(seconds, text);
  return kg_json_add_text(object, name, text);
}
