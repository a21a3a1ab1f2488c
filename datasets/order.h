/* order.h - the rows of a table in the order of its key, without sorting what is sorted already.
 *
 * The simulator writes most rows in that order, and SQLite cannot know it: sorting millions of rows
 * costs more than reading them. */
#ifndef DATASETS_ORDER_H
#define DATASETS_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "datasets/schema.h"

struct sqlite3;

enum { ORDER_SQL_BYTES = 256 };

/* Writes the text of an ORDER BY that gives the rows of `t` (of one run, or of all: 0) in the order
 * of its key, rows with equal keys as they were written: "rowid" when that does it. Reads the keys
 * of all those rows. Returns an SQLite code. */
int order_by_key(struct sqlite3 *db, const struct schema_table *t, int64_t run_id,
                 char out[ORDER_SQL_BYTES]);

#endif
