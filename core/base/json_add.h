/* Members for JSON that we write. False: no memory. */
#ifndef KG_CORE_BASE_JSON_ADD_H
#define KG_CORE_BASE_JSON_ADD_H

#include <cJSON.h>
#include <stdbool.h>
#include <stdint.h>

bool kg_json_add_text(cJSON *object, const char *name, const char *text);   /* nothing for NULL */
bool kg_json_add_filled(cJSON *object, const char *name, const char *text); /* nothing for NULL and "" */
bool kg_json_add_taken(cJSON *object, const char *name, char *text);        /* frees `text`; NULL is no memory */
/* These take `item`, whatever they answer; NULL is no memory. */
bool kg_json_add_item(cJSON *object, const char *name, cJSON *item);
bool kg_json_append(cJSON *array, cJSON *item);
bool kg_json_add_time(cJSON *object, const char *name, int64_t seconds); /* as kg_time_format writes it */

#endif
