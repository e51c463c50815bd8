/* Where keyguardctl may keep what only the calling user shall read. */
#ifndef KG_CTL_CACHE_FOLDER_H
#define KG_CTL_CACHE_FOLDER_H

/* A folder that belongs to this user and to nobody else, made where it was not there: POSIX "tokens" in `state_dir`
 * where this user may write there, else ${XDG_CACHE_HOME:-~/.cache}/keyguard; Windows %LOCALAPPDATA%\KeyGuard\tokens.
 * free() it; NULL: there is none, which is logged. */
char *kg_cache_folder(const char *state_dir);

#endif
