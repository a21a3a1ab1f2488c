/* schema.c - the tables of a store, out of the lists of sim/record.h. */
#include "datasets/schema.h"

#include <sqlite3.h>
#include <string.h>

/* The columns that the lists of sim/record.h do not have: what a run is, and what joins rows. */
#define RUN_ID_FIELD(X) X(INT, run_id, "run", "")
#define RUN_FIELDS(X)                                                                              \
    X(TEXT, scenario, "name of the scenario", "")                                                  \
    X(TEXT, scenario_text, "the scenario as run, JSON", "")                                        \
    X(TEXT, scenario_sha256, "SHA-256 of that text", "")                                           \
    X(INT, seed, "seed", "")                                                                       \
    X(TEXT, version, "version of the program", "")                                                 \
    X(INT, complete, "1 once the run has ended", "")                                               \
    X(INT, sim_ns, "simulated time", "ns")                                                         \
    X(INT, events, "events handled", "")                                                           \
    X(TEXT, fingerprint, "hash over the events, hex", "")                                          \
    X(INT, slots_visited, "radio slots worked on", "")                                             \
    X(INT, arrived, "requests born", "")                                                           \
    X(INT, completed, "requests completed", "")                                                    \
    X(INT, failed, "requests failed", "")                                                          \
    X(INT, in_flight, "requests neither", "")
#define RUN_CLOCK_FIELDS(X)                                                                        \
    X(TEXT, started_at, "when the run began", "")                                                  \
    X(REAL, wall_s, "time that the run took", "s")
#define REQUEST_ID_FIELD(X) X(INT, request_id, "joins requests", "")
#define SERVER_KEY_FIELDS(X)                                                                       \
    X(TEXT, server, "server", "")                                                                  \
    X(INT, timestamp_ms, "the server had the whole request", "ms")
#define CELL_FIELD(X) X(TEXT, cell, "cell", "")
#define SWEEP_FIELDS(X)                                                                            \
    X(INT, point, "combination of a sweep, from 1", "")                                            \
    X(INT, rep, "replication of it, from 1", "")                                                   \
    X(TEXT, path, "path of a value that the sweep varies", "")                                     \
    X(TEXT, value, "its value in this run", "")

/* Three ways to list a field: as one of the 58 metrics of the WiLLM dataset, as ours, and as ours
 * that hangs on the machine's clock. */
#define WILLM(type, name, paper, unit) {#name, SCHEMA_##type, paper, unit, true, false},
#define OURS(type, name, what, unit)   {#name, SCHEMA_##type, what, unit, false, false},
#define CLOCK(type, name, what, unit)  {#name, SCHEMA_##type, what, unit, false, true},
#define N(columns)                     (sizeof(columns) / sizeof(columns)[0])

/* The lists join without commas: each field brings its own. */
static const struct schema_column run_columns[] = {RUN_ID_FIELD(OURS) RUN_FIELDS(OURS)
                                                       RUN_CLOCK_FIELDS(CLOCK)};
static const struct schema_column request_columns[] = {RUN_ID_FIELD(OURS)
                                                           RECORD_REQUEST_FIELDS(OURS)};
static const struct schema_column ue_columns[] = {RUN_ID_FIELD(OURS) REQUEST_ID_FIELD(OURS)
                                                      RECORD_UE_FIELDS(WILLM)};
static const struct schema_column ran_columns[] = {
    RUN_ID_FIELD(OURS) CELL_FIELD(OURS) RECORD_RAN_FIELDS(WILLM) RECORD_RAN_EXTRA_FIELDS(OURS)};
static const struct schema_column server_columns[] = {
    RUN_ID_FIELD(OURS) REQUEST_ID_FIELD(OURS) SERVER_KEY_FIELDS(OURS) RECORD_SERVER_FIELDS(WILLM)};
