/* What tests/windows/run must notice: a crash after the closing line, and an early end with exit code 0. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
  if (argc == 2 && strcmp(argv[1], "crash") == 0) {
    printf("1 passed, 0 failed\n");
    fflush(stdout);
    *(volatile int *)(intptr_t)(argc - 2) = 1;
  }
  return 0;
}
