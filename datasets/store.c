/* store.c - results in one SQLite file. Invariants S1..S6: see store.h.
 *
 *     closed --store_open--> idle --store_begin_run--> in a run --store_end_run--> idle
 *                                                        |  ^
 *                                 first row: txn_begin   v  | txn_commit: enough rows, a second
 *                                                    in a transaction    has passed, store_flush,
 *                                                                        store_end_run
 *
 * How the file is laid out and journalled: store_db.c. Rows go through a feed (feed.h), whose
 * thread may use the database while a transaction is open; it is drained before the transaction
 * ends, and everything else happens outside of transactions. All rows of a transaction are
 * committed together, in the order in which they came.
 */
#include "datasets/store.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/units.h"
#include "datasets/feed.h"
#include "datasets/schema.h"
#include "datasets/store_db.h"
#include "datasets/store_file.h"

enum { STORE_COMMIT_NS = 1000000000 };

struct store {
    sqlite3 *db;
    enum store_mode mode;
    char *path;        /* as the caller named it */
    char *db_name;     /* as SQLite hears it */
    struct feed *feed; /* where rows go, NULL in a store that is read */
    sqlite3_stmt *begin, *commit;
    int64_t run_id;     /* of the run begun last */
    bool in_run;        /* begun and not ended */
    bool in_txn;        /* a transaction is open */
    int64_t pending;    /* rows in it */
    int64_t txn_due_ns; /* when it is to end */
    struct err failed;  /* code 0: none (S6) */
    bool has_ran;       /* a row of ran_records was given */
};

static int64_t clock_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

/* --- Errors ---------------------------------------------------------------------------------- */

/* Remembers the first failure and gives it out from then on. */
static int store_fail(struct store *s, struct err *e)
{
    if (s->failed.code == 0) {
        store_db_error(&s->failed, s->path, s->db);
    }
    if (e != NULL) {
        *e = s->failed;
    }
    return s->failed.code;
}

static int store_check(const struct store *s, struct err *e)
{
    if (s->failed.code != 0 && e != NULL) {
        *e = s->failed;
    }
    return s->failed.code;
}

/* --- Transactions ---------------------------------------------------------------------------- */

static int txn_begin(struct store *s)
{
    if (s->in_txn) {
        return SQLITE_OK;
    }
    s->in_txn = true;
    s->pending = 0;
    s->txn_due_ns = clock_now_ns() + STORE_COMMIT_NS;
    return store_db_step(s->begin);
}

static int txn_commit(struct store *s)
{
    if (!s->in_txn) {
        return SQLITE_OK;
    }
    s->in_txn = false;
    int rc = feed_drain(s->feed);
    return rc != SQLITE_OK ? rc : store_db_step(s->commit);
}

/* --- Opening --------------------------------------------------------------------------------- */

/* What writing needs of a database that has the tables. */
static int db_prepare(struct store *s, struct err *e)
{
    int rc = feed_open(s->db, &s->feed);
    if (rc == SQLITE_NOMEM) {
        return err_memory(e, "making a store");
    }
    if (rc != SQLITE_OK ||
        sqlite3_prepare_v2(s->db, "BEGIN IMMEDIATE", -1, &s->begin, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(s->db, "COMMIT", -1, &s->commit, NULL) != SQLITE_OK) {
        return store_db_error(e, s->path, s->db);
    }
    return 0;
}

static int open_create(struct store *s, struct err *e)
{
    bool exists;
    int rc = store_file_check(s->path, true, &exists, e);
    if (rc == 0 && exists) {
        rc = store_file_remove(s->path, s->db_name, e);
    }
    if (rc != 0) {
        return rc;
    }
    int fd = open(s->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return errno == ENOSPC ? err_work(e, s->path, NULL, "the disk is full; free some space")
                               : err_input(e, s->path, NULL, "cannot be made: %s", strerror(errno));
    }
    close(fd);
    rc = store_db_make(s->db_name, s->path, &s->db, e);
    rc = rc == 0 ? db_prepare(s, e) : rc;
    if (rc != 0) {
        unlink(s->path);
    }
    return rc;
}

static int open_read(struct store *s, struct err *e)
{
    bool exists;
    int rc = store_file_check(s->path, false, &exists, e);
    if (rc != 0) {
        return rc;
    }
    if (!exists) {
        return err_input(e, s->path, NULL, "cannot be read: %s", strerror(errno));
    }
    rc = store_db_open(s->db_name, SQLITE_OPEN_READONLY, &s->db) & 0xff;
    if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN) {
        /* A journal left by a killed writer has to be dealt with by someone who may write. */
        rc = store_db_open(s->db_name, SQLITE_OPEN_READWRITE, &s->db);
        if (rc == SQLITE_OK) {
            rc = store_db_open(s->db_name, SQLITE_OPEN_READONLY, &s->db);
        }
    }
    if (rc == SQLITE_ERROR) {
        return err_input(e, s->path, NULL, "holds no runs: its writer was stopped as it began");
    }
    if (rc != SQLITE_OK) {
        return store_db_error(e, s->path, s->db);
    }
    return store_db_check_version(s->db, s->path, e);
}

