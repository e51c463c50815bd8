/* What to do about a finding: a table (cure.def), so that nothing is advised that nobody has tried. */
#ifndef KG_CTL_CURE_H
#define KG_CTL_CURE_H

#include "core/base/status.h"

#include <stddef.h>

enum kg_cure {
  KG_CURE_NONE = 0,
#define CURE(name, text) KG_CURE_##name,
#include "ctl/cure.def"
#undef CURE
};

/* What helps most often; KG_CURE_NONE where nothing is known. */
enum kg_cure kg_cure_of(enum kg_status status);
/* `subject` stands for each "@". */
void kg_cure_format(enum kg_cure cure, const char *subject, char *out, size_t size);

#endif
