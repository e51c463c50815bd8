/* Whose signature a file has. Windows only. */
#ifndef KG_PLUGIN_AUTHENTICODE_WIN_H
#define KG_PLUGIN_AUTHENTICODE_WIN_H

#include "core/base/error.h"

#include <wchar.h>

/* KG_E_ATTESTATION_FAILED unless Windows trusts the file's Authenticode signature and Microsoft made it. No network is
 * asked for revocations. `path` is for messages. */
KG_MUST_USE enum kg_status kg_authenticode_check(const wchar_t *file, const char *path, struct kg_error *error);

#endif
