/* A fuzz target as a regression test: every file of the folders that are named, whole, cut off at every length, and
 * with each byte changed. The same inputs at every run. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX (1 << 16)
#define VARIANTS_MAX 512 /* of one file and kind; longer files are cut and changed at equal distances */

static size_t inputs;

/* On the heap and no longer than it is, so that a sanitizer sees every step beyond it. */
static void run(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size + !size);
  if (copy == NULL) abort();
  memcpy(copy, data, size);
  (void)LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  inputs++;
}

static void run_variants(uint8_t *data, size_t size) {
  size_t step = size / VARIANTS_MAX + 1;
  for (size_t at = 0; at < size; at += step) {
    uint8_t was = data[at];
    run(data, at);
    data[at] = (uint8_t)(was ^ (1 << at % 8));
    run(data, size);
    data[at] = 0xff;
    run(data, size);
    data[at] = was;
  }
}

static void run_file(const char *path) {
  static uint8_t data[FILE_MAX];
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(1);
  }
  size_t size = fread(data, 1, sizeof data, file);
  fclose(file);
  run(data, size);
  run_variants(data, size);
}

static void run_folder(const char *path) {
  DIR *folder = opendir(path);
  struct dirent *entry = NULL;
  size_t before = inputs;
  while (folder != NULL && (entry = readdir(folder)) != NULL) {
    if (entry->d_name[0] == '.') continue;
    char name[1024];
    snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
    run_file(name);
  }
  if (folder != NULL) closedir(folder);
  if (inputs > before) return;
  fprintf(stderr, "no corpus in %s\n", path);
  exit(1);
}

int main(int argc, char **argv) {
  for (int i = 1; i < argc; i++)
    run_folder(argv[i]);
  printf("%zu inputs\n", inputs);
  return argc > 1 ? 0 : 2;
}
