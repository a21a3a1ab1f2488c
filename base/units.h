/* units.h - the units that times, rates and powers are kept in, and the way between them.
 * Times are int64_t nanoseconds everywhere; a cost in seconds becomes nanoseconds once, here. */
#ifndef BASE_UNITS_H
#define BASE_UNITS_H

#include <math.h>
#include <stdint.h>

#define NS_PER_US 1000LL
#define NS_PER_MS 1000000LL
#define NS_PER_S  1000000000LL
#define NS_NEVER  INT64_MAX /* "not yet" and "never" */

/* Seconds to nanoseconds, rounded half away from zero. */
static inline int64_t ns_of_s(double seconds)
{
    return (int64_t)llround(seconds * 1e9);
}

static inline double s_of_ns(int64_t ns)
{
    return (double)ns / 1e9;
}

static inline double ms_of_ns(int64_t ns)
{
    return (double)ns / 1e6;
}

static inline double db_of_ratio(double ratio)
{
    return 10.0 * log10(ratio);
}

static inline double ratio_of_db(double db)
{
    return pow(10.0, db / 10.0);
}

#endif