static const struct schema_column cell_columns[] = {RUN_ID_FIELD(OURS) RECORD_CELL_FIELDS(OURS)};
static const struct schema_column gpu_columns[] = {RUN_ID_FIELD(OURS) RECORD_GPU_FIELDS(OURS)};
static const struct schema_column decision_columns[] = {RUN_ID_FIELD(OURS)
                                                            RECORD_DECISION_FIELDS(OURS)};
static const struct schema_column sweep_columns[] = {RUN_ID_FIELD(OURS) SWEEP_FIELDS(OURS)};

/* Each line: table, natural key, UNIQUE constraint, columns. ran_records has no constraint: its
 * index would double the cost of millions of rows. */
#define TABLES(X)                                                                                  \
    X(SCHEMA_RUNS, "runs", "run_id", "run_id", run_columns)                                        \
    X(SCHEMA_REQUESTS, "requests", "run_id, request_id", "run_id, request_id", request_columns)    \
    X(SCHEMA_UE_RECORDS, "ue_records", "run_id, request_id, timestamp_ms", NULL, ue_columns)       \
    X(SCHEMA_RAN_RECORDS, "ran_records",                                                           \
      "run_id, gnb_timestamp_ms, cell, frame_number, slot_number, rnti, ue_id", NULL, ran_columns) \
    X(SCHEMA_SERVER_RECORDS, "server_records", "run_id, request_id, timestamp_ms", NULL,           \
      server_columns)                                                                              \
    X(SCHEMA_CELLS, "cells", "run_id, cell, direction, slice_id", NULL, cell_columns)              \
    X(SCHEMA_GPUS, "gpus", "run_id, server, gpu, llm_model", NULL, gpu_columns)                    \
    X(SCHEMA_SLICE_DECISIONS, "slice_decisions",                                                   \
      "run_id, time_ns, age_ns, cell, direction, slice_id", NULL, decision_columns)                \
    X(SCHEMA_SWEEP_POINTS, "sweep_points", "run_id, path", "run_id, path", sweep_columns)

#define TABLE(id, name, key, unique, columns) [id] = {name, key, unique, columns, N(columns)},
const struct schema_table schema_tables[SCHEMA_TABLES] = {TABLES(TABLE)};

#define TABLE_NAME(id, name, key, unique, columns) [id] = (name),
const char *const schema_table_names[SCHEMA_TABLES + 1] = {TABLES(TABLE_NAME)};

const struct schema_table *schema_find(const char *name)
{
    for (size_t i = 0; i < SCHEMA_TABLES; i++) {
        if (strcmp(schema_tables[i].name, name) == 0) {
            return &schema_tables[i];
        }
    }
    return NULL;
}

/* Appends to out[0..bytes) as far as there is room; returns the length so far plus the text's. */
static size_t append(char *out, size_t bytes, size_t at, const char *text)
{
    size_t length = strlen(text);
    for (size_t i = 0; i < length && at + i + 1 < bytes; i++) {
        out[at + i] = text[i];
        out[at + i + 1] = '\0';
    }
    return at + length;
}

size_t schema_create_sql(const struct schema_table *t, char *out, size_t bytes)
{
    static const char *const types[] = {
        [SCHEMA_INT] = " INTEGER", [SCHEMA_REAL] = " REAL", [SCHEMA_TEXT] = " TEXT"};
    size_t at = append(out, bytes, 0, "CREATE TABLE ");
    at = append(out, bytes, at, t->name);
    for (size_t i = 0; i < t->n_columns; i++) {
        at = append(out, bytes, at, i == 0 ? "(" : ", ");
        at = append(out, bytes, at, t->columns[i].name);
        at = append(out, bytes, at, types[t->columns[i].type]);
    }
    if (t->unique != NULL) {
        at = append(out, bytes, at, ", UNIQUE (");
        at = append(out, bytes, at, t->unique);
        at = append(out, bytes, at, ")");
    }
    return append(out, bytes, at, ")");
}

size_t schema_insert_sql(const struct schema_table *t, char *out, size_t bytes)
{
    size_t at = append(out, bytes, 0, "INSERT INTO ");
    at = append(out, bytes, at, t->name);
    at = append(out, bytes, at, " VALUES (");
    for (size_t i = 0; i < t->n_columns; i++) {
        at = append(out, bytes, at, i == 0 ? "?" : ",?");
    }
    return append(out, bytes, at, ")");
}

