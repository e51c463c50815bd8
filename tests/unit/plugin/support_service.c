#include "support_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SERVER "IMDS/150.870.65.1854"

static void answer_scripted(struct support_reply *reply, const char *script) {
  char *body = NULL;
  long status = strtol(script, &body, 10);
  char headers[128] = "Server: " SERVER "\r\n";
  if (*body == '@') { /* "429@7 body": with Retry-After */
    long after = strtol(body + 1, &body, 10);
    snprintf(headers, sizeof headers, "Server: " SERVER "\r\nRetry-After: %ld\r\n", after);
  }
  support_reply_http(reply, (int)status, headers, *body ? body + 1 : body);
}

static void answer_metadata(const struct support_service *service, struct support_reply *reply) {
  char header[128] = "Server: " SERVER "\r\n";
  if (service->metadata_server_header != NULL)
    snprintf(header, sizeof header, *service->metadata_server_header ? "Server: %s\r\n" : "%s",
             service->metadata_server_header);
  char body[600];
  snprintf(body, sizeof body,
           "{\"cuId\":{\"vmId\":\"" SUPPORT_VM "\"},\"clientId\":\"" SUPPORT_CLIENT "\",\"tenantId\":\"" SUPPORT_TENANT
           "\"%s%s%s}",
           service->attestation_endpoint != NULL ? ",\"attestationEndpoint\":\"" : "",
           service->attestation_endpoint != NULL ? service->attestation_endpoint : "",
           service->attestation_endpoint != NULL ? "\"" : "");
  support_reply_http(reply, 200, header, body);
}

static void answer_issue(const struct support_service *service, struct support_reply *reply) {
  char *certificate = support_certificate_base64(&service->certificate);
  char body[8192];
  snprintf(body, sizeof body,
           "{\"client_id\":\"" SUPPORT_CLIENT "\",\"tenant_id\":\"" SUPPORT_TENANT
           "\",\"certificate\":\"%s\",\"identity_type\":\"SystemAssigned\","
           "\"mtls_authentication_endpoint\":\"https://eastus.mtlsauth.microsoft.com\",\"unknown\":[1,2,3]}",
           certificate);
  support_reply_http(reply, 200, "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", body);
  free(certificate);
}

static void on_request(void *context, size_t index, const struct support_request *request,
                       struct support_reply *reply) {
  struct support_service *service = context;
  (void)index;
  const char *script = NULL;
  if (strncmp(request->target, "/metadata/identity/getplatformmetadata?", 39) == 0) {
    if (service->metadata_requests < 15) script = service->metadata_answers[service->metadata_requests];
    service->metadata_requests++;
    if (script == NULL) answer_metadata(service, reply);
  } else if (strncmp(request->target, "/metadata/identity/issuecredential?", 35) == 0) {
    if (service->issue_requests < 15) script = service->issue_answers[service->issue_requests];
    service->issue_requests++;
    if (script == NULL) answer_issue(service, reply);
  } else {
    script = "404 {}";
  }
  if (script != NULL) answer_scripted(reply, script);
}

void support_service_start(struct support_service *service, struct support_host *host) {
  memset(service, 0, sizeof *service);
  service->server = support_server_start(on_request, service, NULL);
  support_host_init(host, support_server_origin(service->server));
  service->host = host;
  service->certificate = (struct support_certificate){.key = host->pair,
                                                      .common_name = SUPPORT_CLIENT,
                                                      .tenant = SUPPORT_TENANT,
                                                      .not_before = host->wall_s - 60,
                                                      .not_after = host->wall_s + 7 * 86400,
                                                      .key_usage = "critical,digitalSignature",
                                                      .extended_key_usage = "clientAuth"};
}

void support_service_stop(struct support_service *service, struct support_host *host) {
  support_server_stop(&service->server);
  support_host_clear(host);
}
