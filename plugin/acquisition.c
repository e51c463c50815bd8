#include "plugin/acquisition.h"

#include "core/base/buf.h"
#include "wire/endpoint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_ORIGIN "http://169.254.169.254" /* docs/protocol.md 2.1: MI/ImdsManagedIdentitySource.cs */

enum kg_status kg_acquisition_init(struct kg_acquisition *acquisition, const struct kg_plugin_request *request,
                                   struct kg_error *error) {
  const char *configured = request->metadata_endpoint;
  acquisition->request = request;
  if (kg_endpoint_check_metadata(configured != NULL ? configured : METADATA_ORIGIN, &acquisition->metadata_origin,
                                 error) != KG_OK)
    return error->status;
  return kg_uuid_new(acquisition->correlation_id, error);
}

void kg_acquisition_clear(struct kg_acquisition *acquisition) {
  free(acquisition->metadata_origin);
  memset(acquisition, 0, sizeof *acquisition);
}

int64_t kg_acquisition_left_ms(const struct kg_acquisition *acquisition) {
  const struct kg_plugin_host *host = acquisition->request->host;
  return acquisition->request->deadline_ms - host->elapsed_ms(host->context);
}

int64_t kg_acquisition_now(const struct kg_acquisition *acquisition) {
  const struct kg_plugin_host *host = acquisition->request->host;
  return host->wall_s(host->context);
}

void kg_acquisition_log(const struct kg_acquisition *acquisition, int level, const char *format, ...) {
  const struct kg_plugin_host *host = acquisition->request->host;
  va_list arguments;
  va_start(arguments, format);
  char line[600];
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  host->log(host->context, level, line);
}
