/* kg_bench: measures one way to sign. bench/run drives several of them in turns and compares.
 *
 *   kg_bench idle  PLACE    load, initialise, list slots, token information, finalise: one line of results
 *   kg_bench first PLACE    from nothing to the first signature (PSS): one line
 *   kg_bench serve PLACE    "FORM THREADS COUNT" on each input line: that many signatures on each thread, one line out
 *
 * PLACE: --library FILE --token LABEL --object LABEL [--pin-file FILE], or --key-file FILE for libcrypto.
 * A line out: wall_ns=N cpu_ns=N peak_kib=N; of serve wall_ns=N latency_ns=N,N,... (each signature) */
#include "bench/arm.h"

#include <getopt.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { THREADS_MAX = 16 };

const char *const kg_form_names[KG_FORM_COUNT] = {"RSA_PKCS", "RSA_PKCS_PSS", "SHA256_RSA_PKCS_PSS"};

struct job { /* of one thread */
  struct kg_signer *signer;
  pthread_barrier_t *start;
  size_t count;
  uint64_t *latencies; /* ns, `count` of them */
  uint64_t begin, end;
  bool ok;
};

struct stopwatch {
  uint64_t wall, cpu;
};

static uint64_t now(clockid_t clock) {
  struct timespec time;
  clock_gettime(clock, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static struct stopwatch start_watch(void) {
  return (struct stopwatch){now(CLOCK_MONOTONIC), now(CLOCK_PROCESS_CPUTIME_ID)};
}

/* Not getrusage: its maximum is inherited from the process that started us. */
static long peak_kib(void) {
  char line[128];
  long kib = 0;
  FILE *file = fopen("/proc/self/status", "r");
  while (file != NULL && fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %ld", &kib) != 1)
    ;
  if (file != NULL) fclose(file);
  return kib;
}

static void print_watch(struct stopwatch since) {
  struct stopwatch end = start_watch();
  printf("wall_ns=%llu cpu_ns=%llu peak_kib=%ld", (unsigned long long)(end.wall - since.wall),
         (unsigned long long)(end.cpu - since.cpu), peak_kib());
}

/* Its name is what callgrind is told to collect in, hence not static and not inlined. */
__attribute__((noinline)) void kg_bench_signatures(struct kg_signer *signer, size_t count, uint64_t *latencies,
                                                   bool *ok);
void kg_bench_signatures(struct kg_signer *signer, size_t count, uint64_t *latencies, bool *ok) {
  *ok = true;
  for (size_t i = 0; i < count && *ok; i++) {
    uint64_t begin = now(CLOCK_MONOTONIC);
    *ok = kg_signer_sign(signer);
    latencies[i] = now(CLOCK_MONOTONIC) - begin;
  }
}

/* One signature before the start: what is opened when it is first used is open then. */
static void *run_job(void *arg) {
  struct job *job = arg;
  bool ready = kg_signer_sign(job->signer);
  pthread_barrier_wait(job->start);
  job->begin = now(CLOCK_MONOTONIC);
  kg_bench_signatures(job->signer, job->count, job->latencies, &job->ok);
  job->end = now(CLOCK_MONOTONIC);
  job->ok = job->ok && ready;
  return NULL;
}

static bool run_jobs(struct job *jobs, unsigned threads) {
  pthread_barrier_t start;
  pthread_barrier_init(&start, NULL, threads);
  pthread_t ids[THREADS_MAX];
  for (unsigned i = 0; i < threads; i++) {
    jobs[i].start = &start;
    if (pthread_create(&ids[i], NULL, run_job, &jobs[i]) != 0) abort();
  }
  bool ok = true;
  for (unsigned i = 0; i < threads; i++) {
    pthread_join(ids[i], NULL);
    ok = ok && jobs[i].ok;
  }
  pthread_barrier_destroy(&start);
  return ok;
}

/* The wall time is from the first thread's start to the last one's end. */
static void print_jobs(const struct job *jobs, unsigned threads) {
  const char *separator = " latency_ns=";
  uint64_t begin = jobs[0].begin, end = jobs[0].end;
  for (unsigned i = 1; i < threads; i++) {
    if (jobs[i].begin < begin) begin = jobs[i].begin;
    if (jobs[i].end > end) end = jobs[i].end;
  }
  printf("wall_ns=%llu", (unsigned long long)(end - begin));
  for (unsigned i = 0; i < threads; i++)
    for (size_t k = 0; k < jobs[i].count; k++, separator = ",")
      printf("%s%llu", separator, (unsigned long long)jobs[i].latencies[k]);
  printf("\n");
}

static bool round_of(struct kg_arm *arm, enum kg_form form, unsigned threads, size_t count) {
  struct job jobs[THREADS_MAX] = {{0}};
  bool ok = true;
  for (unsigned i = 0; i < threads && ok; i++) {
    jobs[i].count = count;
    jobs[i].latencies = calloc(count, sizeof *jobs[i].latencies);
    jobs[i].signer = kg_signer_new(arm, form);
    ok = jobs[i].latencies != NULL && jobs[i].signer != NULL;
  }
  if (ok) ok = run_jobs(jobs, threads);
  if (ok) print_jobs(jobs, threads);
  for (unsigned i = 0; i < threads; i++) {
    kg_signer_free(&jobs[i].signer);
    free(jobs[i].latencies);
  }
  return ok;
}

static bool parse_form(const char *name, enum kg_form *out) {
  for (int i = 0; i < KG_FORM_COUNT; i++)
    if (strcmp(name, kg_form_names[i]) == 0) {
      *out = (enum kg_form)i;
      return true;
    }
  fprintf(stderr, "no form %s\n", name);
  return false;
}

static bool serve(const struct kg_place *place) {
  char line[128], name[32];
  unsigned threads;
  unsigned long count;
  enum kg_form form;
  struct kg_arm *arm = kg_arm_open(place);
  bool ok = arm != NULL;
  while (ok && fgets(line, sizeof line, stdin) != NULL) {
    ok = sscanf(line, "%31s %u %lu", name, &threads, &count) == 3 && threads >= 1 && threads <= THREADS_MAX &&
         count >= 1 && parse_form(name, &form) && round_of(arm, form, threads, count);
    fflush(stdout);
  }
  kg_arm_close(&arm);
  return ok;
}

static bool first(const struct kg_place *place) {
  struct stopwatch watch = start_watch();
  struct kg_arm *arm = kg_arm_open(place);
  struct kg_signer *signer = arm != NULL ? kg_signer_new(arm, KG_FORM_PSS) : NULL;
  bool ok = signer != NULL && kg_signer_sign(signer);
  if (ok) print_watch(watch);
  if (ok) printf("\n");
  kg_signer_free(&signer);
  kg_arm_close(&arm);
  return ok;
}

static bool idle(const struct kg_place *place) {
  struct stopwatch watch = start_watch();
  bool ok = kg_arm_idle(place);
  if (ok) print_watch(watch);
  if (ok) printf("\n");
  return ok;
}

static bool parse_place(int argc, char **argv, struct kg_place *place) {
  static const struct option options[] = {
      {"library", required_argument, NULL, 'l'},  {"token", required_argument, NULL, 't'},
      {"object", required_argument, NULL, 'o'},   {"pin-file", required_argument, NULL, 'p'},
      {"key-file", required_argument, NULL, 'k'}, {NULL, 0, NULL, 0}};
  for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
    switch (option) {
    case 'l':
      place->library = optarg;
      break;
    case 't':
      place->token = optarg;
      break;
    case 'o':
      place->object = optarg;
      break;
    case 'p':
      place->pin_file = optarg;
      break;
    case 'k':
      place->key_file = optarg;
      break;
    default:
      return false;
    }
  }
  return optind == argc - 1;
}

int main(int argc, char **argv) {
  static const struct {
    const char *name;
    bool (*run)(const struct kg_place *place);
  } commands[] = {{"idle", idle}, {"first", first}, {"serve", serve}};
  struct kg_place place = {0};
  if (parse_place(argc, argv, &place))
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
      if (strcmp(argv[optind], commands[i].name) == 0) return commands[i].run(&place) ? 0 : 1;
  fprintf(stderr, "usage: kg_bench idle|first|serve --library FILE --token LABEL --object LABEL [--pin-file FILE]\n"
                  "       kg_bench_libcrypto idle|first|serve --key-file FILE\n");
  return 2;
}
