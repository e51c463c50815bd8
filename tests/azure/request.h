/* One HTTP request, its connection, and the facts that will be counted. */
#ifndef AZURE_REQUEST_H
#define AZURE_REQUEST_H

#include "emulator.h"
#include "tls_peer.h"

struct MHD_Connection;

struct az_request {
  struct az_emulator *emulator;
  struct az_listener *listener;
  struct MHD_Connection *connection;
  bool begun;  /* the headers have been seen */
  char *path;  /* as sent, before the "?" */
  char *query; /* as sent, after it; empty if there was none */
  char *method;
  char *body; /* always NUL-terminated */
  size_t body_len;
  bool body_too_long;
  enum az_endpoint endpoint;
  long number;
  cJSON *fault; /* ordered for this request, or NULL */
  cJSON *facts;
  struct az_peer peer;
};

struct az_request *az_request_new(struct az_listener *listener, struct MHD_Connection *connection, const char *uri);
void az_request_free(struct az_request **request);

void az_request_append(struct az_request *request, const char *data, size_t len);
void az_request_read_peer(struct az_request *request);
void az_request_ask_certificate(struct az_request *request); /* late: after the request has come */

const char *az_request_get_header(const struct az_request *request, const char *name);
const char *az_request_get_argument(const struct az_request *request, const char *name); /* of the query, decoded */
/* The name of a query argument that is not in the NULL-terminated list; NULL if all are. */
const char *az_request_find_other_argument(const struct az_request *request, const char *const *known);
/* Whether the media type is this one, whatever its parameters. */
bool az_request_has_content_type(const struct az_request *request, const char *type);
/* application/x-www-form-urlencoded body as an object of strings; NULL if it is not one, or names a field twice. */
cJSON *az_request_parse_form(const struct az_request *request);

void az_request_note(struct az_request *request, const char *name, const char *value); /* a fact */
void az_request_note_bool(struct az_request *request, const char *name, bool value);
/* What is known of every request, for the counters. */
void az_request_note_common(struct az_request *request);

#endif
