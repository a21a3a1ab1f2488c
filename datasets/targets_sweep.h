/* targets_sweep.h - between targets*.c: the completion rate over what a sweep varied. */
#ifndef DATASETS_TARGETS_SWEEP_H
#define DATASETS_TARGETS_SWEEP_H

#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "datasets/store.h"

enum sweep_quantity {
    SWEEP_COMPLETION, /* completed requests, of those that arrived */
    SWEEP_COMPLETED,  /* completed requests in x seconds */
};
enum sweep_shape {
    SWEEP_VALUES, /* at each x */
    SWEEP_STEPS,  /* from each x to the next */
    SWEEP_PEAK,   /* the x with the largest value */
};

/* Only runs in which the path had this value. */
struct sweep_where {
    const char *path, *value;
};

struct measure_sweep {
    const char *x;                 /* path */
    struct json_list where, minus; /* struct sweep_where; `minus`: a line to be taken off */
    int quantity, shape;
    double x_min, x_max;
};
extern const struct json_spec measure_sweep_spec;

struct sweep_value {
    double x, value;
    int64_t n;       /* requests that arrived */
    const char *key; /* x as it was written; of a step: both */
};

/* The values in the order of x; memory from the arena. `runs` is more SQL on run_id, or "". */
int sweep_values(struct store *s, const struct measure_sweep *m, const char *runs, struct arena *a,
                 struct sweep_value **values, size_t *n, struct err *e);

#endif
