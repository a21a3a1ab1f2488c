/* sweep.c - the runs of a sweep in its store: listing them, comparing the list, what is missing. */
#include "datasets/sweep.h"

#include <inttypes.h>
#include <nettle/sha2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "datasets/store.h"

static int db_failed(struct store *s, struct err *e)
{
    return err_work(e, store_path(s), NULL, "cannot be used: %s", sqlite3_errmsg(store_db(s)));
}

static int step_and_reset(sqlite3_stmt *statement)
{
    int rc = sqlite3_step(statement);
    int reset = sqlite3_reset(statement);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : reset;
}

/* --- Listing ---------------------------------------------------------------------------------- */

/* store_begin_run() without an end leaves a row with complete = 0, which is what is wanted here;
 * but it takes one run at a time, so the rows are written directly. */
static int write_row(struct store *s, sqlite3_stmt *insert[2], const struct sweep_row *row,
                     struct err *e)
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    char hex[2 * SHA256_DIGEST_SIZE + 1];
    sha256_init(&context);
    sha256_update(&context, strlen(row->scenario_text), (const uint8_t *)row->scenario_text);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
    sqlite3_bind_int64(insert[0], 1, row->run_id);
    sqlite3_bind_text(insert[0], 2, row->scenario, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert[0], 3, row->scenario_text, -1, SQLITE_STATIC);
    sqlite3_bind_text(insert[0], 4, hex, -1, SQLITE_STATIC);
    sqlite3_bind_int64(insert[0], 5, row->seed);
    sqlite3_bind_text(insert[0], 6, row->version, -1, SQLITE_STATIC);
    if (step_and_reset(insert[0]) != SQLITE_OK) {
        return db_failed(s, e);
    }
    for (int i = 0; i < row->n_values; i++) {
        sqlite3_bind_int64(insert[1], 1, row->run_id);
        sqlite3_bind_int64(insert[1], 2, row->point);
        sqlite3_bind_int64(insert[1], 3, row->rep);
        sqlite3_bind_text(insert[1], 4, row->paths[i], -1, SQLITE_STATIC);
        sqlite3_bind_text(insert[1], 5, row->values[i], -1, SQLITE_STATIC);
        if (step_and_reset(insert[1]) != SQLITE_OK) {
            return db_failed(s, e);
        }
    }
    return 0;
}

static int write_rows(struct store *s, const struct sweep_source *source, struct err *e)
{
    const char *sql[2] = {"INSERT INTO runs (run_id, scenario, scenario_text, scenario_sha256, "
                          "seed, version, complete) VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
                          "INSERT INTO sweep_points (run_id, point, rep, path, value) VALUES (?1, "
                          "?2, ?3, ?4, ?5)"};
    sqlite3_stmt *insert[2] = {NULL, NULL};
    int code = 0;
    for (int i = 0; i < 2 && code == 0; i++) {
        if (sqlite3_prepare_v2(store_db(s), sql[i], -1, &insert[i], NULL) != SQLITE_OK) {
            code = db_failed(s, e);
        }
    }
    struct sweep_row row;
    int more = 1;
    while (code == 0 && (more = source->next(source->self, &row, e)) == 1) {
        code = write_row(s, insert, &row, e);
    }
    sqlite3_finalize(insert[0]);
    sqlite3_finalize(insert[1]);
    return code != 0 ? code : more;
}

