/* thin.h - a series of millions of points as the few that a picture can show.
 *
 * Time is cut into columns of a power of two of milliseconds. A column keeps the least and the
 * greatest value in it, or, for values that are to be shown as points, which of some hundred levels
 * occurred. When the points no longer fit into THIN_COLUMNS columns, neighbours are merged and
 * columns become twice as wide; levels likewise.
 *
 * Invariants:
 *   C1 one pass, constant memory, whatever the number and the order of the points;
 *   C2 columns are aligned to multiples of their width from time 0, and their width is the least
 *      power of two with which all points fit: what is kept does not hang on the points' order;
 *   C3 every point lies within what its column shows, and each shown value was a point's
 *      (levels: to 24 bits).
 */
#ifndef DATASETS_THIN_H
#define DATASETS_THIN_H

#include <stdbool.h>
#include <stdint.h>

/* About the pixels of a panel's width; levels about half of those of its height. */
enum { THIN_COLUMNS = 1024, THIN_LEVELS = 128 };

struct thin_column {
    bool occupied;
    double min, max;
};

struct thin {
    int64_t width_ms;            /* of a column */
    int64_t first, last;         /* columns that hold points; first > last: none */
    int64_t from_ms, to_ms;      /* the first and the last point */
    int64_t n;                   /* points */
    double min, max;             /* of all points */
    double mean, squares;        /* Welford (1962): running mean and sum of squared deviations */
    struct thin_column *columns; /* column c at c mod THIN_COLUMNS */
    float *levels;               /* NULL, or THIN_LEVELS a column: the greatest point, NAN: none */
    double level_height;
    struct thin_column *spare_columns; /* to widen into */
    float *spare_levels;
};

/* false: no memory. `with_levels`: points are to be shown, not ranges; values below 0 count as 0.
 */
bool thin_make(struct thin *s, bool with_levels, double level_height);
void thin_free(struct thin *s);

/* A finite value at a time within +-2^53 ms. */
void thin_add(struct thin *s, int64_t t_ms, double value);

/* Column `c` of [first, last]. */
const struct thin_column *thin_at(const struct thin *s, int64_t c);

/* The point shown at a level of a column, NAN: none. */
double thin_level(const struct thin *s, int64_t c, int level);

/* Standard deviation of all points (n in the denominator); NAN without points. */
double thin_std(const struct thin *s);

#endif
