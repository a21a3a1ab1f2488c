/* wide.c - RAN records merged with the last request of their UE, in order of time.
 *
 *     requests (+ UE and server record), by done_ns  --request_take--> what each UE has now
 *     ran_records, by gnb_timestamp_ms               --wide_next-----> row + what its UE has
 *
 * Before a RAN record is given, every request that was done by then has been taken. Invariant: a
 * UE's entry holds copies, so that a statement may step on. */
#include "datasets/wide.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/order.h"

_Static_assert(RECORD_EPOCH_MS == 0, "done_ns and gnb_timestamp_ms count from one instant");

enum { SQL_BYTES = 8192, UES_ROOM_FIRST = 64 };

/* The first columns of `requests`; its fields follow, the rowid of the UE's record and its fields,
 * and those of the server's. */
enum { REQUEST_RUN, REQUEST_DONE, REQUEST_FIELDS };

/* The last request of a UE. */
struct ue_entry {
    bool used, has_ue, has_server;
    int64_t ue_id;
    struct request_record request;
    struct ue_record ue;
    struct server_record server;
    char *text; /* all that the three point to */
    size_t text_room;
};

struct wide {
    struct store *store;
    sqlite3_stmt *ran, *requests;
    int requests_ue, requests_server; /* columns of their rowids */
    bool request_waits;               /* `requests` stands on a row that is not taken */
    int64_t request_run, request_done_ns;
    struct ue_entry *ues; /* open addressing by ue_id */
    size_t ues_room, n_ues;
    int64_t ues_run; /* the run that they are of */
    struct ran_record record;
    struct wide_row row;
};

static int wide_fail(const struct wide *w, struct err *e)
{
    sqlite3 *db = store_db(w->store);
    return (sqlite3_errcode(db) & 0xff) == SQLITE_CORRUPT
               ? err_input(e, store_path(w->store), NULL, "the file is damaged (%s)",
                           sqlite3_errmsg(db))
               : err_work(e, store_path(w->store), SCHEMA_VIEW, "cannot be read: %s",
                          sqlite3_errmsg(db));
}

/* --- From statement to record ----------------------------------------------------------------- */

static int64_t column_int(sqlite3_stmt *row, int i)
{
    /* SQLite's number for NULL is 0: only then look at the type. */
    int64_t value = sqlite3_column_int64(row, i);
    return value == 0 && sqlite3_column_type(row, i) == SQLITE_NULL ? RECORD_NO_INT : value;
}

static double column_real(sqlite3_stmt *row, int i)
{
    double value = sqlite3_column_double(row, i);
    return value == 0 && sqlite3_column_type(row, i) == SQLITE_NULL ? NAN : value;
}

/* Reads columns at.. of a row: the fields of a record of `t`, in its order. Text stays SQLite's. */
static void record_read(sqlite3_stmt *row, int at, const struct schema_table *t, void *record)
{
    for (size_t i = 1; i < t->n_columns; i++, at++) {
        void *field = (char *)record + t->columns[i].offset;
        if (t->columns[i].type == SCHEMA_INT) {
            *(int64_t *)field = column_int(row, at);
        } else if (t->columns[i].type == SCHEMA_REAL) {
            *(double *)field = column_real(row, at);
        } else {
            *(const char **)field = (const char *)sqlite3_column_text(row, at);
        }
    }
}

/* Bytes of the texts of a record; with `out`, copies them there and points to the copies. */
static size_t record_texts(const struct schema_table *t, void *record, char *out)
{
    size_t bytes = 0;
    for (size_t i = 1; i < t->n_columns; i++) {
        const char **text = (const char **)((char *)record + t->columns[i].offset);
        if (t->columns[i].type != SCHEMA_TEXT || *text == NULL) {
            continue;
        }
        size_t length = strlen(*text) + 1;
        if (out != NULL) {
            *text = memcpy(out + bytes, *text, length);
        }
        bytes += length;
    }
    return bytes;
}

/* --- What each UE has now --------------------------------------------------------------------- */

/* Multiplicative hashing: Knuth, The Art of Computer Programming 3, 6.4. */
static size_t ue_slot(const struct ue_entry *ues, size_t room, int64_t ue_id)
{
    size_t i = (size_t)((uint64_t)ue_id * 0x9e3779b97f4a7c15U >> 32) & (room - 1);
    while (ues[i].used && ues[i].ue_id != ue_id) {
        i = (i + 1) & (room - 1);
    }
    return i;
}

static bool ues_grow(struct wide *w)
{
    size_t room = w->ues_room == 0 ? UES_ROOM_FIRST : 2 * w->ues_room;
    struct ue_entry *ues = calloc(room, sizeof *ues);
    if (ues == NULL) {
        return false;
    }
    for (size_t i = 0; i < w->ues_room; i++) {
        if (w->ues[i].used) {
            ues[ue_slot(ues, room, w->ues[i].ue_id)] = w->ues[i];
        }
    }
    free(w->ues);
    w->ues = ues;
    w->ues_room = room;
    return true;
}

