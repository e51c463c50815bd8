/* The same table from two sources of PKCS#11 declarations: ours and NSS's. A row: what, how long, where, which value.
 */
#ifndef KG_TESTS_CRYPTOKI_LAYOUT_H
#define KG_TESTS_CRYPTOKI_LAYOUT_H

#include <stddef.h>

struct layout_row {
  const char *name;
  size_t size, offset;
};

extern const struct layout_row layout_ours[], layout_nss[];
extern const size_t layout_ours_count, layout_nss_count;

#endif
