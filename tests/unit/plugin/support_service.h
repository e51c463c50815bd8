/* A metadata service as good as these tests need: it answers both legs and remembers what it was asked. */
#ifndef SUPPORT_SERVICE_H
#define SUPPORT_SERVICE_H

#include "support_host.h"
#include "support_pki.h"
#include "support_server.h"

struct support_service {
  struct support_server *server;
  struct support_host *host;
  const char *attestation_endpoint;
  struct support_certificate certificate; /* what is issued */
  /* Answers instead of the good one, in order, then good ones; NULL-terminated. "STATUS body". */
  const char *metadata_answers[16], *issue_answers[16];
  size_t metadata_requests, issue_requests;
  const char *metadata_server_header; /* NULL: the good one; "": none */
};

void support_service_start(struct support_service *service, struct support_host *host);
void support_service_stop(struct support_service *service, struct support_host *host);

#endif
