/* schema.c - the tables of a store, out of the lists of sim/record.h. */
#include "datasets/schema.h"

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

/* How a field becomes a column: as one of the 58 metrics of the WiLLM dataset (WILLM), as ours, and
 * as ours that hangs on the machine's clock. RECORD_x: a field of struct x_record. */
#define COLUMN(type, name, what, unit, willm, clock, offset)                                       \
    {#name, SCHEMA_##type, what, unit, willm, clock, offset},
#define FREE(type, name, what, unit)  COLUMN(type, name, what, unit, false, false, SCHEMA_NO_OFFSET)
#define CLOCK(type, name, what, unit) COLUMN(type, name, what, unit, false, true, SCHEMA_NO_OFFSET)
#define OURS(type, name, what, unit, record)                                                       \
    COLUMN(type, name, what, unit, false, false, offsetof(struct record, name))
#define WILLM(type, name, what, unit, record)                                                      \
    COLUMN(type, name, what, unit, true, false, offsetof(struct record, name))

#define OF_REQUEST(type, name, what, unit)   OURS(type, name, what, unit, request_record)
#define OF_UE(type, name, what, unit)        OURS(type, name, what, unit, ue_record)
#define OF_RAN(type, name, what, unit)       OURS(type, name, what, unit, ran_record)
#define OF_SERVER(type, name, what, unit)    OURS(type, name, what, unit, server_record)
#define OF_CELL(type, name, what, unit)      OURS(type, name, what, unit, cell_record)
#define OF_GPU(type, name, what, unit)       OURS(type, name, what, unit, gpu_record)
#define OF_DECISION(type, name, what, unit)  OURS(type, name, what, unit, decision_record)
#define WILLM_UE(type, name, what, unit)     WILLM(type, name, what, unit, ue_record)
#define WILLM_RAN(type, name, what, unit)    WILLM(type, name, what, unit, ran_record)
#define WILLM_SERVER(type, name, what, unit) WILLM(type, name, what, unit, server_record)
#define N(columns)                           (sizeof(columns) / sizeof(columns)[0])

/* The lists join without commas: each field brings its own. */
static const struct schema_column run_columns[] = {RUN_ID_FIELD(FREE) RUN_FIELDS(FREE)
                                                       RUN_CLOCK_FIELDS(CLOCK)};
static const struct schema_column request_columns[] = {RUN_ID_FIELD(FREE)
                                                           RECORD_REQUEST_FIELDS(OF_REQUEST)};
static const struct schema_column ue_columns[] = {RUN_ID_FIELD(FREE) REQUEST_ID_FIELD(OF_UE)
                                                      RECORD_UE_FIELDS(WILLM_UE)};
static const struct schema_column ran_columns[] = {RUN_ID_FIELD(FREE) CELL_FIELD(
    OF_RAN) RECORD_RAN_FIELDS(WILLM_RAN) RECORD_RAN_EXTRA_FIELDS(OF_RAN)};
static const struct schema_column server_columns[] = {RUN_ID_FIELD(FREE) REQUEST_ID_FIELD(
    OF_SERVER) SERVER_KEY_FIELDS(OF_SERVER) RECORD_SERVER_FIELDS(WILLM_SERVER)};
static const struct schema_column cell_columns[] = {RUN_ID_FIELD(FREE) RECORD_CELL_FIELDS(OF_CELL)};
static const struct schema_column gpu_columns[] = {RUN_ID_FIELD(FREE) RECORD_GPU_FIELDS(OF_GPU)};
static const struct schema_column decision_columns[] = {RUN_ID_FIELD(FREE)
                                                            RECORD_DECISION_FIELDS(OF_DECISION)};
static const struct schema_column sweep_columns[] = {RUN_ID_FIELD(FREE) SWEEP_FIELDS(FREE)};

/* Each line: table, natural key, UNIQUE constraint, columns, size of the record. ran_records has no
 * constraint: its index would double the cost of millions of rows. */
#define TABLES(X)                                                                                  \
    X(SCHEMA_RUNS, "runs", "run_id", "run_id", run_columns, 0)                                     \
    X(SCHEMA_REQUESTS, "requests", "run_id, request_id", "run_id, request_id", request_columns,    \
      sizeof(struct request_record))                                                               \
    X(SCHEMA_UE_RECORDS, "ue_records", "run_id, request_id, timestamp_ms", NULL, ue_columns,       \
      sizeof(struct ue_record))                                                                    \
    X(SCHEMA_RAN_RECORDS, "ran_records",                                                           \
      "run_id, gnb_timestamp_ms, cell, frame_number, slot_number, rnti, ue_id", NULL, ran_columns, \
      sizeof(struct ran_record))                                                                   \
    X(SCHEMA_SERVER_RECORDS, "server_records", "run_id, request_id, timestamp_ms", NULL,           \
      server_columns, sizeof(struct server_record))                                                \
    X(SCHEMA_CELLS, "cells", "run_id, cell, direction, slice_id", NULL, cell_columns,              \
      sizeof(struct cell_record))                                                                  \
    X(SCHEMA_GPUS, "gpus", "run_id, server, gpu, llm_model", NULL, gpu_columns,                    \
      sizeof(struct gpu_record))                                                                   \
    X(SCHEMA_SLICE_DECISIONS, "slice_decisions",                                                   \
      "run_id, time_ns, age_ns, cell, direction, slice_id", NULL, decision_columns,                \
      sizeof(struct decision_record))                                                              \
    X(SCHEMA_SWEEP_POINTS, "sweep_points", "run_id, path", "run_id, path", sweep_columns, 0)

#define TABLE(id, name, key, unique, columns, bytes)                                               \
    [id] = {name, key, unique, columns, N(columns), bytes},
const struct schema_table schema_tables[SCHEMA_TABLES] = {TABLES(TABLE)};

#define TABLE_NAME(id, name, key, unique, columns, bytes) [id] = (name),
const char *const schema_table_names[SCHEMA_TABLES + 1] = {TABLES(TABLE_NAME)};

/* Where a field stands among the columns of its table: run_id, and what joins rows, come first. */
#define AT_UE(type, name, what, unit)     AT_UE_##name,
#define AT_SERVER(type, name, what, unit) AT_SERVER_##name,
#define AT_RAN(type, name, what, unit)    AT_RAN_##name,
enum { AT_UE_RUN_ID, REQUEST_ID_FIELD(AT_UE) RECORD_UE_FIELDS(AT_UE) };
enum {
    AT_SERVER_RUN_ID,
    REQUEST_ID_FIELD(AT_SERVER) SERVER_KEY_FIELDS(AT_SERVER) RECORD_SERVER_FIELDS(AT_SERVER)
};
enum { AT_RAN_RUN_ID, CELL_FIELD(AT_RAN) RECORD_RAN_FIELDS(AT_RAN) };

#define UE_METRIC(type, name, what, unit) {SCHEMA_UE_RECORDS, &ue_columns[AT_UE_##name]},
#define SERVER_METRIC(type, name, what, unit)                                                      \
    {SCHEMA_SERVER_RECORDS, &server_columns[AT_SERVER_##name]},
#define RAN_METRIC(type, name, what, unit) {SCHEMA_RAN_RECORDS, &ran_columns[AT_RAN_##name]},
const struct schema_metric schema_metrics[SCHEMA_METRICS] = {
    RECORD_UE_FIELDS(UE_METRIC) RECORD_SERVER_FIELDS(SERVER_METRIC) RECORD_RAN_FIELDS(RAN_METRIC)};

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

/* The join of wide.h in SQL. An index is asked once per RAN record for the UE's last request, and
 * once each for that request's records. */
size_t schema_view_sql(char *out, size_t bytes)
{
    static const char *const alias[SCHEMA_TABLES] = {
        [SCHEMA_UE_RECORDS] = "u.", [SCHEMA_SERVER_RECORDS] = "s.", [SCHEMA_RAN_RECORDS] = "r."};
    size_t at =
        append(out, bytes, 0, "CREATE VIEW " SCHEMA_VIEW " AS SELECT r.run_id, q.request_id");
    for (size_t i = 0; i < SCHEMA_METRICS; i++) {
        at = append(out, bytes, at, ", ");
        at = append(out, bytes, at, alias[schema_metrics[i].table]);
        at = append(out, bytes, at, schema_metrics[i].column->name);
    }
    return append(
        out, bytes, at,
        " FROM ran_records r LEFT JOIN requests q ON q.rowid = (SELECT p.rowid FROM requests p "
        "WHERE p.run_id = r.run_id AND p.ue_id = r.ue_id AND p.status = 'completed' AND "
        "p.done_ns <= r.gnb_timestamp_ms * 1000000 ORDER BY p.done_ns DESC, p.request_id DESC "
        "LIMIT 1) "
        "LEFT JOIN ue_records u ON u.rowid = (SELECT max(rowid) FROM ue_records WHERE run_id = "
        "q.run_id AND request_id = q.request_id) "
        "LEFT JOIN server_records s ON s.rowid = (SELECT max(rowid) FROM server_records WHERE "
        "run_id = q.run_id AND request_id = q.request_id)");
}

const char schema_view_indexes_sql[] =
    "CREATE INDEX IF NOT EXISTS requests_done ON requests (run_id, ue_id, done_ns, request_id) "
    "WHERE status = 'completed'; "
    "CREATE INDEX IF NOT EXISTS ue_records_request ON ue_records (run_id, request_id); "
    "CREATE INDEX IF NOT EXISTS server_records_request ON server_records (run_id, request_id)";
