/* emulate.h - the words of bench/kernels/cuda_device.h for a compiler without GPUs: the .cu files
 * then are C, and emulate.c runs their threads. */
#ifndef TESTS_KERNELS_EMULATE_H
#define TESTS_KERNELS_EMULATE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "bench/kernels/half.h"

struct emulate_index {
    unsigned x, y, z;
};
extern struct emulate_index emulate_thread, emulate_block, emulate_grid;
#define threadIdx emulate_thread
#define blockIdx  emulate_block
#define gridDim   emulate_grid

typedef struct {
    uint32_t x, y;
} uint2; /* NOLINT: CUDA's names */
typedef struct {
    _Alignas(16) uint32_t x;
    uint32_t y, z, w;
} uint4;

#define DEVICE       static inline __attribute__((unused))
#define SHARED       static
#define UNROLL       /* as it is */
#define __align__(n) _Alignas(n)
#define KERNEL(name, type, threads)                                                                \
    static void name##_thread(const struct type a);                                                \
    static void name(const void *args)                                                             \
    {                                                                                              \
        name##_thread(*(const struct type *)args);                                                 \
    }                                                                                              \
    static void name##_thread(const struct type a)
#define LAUNCH(name, x, y, z, threads, stream, args)                                               \
    ((void)(stream),                                                                               \
     emulate_launch(name, &(args),                                                                 \
                    (struct emulate_index){(unsigned)(x), (unsigned)(y), (unsigned)(z)},           \
                    (unsigned)(threads)))

/* Runs all blocks, one after the other. What no GPU would do ends the program with a line: threads
 * of a block, or lanes of a warp, that wait at different barriers. */
void emulate_launch(void (*kernel)(const void *args), const void *args, struct emulate_index grid,
                    unsigned threads);
/* Threads of a warp then run from the last to the first: what only works in one order fails. */
extern bool emulate_backwards;

void emulate_barrier(void);
#define __syncthreads emulate_barrier
float shuffle_xor(float value, int mask);
void tensor_multiply(float c[4], const uint32_t a[4], const uint32_t b[2], bool bf16);

DEVICE float f16_to_float(uint16_t bits)
{
    return half_of_f16(bits);
}

DEVICE uint16_t f16_of_float(float value)
{
    return half_to_f16(value);
}

#endif
