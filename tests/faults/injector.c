#define _GNU_SOURCE /* the prototypes of what is wrapped */
#include "injector.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <p11-kit/uri.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* --- chance ------------------------------------------------------------------------------------------------------- */

enum { FUNCTIONS_MAX = 80, NAME_MAX_LENGTH = 24, TROUBLED_CALLS = 4, TROUBLED_RATE = 2 };

struct function {
  char name[NAME_MAX_LENGTH];
  atomic_ulong calls, failures; /* of all processes, while faults were on */
  unsigned usual[INJECTOR_KINDS];
};

static struct table {
  atomic_uint count;
  struct function functions[FUNCTIONS_MAX];
} * table;

static unsigned own_calls[FUNCTIONS_MAX], own_failures[FUNCTIONS_MAX], all_own_failures;
static bool is_on, learns, is_chosen_first;
static unsigned kind_now, one_in, chosen, chosen_call, troubled;
static uint64_t state;

/* Processes run one after another, so that nobody else adds a name meanwhile. */
static unsigned find(const char *name) {
  unsigned count = atomic_load(&table->count);
  for (unsigned i = 0; i < count; i++)
    if (strcmp(table->functions[i].name, name) == 0) return i;
  if (count == FUNCTIONS_MAX || strlen(name) >= NAME_MAX_LENGTH) abort();
  strcpy(table->functions[count].name, name);
  atomic_store(&table->count, count + 1);
  return count;
}

