/* AddressSanitizer's runtime begins its work at the first allocation. In a stock program that is libp11-kit's
 * constructor's, inside newlocale(3) with glibc's locale lock held, which the runtime then takes too (dlerror(3)): it
 * would wait for ever. So allocate before all other constructors (linked with -z initfirst). */
#include <stdlib.h>

__attribute__((constructor)) static void begin(void) {
  void *volatile memory = malloc(1);
  free(memory);
}
