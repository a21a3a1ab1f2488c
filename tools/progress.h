/* progress.h - one line on a terminal that says how far a run has come. */
#ifndef TOOLS_PROGRESS_H
#define TOOLS_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/run.h"

struct progress {
    bool shown; /* false: standard error is no terminal, or the user asked for quiet */
    int64_t start_ns, last_ns; /* wall clock */
};

/* Wall clock since some fixed point, for durations. */
int64_t wall_ns(void);

void progress_start(struct progress *p, bool quiet);

/* Draws how much of `all` is done, at most ten times a second; `scale` turns both into `unit`. */
void progress_share(struct progress *p, double done, double all, const char *unit, double scale);

/* For run_options.progress; `self` is the struct progress. Draws at most ten times a second. */
void progress_step(void *self, const struct run_progress *step);

/* The same for work that is counted in runs. */
void progress_count(struct progress *p, int64_t done, int64_t all);

/* The same for a search, whose end nobody knows: how many runs, and what it looks at now. */
void progress_note(struct progress *p, int64_t done, const char *what);

/* Wipes the line. */
void progress_end(struct progress *p);

#endif
