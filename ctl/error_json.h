/* An error as members of a JSON object: what keyguardctl prints, and what it remembers of a failure. */
#ifndef KG_CTL_ERROR_JSON_H
#define KG_CTL_ERROR_JSON_H

#include "core/base/error.h"

#include <cJSON.h>

/* sub_code, status and text, and of the details those that the error has. */
void kg_error_json_add(cJSON *object, const struct kg_error *error);
/* False: it is none that kg_error_json_add() wrote. */
bool kg_error_json_parse(const cJSON *object, struct kg_error *out);

#endif
