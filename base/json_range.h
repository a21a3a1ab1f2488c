/* json_range.h - what a field's numbers mean, in one place for reading, schema and reference. */
#ifndef BASE_JSON_RANGE_H
#define BASE_JSON_RANGE_H

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/json.h"

/* Above this a double no longer holds every integer (2^53). */
#define JSON_INT_MAX 9007199254740992.0

struct json_range {
    double min, max; /* infinite: no limit */
    bool above_min;
};

/* A field without a range (min and max both 0, or max below min) is 0 or above; what may be
 * negative says so (min = -20, or -INFINITY with max = INFINITY). */
static inline struct json_range json_range_of(const struct json_field *f)
{
    struct json_range r = {f->min, f->max, f->above_min};
    if (f->max < f->min || (f->min == 0.0 && f->max == 0.0)) {
        r.max = HUGE_VAL;
    }
    if (f->type == JSON_INT || f->type == JSON_INTS) {
        r.min = r.min < -JSON_INT_MAX ? -JSON_INT_MAX : r.min;
        r.max = r.max > JSON_INT_MAX ? JSON_INT_MAX : r.max;
    }
    return r;
}

/* A default of "null": the key may be left out or null, and the member then stays zero. */
static inline bool json_field_nullable(const struct json_field *f)
{
    return f->def != NULL && strcmp(f->def, "null") == 0;
}

static inline bool json_field_required(const struct json_field *f)
{
    return f->def == NULL && f->type != JSON_OPTIONAL;
}

#endif
