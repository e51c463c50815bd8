#include "ctl/provision.h"

#include "core/base/encoding.h"
#include "core/base/hash.h"
#include "core/base/log.h"
#include "core/base/strength.h"
#include "core/key/key.h"
#include "core/os/file.h"
#include "core/os/lock.h"
#include "core/state/binding_reader.h"
#include "core/state/binding_writer.h"
#include "ctl/credential.h"
#include "ctl/failure.h"
#include "ctl/fingerprint.h"
#include "ctl/identification.h"
#include "ctl/process.h"
#include "ctl/refusal.h"
#include "ctl/renew.h"
#include "ctl/watchdog.h"
#include "wire/endpoint.h"
#include "wire/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the question who we are, while a good binding waits for the answer. */
#define IDENTIFY_MS 10000

struct job { /* one call of kg_provision */
  const struct kg_config *config;
  const struct kg_identity *identity;
  const struct kg_provision_options *options;
  const struct kg_clock *clock;
  int64_t deadline_ms; /* on clock->elapsed_ms, set when the lock is ours */
  char *binding_path, *failure_path, *lock_path, *fingerprint;
  unsigned requests; /* that a failed attempt sent */
  int64_t retry_after_s;
  struct kg_key *key;
  struct kg_watchdog watchdog;
  bool asked, known, told; /* once a job, whom the metadata service takes us for */
  struct kg_plugin_machine machine;
};

static int64_t now_of(const struct job *job) {
  return job->clock->wall(job->clock->context);
}

static int64_t left_ms(const struct job *job, int64_t deadline_ms) {
  return deadline_ms - job->clock->elapsed_ms(job->clock->context);
}

/* What was allowed when it was issued may be forbidden since. */
static enum kg_status check_host(const struct kg_config *config, const struct kg_binding *binding,
                                 struct kg_error *error) {
  const char **allowed = calloc(config->allowed_hosts_count + 1, sizeof *allowed);
  if (allowed == NULL) return kg_error_no_memory(error, "to find the binding");
  for (size_t i = 0; i < config->allowed_hosts_count; i++)
    allowed[i] = config->allowed_hosts[i];
  char *origin = NULL;
  enum kg_status status = kg_endpoint_check("token endpoint", binding->token_endpoint, allowed, &origin, error);
  free(origin);
  free(allowed);
  if (status != KG_E_IMDS_FAILED) return status;
  return kg_error_prefix(error, KG_E_BINDING_STALE, "the binding was issued under another allowed-hosts");
}

enum kg_status kg_provision_check(const struct kg_config *config, const struct kg_identity *identity,
                                  const struct kg_binding *binding, int64_t now, struct kg_error *error) {
  enum kg_status status = kg_binding_check_identity(binding, identity, error);
  if (status == KG_OK) status = kg_binding_check_time(binding, now, error);
  return status == KG_OK ? check_host(config, binding, error) : status;
}

enum kg_status kg_provision_find(const struct kg_config *config, const struct kg_identity *identity, int64_t now,
                                 struct kg_binding **out, struct kg_error *error) {
  char *path = kg_binding_path(config->state_dir, identity->name);
  *out = NULL;
  if (path == NULL) return kg_error_no_memory(error, "to find the binding");
  enum kg_status status = kg_binding_load(path, out, NULL, error);
  if (status == KG_E_NOT_FOUND)
    status = kg_error_set(error, KG_E_NOT_FOUND, "no binding yet: run keyguardctl provision %s", identity->name);
  if (status == KG_OK) status = kg_provision_check(config, identity, *out, now, error);
  if (status != KG_OK) kg_binding_free(out);
  free(path);
  return status;
}

