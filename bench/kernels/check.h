/* check.h - a backend's kernels against plain double-precision arithmetic. */
#ifndef BENCH_KERNELS_CHECK_H
#define BENCH_KERNELS_CHECK_H

#include "base/err.h"
#include "bench/kernels/format.h"

/* Runs every kernel on fresh random data (`seed` not 0) and compares. ERR_WORK names the first one
 * that is further off than its rounding explains; *worst is the largest deviation seen, as a share
 * of what was allowed. */
int check_kernels(struct kernel_backend *b, uint64_t seed, double *worst, struct err *e);

#endif
