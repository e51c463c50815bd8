/* Windows only. */
#ifndef KG_CORE_OS_PATH_WIN_H
#define KG_CORE_OS_PATH_WIN_H

char *kg_path_program_data(void); /* "C:\ProgramData"; free() it; NULL: no memory */

#endif
