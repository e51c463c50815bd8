#include "emulator.h"

#include "server.h"

#include <stdlib.h>

static const struct az_tls_mode attestation_mode = {AZ_TLS_BOTH, AZ_SIGNATURES_ALL, AZ_AUTH_NEVER, AZ_CA_NAMES_NONE};

static void prepare(struct az_emulator *emulator) {
  const struct az_options *options = emulator->options;
  const struct az_tls_mode *const modes[AZ_LISTENERS] = {NULL, &attestation_mode, &options->token, &options->resource};
  for (int i = 0; i < AZ_LISTENERS; i++)
    emulator->listeners[i] =
        (struct az_listener){.emulator = emulator, .kind = (enum az_listener_kind)i, .mode = modes[i], .socket = -1};
}

static bool open_all(struct az_emulator *emulator) {
  int port = emulator->options->port;
  for (int i = 0; i < AZ_LISTENERS; i++)
    if (!az_listener_open(&emulator->listeners[i], port ? port + i : 0)) return false;
  return true;
}

static bool start_all(struct az_emulator *emulator) {
  for (int i = 0; i < AZ_LISTENERS; i++)
    if (!az_listener_start(&emulator->listeners[i])) return false;
  return true;
}

bool az_emulator_start(struct az_emulator *emulator, const struct az_options *options) {
  *emulator = (struct az_emulator){.options = options, .settings = options->settings};
  az_clock_init(&emulator->clock);
  az_directory_init(&emulator->directory, options->kinds);
  az_authority_init(&emulator->authority, options->intermediate, time(NULL));
  az_faults_init(&emulator->faults);
  az_counters_init(&emulator->counters);
  pthread_mutex_init(&emulator->settings_lock, NULL);
  prepare(emulator);
  if (open_all(emulator) && start_all(emulator)) return true;
  az_emulator_stop(emulator);
  return false;
}

void az_emulator_stop(struct az_emulator *emulator) {
  az_clock_stop(&emulator->clock); /* first: ends the delays that requests are in */
  for (int i = 0; i < AZ_LISTENERS; i++)
    az_listener_stop(&emulator->listeners[i]);
  pthread_mutex_destroy(&emulator->settings_lock);
  az_counters_clear(&emulator->counters);
  az_faults_clear(&emulator->faults);
  az_authority_clear(&emulator->authority);
  az_directory_clear(&emulator->directory);
  az_clock_clear(&emulator->clock);
}

struct az_settings az_emulator_get_settings(struct az_emulator *emulator) {
  pthread_mutex_lock(&emulator->settings_lock);
  struct az_settings settings = emulator->settings;
  pthread_mutex_unlock(&emulator->settings_lock);
  return settings;
}

char *az_emulator_change_settings(struct az_emulator *emulator, const cJSON *object) {
  pthread_mutex_lock(&emulator->settings_lock);
  char *problem = az_settings_merge(&emulator->settings, object);
  pthread_mutex_unlock(&emulator->settings_lock);
  return problem;
}

void az_emulator_reset(struct az_emulator *emulator) {
  az_faults_reset(&emulator->faults);
  az_counters_reset(&emulator->counters);
  az_clock_shift(&emulator->clock, 0);
  pthread_mutex_lock(&emulator->settings_lock);
  emulator->settings = emulator->options->settings;
  pthread_mutex_unlock(&emulator->settings_lock);
}

const char *az_emulator_get_origin(const struct az_emulator *emulator, enum az_listener_kind kind) {
  return emulator->listeners[kind].origin;
}