/* The floor comes before the probe: a key that is too weak is not even tried. */
static enum kg_status check_floor(const struct kg_identity *identity, const struct kg_key_info *info,
                                  struct kg_error *error) {
  if (info->strength >= identity->floor) return KG_OK;
  return kg_error_set(error, KG_E_KEYGUARD_UNAVAILABLE,
                      "'%s' asks for a %s key, and its key store offers a %s one: use a stronger key-store, or set "
                      "minimum-strength = %s if that is strong enough for you",
                      identity->name, kg_strength_name(identity->floor), kg_strength_name(info->strength),
                      kg_strength_name(info->strength));
}

static void identify(struct job *job) {
  if (job->asked) return;
  job->asked = true;
  struct kg_error error = {0};
  int64_t deadline_ms = job->clock->elapsed_ms(job->clock->context) + IDENTIFY_MS;
  kg_watchdog_await(&job->watchdog, &kg_awaited_plugin);
  enum kg_status status =
      kg_identification_get(job->config, job->identity, job->clock, deadline_ms, &job->machine, &job->known, &error);
  kg_watchdog_await(&job->watchdog, &kg_awaited_key_store);
  if (status == KG_OK) return;
  (void)kg_error_prefix(&error, status, "'%s': not known whether its binding is for this machine and identity still",
                        job->identity->name);
  kg_log_error(KG_LOG_WARN, &error);
}

/* Nothing that was learnt about the token service's refusals holds for somebody else. */
static bool is_somebody_elses(struct job *job, const struct kg_binding *binding) {
  if (!job->options->identify || job->config->mounted_state) return false; /* the machine that writes it asks */
  identify(job);
  struct kg_error error = {0};
  if (!job->known || kg_identification_compare(binding, &job->machine, &error) == KG_OK) return false;
  if (job->told) return true; /* this is asked once more under the lock */
  job->told = true;
  kg_log_error(KG_LOG_WARN, &error);
  kg_refusal_forget(job->config, job->identity);
  return true;
}

/* The binding is good: found, for this identity, in time, not refused, not due, for whom the service takes us for, and
 * its key is there and signs. */
static bool is_good(struct job *job, struct kg_binding **out) {
  struct kg_error error = {0};
  const struct kg_provision_options *options = job->options;
  if (kg_provision_find(job->config, job->identity, now_of(job), out, &error) != KG_OK) {
    kg_log(KG_LOG_INFO, "'%s': %s", job->identity->name, error.text);
    return false;
  }
  bool refused =
      options->rejected != NULL && memcmp(options->rejected->sha256, (*out)->sha256, sizeof(*out)->sha256) == 0;
  bool due = kg_renew_binding(*out, now_of(job)).state != KG_RENEW_GOOD && !options->accept_due;
  if (!refused && !due && !is_somebody_elses(job, *out)) {
    enum kg_status status = kg_key_open(job->identity->key_store, KG_KEY_PATIENT, &job->key, &error);
    if (status == KG_OK) status = check_floor(job->identity, kg_key_info(job->key), &error);
    if (status == KG_OK) status = kg_binding_check_key(*out, kg_key_info(job->key), &error);
    if (status == KG_OK) status = kg_key_probe(job->key, &error);
    if (status == KG_OK) return true;
    kg_log_error(KG_LOG_INFO, &error);
    kg_key_close(&job->key);
  }
  kg_binding_free(out);
  return false;
}

/* Once more before a key is called dead: others may be using it (docs/pitfalls.md 41). */
static enum kg_status probe_twice(struct kg_key *key, struct kg_error *error) {
  enum kg_status status = kg_key_probe(key, error);
  return status == KG_E_KEY_DEAD ? kg_key_probe(key, error) : status;
}

static enum kg_status open_or_make(struct job *job, struct kg_error *error) {
  enum kg_status status = kg_key_open(job->identity->key_store, KG_KEY_CREATE | KG_KEY_PATIENT, &job->key, error);
  long owner = -1;
  if (status == KG_OK && kg_key_info(job->key)->created && kg_process_serves_other(job->config->state_dir, &owner))
    kg_log(KG_LOG_WARN,
           "'%s': made a key as root, while the state folder belongs to user %ld: where the token's files are for "
           "their owner alone, as SoftHSM2's are, chown -R %ld its folder",
           job->identity->name, owner, owner);
  return status;
}

