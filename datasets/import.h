/* import.h - measurements of others into a store, as the tables that a simulation writes.
 *
 *     import_csv() / import_influx() / import_trace() -> struct import_report
 *
 * One recording is one run: a wide file (RAN instants joined with the UE's and the server's latest
 * request), or a RAN, a UE and a server file of the same time that are joined here. Several wide
 * files are several runs. Rows go through the store's sink, so everything that reads a simulated
 * store reads an imported one.
 *
 * What is made of a row, which of the paper's contradictions is decided how, and what counts as a
 * bad row: docs/records.md.
 *
 * A bad row is counted and the first IMPORT_FIRST of them are reported; it stops nothing unless
 * `strict`. Memory hangs on the number of UEs and columns, not on the length of the files.
 *
 * Resuming (invariants; tests/datasets/import.c names them):
 *   I1 what is put into the store is a function of the files and the options alone, in this order;
 *   I2 the store commits rows in the order in which they were put (datasets/store.h), so the number
 *      of rows of each table says how far a killed import came;
 *   I3 a run knows the size and a digest of its files, and is resumed with no others.
 * So an import that is resumed reads the files from their beginning, as an import does, and leaves
 * out the rows that are there: no state has to be stored, and none can be stale.
 */
#ifndef DATASETS_IMPORT_H
#define DATASETS_IMPORT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "datasets/columns.h"

struct store;
struct cJSON;

enum { IMPORT_FIRST = 10, IMPORT_FILES = 16 };

enum import_kind { IMPORT_WILLM, IMPORT_OAI_CSV, IMPORT_INFLUX, IMPORT_TRACE };

struct import_bad {
    const char *file;
    int64_t line;
    char why[160];
};

/* Counts of what was read. */
struct import_notes {
    int64_t rows;           /* good ones */
    int64_t bad;            /* rows left out because something in them is wrong */
    int64_t text_lines;     /* lines of a log between the rows (oai-csv, influx) */
    int64_t headers;        /* the header line again */
    int64_t out_of_order;   /* rows whose time is before the row before them; they are kept */
    int64_t requests;       /* rows of `requests` */
    int64_t contradictions; /* requests whose parts do not add up to their total */
    int64_t unmatched;      /* rows of a UE or server file without their counterpart */
    struct import_bad first[IMPORT_FIRST];
    int n_first;
    bool strict;
};

struct import_progress {
    int64_t bytes, bytes_all, rows;
};

struct import_options {
    enum import_kind kind;
    int trace_format; /* IMPORT_TRACE: enum trace_format */
    bool strict, resume;
    const struct cJSON *map; /* {"their header": "our column"}, or NULL */
    double sync_ms;          /* clocks of UE, gNB and server differ by at most this */
    const char *started_at;  /* for people; NULL: not said */
    const char *version;
    /* Parameters of an LLM by its name in the file, or NAN. NULL: nobody knows. */
    double (*parameters)(void *self, const char *model);
    void *parameters_self;
    void (*progress)(void *self, const struct import_progress *p); /* NULL: none */
    void *progress_self;
    const volatile sig_atomic_t *stop; /* NULL or: stop cleanly when not 0 */
};

/* A column of one file, for the report. */
struct import_file {
    const char *path;
    struct column_map map;
    int64_t run_id;
    char label[160]; /* runs.scenario */
};

struct import_report {
    struct import_notes notes;
    struct import_file files[IMPORT_FILES];
    int n_files;
    int64_t first_run, runs;
    bool resumed, was_complete; /* was_complete: it was all there already */
    int64_t kept;               /* rows that were there when it was resumed */
};

/* Imports files[0..n) into a store opened with STORE_APPEND. ERR_INPUT: a file cannot be read as
 * its kind, is there already, or (strict) has a bad row: nothing of this import is then left in the
 * store. ERR_INTERRUPTED: stopped; what is there is marked incomplete and can be resumed. The
 * report is to be freed, also after an error. */
int import_files(struct store *s, const char *const *files, int n, const struct import_options *o,
                 struct import_report *report, struct err *e);
void import_report_free(struct import_report *report);

/* Can these CSV files be imported at all? Opens them and maps their headers; writes nothing. The
 * other kinds are read whole before a run begins. */
int import_check(const char *const *files, int n, const struct import_options *o, struct err *e);

#endif
