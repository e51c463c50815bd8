/* The whole: what the services share. */
#ifndef AZURE_EMULATOR_H
#define AZURE_EMULATOR_H

#include "authority.h"
#include "clock.h"
#include "counters.h"
#include "fault.h"
#include "identity.h"
#include "options.h"

enum az_listener_kind { AZ_ON_METADATA, AZ_ON_ATTESTATION, AZ_ON_TOKEN, AZ_ON_RESOURCE };
#define AZ_LISTENERS 4

struct MHD_Daemon;
struct az_emulator;

struct az_listener {
  struct az_emulator *emulator;
  enum az_listener_kind kind;
  const struct az_tls_mode *mode; /* NULL: plain HTTP */
  int socket;                     /* -1: none */
  struct MHD_Daemon *daemon;
  char *origin; /* "https://localhost:1234" */
};

struct az_emulator {
  const struct az_options *options;
  struct az_clock clock;
  struct az_directory directory;
  struct az_authority authority;
  struct az_faults faults;
  struct az_counters counters;
  pthread_mutex_t settings_lock;
  struct az_settings settings;
  struct az_listener listeners[AZ_LISTENERS];
};

/* Starts everything; false with a message on stderr if a port cannot be had. */
bool az_emulator_start(struct az_emulator *emulator, const struct az_options *options);
void az_emulator_stop(struct az_emulator *emulator);

struct az_settings az_emulator_get_settings(struct az_emulator *emulator);
char *az_emulator_change_settings(struct az_emulator *emulator, const cJSON *object); /* as az_settings_merge */
void az_emulator_reset(struct az_emulator *emulator); /* faults, counters, clock, settings */

const char *az_emulator_get_origin(const struct az_emulator *emulator, enum az_listener_kind kind);

#endif