int sweep_create(const char *path, const struct sweep_source *source, struct err *e)
{
    struct store *s = NULL;
    int code = store_open(path, STORE_CREATE, &s, e);
    if (code != 0) {
        return code;
    }
    /* Per run few rows, but sought by run when a sweep of thousands of runs is summed up. */
    if (sqlite3_exec(store_db(s),
                     "CREATE INDEX cells_by_run ON cells (run_id); "
                     "CREATE INDEX gpus_by_run ON gpus (run_id); BEGIN",
                     NULL, NULL, NULL) != SQLITE_OK) {
        code = db_failed(s, e);
    }
    code = code != 0 ? code : write_rows(s, source, e);
    if (code == 0 && sqlite3_exec(store_db(s), "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        code = db_failed(s, e);
    }
    struct err close_error = {0};
    int closed = store_close(s, &close_error);
    if (code == 0 && closed != 0) {
        *e = close_error;
        code = closed;
    }
    return code;
}

/* --- Comparing -------------------------------------------------------------------------------- */

/* The stored run against the one that this sweep would do. */
static int compare_row(const char *path, sqlite3_stmt *row, const struct sweep_row *wanted,
                       struct err *e)
{
    char place[48];
    snprintf(place, sizeof place, "run %" PRId64, wanted->run_id);
    const char *version = (const char *)sqlite3_column_text(row, 1);
    const char *text = (const char *)sqlite3_column_text(row, 2);
    if (version == NULL || strcmp(version, wanted->version) != 0) {
        return err_input(e, path, place,
                         "is of willmsim %s and this is %s, whose results may differ; use that "
                         "build, or leave --resume out to begin anew",
                         version != NULL ? version : "", wanted->version);
    }
    if (sqlite3_column_int64(row, 0) != wanted->run_id || text == NULL ||
        strcmp(text, wanted->scenario_text) != 0) {
        return err_input(e, path, place,
                         "is of another sweep: its scenario is not the one of this call; give "
                         "the same scenario, --set, --vary, --reps and --seed, or leave --resume "
                         "out to begin anew");
    }
    return 0;
}

int sweep_check(const char *path, const struct sweep_source *source, struct err *e)
{
    struct store *s = NULL;
    int code = store_open(path, STORE_READ, &s, e);
    if (code != 0) {
        return code;
    }
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(store_db(s),
                           "SELECT run_id, version, scenario_text FROM runs ORDER BY run_id", -1,
                           &rows, NULL) != SQLITE_OK) {
        code = db_failed(s, e);
    }
    struct sweep_row row;
    int more = 1;
    while (code == 0 && (more = source->next(source->self, &row, e)) == 1) {
        code = sqlite3_step(rows) == SQLITE_ROW
                   ? compare_row(path, rows, &row, e)
                   : err_input(e, path, NULL,
                               "has fewer runs than this sweep; give the same --vary and --reps, "
                               "or leave --resume out to begin anew");
    }
    if (code == 0 && more == 0 && sqlite3_step(rows) == SQLITE_ROW) {
        code = err_input(e, path, NULL,
                         "has more runs than this sweep; give the same --vary and --reps, or leave "
                         "--resume out to begin anew");
    }
    sqlite3_finalize(rows);
    store_close(s, NULL);
    return code != 0 ? code : more;
}

static int list_missing(struct store *s, struct arena *a, const int64_t **ids, int64_t *n,
                        struct err *e)
{
    int64_t runs = 0, incomplete = 0, found = 0;
    int code = store_count_runs(s, &runs, &incomplete, e);
    if (code != 0) {
        return code;
    }
    int64_t *list = arena_array(a, (size_t)incomplete, sizeof *list);
    if (list == NULL) {
        return err_memory(e, "the runs of a sweep");
    }
    sqlite3_stmt *rows = NULL;
    if (sqlite3_prepare_v2(store_db(s),
                           "SELECT run_id FROM runs WHERE complete = 0 ORDER BY run_id", -1, &rows,
                           NULL) != SQLITE_OK) {
        return db_failed(s, e);
    }
    while (found < incomplete && sqlite3_step(rows) == SQLITE_ROW) {
        list[found++] = sqlite3_column_int64(rows, 0);
    }
    sqlite3_finalize(rows);
    *ids = list;
    *n = found;
    return 0;
}

int sweep_missing(const char *path, struct arena *a, const int64_t **ids, int64_t *n, struct err *e)
{
    struct store *s = NULL;
    int code = store_open(path, STORE_READ, &s, e);
    if (code == 0) {
        code = list_missing(s, a, ids, n, e);
        store_close(s, NULL);
    }
    return code;
}
