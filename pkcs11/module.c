#include "pkcs11/module.h"

#include "core/base/clock.h"
#include "core/key/pin_memory.h"
#include "core/os/exit.h"
#include "core/os/file.h"
#include "core/os/fork.h"
#include "core/state/config.h"
#include "core/state/config_file.h"
#include "pkcs11/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* How long C_Finalize waits for running calls. Beyond it the state is left to them, and to the end of the process. */
#define FINALIZE_WAIT_MS 5000

struct kg_module {
  uint32_t fork;          /* kg_fork_count() of the process that built it */
  atomic_uint references; /* running calls */
  struct kg_config *config;
  struct kg_slots slots;
  struct kg_handles *sessions;
};

/* No lock: a host may fork at any moment, and a lock that another thread holds then is never released in the child.
 * `entering` counts the calls that are between looking at `current` and holding a reference to what they saw: a few
 * instructions. C_Finalize takes `current` away, waits for those, and then for the references. The upper half of
 * `entering` is the kg_fork_count() that the count belongs to: in a child the threads that made it do not exist. */
static _Atomic(struct kg_module *) current;
static _Atomic uint64_t entering;

#define COUNT(word) ((uint32_t)(word))
#define FORK(word) ((uint32_t)((word) >> 32))

static void count_in(uint32_t fork) {
  uint64_t seen = atomic_load(&entering), next = 0;
  do {
    next = FORK(seen) == fork ? seen + 1 : (uint64_t)fork << 32 | 1;
  } while (!atomic_compare_exchange_weak(&entering, &seen, next));
}

static void count_out(uint32_t fork) {
  uint64_t seen = atomic_load(&entering);
  do {
    if (FORK(seen) != fork) return; /* forked in between, by a signal handler */
  } while (!atomic_compare_exchange_weak(&entering, &seen, seen - 1));
}

/* What is there, with a reference; NULL: nothing, or `*stale` of the process that we were forked from. */
static struct kg_module *acquire(uint32_t fork, struct kg_module **stale) {
  count_in(fork);
  struct kg_module *module = atomic_load(&current);
  if (module != NULL && module->fork != fork) {
    *stale = module;
    module = NULL;
  }
  if (module != NULL) atomic_fetch_add(&module->references, 1);
  count_out(fork);
  return module;
}

CK_RV kg_module_enter(struct kg_call *call) {
  struct kg_module *stale = NULL;
  call->module = acquire(kg_fork_count(), &stale);
  return call->module != NULL ? CKR_OK : CKR_CRYPTOKI_NOT_INITIALIZED;
}

void kg_module_leave(struct kg_call *call) {
  atomic_fetch_sub(&call->module->references, 1);
}

struct kg_slots *kg_module_slots(struct kg_module *module) {
  return &module->slots;
}

struct kg_handles *kg_module_sessions(struct kg_module *module) {
  return module->sessions;
}

CK_RV kg_module_require_slot(struct kg_call *call, CK_SLOT_ID id, struct kg_slot **out) {
  *out = kg_slots_find(&call->module->slots, id);
  if (*out == NULL) return CKR_SLOT_ID_INVALID;
  call->identity = (*out)->identity->name;
  return CKR_OK;
}

CK_RV kg_module_acquire_session(struct kg_call *call, CK_SESSION_HANDLE handle, struct kg_session **out) {
  *out = kg_handle_acquire(call->module->sessions, handle);
  if (*out == NULL) return CKR_SESSION_HANDLE_INVALID;
  call->identity = (*out)->slot->identity->name;
  return CKR_OK;
}

void kg_module_release_session(struct kg_call *call, CK_SESSION_HANDLE handle) {
  kg_handle_release(call->module->sessions, handle);
}

static void module_free(struct kg_module **module) {
  if (*module == NULL) return;
  kg_handles_free(&(*module)->sessions);
  kg_slots_clear(&(*module)->slots);
  kg_config_free(&(*module)->config);
  free(*module);
  *module = NULL;
}

/* Whatever is wrong with the configuration, a guest is silent and has no slots: keyguardctl tells what it is. But it
 * has none for the life of the host, so where nothing could be learnt of the configuration (no descriptor, no memory)
 * that is said, and the host may come again. */