static enum kg_status replace_key(struct job *job, struct kg_error *error) {
  kg_log(KG_LOG_WARN, "'%s': its key does not sign and is made anew: %s", job->identity->name, error->text);
  enum kg_status status = kg_key_delete(&job->key, error);
  if (status == KG_OK) status = open_or_make(job, error);
  return status == KG_OK ? kg_key_probe(job->key, error) : status;
}

static enum kg_status open_key_locked(struct job *job, struct kg_error *error) {
  enum kg_status status = open_or_make(job, error);
  if (status != KG_OK) return status;
  const struct kg_key_info *info = kg_key_info(job->key);
  if (check_floor(job->identity, info, error) != KG_OK) {
    if (info->created && kg_key_delete(&job->key, NULL) != KG_OK) /* nobody has used it, and nobody shall */
      kg_log(KG_LOG_WARN, "'%s': the key below the floor stays in its store", job->identity->name);
    return error->status;
  }
  status = probe_twice(job->key, error);
  if (status != KG_E_KEY_DEAD) return status;
  /* Where keys live one boot a dead one has come to its normal end. Anywhere else it may be somebody's only key. */
  if (kg_key_uri_has(job->identity->key_store, KG_STORE_REPLACES_DEAD) || job->options->replace_key)
    return replace_key(job, error);
  return kg_error_prefix(error, status, "the key of '%s' does not sign (--replace-key makes a new one)",
                         job->identity->name);
}

/* ".key.<hash>.lock" in the state folder: no identity's name begins with a dot. */
static char *key_lock_path(const struct job *job) {
  unsigned char digest[KG_HASH_MAX_SIZE];
  char name[64] = ".key.", *hash = NULL;
  if (kg_hash_once(KG_HASH_SHA256, kg_span_text(kg_key_uri_shown(job->identity->key_store)), digest))
    hash = kg_hex_format(kg_span_of(digest, 16));
  if (hash != NULL) snprintf(name + strlen(name), sizeof name - strlen(name), "%s", hash);
  char *path = NULL;
  if (hash != NULL) path = kg_file_join(job->config->state_dir, name, ".lock");
  free(hash);
  return path;
}

/* Two identities may share a key, and each has its own lock: opening, making and replacing it is one step for both
 * (docs/protocol.md 3.7). */
static enum kg_status open_key(struct job *job, struct kg_error *error) {
  struct kg_lock *lock = NULL;
  char *path = key_lock_path(job);
  int64_t wait_ms = left_ms(job, job->deadline_ms);
  enum kg_status status = path != NULL ? kg_lock_acquire(path, wait_ms, job->clock, &lock, error)
                                       : kg_error_no_memory(error, "to lock the key");
  if (status == KG_OK) status = open_key_locked(job, error);
  kg_lock_release(&lock);
  free(path);
  return status;
}

/* What is issued needs a place. Where the disk is full that is found out before the service is asked: afterwards it
 * would be asked again by every caller, and not even the failure could be remembered. */
static enum kg_status check_room(const struct job *job, struct kg_error *error) {
  static const unsigned char room[16 * 1024]; /* a binding has about 8 KiB */
  char *path = kg_file_join(job->config->state_dir, job->identity->name, ".room");
  enum kg_status status = path != NULL ? kg_file_replace(path, kg_span_of(room, sizeof room), 0600, error)
                                       : kg_error_no_memory(error, "to write to the state folder");
  if (path != NULL) (void)remove(path);
  free(path);
  return status == KG_OK ? KG_OK : kg_error_prefix(error, status, "there is no place for what is issued");
}

