/* sweep_summary.h - a sweep's store, summed up: every metric of every combination over its seeds,
 * and what it differs from the first combination. */
#ifndef TOOLS_SWEEP_SUMMARY_H
#define TOOLS_SWEEP_SUMMARY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "base/err.h"
#include "tools/interval.h"
#include "tools/metric.h"
#include "tools/sweep_plan.h"

struct sweep_point {
    int64_t complete; /* runs of it that are */
    struct interval metrics[METRICS];
    /* To the first combination (zeros for it itself). */
    struct interval paired[METRICS], unpaired[METRICS];
};

struct sweep_summary {
    const struct sweep_plan *plan;
    const char *scenario; /* name */
    double confidence;
    int64_t complete;           /* runs */
    struct sweep_point *points; /* plan->n_points */
    char name[80];
};

/* Reads the complete runs of the store. */
int sweep_summary_make(const char *path, const struct sweep_plan *plan, double confidence,
                       struct sweep_summary *out, struct err *e);
void sweep_summary_free(struct sweep_summary *s);

/* shown[0..n): the metrics to print. */
void sweep_print_table(const struct sweep_summary *s, const int *shown, int n, FILE *out);
/* All metrics; one JSON object. */
void sweep_print_json(const struct sweep_summary *s, const char *results, FILE *out);
/* A row per combination and metric. */
void sweep_print_csv(const struct sweep_summary *s, FILE *out);

/* Bars with intervals as SVG, by gnuplot: a picture above the other per metric shown.
 * ERR_WORK: gnuplot is not there, or refused. */
int sweep_figure(const struct sweep_summary *s, const int *shown, int n, const char *path,
                 struct err *e);
/* ERR_INPUT unless gnuplot can be called. */
int sweep_figure_check(const char *path, struct err *e);

#endif
