/* export.h - a table of a store as text: the same bytes for the same rows.
 *
 * Tables are those of schema.h, and "records": the 58 metrics in one row per RAN record (wide.h).
 * Rows come in the order of the table's natural key (schema.h; the records in that of ran_records);
 * integers plain, doubles with the fewest digits that read back as the same double, NULL empty.
 * Columns that hang on the machine's clock (runs.started_at, runs.wall_s) are left out.
 */
#ifndef DATASETS_EXPORT_H
#define DATASETS_EXPORT_H

#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "datasets/schema.h"
#include "datasets/store.h"

enum export_format {
    EXPORT_CSV,  /* RFC 4180 quoting, lines end with LF, a header line */
    EXPORT_TEXT, /* aligned columns for the eye: long text is cut, control characters are shown
                    as '?' */
};

struct export_result {
    int64_t rows;
    int64_t incomplete_runs; /* runs in the file that did not end: say so to the person */
};

/* What can be exported, NULL-terminated. */
extern const char *const export_names[SCHEMA_TABLES + 2];

/* Writes table `table` to `out`. ERR_INPUT: no such table (with the nearest name); ERR_WORK: the
 * file cannot be read, or `out` cannot be written. */
int export_table(struct store *s, const char *table, enum export_format format, FILE *out,
                 struct export_result *result, struct err *e);

#endif