static enum kg_status read_config(struct kg_module *module) {
  struct kg_error error = {0};
  enum kg_status status = kg_config_load(kg_config_path(), &module->config, &error);
  if (status != KG_OK) {
    kg_log_error(KG_LOG_ERROR, &error);
    return kg_file_failure_may_pass(&error) ? status : KG_OK;
  }
  kg_log_configure(module->config->log_level, module->config->log_sink);
  status = kg_pin_memory_use(module->config->state_dir, module->config->path, false);
  return status != KG_OK ? status : kg_slots_build(module->config, kg_clock_system(), &module->slots);
}

static enum kg_status module_new(uint32_t fork, struct kg_module **out) {
  *out = NULL;
  struct kg_module *module = calloc(1, sizeof *module);
  if (module == NULL) return KG_E_NO_MEMORY;
  module->fork = fork;
  module->sessions = kg_handles_new(kg_session_free);
  enum kg_status status = module->sessions != NULL ? read_config(module) : KG_E_NO_MEMORY;
  if (status == KG_OK)
    *out = module;
  else
    module_free(&module);
  return status;
}

/* PKCS#11 3.0 section 5.4.1. We lock with the system's primitives only, and start no thread. */
static CK_RV check_args(const CK_C_INITIALIZE_ARGS *args) {
  if (args == NULL) return CKR_OK;
  if (args->pReserved != NULL) return CKR_ARGUMENTS_BAD;
  int callbacks = (args->CreateMutex != NULL) + (args->DestroyMutex != NULL) + (args->LockMutex != NULL) +
                  (args->UnlockMutex != NULL);
  if (callbacks != 0 && callbacks != 4) return CKR_ARGUMENTS_BAD;
  return callbacks == 4 && !(args->flags & CKF_OS_LOCKING_OK) ? CKR_CANT_LOCK : CKR_OK;
}

/* Everything is built before anybody can see it; of several callers one installs its own. What it takes the place of is
 * nothing, or the state of a parent process, which is never freed here and so cannot be mistaken for another. */
static CK_RV install(void) {
  struct kg_call call;
  struct kg_module *replaced = NULL;
  uint32_t fork = kg_fork_count();
  call.module = acquire(fork, &replaced);
  if (call.module != NULL) {
    kg_module_leave(&call);
    return CKR_CRYPTOKI_ALREADY_INITIALIZED;
  }
  struct kg_module *fresh = NULL;
  enum kg_status status = module_new(fork, &fresh);
  if (status != KG_OK) return (CK_RV)kg_status_ckr(status);
  if (atomic_compare_exchange_strong(&current, &replaced, fresh)) return CKR_OK;
  module_free(&fresh);
  return CKR_CRYPTOKI_ALREADY_INITIALIZED;
}

CK_RV kg_module_initialize(const CK_C_INITIALIZE_ARGS *args) {
  CK_RV rv = check_args(args);
  if (rv != CKR_OK) return rv;
  kg_fork_watch();
  return install();
}

static bool is_anybody_entering(uint32_t fork) {
  uint64_t word = atomic_load(&entering);
  return FORK(word) == fork && COUNT(word) != 0;
}

/* Nobody new can see it: those who are about to are waited for first, then those who hold it. */
static bool wait_for_calls(struct kg_module *module) {
  const struct kg_clock *clock = kg_clock_system();
  bool seen_by_all = false;
  for (int waited = 0; waited < FINALIZE_WAIT_MS; waited++) {
    seen_by_all = seen_by_all || !is_anybody_entering(module->fork);
    if (seen_by_all && atomic_load(&module->references) == 0) return true;
    clock->sleep_ms(clock->context, 1);
  }
  return false;
}

/* When the process ends nothing is torn down any more: the libraries below may be gone already. */
static void dispose(struct kg_module *module) {
  static _Atomic(struct kg_module *) left; /* so that a leak checker sees that it is known */
  if (kg_exit_has_begun() || !wait_for_calls(module))
    atomic_store(&left, module);
  else
    module_free(&module);
}

CK_RV kg_module_finalize(const void *reserved) {
  struct kg_call call;
  CK_RV rv = kg_module_enter(&call);
  if (rv != CKR_OK) return rv;
  struct kg_module *module = call.module;
  if (reserved != NULL)
    rv = CKR_ARGUMENTS_BAD;
  else if (!atomic_compare_exchange_strong(&current, &module, NULL))
    rv = CKR_CRYPTOKI_NOT_INITIALIZED;
  kg_module_leave(&call);
  if (rv == CKR_OK) dispose(module);
  return rv;
}