void injector_setup(void) {
  static const char *const wrapped[] = {KG_INJECTED};
  table = mmap(NULL, sizeof *table, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (table == MAP_FAILED) abort();
  for (size_t i = 0; i < sizeof wrapped / sizeof wrapped[0]; i++)
    (void)find(wrapped[i]);
}

/* xorshift64*: the same numbers everywhere. */
static unsigned draw(unsigned limit) {
  state ^= state >> 12;
  state ^= state << 25;
  state ^= state >> 27;
  return (unsigned)((state * 0x2545f4914f6cdd1du) >> 33) % limit;
}

static void start(unsigned kind, bool is_learning) {
  memset(own_calls, 0, sizeof own_calls);
  memset(own_failures, 0, sizeof own_failures);
  all_own_failures = 0;
  kind_now = kind;
  learns = is_learning;
  is_on = true;
}

void injector_learn(unsigned kind) {
  start(kind, true);
}

static void choose(unsigned kind, unsigned long round) {
  unsigned usual[FUNCTIONS_MAX], count = 0;
  for (unsigned i = 0; i < atomic_load(&table->count); i++)
    if (table->functions[i].usual[kind] > 0) usual[count++] = i;
  if (count == 0) abort();
  chosen = usual[round % count];
  is_chosen_first = round < count;
  chosen_call = 1 + draw(table->functions[chosen].usual[kind]);
}

void injector_start(unsigned kind, unsigned long round, unsigned rate) {
  state = (round * INJECTOR_KINDS + kind + 1) * 0x9e3779b97f4a7c15u;
  one_in = rate;
  troubled = 0;
  choose(kind, round);
  start(kind, false);
}

void injector_stop(void) {
  is_on = false;
}

static void trace(const char *name, const void *caller) {
  if (getenv("KEYGUARD_FAULTS_TRACE") == NULL) return;
  Dl_info info = {0};
  (void)dladdr(caller, &info);
  dprintf(STDERR_FILENO, "failure %u: %s, called at %s+0x%lx\n", all_own_failures, name, info.dli_fname,
          (unsigned long)((const char *)caller - (const char *)info.dli_fbase));
}

static bool is_its_turn(unsigned function) {
  if (learns) return false;
  if (function == chosen && own_calls[function] == chosen_call) return true;
  if (is_chosen_first && all_own_failures == 0) return false;
  if (troubled > 0 && troubled-- > 0) return draw(TROUBLED_RATE) == 0;
  return draw(one_in) == 0;
}

static bool strikes(const char *name, const void *caller) {
  if (!is_on) return false;
  unsigned i = find(name);
  atomic_fetch_add(&table->functions[i].calls, 1);
  own_calls[i]++;
  table->functions[i].usual[kind_now] += learns;
  if (!is_its_turn(i)) return false;
  atomic_fetch_add(&table->functions[i].failures, 1);
  own_failures[i]++;
  all_own_failures++;
  troubled = TROUBLED_CALLS;
  is_on = false; /* tracing calls some of what is wrapped */
  trace(name, caller);
  is_on = true;
  return true;
}

unsigned injector_failures(void) {
  return all_own_failures;
}

unsigned injector_failures_of(const char *function) {
  return own_failures[find(function)];
}

unsigned injector_report(void) {
  unsigned never = 0, count = atomic_load(&table->count);
  printf("%-22s %10s %10s\n", "function", "calls", "failures");
  for (unsigned i = 0; i < count; i++) {
    const struct function *function = &table->functions[i];
    bool failed = atomic_load(&function->failures) > 0;
    printf("%-22s %10lu %10lu%s\n", function->name, atomic_load(&function->calls), atomic_load(&function->failures),
           failed ? "" : "  never");
    never += !failed;
  }
  return never;
}

static bool fails_with(const char *name, const void *caller, const int *numbers, size_t count) {
  if (!strikes(name, caller)) return false;
  errno = numbers[draw((unsigned)count)];
  return true;
}

/* --- what is wrapped ---------------------------------------------------------------------------------------------- */

#define HERE __builtin_return_address(0)
#define FAILS(name, ...)                                                                                               \
  fails_with(#name, HERE, (const int[]){__VA_ARGS__}, sizeof((const int[]){__VA_ARGS__}) / sizeof(int))

/* A function that answers `failure`, with one of these for errno. */
#define WRAP(type, name, parameters, arguments, failure, ...)                                                          \
  type __real_##name parameters;                                                                                       \
  type __wrap_##name parameters;                                                                                       \
  type __wrap_##name parameters {                                                                                      \
    return FAILS(name, __VA_ARGS__) ? (failure) : __real_##name arguments;                                             \
  }

WRAP(void *, malloc, (size_t size), (size), NULL, ENOMEM)
WRAP(void *, calloc, (size_t count, size_t size), (count, size), NULL, ENOMEM)
WRAP(void *, realloc, (void *old, size_t size), (old, size), NULL, ENOMEM)
WRAP(char *, realpath, (const char *path, char *out), (path, out), NULL, ENOMEM, EIO)
WRAP(P11KitUri *, p11_kit_uri_new, (void), (), NULL, ENOMEM)

WRAP(int, mkostemp, (char *template, int flags), (template, flags), -1, EMFILE, ENOSPC, EIO)
WRAP(int, fchmod, (int fd, mode_t mode), (fd, mode), -1, EIO, EPERM)
WRAP(int, fsync, (int fd), (fd), -1, EIO, ENOSPC)
WRAP(int, ftruncate, (int fd, off_t size), (fd, size), -1, EIO)
WRAP(int, rename, (const char *from, const char *to), (from, to), -1, EIO, ENOSPC, EACCES)
WRAP(int, unlink, (const char *path), (path), -1, EIO, EBUSY)
WRAP(int, remove, (const char *path), (path), -1, EIO, EBUSY)
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, ENOSPC, EIO)
WRAP(int, stat, (const char *path, struct stat *out), (path, out), -1, EIO, ENOMEM)
WRAP(int, fstat, (int fd, struct stat *out), (fd, out), -1, EIO)
WRAP(int, lstat, (const char *path, struct stat *out), (path, out), -1, EIO, ENOMEM)
WRAP(ssize_t, readlinkat, (int fd, const char *path, char *out, size_t size), (fd, path, out, size), -1, EIO)
WRAP(ssize_t, pwrite, (int fd, const void *data, size_t size, off_t at), (fd, data, size, at), -1, EIO, ENOSPC)