static void ues_clear(struct wide *w)
{
    for (size_t i = 0; i < w->ues_room; i++) {
        free(w->ues[i].text);
        w->ues[i] = (struct ue_entry){.used = false};
    }
    w->n_ues = 0;
}

/* The entry of a UE, NULL when it has none; with `make` NULL when there is no memory. */
static struct ue_entry *ue_find(struct wide *w, int64_t ue_id, bool make)
{
    if (make && 4 * (w->n_ues + 1) > 3 * w->ues_room && !ues_grow(w)) {
        return NULL;
    }
    if (w->ues_room == 0) {
        return NULL;
    }
    struct ue_entry *ue = &w->ues[ue_slot(w->ues, w->ues_room, ue_id)];
    if (!ue->used && make) {
        ue->used = true;
        ue->ue_id = ue_id;
        w->n_ues++;
    }
    return ue->used ? ue : NULL;
}

/* Makes the row of `requests` what its UE has. */
static int request_take(struct wide *w, struct err *e)
{
    const struct schema_table *const tables[] = {&schema_tables[SCHEMA_REQUESTS],
                                                 &schema_tables[SCHEMA_UE_RECORDS],
                                                 &schema_tables[SCHEMA_SERVER_RECORDS]};
    struct request_record request = {0};
    record_read(w->requests, REQUEST_FIELDS, tables[0], &request);
    if (request.ue_id == RECORD_NO_INT) {
        return 0;
    }
    struct ue_entry *ue = ue_find(w, request.ue_id, true);
    if (ue == NULL) {
        return err_memory(e, "joining records");
    }
    ue->request = request;
    ue->has_ue = sqlite3_column_type(w->requests, w->requests_ue) != SQLITE_NULL;
    ue->has_server = sqlite3_column_type(w->requests, w->requests_server) != SQLITE_NULL;
    record_read(w->requests, w->requests_ue + 1, tables[1], &ue->ue);
    record_read(w->requests, w->requests_server + 1, tables[2], &ue->server);
    void *const records[] = {&ue->request, &ue->ue, &ue->server};
    size_t bytes = 0;
    for (int i = 0; i < 3; i++) {
        bytes += record_texts(tables[i], records[i], NULL);
    }
    if (bytes > ue->text_room) {
        free(ue->text);
        ue->text_room = 0;
        ue->text = malloc(2 * bytes);
        if (ue->text == NULL) {
            return err_memory(e, "joining records");
        }
        ue->text_room = 2 * bytes;
    }
    bytes = 0;
    for (int i = 0; i < 3 && ue->text != NULL; i++) {
        bytes += record_texts(tables[i], records[i], ue->text + bytes);
    }
    return 0;
}

/* Brings `requests` to its next row. */
static int request_step(struct wide *w, struct err *e)
{
    int rc = sqlite3_step(w->requests);
    w->request_waits = rc == SQLITE_ROW;
    if (w->request_waits) {
        w->request_run = sqlite3_column_int64(w->requests, REQUEST_RUN);
        w->request_done_ns = sqlite3_column_int64(w->requests, REQUEST_DONE);
    }
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : wide_fail(w, e);
}

/* Takes the requests that are done at `time_ms` of a run. */
static int requests_take(struct wide *w, int64_t run_id, int64_t time_ms, struct err *e)
{
    __extension__ typedef __int128 wide_ns; /* a measured time may be any number */
    int code = 0;
    while (code == 0 && w->request_waits &&
           (w->request_run < run_id || (w->request_run == run_id && time_ms != RECORD_NO_INT &&
                                        w->request_done_ns <= (wide_ns)time_ms * NS_PER_MS))) {
        code = w->request_run == run_id ? request_take(w, e) : 0;
        code = code == 0 ? request_step(w, e) : code;
    }
    return code;
}

/* --- Opening ---------------------------------------------------------------------------------- */

/* Appends the columns of `t` but run_id, each behind `alias`. */
static int sql_columns(char sql[SQL_BYTES], int at, const struct schema_table *t, const char *alias)
{
    for (size_t i = 1; i < t->n_columns; i++) {
        at += snprintf(sql + at, (size_t)(SQL_BYTES - at), ", %s.%s", alias, t->columns[i].name);
    }
    return at;
}

static int requests_prepare(struct wide *w, const char *where)
{
    const struct schema_table *request = &schema_tables[SCHEMA_REQUESTS],
                              *ue = &schema_tables[SCHEMA_UE_RECORDS],
                              *server = &schema_tables[SCHEMA_SERVER_RECORDS];
    char sql[SQL_BYTES];
    int at = snprintf(sql, sizeof sql, "SELECT q.run_id, q.done_ns");
    at = sql_columns(sql, at, request, "q");
    at += snprintf(sql + at, sizeof sql - (size_t)at, ", u.rowid");
    at = sql_columns(sql, at, ue, "u");
    at += snprintf(sql + at, sizeof sql - (size_t)at, ", s.rowid");
    at = sql_columns(sql, at, server, "s");
    at += snprintf(sql + at, sizeof sql - (size_t)at,
                   " FROM requests q LEFT JOIN ue_records u ON u.run_id = q.run_id AND "
                   "u.request_id = q.request_id LEFT JOIN server_records s ON s.run_id = q.run_id "
                   "AND s.request_id = q.request_id WHERE q.status = 'completed' AND q.done_ns IS "
                   "NOT NULL%s ORDER BY q.run_id, q.done_ns, q.request_id, u.rowid, s.rowid",
                   where);
    assert(at < SQL_BYTES);
    w->requests_ue = REQUEST_FIELDS + (int)request->n_columns - 1;
    w->requests_server = w->requests_ue + (int)ue->n_columns;
    return sqlite3_prepare_v2(store_db(w->store), sql, -1, &w->requests, NULL);
}

