#include "keyguard/cryptoki.h"

#define LAYOUT_TABLE layout_ours
#include "cryptoki_layout.inc"