static int bind_int(sqlite3_stmt *s, int i, int64_t value)
{
    return value == RECORD_NO_INT ? sqlite3_bind_null(s, i) : sqlite3_bind_int64(s, i, value);
}

/* SQLite itself takes NaN for NULL. */
static int bind_real(sqlite3_stmt *s, int i, double value)
{
    return sqlite3_bind_double(s, i, value);
}

static int bind_text(sqlite3_stmt *s, int i, const char *value)
{
    return sqlite3_bind_text(s, i, value, -1, SQLITE_STATIC);
}

/* rc collects: binding goes wrong only by a wrong index or a text of 2 GB. */
#define BIND_INT(name)                rc |= bind_int(s, i++, row->name);
#define BIND_REAL(name)               rc |= bind_real(s, i++, row->name);
#define BIND_TEXT(name)               rc |= bind_text(s, i++, row->name);
#define BIND(type, name, paper, unit) BIND_##type(name)

int schema_bind_request(struct sqlite3_stmt *s, const struct request_record *row)
{
    int rc = 0, i = 2;
    RECORD_REQUEST_FIELDS(BIND)
    return rc;
}

int schema_bind_ue(struct sqlite3_stmt *s, const struct ue_record *row)
{
    int rc = 0, i = 2;
    BIND_INT(request_id)
    RECORD_UE_FIELDS(BIND)
    return rc;
}

int schema_bind_ran(struct sqlite3_stmt *s, const struct ran_record *row)
{
    int rc = 0, i = 2;
    BIND_TEXT(cell)
    RECORD_RAN_FIELDS(BIND)
    RECORD_RAN_EXTRA_FIELDS(BIND)
    return rc;
}

/* By their bits: NaN is NaN's equal then, and -0 is not 0's. */
static bool same_real(double a, double b)
{
    uint64_t x, y;
    memcpy(&x, &a, sizeof x);
    memcpy(&y, &b, sizeof y);
    return x == y;
}

/* A statement keeps what was bound. */
#define REBIND_INT(name)                                                                           \
    if (row->name != last->name) {                                                                 \
        rc |= bind_int(s, i, row->name);                                                           \
    }                                                                                              \
    i++;
#define REBIND_REAL(name)                                                                          \
    if (!same_real(row->name, last->name)) {                                                       \
        rc |= bind_real(s, i, row->name);                                                          \
    }                                                                                              \
    i++;
#define REBIND_TEXT(name)               BIND_TEXT(name)
#define REBIND(type, name, paper, unit) REBIND_##type(name)

int schema_rebind_ran(struct sqlite3_stmt *s, const struct ran_record *row,
                      const struct ran_record *last)
{
    int rc = 0, i = 2;
    REBIND_TEXT(cell)
    RECORD_RAN_FIELDS(REBIND)
    RECORD_RAN_EXTRA_FIELDS(REBIND)
    return rc;
}

int schema_bind_server(struct sqlite3_stmt *s, const struct server_record *row)
{
    int rc = 0, i = 2;
    BIND_INT(request_id)
    BIND_TEXT(server)
    BIND_INT(timestamp_ms)
    RECORD_SERVER_FIELDS(BIND)
    return rc;
}

int schema_bind_cell(struct sqlite3_stmt *s, const struct cell_record *row)
{
    int rc = 0, i = 2;
    RECORD_CELL_FIELDS(BIND)
    return rc;
}

int schema_bind_gpu(struct sqlite3_stmt *s, const struct gpu_record *row)
{
    int rc = 0, i = 2;
    RECORD_GPU_FIELDS(BIND)
    return rc;
}

int schema_bind_decision(struct sqlite3_stmt *s, const struct decision_record *row)
{
    int rc = 0, i = 2;
    RECORD_DECISION_FIELDS(BIND)
    return rc;
}