WRAP(int, dladdr, (const void *address, Dl_info *info), (address, info), 0, ENOMEM)
WRAP(int, pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *kind), (mutex, kind), ENOMEM, ENOMEM)
WRAP(int, pthread_atfork, (void (*before)(void), void (*parent)(void), void (*child)(void)), (before, parent, child),
     ENOMEM, ENOMEM)

/* A short answer is no failure, but as rare a thing, and callers must go on after it. */
static size_t shorten(size_t size) {
  return size > 1 && is_on && !learns && draw(one_in) == 0 ? 1 + draw((unsigned)(size - 1)) : size;
}

ssize_t __real_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size);
ssize_t __wrap_read(int fd, void *data, size_t size) {
  return FAILS(read, EIO, EINTR) ? -1 : __real_read(fd, data, shorten(size));
}

ssize_t __real_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size);
ssize_t __wrap_write(int fd, const void *data, size_t size) {
  return FAILS(write, EIO, EINTR, ENOSPC) ? -1 : __real_write(fd, data, shorten(size));
}

/* Where close() fails, Linux has closed all the same. */
int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd) {
  bool fails = strikes("close", HERE);
  int result = __real_close(fd);
  if (!fails) return result;
  errno = EIO;
  return -1;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return FAILS(open, EMFILE, ENFILE, EIO, ENOMEM) ? -1 : __real_open(path, flags, mode);
}

int __real_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...);
int __wrap_openat(int fd, const char *path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
  va_end(arguments);
  return FAILS(openat, EMFILE, ENFILE, EIO, ENOMEM) ? -1 : __real_openat(fd, path, flags, mode);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...) { /* our callers give it pointers */
  va_list arguments;
  va_start(arguments, command);
  void *argument = va_arg(arguments, void *);
  va_end(arguments);
  return FAILS(fcntl, ENOLCK, EINTR) ? -1 : __real_fcntl(fd, command, argument);
}

/* --- shared libraries --------------------------------------------------------------------------------------------- */

static struct {
  const char *path_end, *symbol;
  void (*function)(void);
} substitute;

void injector_substitute(const char *path_end, const char *symbol, void (*function)(void)) {
  substitute.path_end = path_end, substitute.symbol = symbol, substitute.function = function;
}

static bool is_substituted(const char *path) {
  size_t len = strlen(path), end = substitute.path_end != NULL ? strlen(substitute.path_end) : len + 1;
  return len >= end && strcmp(path + len - end, substitute.path_end) == 0;
}

void *__real_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags);
void *__wrap_dlopen(const char *path, int flags) {
  if (FAILS(dlopen, ENOMEM)) return NULL;
  return is_substituted(path) ? &substitute : __real_dlopen(path, flags);
}

void *__real_dlsym(void *library, const char *name);
void *__wrap_dlsym(void *library, const char *name);
void *__wrap_dlsym(void *library, const char *name) {
  if (FAILS(dlsym, ENOMEM)) return NULL;
  if (library != &substitute) return __real_dlsym(library, name);
  void *symbol = NULL;
  if (strcmp(name, substitute.symbol) == 0) memcpy(&symbol, &substitute.function, sizeof symbol);
  return symbol;
}

/* --- the token ---------------------------------------------------------------------------------------------------- */

/* None that says something of the PIN or the key: keyguardctl remembers the one and replaces the other, rightly. */
CK_RV injector_token_call(const char *function) {
  static const CK_RV codes[] = {CKR_HOST_MEMORY,       CKR_GENERAL_ERROR,     CKR_FUNCTION_FAILED,
                                CKR_DEVICE_ERROR,      CKR_DEVICE_MEMORY,     CKR_SESSION_HANDLE_INVALID,
                                CKR_SESSION_CLOSED,    CKR_SESSION_COUNT,     CKR_DEVICE_REMOVED,
                                CKR_TOKEN_NOT_PRESENT, CKR_USER_NOT_LOGGED_IN};
  if (!strikes(function, HERE)) return CKR_OK;
  return codes[draw(sizeof codes / sizeof codes[0])];
}