static int open_append(struct store *s, struct err *e)
{
    struct stat st;
    if (stat(s->path, &st) != 0 || (S_ISREG(st.st_mode) && st.st_size == 0)) {
        return open_create(s, e);
    }
    bool exists;
    int rc = store_file_check(s->path, false, &exists, e);
    if (rc != 0) {
        return rc;
    }
    if (access(s->path, W_OK) != 0) {
        return err_input(e, s->path, NULL, "cannot be written: %s", strerror(errno));
    }
    if (store_file_is_busy(s->db_name)) {
        return err_input(e, s->path, NULL, "another run is writing to it; name another file");
    }
    rc = store_db_open(s->db_name, SQLITE_OPEN_READWRITE, &s->db) & 0xff;
    if (rc == SQLITE_ERROR) {
        /* Its writer was stopped before it had tables: there is nothing in it. */
        sqlite3_close(s->db);
        s->db = NULL;
        return open_create(s, e);
    }
    if (rc != SQLITE_OK || store_db_append(s->db) != SQLITE_OK) {
        return store_db_error(e, s->path, s->db);
    }
    rc = store_db_check_version(s->db, s->path, e);
    if (rc != 0) {
        return rc;
    }
    s->run_id = store_db_int(s->db, "SELECT max(run_id) FROM runs", 0);
    return db_prepare(s, e);
}

int store_open(const char *path, enum store_mode mode, struct store **store, struct err *e)
{
    *store = NULL;
    if (path[0] == '\0') {
        return err_input(e, NULL, NULL, "the store's name is empty; name a file");
    }
    struct store *s = calloc(1, sizeof *s);
    if (s == NULL) {
        return err_memory(e, "opening a store");
    }
    s->mode = mode;
    s->path = strdup(path);
    /* SQLite gives names such as ":memory:" a meaning; behind "./" they have none. */
    if (s->path == NULL || asprintf(&s->db_name, "%s%s", path[0] == '/' ? "" : "./", path) < 0) {
        s->db_name = NULL;
        s->failed.code = err_memory(e, "opening a store");
    } else {
        s->failed.code = mode == STORE_CREATE   ? open_create(s, e)
                         : mode == STORE_APPEND ? open_append(s, e)
                                                : open_read(s, e);
    }
    int code = s->failed.code;
    if (code != 0) {
        store_close(s, NULL);
        return code;
    }
    *store = s;
    return 0;
}

/* --- A run ----------------------------------------------------------------------------------- */

static void sha256_hex(const char *text, char hex[2 * SHA256_DIGEST_SIZE + 1])
{
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    sha256_update(&context, strlen(text), (const uint8_t *)text);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < sizeof digest; i++) {
        snprintf(hex + 2 * i, 3, "%02x", digest[i]);
    }
}

static void run_enter(struct store *s, int64_t run_id)
{
    s->run_id = run_id;
    s->in_run = true;
    feed_set_run(s->feed, run_id);
}

