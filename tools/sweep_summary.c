/* sweep_summary.c - the runs of a sweep's store as means with intervals. Runs are read one after
 * the other and reduced at once; a combination needs reps x METRICS numbers, the first combination
 * stays. */
#include "tools/sweep_summary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/sweep.h"

/* values[metric][rep] of one combination; NAN for runs that are not complete. */
struct sample {
    double *values;
    int64_t reps, complete;
};

static double *metric_row(const struct sample *s, int metric)
{
    return s->values + (int64_t)metric * s->reps;
}

static int read_run(struct store *store, int64_t run_id, struct sample *s, int64_t rep,
                    struct sweep_summary *out, struct err *e)
{
    struct summary_options options = summary_defaults();
    options.run_id = run_id;
    struct summary sum;
    int rc = summary_compute(store, &options, &sum, e);
    if (rc != 0) {
        return rc;
    }
    double values[METRICS];
    metric_values(&sum, values);
    s->complete += sum.complete;
    for (int i = 0; i < METRICS; i++) {
        metric_row(s, i)[rep] = sum.complete ? values[i] : NAN;
    }
    snprintf(out->name, sizeof out->name, "%s", sum.scenario);
    summary_free(&sum);
    return 0;
}

static void reduce(const struct sample *s, const struct sample *first, double confidence,
                   struct sweep_point *point)
{
    point->complete = s->complete;
    for (int i = 0; i < METRICS; i++) {
        const double *a = metric_row(first, i), *b = metric_row(s, i);
        point->metrics[i] = interval_mean(b, s->reps, confidence);
        point->paired[i] = interval_paired(a, b, s->reps, confidence);
        point->unpaired[i] = interval_unpaired(a, b, s->reps, confidence);
    }
}

int sweep_summary_make(const char *path, const struct sweep_plan *plan, double confidence,
                       struct sweep_summary *out, struct err *e)
{
    *out = (struct sweep_summary){.plan = plan, .confidence = confidence};
    struct sample samples[2] = {{.reps = plan->reps}, {.reps = plan->reps}};
    out->points = calloc((size_t)plan->n_points, sizeof *out->points);
    bool memory = true;
    for (int i = 0; i < 2; i++) {
        samples[i].values = calloc((size_t)(plan->reps * METRICS), sizeof(double));
        memory = memory && samples[i].values != NULL;
    }
    struct store *store = NULL;
    int rc = memory && out->points != NULL ? store_open(path, STORE_READ, &store, e)
                                           : err_memory(e, "summing up a sweep");
    for (int64_t point = 1; out->points != NULL && point <= plan->n_points && rc == 0; point++) {
        struct sample *s = &samples[point > 1];
        s->complete = 0;
        for (int64_t rep = 0; rep < plan->reps && rc == 0; rep++) {
            rc = read_run(store, (point - 1) * plan->reps + 1 + rep, s, rep, out, e);
        }
        if (rc == 0) {
            reduce(s, &samples[0], confidence, &out->points[point - 1]);
            out->complete += s->complete;
        }
    }
    store_close(store, NULL);
    free(samples[0].values);
    free(samples[1].values);
    out->scenario = out->name;
    if (rc != 0) {
        sweep_summary_free(out);
    }
    return rc;
}

void sweep_summary_free(struct sweep_summary *s)
{
    free(s->points);
    *s = (struct sweep_summary){0};
}
