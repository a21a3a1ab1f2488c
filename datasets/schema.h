/* schema.h - the tables of a store, generated from the lists of sim/record.h.
 *
 * One list of fields yields the C struct (sim/record.h), the CREATE TABLE, the INSERT and the
 * binding of a row to it (here), so that they cannot differ. Every table but `runs` begins with
 * run_id. Columns of the WiLLM dataset keep the paper's name beside them.
 */
#ifndef DATASETS_SCHEMA_H
#define DATASETS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

#include "sim/record.h"

struct sqlite3_stmt;

enum schema_type { SCHEMA_INT, SCHEMA_REAL, SCHEMA_TEXT };

struct schema_column {
    const char *name;
    enum schema_type type;
    const char *paper; /* its name in the paper for the 58 metrics; else what it holds */
    const char *unit;
    bool willm;    /* one of the 58 metrics of the WiLLM dataset */
    bool by_clock; /* hangs on the machine's clock: stored, never exported */
};

enum schema_table_id {
    SCHEMA_RUNS,
    SCHEMA_REQUESTS,
    SCHEMA_UE_RECORDS,
    SCHEMA_RAN_RECORDS,
    SCHEMA_SERVER_RECORDS,
    SCHEMA_CELLS,
    SCHEMA_GPUS,
    SCHEMA_SLICE_DECISIONS,
    SCHEMA_SWEEP_POINTS,
    SCHEMA_TABLES
};

struct schema_table {
    const char *name;
    const char *key;    /* natural key, as the text of an ORDER BY; rowid breaks what ties remain */
    const char *unique; /* columns of a UNIQUE constraint, NULL: none */
    const struct schema_column *columns;
    size_t n_columns;
};

/* SCHEMA_TABLES tables, in the order of enum schema_table_id. */
extern const struct schema_table schema_tables[SCHEMA_TABLES];

/* The table of that name, or NULL. */
const struct schema_table *schema_find(const char *name);

/* Names of all tables, NULL-terminated, in order. */
extern const char *const schema_table_names[SCHEMA_TABLES + 1];

/* Writes the SQL of CREATE TABLE or of INSERT (one parameter per column, in order) into
 * out[0..bytes); returns the length it needs, as snprintf does. */
size_t schema_create_sql(const struct schema_table *t, char *out, size_t bytes);
size_t schema_insert_sql(const struct schema_table *t, char *out, size_t bytes);

/* Bind a row to the parameters 2.. of the table's INSERT (parameter 1 is run_id). Text is bound
 * without a copy: step the statement before the row goes away. Return 0 or the SQLite code. */
int schema_bind_request(struct sqlite3_stmt *s, const struct request_record *row);
int schema_bind_ue(struct sqlite3_stmt *s, const struct ue_record *row);
int schema_bind_ran(struct sqlite3_stmt *s, const struct ran_record *row);
int schema_bind_server(struct sqlite3_stmt *s, const struct server_record *row);
int schema_bind_cell(struct sqlite3_stmt *s, const struct cell_record *row);
int schema_bind_gpu(struct sqlite3_stmt *s, const struct gpu_record *row);
int schema_bind_decision(struct sqlite3_stmt *s, const struct decision_record *row);

/* The same for a statement whose last row was `last`, but numbers that are the same as there stay
 * bound: of the millions of RAN rows most columns do not change. The texts of `last` are not read.
 */
int schema_rebind_ran(struct sqlite3_stmt *s, const struct ran_record *row,
                      const struct ran_record *last);

#endif
