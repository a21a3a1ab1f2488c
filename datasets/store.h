/* store.h - results at rest: one SQLite file per run or sweep.
 *
 *     store_open(CREATE) -> store_begin_run -> rows through store_sink -> store_end_run
 *                           ^                                             |
 *                           +---------------- next run of a sweep --------+-> store_close
 *
 * STORE_APPEND opens a store to add a run to it, or to go on with one that did not end
 * (store_resume_run): what an import does.
 *
 * The file appears under its final name at store_open(), in place of an older store of that name
 * (removed first), because a killed run must leave a readable result: open it only once the
 * scenario was found good.
 *
 * Rows of all tables are written in the order in which they come, in transactions of at most
 * STORE_ROWS_PER_COMMIT rows or about a second of wall time: what is committed are always those
 * that came first. When a transaction ends hangs on the clock; what is in the file does not.
 *
 * Invariants (tests/datasets/store.c and store_kill.c name them):
 *   S1 a row of `runs` with complete = 0 is committed before the first row of that run;
 *   S2 complete = 1 is committed after every other row of that run, or not at all;
 *   S3 whenever the writer dies, the file passes integrity_check and holds all that was committed;
 *   S4 it can then, and after a clean close, be read from a folder that cannot be written;
 *   S5 a file that is not a store of ours is never replaced or changed;
 *   S6 after an error nothing more is written and every call returns that error.
 */
#ifndef DATASETS_STORE_H
#define DATASETS_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "sim/record.h"

struct sqlite3;
struct store;

enum { STORE_ROWS_PER_COMMIT = 20000 };

enum store_mode {
    STORE_CREATE, /* a new file; an older store of that name is replaced, anything else refused */
    STORE_READ,   /* an existing store, never changed */
    STORE_APPEND, /* an existing store, whose runs stay, or a new file */
};

struct store_run {
    const char *scenario;      /* its name */
    const char *scenario_text; /* as run, JSON; its SHA-256 is stored beside it */
    const char *version;
    const char *started_at; /* for people, e.g. ISO 8601; NULL: not known. Never exported */
    int64_t seed;
    int64_t run_id; /* 0: one more than the run before; else larger than that */
};

struct store_run_totals {
    bool complete; /* false: stopped early, cleanly */
    uint64_t events, fingerprint, slots_visited;
    int64_t sim_ns;
    uint64_t arrived, completed, failed, in_flight;
    double wall_s; /* never exported */
};

/* Opens a store. The folder must exist. ERR_INPUT: the path cannot be a store (a folder, another
 * kind of file, no such file, not writable, in use by another run); ERR_WORK: the disk refused. */
int store_open(const char *path, enum store_mode mode, struct store **store, struct err *e);

/* Begins a run (one at a time); run ids count from 1, unless the caller gives them. */
int store_begin_run(struct store *s, const struct store_run *run, int64_t *run_id, struct err *e);

/* Goes on with an incomplete run instead of beginning one (STORE_APPEND). `rows` says how many rows
 * of each table (enum schema_table_id) are committed: those that were put first, because rows are
 * committed in the order they come (S3). */
int store_resume_run(struct store *s, int64_t run_id, int64_t rows[], struct err *e);

/* Takes every row of the current run away again, and the run itself. */
int store_drop_run(struct store *s, struct err *e);

/* Where the rows of the current run go. The sink is good until store_close; its functions return
 * 0 or an error code, and store_error() then has the line. A row is copied, and written by a thread
 * of the store's own (feed.h): one that cannot be written is told by the call for it or a later
 * one, store_flush and store_end_run at the latest. Nothing is allocated per row (but by SQLite's
 * page cache, and for texts of more than 64 KiB a row). */
struct record_sink store_sink(struct store *s);

/* Commits what is pending. For a caller that knows of a pause without rows. */
int store_flush(struct store *s, struct err *e);

/* Writes the totals, and complete = 1 if they say so, and commits. */
int store_end_run(struct store *s, const struct store_run_totals *totals, struct err *e);

/* Commits what is pending and closes; NULL is fine. A run that was begun and not ended stays
 * incomplete. The store is gone also when an error is returned. `e` may be NULL. */
int store_close(struct store *s, struct err *e);

/* The error that stopped the store (code 0: none). Good until store_close. */
const struct err *store_error(const struct store *s);

/* How many runs the file holds, and how many of them are incomplete. */
int store_count_runs(struct store *s, int64_t *runs, int64_t *incomplete, struct err *e);

/* The database itself, for the readers in datasets/ (summary, export). It shows all rows that were
 * given until then; in a store that is written, ask again after the next. */
struct sqlite3 *store_db(struct store *s);
const char *store_path(const struct store *s);

#endif
