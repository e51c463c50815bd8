/* In keyguardctl's place: writes what it was started with beside the configuration (fake.report), and then does what
 * the word in fake.mode says. A binding that it "issues" was prepared by the test. */
#define _GNU_SOURCE /* environ */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[512];

static const char *beside(const char *name) {
  static char path[2][1024];
  static int turn;
  turn = !turn;
  snprintf(path[turn], sizeof path[turn], "%s/%s", folder, name);
  return path[turn];
}

/* Blocked and ignored ones. 32 and 33 are the C library's own: no program can say anything about them. */
static void report_signals(FILE *report) {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  while (status != NULL && fgets(line, sizeof line, status) != NULL)
    if (strncmp(line, "SigBlk", 6) == 0 || strncmp(line, "SigIgn", 6) == 0)
      fprintf(report, "%.6s %llx\n", line, strtoull(line + 7, NULL, 16) & ~0x180000000ULL);
  if (status != NULL) fclose(status);
}

static void report_descriptors(char *out, size_t size) {
  DIR *all = opendir("/proc/self/fd");
  struct dirent *one = NULL;
  size_t used = 0;
  while (all != NULL && (one = readdir(all)) != NULL) {
    if (one->d_name[0] == '.' || atoi(one->d_name) == dirfd(all)) continue;
    char path[300];
    snprintf(path, sizeof path, "/proc/self/fd/%s", one->d_name);
    char target[300] = "";
    if (readlink(path, target, sizeof target - 1) < 0) continue;
    used += (size_t)snprintf(out + used, size - used, "descriptor %s %s\n", one->d_name, target);
  }
  if (all != NULL) closedir(all);
}

static void report(int argc, char **argv) {
  static char descriptors[1 << 18];
  report_descriptors(descriptors, sizeof descriptors);
  FILE *out = fopen(beside("fake.report"), "a");
  if (out == NULL) exit(8);
  fprintf(out, "start\npid %ld\ngroup %ld\n", (long)getpid(), (long)getpgrp());
  for (int i = 0; i < argc; i++)
    fprintf(out, "argument %s\n", argv[i]);
  for (char **one = environ; *one != NULL; one++)
    fprintf(out, "environment %s\n", *one);
  fputs(descriptors, out);
  report_signals(out);
  fclose(out);
}

static void issue(const char *identity) {
  char name[128];
  snprintf(name, sizeof name, "state/%s.json", identity);
  char to[1024];
  snprintf(to, sizeof to, "%s", beside(name));
  snprintf(name, sizeof name, "prepared/%s.json", identity);
  if (rename(beside(name), to)) exit(7);
}

static void hang(void) {
  pid_t child = fork();
  FILE *out = child ? fopen(beside("fake.report"), "a") : NULL;
  if (out != NULL) {
    fprintf(out, "grandchild %ld\n", (long)child);
    fclose(out);
  }
  for (;;)
    pause();
}

/* The real one, with what its token's library wants to know: fake.exec has the program, then its environment. */
static void execute(char **argv) {
  static char lines[16][1024];
  char *environment[16] = {NULL};
  FILE *file = fopen(beside("fake.exec"), "r");
  for (int i = 0; file != NULL && i < 15 && fgets(lines[i], sizeof lines[i], file) != NULL; i++) {
    lines[i][strcspn(lines[i], "\n")] = 0;
    if (i > 0) environment[i - 1] = lines[i];
  }
  execve(lines[0], argv, environment);
  exit(6);
}

int main(int argc, char **argv) {
  const char *configuration = getenv("KEYGUARD_CONF");
  if (configuration == NULL || argc != 3) return 9;
  snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(configuration, '/') - configuration), configuration);
  report(argc, argv);
  FILE *file = fopen(beside("fake.mode"), "r");
  char mode[32] = "";
  if (file == NULL || fscanf(file, "%31s", mode) != 1) return 8;
  fclose(file);
  if (strcmp(mode, "hang") == 0) hang();
  if (strcmp(mode, "exec") == 0) execute(argv);
  for (int i = 0; strcmp(mode, "wait") == 0 && access(beside("go"), F_OK) != 0 && i < 2000; i++)
    usleep(10000);
  if (strcmp(mode, "lie") == 0) return 0;
  if (strcmp(mode, "fail") == 0) return 3;
  issue(argv[2]);
  return strcmp(mode, "issue-and-fail") == 0 ? 1 : 0;
}
