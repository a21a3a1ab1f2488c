/* cpu.h - what the files of the CPU's kernels share. */
#ifndef BENCH_KERNELS_CPU_H
#define BENCH_KERNELS_CPU_H

#include <cblas.h>
#include <string.h>
#include <time.h>

#include "bench/kernels/backend.h"
#include "bench/kernels/half.h"

struct cpu {
    struct timespec start;
    float *scratch; /* scratch_floats for each thread */
    size_t scratch_floats;
    int threads;
    volatile float sink; /* keeps reads that nobody needs */
};

typedef void cpu_sgemm_function(OPENBLAS_CONST enum CBLAS_ORDER order,
                                OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_a,
                                OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_b,
                                OPENBLAS_CONST blasint m, OPENBLAS_CONST blasint n,
                                OPENBLAS_CONST blasint k, OPENBLAS_CONST float alpha,
                                OPENBLAS_CONST float *a, OPENBLAS_CONST blasint lda,
                                OPENBLAS_CONST float *b, OPENBLAS_CONST blasint ldb,
                                OPENBLAS_CONST float beta, float *c, OPENBLAS_CONST blasint ldc);
extern cpu_sgemm_function *cpu_sgemm; /* set once, when the module opens */

static inline struct cpu *cpu_of(struct kernel_backend *b)
{
    return b->state;
}

/* Scratch of `floats` for each thread, or false with b->error set. */
bool cpu_scratch_reserve(struct kernel_backend *b, size_t floats);
/* The calling thread's. */
float *cpu_scratch(const struct cpu *c);

/* cpu_linear.c */
void cpu_linear(struct kernel_backend *b, const struct kernel_matrix *w, const void *x, void *y,
                int64_t tokens);
void cpu_embed(struct kernel_backend *b, const struct kernel_matrix *table, const int32_t *ids,
               void *y, int64_t tokens);
/* cpu_layer.c */
void cpu_norm(struct kernel_backend *b, const void *x, const void *gain, void *y, int64_t tokens,
              int64_t width);
void cpu_rotate_store(struct kernel_backend *b, void *qkv, const struct kernel_attention *a,
                      const struct kernel_batch *batch);
void cpu_attend_prompt(struct kernel_backend *b, const void *qkv, const struct kernel_attention *a,
                       const struct kernel_batch *batch, void *y);
void cpu_attend_decode(struct kernel_backend *b, const void *qkv, const struct kernel_attention *a,
                       const struct kernel_batch *batch, void *y);
void cpu_gate(struct kernel_backend *b, const void *gate_up, void *y, int64_t tokens, int64_t ffn);
void cpu_add(struct kernel_backend *b, const void *x, void *y, int64_t n);
void cpu_sample(struct kernel_backend *b, const void *logits, int32_t *ids, int64_t sequences,
                int64_t vocab);

#endif
