/* A fresh folder under /tmp for one test program, and what tests do with files in it. Everything aborts the test where
 * it fails. */
#ifndef KG_TESTS_SCRATCH_H
#define KG_TESTS_SCRATCH_H

#include <sys/types.h>

int scratch_setup(void **state);    /* cmocka group fixtures; folder of mode 0755 */
int scratch_teardown(void **state); /* removes it with all contents */

const char *scratch_folder(void);
/* "FOLDER/NAME"; the last 16 answers stay valid. */
const char *scratch_path(const char *name);
/* Writes it anew with exactly this mode; returns its path. */
const char *scratch_write(const char *name, const char *text, mode_t mode);
const char *scratch_mkdir(const char *name, mode_t mode);
/* Number of entries in a folder, without "." and "..". */
int scratch_count(const char *path);
/* The file's contents as text, to be free()d. */
char *scratch_read(const char *path);

/* Runs `function` in a child process as user and group nobody; its result (0 to 255). Only root can. */
int scratch_as_nobody(int (*function)(const char *argument), const char *argument);

#endif
