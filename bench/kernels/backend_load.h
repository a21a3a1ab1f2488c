/* backend_load.h - finds and opens a backend's module. */
#ifndef BENCH_KERNELS_BACKEND_LOAD_H
#define BENCH_KERNELS_BACKEND_LOAD_H

#include "base/err.h"
#include "bench/kernels/backend.h"

/* Opens "cpu" or "cuda", device `index`, into *b; the caller ends with b->close(). The module stays
 * loaded until the program ends: its threads outlive a backend. */
int backend_load(const char *word, int index, struct kernel_backend *b, struct err *e);

#endif
