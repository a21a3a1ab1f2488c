/* store_file.h - the file under a store's name, looked at from outside; store.c's own. */
#ifndef DATASETS_STORE_FILE_H
#define DATASETS_STORE_FILE_H

#include <stdbool.h>

#include "base/err.h"

/* "WLLM": in the file's header, so that `file` and we know our own. */
enum { STORE_APPLICATION_ID = 0x574c4c4d };

/* ERR_INPUT unless `path` is a store, nothing at all, or an empty file when `may_be_empty`. */
int store_file_check(const char *path, bool may_be_empty, bool *exists, struct err *e);

/* Is another process in the middle of writing this store? */
bool store_file_is_busy(const char *db_name);

/* Removes an older store with what lies beside it. ERR_INPUT: it cannot be written, or another
 * process is writing to it. */
int store_file_remove(const char *path, const char *db_name, struct err *e);

#endif
