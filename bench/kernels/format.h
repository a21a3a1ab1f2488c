/* format.h - weights as bytes: rounding and packing on the host, the same for every backend. */
#ifndef BENCH_KERNELS_FORMAT_H
#define BENCH_KERNELS_FORMAT_H

#include "bench/kernels/backend.h"

/* Bytes of values and number of scales of a rows x cols matrix. */
size_t format_value_bytes(enum kernel_format format, int64_t rows, int64_t cols);
size_t format_scales(enum kernel_format format, int64_t rows, int64_t cols);

/* Packs rows x cols numbers; `rounded` (may be NULL) gets what the packed ones stand for. cols is
 * a multiple of KERNEL_GROUP. */
void format_pack(enum kernel_format format, bool bf16, const float *from, int64_t rows,
                 int64_t cols, void *values, float *scales, float *rounded);

/* Packs as format_pack() does and uploads into *m, which owns the device memory. */
bool format_upload(struct kernel_backend *b, enum kernel_format format, const float *from,
                   int64_t rows, int64_t cols, struct kernel_matrix *m, float *rounded);
void format_release(struct kernel_backend *b, struct kernel_matrix *m);

/* xorshift64* (Vigna): uniform in [-1, 1); *state is never 0. Data for kernels, not draws of a
 * simulation. */
float format_random(uint64_t *state);

/* Word of a format in a profile: the first of the card precisions that it stands for. */
const char *format_word(enum kernel_format format);

#endif
