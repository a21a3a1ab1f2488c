/* cuda_linear.cu - products with packed weights, on a GPU: weights of 8 and 4 bits expanded while
 * they are multiplied (few tokens) or before (many), and what 8-bit activations need around the
 * library's product. */
#include <math.h>

#include "bench/kernels/cuda_device.h"

enum {
    THREADS = 128,
    ROWS = THREADS / WARP, /* of a product, a warp each */
    CHUNK = 16             /* weights that a lane takes at once: divides KERNEL_GROUP */
};

/* Sixteen weights from chunk `i` of a row, scale not applied. */
DEVICE void chunk_w8(const uint4 *row, int64_t i, float w[CHUNK])
{
    uint4 v = row[i];
    const uint32_t words[4] = {v.x, v.y, v.z, v.w};
    UNROLL
    for (int k = 0; k < CHUNK; k++) {
        w[k] = (float)(int8_t)(words[k / 4] >> (8 * (k % 4)) & 0xffU);
    }
}

DEVICE void chunk_w4(const uint2 *row, int64_t i, float w[CHUNK])
{
    uint2 v = row[i];
    const uint32_t words[2] = {v.x, v.y};
    UNROLL
    for (int k = 0; k < CHUNK; k++) {
        w[k] = (float)((int)(words[k / 8] >> (4 * (k % 8)) & 15U) - 8);
    }
}

struct gemv_args {
    const void *values;
    const float *scales;
    const uint16_t *x;
    uint16_t *y;
    int64_t rows, cols;
    int tokens;
    bool four, bf16;
};

/* A warp multiplies one row with all tokens: each weight is read once. */
KERNEL(gemv_kernel, gemv_args, 128)
{
    int lane = (int)threadIdx.x % WARP;
    int64_t row = (int64_t)blockIdx.x * ROWS + (int)threadIdx.x / WARP;
    if (row >= a.rows) {
        return; /* a whole warp */
    }
    int64_t chunks = a.cols / CHUNK;
    float sums[CUDA_GEMV_TOKENS];
    UNROLL
    for (int t = 0; t < CUDA_GEMV_TOKENS; t++) {
        sums[t] = 0.0F;
    }
    for (int64_t i = lane; i < chunks; i += WARP) {
        float w[CHUNK];
        if (a.four) {
            chunk_w4((const uint2 *)a.values + row * chunks, i, w);
            float scale = a.scales[row * (a.cols / KERNEL_GROUP) + i / (KERNEL_GROUP / CHUNK)];
            UNROLL
            for (int k = 0; k < CHUNK; k++) {
                w[k] *= scale;
            }
        } else {
            chunk_w8((const uint4 *)a.values + row * chunks, i, w);
        }
        UNROLL
        for (int t = 0; t < CUDA_GEMV_TOKENS; t++) {
            if (t < a.tokens) {
                const uint4 *x = (const uint4 *)(a.x + t * a.cols) + 2 * i;
                uint4 first = x[0];
                uint4 second = x[1];
                const uint32_t pairs[CHUNK / 2] = {first.x,  first.y,  first.z,  first.w,
                                                   second.x, second.y, second.z, second.w};
                UNROLL
                for (int k = 0; k < CHUNK / 2; k++) {
                    sums[t] += w[2 * k] * pair_low(pairs[k], a.bf16) +
                               w[2 * k + 1] * pair_high(pairs[k], a.bf16);
                }
            }
        }
    }
    float scale = a.four ? 1.0F : a.scales[row];
    UNROLL
    for (int t = 0; t < CUDA_GEMV_TOKENS; t++) {
        if (t < a.tokens) {
            float sum = warp_sum(sums[t]);
            if (lane == 0) {
                a.y[t * a.rows + row] = (uint16_t)half_store(scale * sum, a.bf16);
            }
        }
    }
}

void cuda_gemv_launch(const struct kernel_matrix *w, const uint16_t *x, uint16_t *y, int64_t tokens,
                      bool bf16, cudaStream_t stream)
{
    struct gemv_args args = {w->values,
                             (const float *)w->scales,
                             x,
                             y,
                             w->rows,
                             w->cols,
                             (int)tokens,
                             w->format == KERNEL_W4A16,
                             bf16};
    LAUNCH(gemv_kernel, (w->rows + ROWS - 1) / ROWS, 1, 1, THREADS, stream, args);
}

struct expand_args {
    const void *values;
    const float *scales;
    uint4 *to;
    int64_t rows, cols;
    bool four, bf16;
};

