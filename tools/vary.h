/* vary.h - "PATH=v1,v2,...": a value of the scenario that a sweep or a capacity search varies.
 *
 * PATH is what --set takes (ues.0.count, or ues.count for every item of the list). The values are
 * parted by commas outside of brackets and quotes, so a value may be any JSON:
 * 'radio.policy={"kind":"round-robin"},{"kind":"max-cqi"}'. FIRST:LAST or FIRST:LAST:STEP stands
 * for numbers in steps of STEP (1 for whole numbers). */
#ifndef TOOLS_VARY_H
#define TOOLS_VARY_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"

enum { VARY_VALUES_MAX = 100000 };

struct vary {
    const char *path;
    const char *const *values; /* as written */
    int n;
    bool is_range; /* of numbers: rising */
};

/* Memory from the arena. ERR_INPUT with place --vary. */
int vary_read(const char *text, struct vary *v, struct arena *a, struct err *e);

/* One path twice, one inside another, or `seed` (--reps varies it): ERR_INPUT. */
int vary_check(const struct vary *varies, int n, struct err *e);

#endif
