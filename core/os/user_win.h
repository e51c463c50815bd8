/* Who this process is, and access lists made for it. Windows only. */
#ifndef KG_CORE_OS_USER_WIN_H
#define KG_CORE_OS_USER_WIN_H

#include "core/base/error.h"

#define KG_SID_TEXT_SIZE 192 /* a SID has at most 15 sub-authorities of 10 digits */

/* "S-1-5-21-..." of the process's user. */
KG_MUST_USE enum kg_status kg_user_sid(char out[KG_SID_TEXT_SIZE], struct kg_error *error);

#endif