static enum kg_status issue(struct job *job, struct kg_binding **out, struct kg_error *error) {
  struct kg_credential_request request = {.config = job->config,
                                          .identity = job->identity,
                                          .clock = job->clock,
                                          .key = job->key,
                                          .bypass_cache = job->options->force || job->options->rejected != NULL,
                                          .drop_attestation = job->options->drop_attestation,
                                          .deadline_ms = job->deadline_ms};
  enum kg_status status = check_room(job, error);
  kg_watchdog_await(&job->watchdog, &kg_awaited_plugin);
  if (status == KG_OK) status = kg_credential_acquire(&request, out, error);
  if (status == KG_OK) status = kg_binding_store(job->binding_path, *out, error);
  if (status == KG_E_BUG) status = kg_error_prefix(error, KG_E_PLUGIN, "the plugin brought what cannot be kept");
  if (status != KG_OK) kg_binding_free(out);
  job->requests = request.requests;
  job->retry_after_s = request.retry_after_s;
  return status;
}

/* Whatever cost the service a request, and was not to be had for it. What never left this machine is for people to
 * mend, who want to see at once whether they did. */
static bool is_worth_remembering(const struct job *job) {
  return job->requests > 0;
}

static enum kg_status check_failure(const struct job *job, struct kg_error *error) {
  struct kg_failure failure;
  int64_t now = now_of(job);
  if (job->options->force || !kg_failure_load(job->failure_path, &failure) ||
      !kg_failure_is_active(&failure, job->fingerprint, now))
    return KG_OK;
  enum kg_status status = kg_error_copy(error, &failure.error);
  return kg_error_prefix(
      error, status, "tried %lld s ago and failed, next attempt in %lld s (keyguardctl provision %s --force tries now)",
      (long long)(now > failure.at ? now - failure.at : 0), (long long)(failure.until - now), job->identity->name);
}

static struct kg_refusal_subject subject_of(const struct job *job) {
  return (struct kg_refusal_subject){job->config, job->identity, job->options->rejected, job->clock};
}

static bool is_remint(const struct job *job) {
  return job->options->rejected != NULL && job->options->rejected_for != NULL;
}

/* Before the service is asked: who is killed in between has used up its turn, too. */
static enum kg_status begin_remint(const struct job *job, bool *withheld, struct kg_error *error) {
  if (!is_remint(job)) return KG_OK;
  const struct kg_refusal_subject subject = subject_of(job);
  enum kg_status status = kg_refusal_begin_remint(&subject, job->options->rejected_for, error);
  *withheld = status == KG_E_TOKEN_REJECTED;
  return status;
}

/* Without a certificate there was no re-mint: how often that is tried is the failure's matter. */
static void end_remint(const struct job *job, enum kg_status status) {
  if (!is_remint(job) || status == KG_OK) return;
  const struct kg_refusal_subject subject = subject_of(job);
  kg_refusal_withdraw_remint(&subject);
}

static enum kg_status renew_locked(struct job *job, struct kg_provision_result *result, struct kg_error *error) {
  if (!job->options->force && is_good(job, &result->binding)) return KG_OK;
  if (job->options->force) kg_refusal_forget(job->config, job->identity);
  enum kg_status status = check_failure(job, error);
  if (status == KG_OK) status = begin_remint(job, &result->withheld, error);
  if (status != KG_OK) return status;
  status = open_key(job, error);
  if (status == KG_OK) status = issue(job, &result->binding, error);
  end_remint(job, status);
  if (status == KG_OK) {
    result->issued = true;
    kg_failure_forget(job->failure_path);
  } else if (is_worth_remembering(job)) {
    kg_failure_note(job->failure_path, error, job->fingerprint, job->retry_after_s, now_of(job));
  }
  return status;
}

/* Without a memory of it the next one would hang as long. */
static int note_hang(void *context, const struct kg_error *error) {
  const struct job *job = context;
  kg_failure_note(job->failure_path, error, job->fingerprint, 0, now_of(job));
  return -1;
}

