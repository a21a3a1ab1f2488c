/* schema.h - the tables of a store, generated from the lists of sim/record.h.
 *
 * One list of fields yields the C struct (sim/record.h), the CREATE TABLE, and for each column
 * where its value stands in the struct (here), so that they cannot differ. Every table but `runs`
 * begins with run_id. Columns of the WiLLM dataset keep the paper's name beside them.
 */
#ifndef DATASETS_SCHEMA_H
#define DATASETS_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/record.h"

enum schema_type { SCHEMA_INT, SCHEMA_REAL, SCHEMA_TEXT };

struct schema_column {
    const char *name;
    enum schema_type type;
    const char *paper; /* its name in the paper for the 58 metrics; else what it holds */
    const char *unit;
    bool willm;    /* one of the 58 metrics of the WiLLM dataset */
    bool by_clock; /* hangs on the machine's clock: stored, never exported */
    size_t offset; /* of its int64_t, double or text in the record; SCHEMA_NO_OFFSET: not in it */
};

/* Of run_id, and of every column of `runs`, which has no record. */
#define SCHEMA_NO_OFFSET SIZE_MAX

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
    size_t record_bytes; /* of the struct of sim/record.h; 0: none */
};

/* SCHEMA_TABLES tables, in the order of enum schema_table_id. */
extern const struct schema_table schema_tables[SCHEMA_TABLES];

/* The table of that name, or NULL. */
const struct schema_table *schema_find(const char *name);

/* Names of all tables, NULL-terminated, in order. */
extern const char *const schema_table_names[SCHEMA_TABLES + 1];

/* Writes the SQL of CREATE TABLE into out[0..bytes); returns the length it needs, as snprintf does.
 */
size_t schema_create_sql(const struct schema_table *t, char *out, size_t bytes);

/* One of the 58 metrics of the WiLLM data set: a column of ue_records, server_records or
 * ran_records.
 */
struct schema_metric {
    enum schema_table_id table;
    const struct schema_column *column;
};

enum { SCHEMA_METRICS = 58 };

/* In the paper's order (index 1 to 58 of the data set's schema.csv): UE, server, RAN. */
extern const struct schema_metric schema_metrics[SCHEMA_METRICS];

/* The view of every store that has them in one row per RAN record (wide.h), with run_id and
 * request_id before them; and the indexes with which a row of it is found without a search through
 * its run: worth building only where there are RAN records. `out` and the result as above. */
#define SCHEMA_VIEW "records"
size_t schema_view_sql(char *out, size_t bytes);
extern const char schema_view_indexes_sql[];

#endif
