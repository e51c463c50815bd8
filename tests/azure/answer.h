/* An answer while it is made: by a service, then spoiled by a fault, then sent. */
#ifndef AZURE_ANSWER_H
#define AZURE_ANSWER_H

#include "request.h"

struct az_answer {
  unsigned status;
  cJSON *json;    /* the body, or */
  char *text;     /* the body as it stands; NULL with no json: empty */
  cJSON *headers; /* names to strings; a null removes one */
  char *reason;   /* why it was refused, for the counters; NULL otherwise */
  bool truncate, oversize;
};

void az_answer_init(struct az_answer *answer);
void az_answer_clear(struct az_answer *answer);

void az_answer_set_json(struct az_answer *answer, unsigned status, cJSON *json /* taken */);
void az_answer_set_text(struct az_answer *answer, unsigned status, const char *text);
void az_answer_set_header(struct az_answer *answer, const char *name, const char *value);
/* {"error":...,"error_description":...}: the metadata service's form (docs/protocol.md 2.6, 6.6). */
void az_answer_refuse(struct az_answer *answer, unsigned status, const char *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void az_answer_set_reason(struct az_answer *answer, const char *reason);

/* 405 and false if the method is another one. */
bool az_answer_require_method(struct az_answer *answer, const struct az_request *request, const char *method);

/* The answer that a fault gives instead of the service; false if it leaves the body to the service. */
bool az_answer_replace(struct az_answer *answer, const cJSON *fault);
/* What a fault changes in an answer that is there. */
void az_answer_spoil(struct az_answer *answer, const cJSON *fault);

int az_answer_send(struct az_answer *answer, struct az_request *request); /* an enum MHD_Result */

#endif
