#include "request.h"

#include <ctype.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BODY_MAX (1024u * 1024)

struct az_request *az_request_new(struct az_listener *listener, struct MHD_Connection *connection, const char *uri) {
  struct az_request *request = az_new(sizeof *request);
  const char *mark = strchr(uri, '?');
  request->emulator = listener->emulator;
  request->listener = listener;
  request->connection = connection;
  request->path = az_text_dup(uri);
  if (mark != NULL) request->path[mark - uri] = '\0';
  request->query = az_text_dup(mark != NULL ? mark + 1 : "");
  request->body = az_text_dup("");
  request->facts = cJSON_CreateObject();
  return request;
}

void az_request_free(struct az_request **request) {
  struct az_request *r = *request;
  if (r == NULL) return;
  az_peer_clear(&r->peer);
  cJSON_Delete(r->facts);
  cJSON_Delete(r->fault);
  free(r->path);
  free(r->query);
  free(r->method);
  free(r->body);
  free(r);
  *request = NULL;
}

void az_request_append(struct az_request *request, const char *data, size_t len) {
  if (request->body_too_long || len > BODY_MAX - request->body_len) {
    request->body_too_long = true;
    return;
  }
  char *body = az_new(request->body_len + len + 1);
  memcpy(body, request->body, request->body_len);
  memcpy(body + request->body_len, data, len);
  free(request->body);
  request->body = body;
  request->body_len += len;
}

void az_request_read_peer(struct az_request *request) {
  if (request->listener->mode == NULL) return;
  const union MHD_ConnectionInfo *info =
      MHD_get_connection_info(request->connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
  if (info != NULL) az_peer_read(&request->peer, info->tls_session);
}

void az_request_ask_certificate(struct az_request *request) {
  struct MHD_Connection *connection = request->connection;
  az_tls_ask_late(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_GNUTLS_SESSION)->tls_session,
                  MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
  az_request_read_peer(request);
}

const char *az_request_get_header(const struct az_request *request, const char *name) {
  return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *az_request_get_argument(const struct az_request *request, const char *name) {
  return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct search {
  const char *const *known;
  const char *found;
};

static enum MHD_Result look(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
  struct search *search = context;
  (void)kind;
  (void)value;
  for (const char *const *known = search->known; *known != NULL; known++)
    if (strcmp(*known, name) == 0) return MHD_YES;
  search->found = name;
  return MHD_NO;
}

const char *az_request_find_other_argument(const struct az_request *request, const char *const *known) {
  struct search search = {known, NULL};
  MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, look, &search);
  return search.found;
}

bool az_request_has_content_type(const struct az_request *request, const char *type) {
  const char *header = az_request_get_header(request, MHD_HTTP_HEADER_CONTENT_TYPE);
  size_t len = strlen(type);
  if (header == NULL || strncasecmp(header, type, len) != 0) return false;
  header += len;
  header += strspn(header, " \t");
  return *header == '\0' || *header == ';';
}

struct form {
  cJSON *fields;
  bool bad;
};

static enum MHD_Result take_field(void *context, enum MHD_ValueKind kind, const char *name, const char *file,
                                  const char *type, const char *encoding, const char *data, uint64_t offset,
                                  size_t size) {
  struct form *form = context;
  cJSON *field = cJSON_GetObjectItemCaseSensitive(form->fields, name);
  const char *before = field != NULL ? cJSON_GetStringValue(field) : "";
  (void)kind, (void)file, (void)type, (void)encoding;
  if (field != NULL && offset == 0) form->bad = true; /* named twice */
  char *value = az_text_format("%s%.*s", before, (int)size, data);
  if (field != NULL)
    cJSON_SetValuestring(field, value);
  else
    cJSON_AddStringToObject(form->fields, name, value);
  free(value);
  return MHD_YES;
}

cJSON *az_request_parse_form(const struct az_request *request) {
  if (!az_request_has_content_type(request, MHD_HTTP_POST_ENCODING_FORM_URLENCODED)) return NULL;
  struct form form = {cJSON_CreateObject(), false};
  struct MHD_PostProcessor *parser = MHD_create_post_processor(request->connection, 65536, take_field, &form);
  if (parser == NULL) abort();
  if (MHD_post_process(parser, request->body, request->body_len) != MHD_YES) form.bad = true;
  if (MHD_destroy_post_processor(parser) != MHD_YES) form.bad = true;
  if (!form.bad) return form.fields;
  cJSON_Delete(form.fields);
  return NULL;
}

void az_request_note(struct az_request *request, const char *name, const char *value) {
  cJSON_AddStringToObject(request->facts, name, value);
}

void az_request_note_bool(struct az_request *request, const char *name, bool value) {
  cJSON_AddBoolToObject(request->facts, name, value);
}

/* All headers, but of the one with a secret only the scheme. */
static enum MHD_Result note_header(void *context, enum MHD_ValueKind kind, const char *name, const char *value) {
  cJSON *headers = context;
  char *lower = az_text_dup(name), *shown = az_text_dup(value != NULL ? value : "");
  (void)kind;
  for (char *p = lower; *p; p++)
    *p = (char)tolower((unsigned char)*p);
  if (strcmp(lower, "authorization") == 0) shown[strcspn(shown, " ")] = '\0';
  cJSON_AddStringToObject(headers, lower, shown);
  free(lower);
  free(shown);
  return MHD_YES;
}

static void note_peer(struct az_request *request) {
  const struct az_peer *peer = &request->peer;
  if (peer->version == NULL) return;
  az_request_note(request, "tls", peer->version);
  if (peer->certificate == NULL) return;
  cJSON *certificate = cJSON_AddObjectToObject(request->facts, "client_certificate");
  cJSON_AddStringToObject(certificate, "thumbprint", peer->facts.thumbprint);
  cJSON_AddStringToObject(certificate, "client_id", peer->facts.client_id);
  cJSON_AddStringToObject(certificate, "tenant_id", peer->facts.tenant_id);
  if (peer->signature != NULL) az_request_note(request, "signature", peer->signature);
}

void az_request_note_common(struct az_request *request) {
  cJSON_AddNumberToObject(request->facts, "n", (double)request->number);
  az_request_note(request, "endpoint", az_endpoint_names[request->endpoint]);
  az_request_note(request, "method", request->method);
  az_request_note(request, "path", request->path);
  az_request_note(request, "query", request->query);
  cJSON_AddNumberToObject(request->facts, "body_size", (double)request->body_len);
  az_request_note_bool(request, "fault", request->fault != NULL);
  MHD_get_connection_values(request->connection, MHD_HEADER_KIND, note_header,
                            cJSON_AddObjectToObject(request->facts, "headers"));
  note_peer(request);
}