int store_begin_run(struct store *s, const struct store_run *run, int64_t *run_id, struct err *e)
{
    assert(s->mode != STORE_READ && !s->in_run);
    assert(run->run_id == 0 || run->run_id > s->run_id);
    int64_t id = run->run_id != 0 ? run->run_id : s->run_id + 1;
    int code = store_check(s, e);
    if (code != 0) {
        return code;
    }
    char hex[2 * SHA256_DIGEST_SIZE + 1];
    sha256_hex(run->scenario_text, hex);
    sqlite3_stmt *insert = NULL;
    int rc = sqlite3_prepare_v2(s->db,
                                "INSERT INTO runs (run_id, scenario, scenario_text, "
                                "scenario_sha256, seed, version, started_at, complete) "
                                "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
                                -1, &insert, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(insert, 1, id);
        sqlite3_bind_text(insert, 2, run->scenario, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 3, run->scenario_text, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 4, hex, -1, SQLITE_STATIC);
        sqlite3_bind_int64(insert, 5, run->seed);
        sqlite3_bind_text(insert, 6, run->version, -1, SQLITE_STATIC);
        sqlite3_bind_text(insert, 7, run->started_at, -1, SQLITE_STATIC);
        rc = store_db_step(insert); /* its own transaction (S1) */
    }
    code = rc == SQLITE_OK ? 0 : store_fail(s, e);
    sqlite3_finalize(insert);
    if (code != 0) {
        return code;
    }
    run_enter(s, id);
    *run_id = s->run_id;
    return 0;
}

int store_resume_run(struct store *s, int64_t run_id, int64_t rows[], struct err *e)
{
    assert(s->mode == STORE_APPEND && !s->in_run);
    int code = store_check(s, e);
    for (int i = SCHEMA_RUNS + 1; code == 0 && i < SCHEMA_TABLES; i++) {
        char sql[160];
        snprintf(sql, sizeof sql, "SELECT count(*) FROM %s WHERE run_id = %" PRId64,
                 schema_tables[i].name, run_id);
        rows[i] = store_db_int(s->db, sql, -1);
        code = rows[i] < 0 ? store_fail(s, e) : 0;
    }
    if (code == 0) {
        run_enter(s, run_id);
    }
    return code;
}

