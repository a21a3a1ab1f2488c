/* store_db.c - the database under a store: how its file is laid out, journalled and opened.
 *
 * Journal: a write-ahead log while the file is written. With a rollback journal somebody who looks
 * at the file of a long run makes its next commit fail, and a writer killed while it commits leaves
 * a file that only who may write to it can open (the reader has to roll back). Readers of a
 * write-ahead log are in nobody's way, and a killed writer leaves FILE-wal and FILE-shm, with which
 * anyone can read what was committed. store_close() turns the file back to a rollback journal,
 * after which FILE is all there is and a folder that cannot be written is no hindrance. Nothing is
 * synchronised per commit (synchronous = NORMAL), but whenever the log is brought into the file: a
 * power cut may cost the last commits, never the file. Only what comes before the first row, and
 * the change of journal after the last, is not waited for.
 */
#include "datasets/store_db.h"

#include <assert.h>
#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "datasets/schema.h"
#include "datasets/store_file.h"

enum { STORE_SCHEMA_VERSION = 2 };

enum { STORE_BUSY_MS = 1000, SQL_BYTES = 8192 };

/* Larger pages mean fewer of everything that is done per page; a file has about one page per table
 * at least, and with still larger ones the index of `requests` (below) would not fit into the
 * cache. */
enum { STORE_PAGE_BYTES = 16384 };

/* Pages of the write-ahead log before they are brought into the file: 8 MiB, which one wait for the
 * disk brings there. Measured: with SQLite's 1000 pages of this size (16 MiB), and with 4 and 16
 * times that, runs with a million RAN rows wait longer. */
enum { STORE_LOG_PAGES = 512 };

/* The index of `requests` grows at as many places as there are UEs; with SQLite's 2 MiB the pages
 * of a thousand UEs would be read and written again and again. */
enum { STORE_CACHE_KIB = 16 << 10 };

int store_db_error(struct err *e, const char *path, struct sqlite3 *db)
{
    int rc = sqlite3_errcode(db);
    int os = sqlite3_system_errno(db);
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return err_work(e, path, NULL, "the disk is full; free some space or name another place");
    case SQLITE_NOMEM:
        return err_memory(e, "working on a store");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_work(e, path, NULL, "another program is writing to it; wait for its end");
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return err_input(e, path, NULL, "the file is damaged (%s)", sqlite3_errmsg(db));
    default:
        return err_work(e, path, NULL, "%s%s%s", sqlite3_errmsg(db), os != 0 ? ": " : "",
                        os != 0 ? strerror(os) : "");
    }
}

int store_db_step(struct sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset;
}

int64_t store_db_int(struct sqlite3 *db, const char *sql, int64_t otherwise)
{
    sqlite3_stmt *statement = NULL;
    int64_t value = otherwise;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK &&
        sqlite3_step(statement) == SQLITE_ROW) {
        value = sqlite3_column_int64(statement, 0);
    }
    sqlite3_finalize(statement);
    return value;
}

static int make_tables(sqlite3 *db, const char *path, struct err *e)
{
    char sql[SQL_BYTES];
    /* The id comes first and stands in FILE itself: from then on it is known as ours (S5). Nothing
     * before the first row needs to wait for the disk: what is later brought into FILE waits for
     * all of it. */
    snprintf(sql, sizeof sql,
             "PRAGMA synchronous = OFF; PRAGMA page_size = %d; PRAGMA application_id = %d; "
             "PRAGMA user_version = %d; PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = %d; "
             "PRAGMA cache_size = -%d; BEGIN",
             STORE_PAGE_BYTES, STORE_APPLICATION_ID, STORE_SCHEMA_VERSION, STORE_LOG_PAGES,
             STORE_CACHE_KIB);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        return store_db_error(e, path, db);
    }
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        size_t length = schema_create_sql(&schema_tables[i], sql, sizeof sql);
        assert(length < sizeof sql);
        if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
            return store_db_error(e, path, db);
        }
    }
    size_t length = schema_view_sql(sql, sizeof sql);
    assert(length < sizeof sql);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_exec(db, "COMMIT; PRAGMA synchronous = NORMAL", NULL, NULL, NULL) != SQLITE_OK) {
        return store_db_error(e, path, db);
    }
    return 0;
}

int store_db_make(const char *db_name, const char *path, struct sqlite3 **db, struct err *e)
{
    int rc = sqlite3_open_v2(db_name, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
    sqlite3_busy_timeout(*db, STORE_BUSY_MS);
    return rc == SQLITE_OK ? make_tables(*db, path, e) : store_db_error(e, path, *db);
}

int store_db_open(const char *db_name, int flags, struct sqlite3 **db)
{
    sqlite3_close(*db);
    *db = NULL;
    int rc = sqlite3_open_v2(db_name, db, flags | SQLITE_OPEN_NOMUTEX, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(*db, STORE_BUSY_MS);
        rc = sqlite3_exec(*db, "SELECT count(*) FROM runs", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK) {
        /* Rows in the order of their key lie all over a large file. */
        sqlite3_exec(*db, "PRAGMA mmap_size = 2147418112", NULL, NULL, NULL);
    }
    return rc;
}

int store_db_check_version(struct sqlite3 *db, const char *path, struct err *e)
{
    int64_t version = store_db_int(db, "PRAGMA user_version", -1);
    return version == STORE_SCHEMA_VERSION
               ? 0
               : err_input(e, path, NULL,
                           "has schema version %" PRId64 " and this program reads %d; use the "
                           "version of willmsim that wrote it",
                           version, STORE_SCHEMA_VERSION);
}

int store_db_append(struct sqlite3 *db)
{
    char sql[160];
    snprintf(sql, sizeof sql,
             "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -%d",
             STORE_CACHE_KIB);
    return sqlite3_exec(db, sql, NULL, NULL, NULL);
}

/* While FILE is nothing but its first page no power cut can spoil anything in it, so that the log
 * itself need not reach the disk: short runs wait once. What fails here leaves FILE-wal, and the
 * file is whole with it; so does somebody who reads meanwhile. The change of journal needs no
 * waiting: FILE's header may say one or the other. */
void store_db_end_log(struct sqlite3 *db, bool has_ran)
{
    sqlite3_file *file = NULL;
    sqlite3_int64 bytes = 0;
    if (has_ran) {
        /* Without them all is there, only slower to look at; so is a killed run's file. */
        sqlite3_exec(db, schema_view_indexes_sql, NULL, NULL, NULL);
    }
    sqlite3_file_control(db, NULL, SQLITE_FCNTL_FILE_POINTER, &file);
    bool is_new = file->pMethods->xFileSize(file, &bytes) == SQLITE_OK && bytes <= STORE_PAGE_BYTES;
    sqlite3_exec(
        db, is_new ? "PRAGMA synchronous = OFF; PRAGMA wal_checkpoint" : "PRAGMA wal_checkpoint",
        NULL, NULL, NULL);
    if (is_new) {
        file->pMethods->xSync(file, SQLITE_SYNC_NORMAL);
    }
    sqlite3_exec(db, "PRAGMA synchronous = OFF; PRAGMA journal_mode = DELETE", NULL, NULL, NULL);
}
