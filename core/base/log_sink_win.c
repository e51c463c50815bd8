#include "core/base/log_sink.h"
#include "core/base/wide_win.h"

#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

#define EVENT_SOURCE L"KeyGuard" /* packaging/windows registers it */
#define EVENT_ID 1

static WORD type_of(enum kg_log_level level) {
  switch (level) {
  case KG_LOG_ERROR:
    return EVENTLOG_ERROR_TYPE;
  case KG_LOG_WARN:
    return EVENTLOG_WARNING_TYPE;
  default:
    return EVENTLOG_INFORMATION_TYPE;
  }
}

static void write_event(enum kg_log_level level, const char *line) {
  HANDLE source = RegisterEventSourceW(NULL, EVENT_SOURCE);
  wchar_t *wide = source != NULL ? kg_wide_dup(line) : NULL;
  LPCWSTR strings[1];
  strings[0] = wide;
  if (wide != NULL) ReportEventW(source, type_of(level), 0, EVENT_ID, NULL, 1, 0, strings, NULL);
  if (source != NULL) DeregisterEventSource(source);
  free(wide);
}

/* The sink that is called syslog in the configuration is the Application event log here. */
void kg_log_sink_write(enum kg_log_sink sink, enum kg_log_level level, const char *line) {
  if (sink == KG_LOG_SYSLOG)
    write_event(level, line);
  else
    fprintf(stderr, "keyguard: %s: %s\n", kg_log_level_name(level), line);
}