static enum kg_status renew_watched(struct job *job, struct kg_provision_result *result, struct kg_error *error) {
  int64_t limit_ms = left_ms(job, job->deadline_ms) + KG_WATCHDOG_GRACE_MS;
  enum kg_status status = kg_watchdog_start(&job->watchdog, limit_ms, &kg_awaited_key_store, error);
  if (status == KG_OK) status = renew_locked(job, result, error);
  kg_watchdog_stop(&job->watchdog);
  return status;
}

/* A good binding needs no lock: neither a holder that hangs nor a state folder that is read-only is in its way. */
static enum kg_status look_first(struct job *job, bool *good, struct kg_binding **out, struct kg_error *error) {
  int64_t limit_ms = (int64_t)job->config->deadline_s * 1000 + KG_WATCHDOG_GRACE_MS;
  *good = false;
  if (job->options->force) return KG_OK;
  enum kg_status status = kg_watchdog_start(&job->watchdog, limit_ms, &kg_awaited_key_store, error);
  if (status == KG_OK) *good = is_good(job, out);
  kg_watchdog_stop(&job->watchdog);
  return status;
}

static enum kg_status prepare(struct job *job, struct kg_error *error) {
  const char *state_dir = job->config->state_dir, *name = job->identity->name;
  enum kg_status status = kg_identity_check_gates(job->identity, error);
  if (status == KG_OK) status = kg_source_check(error);
  if (status != KG_OK) return status;
  job->binding_path = kg_binding_path(state_dir, name);
  job->failure_path = kg_failure_path(state_dir, name);
  job->lock_path = kg_file_join(state_dir, name, ".lock");
  job->fingerprint = kg_fingerprint(job->config, job->identity);
  return job->binding_path != NULL && job->failure_path != NULL && job->lock_path != NULL && job->fingerprint != NULL
             ? KG_OK
             : kg_error_no_memory(error, "to provision '%s'", job->identity->name);
}

/* Else each of two machines would take the other's binding for one from elsewhere, and write its own over it. */
static enum kg_status check_writer(const struct job *job, struct kg_error *error) {
  if (!job->config->mounted_state) return KG_OK;
  return kg_error_set(error, KG_E_CONFIG,
                      "%s: mounted-state says that another machine writes '%s': there, run keyguardctl provision %s",
                      job->config->path, job->config->state_dir, job->identity->name);
}

static enum kg_status provision_locked(struct job *job, struct kg_provision_result *result, struct kg_error *error) {
  int64_t total_ms = job->options->deadline_ms, wait_ms = (int64_t)job->config->deadline_s * 1000;
  if (total_ms) wait_ms = left_ms(job, total_ms);
  enum kg_status status = check_writer(job, error);
  if (status == KG_OK) status = kg_file_make_directory(job->config->state_dir, 0755, error);
  struct kg_lock *lock = NULL;
  if (status == KG_OK) status = kg_lock_acquire(job->lock_path, wait_ms, job->clock, &lock, error);
  if (status != KG_OK) return status;
  job->deadline_ms = total_ms ? total_ms : job->clock->elapsed_ms(job->clock->context) + wait_ms;
  status = renew_watched(job, result, error);
  kg_lock_release(&lock);
  return status;
}

enum kg_status kg_provision(const struct kg_config *config, const struct kg_identity *identity,
                            const struct kg_provision_options *options, const struct kg_clock *clock,
                            struct kg_provision_result *result, struct kg_error *error) {
  struct job job = {.config = config, .identity = identity, .options = options, .clock = clock};
  job.watchdog = (struct kg_watchdog){.identity = identity->name, .end = note_hang, .context = &job};
  *result = (struct kg_provision_result){0};
  enum kg_status status = prepare(&job, error);
  bool good = false;
  if (status == KG_OK) status = look_first(&job, &good, &result->binding, error);
  if (status == KG_OK && !good) status = provision_locked(&job, result, error);
  kg_key_close(&job.key);
  free(job.binding_path);
  free(job.failure_path);
  free(job.lock_path);
  free(job.fingerprint);
  return status;
}