/* A block a row. */
KERNEL(expand_kernel, expand_args, 128)
{
    int64_t chunks = a.cols / CHUNK;
    int64_t row = blockIdx.x;
    for (int64_t i = threadIdx.x; i < chunks; i += THREADS) {
        float w[CHUNK];
        float scale;
        if (a.four) {
            chunk_w4((const uint2 *)a.values + row * chunks, i, w);
            scale = a.scales[row * (a.cols / KERNEL_GROUP) + i / (KERNEL_GROUP / CHUNK)];
        } else {
            chunk_w8((const uint4 *)a.values + row * chunks, i, w);
            scale = a.scales[row];
        }
        uint32_t pairs[CHUNK / 2];
        UNROLL
        for (int k = 0; k < CHUNK / 2; k++) {
            pairs[k] = pair_of(scale * w[2 * k], scale * w[2 * k + 1], a.bf16);
        }
        uint4 *to = a.to + (row * chunks + i) * 2;
        UNROLL
        for (int k = 0; k < 2; k++) {
            uint4 out;
            out.x = pairs[4 * k];
            out.y = pairs[4 * k + 1];
            out.z = pairs[4 * k + 2];
            out.w = pairs[4 * k + 3];
            to[k] = out;
        }
    }
}

void cuda_expand_launch(const struct kernel_matrix *w, uint16_t *to, bool bf16, cudaStream_t stream)
{
    struct expand_args args = {w->values, (const float *)w->scales,  (uint4 *)to, w->rows,
                               w->cols,   w->format == KERNEL_W4A16, bf16};
    LAUNCH(expand_kernel, w->rows, 1, 1, THREADS, stream, args);
}

/* e4m3 of a number of at most 448: three digits after the leading one, ties to even. */
DEVICE uint32_t e4m3_of(float value)
{
    uint32_t bits = bits_of_float(value);
    uint32_t sign = bits >> 24 & 0x80U;
    float size = fminf(fabsf(value), 448.0F);
    if (size < 0.015625F) { /* below 2^-6: multiples of 2^-9; eight of them are the smallest normal */
        return sign | (uint32_t)rintf(size * 512.0F);
    }
    bits = bits_of_float(size);
    bits += 0x7ffffU + (bits >> 20 & 1U);
    return sign | (((bits >> 23) - 120U) << 3 | (bits >> 20 & 7U));
}

struct round_args {
    const uint32_t *x;
    uint16_t *to;
    float *scales;
    int64_t tokens, pairs;
    bool fp8, bf16;
};

KERNEL(round_kernel, round_args, 128)
{
    SHARED float space[THREADS / WARP];
    int64_t token = blockIdx.x;
    uint16_t *to = a.to + token * a.pairs;
    if (token >= a.tokens) { /* a whole block */
        for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
            to[i] = 0;
        }
        return;
    }
    const uint32_t *x = a.x + token * a.pairs;
    float top = 1e-20F;
    for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
        top = fmaxf(top, fmaxf(fabsf(pair_low(x[i], a.bf16)), fabsf(pair_high(x[i], a.bf16))));
    }
    top = block_max(top, space, THREADS);
    float scale = top / (a.fp8 ? 448.0F : 127.0F);
    for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
        float low = pair_low(x[i], a.bf16) / scale;
        float high = pair_high(x[i], a.bf16) / scale;
        to[i] = a.fp8 ? (uint16_t)(e4m3_of(low) | e4m3_of(high) << 8)
                      : (uint16_t)(((uint32_t)(int)rintf(low) & 0xffU) |
                                   ((uint32_t)(int)rintf(high) & 0xffU) << 8);
    }
    if (threadIdx.x == 0) {
        a.scales[token] = scale;
    }
}

void cuda_round_launch(const uint16_t *x, uint8_t *to, float *scales, int64_t tokens,
                       int64_t padded, int64_t width, bool fp8, bool bf16, cudaStream_t stream)
{
    struct round_args args = {(const uint32_t *)x, (uint16_t *)to, scales, tokens,
                              width / 2,           fp8,            bf16};
    LAUNCH(round_kernel, padded, 1, 1, THREADS, stream, args);
}

struct scale_args {
    const void *sums;
    const float *row_scales, *token_scales;
    uint16_t *y;
    int64_t rows;
    bool fp8, bf16;
};

KERNEL(scale_kernel, scale_args, 128)
{
    int64_t row = (int64_t)blockIdx.y * THREADS + threadIdx.x;
    int64_t at = (int64_t)blockIdx.x * a.rows + row;
    if (row < a.rows) {
        float sum = a.fp8 ? ((const float *)a.sums)[at] : (float)((const int32_t *)a.sums)[at];
        a.y[at] =
            (uint16_t)half_store(sum * a.row_scales[row] * a.token_scales[blockIdx.x], a.bf16);
    }
}

void cuda_scale_launch(const void *sums, const float *row_scales, const float *token_scales,
                       uint16_t *y, int64_t tokens, int64_t rows, bool fp8, bool bf16,
                       cudaStream_t stream)
{
    struct scale_args args = {sums, row_scales, token_scales, y, rows, fp8, bf16};
    LAUNCH(scale_kernel, tokens, (rows + THREADS - 1) / THREADS, 1, THREADS, stream, args);
}
