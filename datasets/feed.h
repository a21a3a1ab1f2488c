/* feed.h - rows on their way into a store.
 *
 *     feed_add --copies--> batch --full--> queue --writer thread--> INSERT ... SELECT FROM batch
 *
 * Whoever makes the rows only copies them; a thread of the feed's own hands them to SQLite. SQLite
 * reads a batch as a virtual table: one statement a batch, instead of a statement and a bound value
 * per column for each row.
 *
 * Invariants (tests/datasets/feed.c names them):
 *   F1 rows of a table reach it in the order in which they were added, each once;
 *   F2 between a feed_add() and the next feed_drain() the thread may use the database, after
 *      feed_drain() nobody does;
 *   F3 text is copied before feed_add() returns;
 *   F4 after a row that the database refused none is inserted, and every call says so.
 */
#ifndef DATASETS_FEED_H
#define DATASETS_FEED_H

#include <stdint.h>

#include "datasets/schema.h"

struct sqlite3;
struct feed;

/* Rows of one table in a batch: many enough that what a statement costs once is small beside them,
 * few enough that a batch stays in the processor's cache. */
enum { FEED_BATCH_ROWS = 256 };

/* For an open database that has the tables of schema.h. Returns an SQLite code; after a failure
 * sqlite3_errmsg() has the words. */
int feed_open(struct sqlite3 *db, struct feed **feed);

/* The run_id of the rows that are added from now on. Call it on a drained feed. */
void feed_set_run(struct feed *feed, int64_t run_id);

/* Adds a row of `table`, a struct of sim/record.h. Returns an SQLite code: SQLITE_NOMEM, or what
 * the database said of a row added earlier (a refused row is told here or by feed_drain). Allocates
 * only for texts longer than all that a batch usually has. */
int feed_add(struct feed *feed, enum schema_table_id table, const void *row);

/* Waits until every row is in the database; returns as feed_add does. */
int feed_drain(struct feed *feed);

/* Rows that were not drained are lost. NULL is fine. Close it before the database. */
void feed_close(struct feed *feed);

#endif