static int ran_prepare(struct wide *w, int64_t run_id, const char *where)
{
    const struct schema_table *ran = &schema_tables[SCHEMA_RAN_RECORDS];
    char sql[SQL_BYTES], order[ORDER_SQL_BYTES];
    int rc = order_by_key(store_db(w->store), ran, run_id, order);
    int at = snprintf(sql, sizeof sql, "SELECT q.run_id");
    at = sql_columns(sql, at, ran, "q");
    at += snprintf(sql + at, sizeof sql - (size_t)at, " FROM ran_records q WHERE 1%s ORDER BY %s",
                   where, order);
    assert(at < SQL_BYTES);
    return rc != SQLITE_OK ? rc : sqlite3_prepare_v2(store_db(w->store), sql, -1, &w->ran, NULL);
}

static int run_check(struct wide *w, int64_t run_id, struct err *e)
{
    char sql[96];
    sqlite3_stmt *row = NULL;
    snprintf(sql, sizeof sql, "SELECT 1 FROM runs WHERE run_id = %" PRId64, run_id);
    int rc = sqlite3_prepare_v2(store_db(w->store), sql, -1, &row, NULL);
    rc = rc == SQLITE_OK ? sqlite3_step(row) : rc;
    sqlite3_finalize(row);
    return rc == SQLITE_ROW ? 0
           : rc == SQLITE_DONE
               ? err_input(e, store_path(w->store), "runs", "no run %" PRId64, run_id)
               : wide_fail(w, e);
}

int wide_open(struct store *s, int64_t run_id, struct wide **out, struct err *e)
{
    *out = NULL;
    struct wide *w = calloc(1, sizeof *w);
    if (w == NULL) {
        return err_memory(e, "joining records");
    }
    w->store = s;
    char where[48] = "";
    int code = 0;
    if (run_id != 0) {
        snprintf(where, sizeof where, " AND q.run_id = %" PRId64, run_id);
        code = run_check(w, run_id, e);
    }
    /* The requests first: while they are being read, all tables stay as they are now. */
    if (code == 0) {
        code = requests_prepare(w, where) == SQLITE_OK ? request_step(w, e) : wide_fail(w, e);
    }
    if (code == 0 && ran_prepare(w, run_id, where) != SQLITE_OK) {
        code = wide_fail(w, e);
    }
    if (code != 0) {
        wide_close(w);
        return code;
    }
    *out = w;
    return 0;
}

void wide_close(struct wide *w)
{
    if (w == NULL) {
        return;
    }
    sqlite3_finalize(w->ran);
    sqlite3_finalize(w->requests);
    ues_clear(w);
    free(w->ues);
    free(w);
}

/* --- Rows ------------------------------------------------------------------------------------- */

int wide_next(struct wide *w, const struct wide_row **row, struct err *e)
{
    *row = NULL;
    int rc = sqlite3_step(w->ran);
    if (rc != SQLITE_ROW) {
        return rc == SQLITE_DONE ? 0 : wide_fail(w, e);
    }
    w->row = (struct wide_row){.ran = &w->record, .run_id = sqlite3_column_int64(w->ran, 0)};
    record_read(w->ran, 1, &schema_tables[SCHEMA_RAN_RECORDS], &w->record);
    if (w->row.run_id != w->ues_run) {
        ues_clear(w);
        w->ues_run = w->row.run_id;
    }
    int code = requests_take(w, w->row.run_id, w->record.gnb_timestamp_ms, e);
    if (code != 0) {
        return code;
    }
    const struct ue_entry *ue = ue_find(w, w->record.ue_id, false);
    if (ue != NULL && w->record.gnb_timestamp_ms != RECORD_NO_INT) {
        w->row.request = &ue->request;
        w->row.ue = ue->has_ue ? &ue->ue : NULL;
        w->row.server = ue->has_server ? &ue->server : NULL;
    }
    *row = &w->row;
    return 0;
}

const void *wide_value(const struct wide_row *row, const struct schema_metric *metric)
{
    const void *const parts[SCHEMA_TABLES] = {[SCHEMA_UE_RECORDS] = row->ue,
                                              [SCHEMA_SERVER_RECORDS] = row->server,
                                              [SCHEMA_RAN_RECORDS] = row->ran};
    const char *part = parts[metric->table];
    return part != NULL ? part + metric->column->offset : NULL;
}
