/* store_db.h - the database under a store: how its file is laid out, journalled and opened;
 * store.c's own. Where nothing else is said, functions return SQLite's codes. */
#ifndef DATASETS_STORE_DB_H
#define DATASETS_STORE_DB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct sqlite3;
struct sqlite3_stmt;

/* One line for what SQLite just refused: its code, ERR_WORK, ERR_MEMORY or ERR_INPUT. */
int store_db_error(struct err *e, const char *path, struct sqlite3 *db);

/* Runs a statement that answers nothing, and makes it ready for the next time. */
int store_db_step(struct sqlite3_stmt *statement);

/* The one integer that `sql` answers, or `otherwise`. */
int64_t store_db_int(struct sqlite3 *db, const char *sql, int64_t otherwise);

/* Opens the empty file at `path`, which SQLite hears as `db_name`, and makes the tables in it: 0 or
 * a code of `e`. *db is to be closed either way. */
int store_db_make(const char *db_name, const char *path, struct sqlite3 **db, struct err *e);

/* Closes *db and opens the file anew with SQLite's `flags`. SQLITE_ERROR: it holds no tables. */
int store_db_open(const char *db_name, int flags, struct sqlite3 **db);

/* ERR_INPUT unless its tables are this version's. */
int store_db_check_version(struct sqlite3 *db, const char *path, struct err *e);

/* Makes an open file ready for more rows. */
int store_db_append(struct sqlite3 *db);

/* Brings the log into FILE and FILE to the disk, and ends the log. With `has_ran` rows of
 * ran_records are indexed first. */
void store_db_end_log(struct sqlite3 *db, bool has_ran);

#endif
