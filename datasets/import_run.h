/* import_run.h - the row of `runs` of an import: which files it is of, and how far it came. */
#ifndef DATASETS_IMPORT_RUN_H
#define DATASETS_IMPORT_RUN_H

#include "datasets/import.h"
#include "datasets/schema.h"

struct import_run {
    const char *label, *started_at, *version;
    bool resume;
    /* filled */
    int64_t run_id;
    bool resumed, was_complete;
    int64_t rows[SCHEMA_TABLES]; /* there already, when it was resumed */
};

/* Begins a run of files[0..n), or finds the one to go on with. runs.scenario_text says what was
 * imported: kind, options, and of each file its name, size and a SHA-256 of its first and last
 * 64 KiB (I3). ERR_INPUT: a run of the same files is there, and `resume` was not asked for. */
int import_run_begin(struct store *s, const char *const *files, int n,
                     const struct import_options *o, struct import_run *run, struct err *e);

/* Turns percent into fractions in the RAN records and requests of a run, unless it was done. */
int import_run_percent(struct store *s, int64_t run_id, bool dl, bool ul, struct err *e);

#endif