int store_drop_run(struct store *s, struct err *e)
{
    assert(s->in_run);
    int code = store_flush(s, e);
    if (code == 0 && sqlite3_exec(s->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
        code = store_fail(s, e);
    }
    for (int i = SCHEMA_TABLES - 1; code == 0 && i >= SCHEMA_RUNS; i--) {
        char sql[160];
        snprintf(sql, sizeof sql, "DELETE FROM %s WHERE run_id = %" PRId64, schema_tables[i].name,
                 s->run_id);
        code = sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : store_fail(s, e);
    }
    if (code == 0 && sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
        code = store_fail(s, e);
    }
    s->in_run = code != 0;
    return code;
}

static int row_put(struct store *s, enum schema_table_id table, const void *row)
{
    assert(s->in_run);
    if (s->failed.code != 0) {
        return s->failed.code;
    }
    int rc = txn_begin(s);
    rc = rc != SQLITE_OK ? rc : feed_add(s->feed, table, row);
    if (rc == SQLITE_NOMEM) { /* ours, of which SQLite knows nothing, or SQLite's */
        return err_memory(&s->failed, "writing rows to a store");
    }
    if (rc != SQLITE_OK) {
        return store_fail(s, NULL);
    }
    s->has_ran |= table == SCHEMA_RAN_RECORDS;
    s->pending++;
    if ((s->pending >= STORE_ROWS_PER_COMMIT || clock_now_ns() >= s->txn_due_ns) &&
        txn_commit(s) != SQLITE_OK) {
        return store_fail(s, NULL);
    }
    return 0;
}

#define SINK(thing, table)                                                                         \
    static int sink_##thing(void *self, const struct thing##_record *row)                          \
    {                                                                                              \
        return row_put(self, table, row);                                                          \
    }
SINK(request, SCHEMA_REQUESTS)
SINK(ue, SCHEMA_UE_RECORDS)
SINK(ran, SCHEMA_RAN_RECORDS)
SINK(server, SCHEMA_SERVER_RECORDS)
SINK(cell, SCHEMA_CELLS)
SINK(gpu, SCHEMA_GPUS)
SINK(decision, SCHEMA_SLICE_DECISIONS)

struct record_sink store_sink(struct store *s)
{
    return (struct record_sink){
        .self = s,
        .request = sink_request,
        .ue = sink_ue,
        .ran = sink_ran,
        .server = sink_server,
        .cell = sink_cell,
        .gpu = sink_gpu,
        .decision = sink_decision,
    };
}

int store_flush(struct store *s, struct err *e)
{
    int code = store_check(s, e);
    if (code != 0) {
        return code;
    }
    return txn_commit(s) == SQLITE_OK ? 0 : store_fail(s, e);
}

int store_end_run(struct store *s, const struct store_run_totals *totals, struct err *e)
{
    assert(s->in_run);
    int code = store_flush(s, e);
    if (code != 0) {
        return code;
    }
    char fingerprint[17];
    snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, totals->fingerprint);
    sqlite3_stmt *update = NULL;
    int rc = sqlite3_prepare_v2(
        s->db,
        "UPDATE runs SET complete = ?2, wall_s = ?3, sim_ns = ?4, events = ?5, fingerprint = ?6, "
        "slots_visited = ?7, arrived = ?8, completed = ?9, failed = ?10, in_flight = ?11 "
        "WHERE run_id = ?1",
        -1, &update, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_bind_int64(update, 1, s->run_id);
        sqlite3_bind_int(update, 2, totals->complete ? 1 : 0);
        sqlite3_bind_double(update, 3, totals->wall_s);
        sqlite3_bind_int64(update, 4, totals->sim_ns);
        sqlite3_bind_int64(update, 5, (int64_t)totals->events);
        sqlite3_bind_text(update, 6, fingerprint, -1, SQLITE_STATIC);
        sqlite3_bind_int64(update, 7, (int64_t)totals->slots_visited);
        sqlite3_bind_int64(update, 8, (int64_t)totals->arrived);
        sqlite3_bind_int64(update, 9, (int64_t)totals->completed);
        sqlite3_bind_int64(update, 10, (int64_t)totals->failed);
        sqlite3_bind_int64(update, 11, (int64_t)totals->in_flight);
        rc = store_db_step(update); /* its own transaction, after all rows (S2) */
    }
    code = rc == SQLITE_OK ? 0 : store_fail(s, e);
    sqlite3_finalize(update);
    s->in_run = code != 0;
    return code;
}

int store_close(struct store *s, struct err *e)
{
    if (s == NULL) {
        return 0;
    }
    int code = s->failed.code;
    if (code == 0 && s->mode != STORE_READ) {
        code = store_flush(s, e);
    } else {
        store_check(s, e);
    }
    feed_close(s->feed);
    sqlite3_finalize(s->begin);
    sqlite3_finalize(s->commit);
    if (code == 0 && s->mode != STORE_READ) {
        store_db_end_log(s->db, s->has_ran);
    }
    sqlite3_close(s->db);
    free(s->path);
    free(s->db_name);
    free(s);
    return code;
}

/* --- Looking at it --------------------------------------------------------------------------- */

const struct err *store_error(const struct store *s)
{
    return &s->failed;
}

int store_count_runs(struct store *s, int64_t *runs, int64_t *incomplete, struct err *e)
{
    struct sqlite3 *db = store_db(s);
    *runs = store_db_int(db, "SELECT count(*) FROM runs", -1);
    *incomplete = store_db_int(db, "SELECT count(*) FROM runs WHERE complete = 0", -1);
    return *runs < 0 || *incomplete < 0 ? store_db_error(e, s->path, s->db) : 0;
}

struct sqlite3 *store_db(struct store *s)
{
    if (s->feed != NULL) {
        feed_drain(s->feed); /* what it says, the next row or store_flush says again */
    }
    return s->db;
}

const char *store_path(const struct store *s)
{
    return s->path;
}
