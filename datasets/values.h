/* values.h - columns of numbers: sorting and where they lie. */
#ifndef DATASETS_VALUES_H
#define DATASETS_VALUES_H

#include <stddef.h>

/* Sorts values[0..n) (no NAN) with room for as many in `spare`; returns which of the two holds
 * them. */
double *values_sort(double *values, double *spare, size_t n);

#endif
