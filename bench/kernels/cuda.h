/* cuda.h - what the files of the CUDA kernels share: cuda.c (what the module exports), cuda_blas.c
 * (products through cuBLAS) and the .cu files, whose kernels are launched by these functions.
 *
 * Pointers are to device memory. Halves are 16-bit numbers, bf16 or f16; widths are even, rows
 * start on 16 bytes. A launch that fails leaves its error for cudaGetLastError().
 */
#ifndef BENCH_KERNELS_CUDA_H
#define BENCH_KERNELS_CUDA_H

#include <cuda_runtime_api.h>

#ifdef __cplusplus
extern "C" {
#endif

#include "bench/kernels/backend.h"

enum {
    CUDA_GEMV_TOKENS = 8, /* up to here, 8- and 4-bit weights are expanded while multiplied */
    CUDA_SPLIT = 256,     /* keys of a sequence that one block of cached attention takes */
    CUDA_GROUP_MOST = 16, /* query heads that share a KV head */
    CUDA_DIM_MOST = 128
};

/* Reads and adds up `bytes` (a multiple of 16), with `blocks` blocks; `sink` one word. */
void cuda_read_launch(const void *from, size_t bytes, uint32_t *sink, int blocks,
                      cudaStream_t stream);
void cuda_empty_launch(cudaStream_t stream);

/* cuda_layer.cu: as in backend.h. */
void cuda_embed_launch(const uint16_t *table, int64_t rows, int64_t width, const int32_t *ids,
                       uint16_t *y, int64_t tokens, cudaStream_t stream);
void cuda_norm_launch(const uint16_t *x, const uint16_t *gain, uint16_t *y, int64_t tokens,
                      int64_t width, bool bf16, cudaStream_t stream);
void cuda_rotate_store_launch(uint16_t *qkv, const struct kernel_attention *attention,
                              const struct kernel_batch *batch, bool bf16, cudaStream_t stream);
void cuda_gate_launch(const uint16_t *gate_up, uint16_t *y, int64_t tokens, int64_t ffn, bool bf16,
                      cudaStream_t stream);
void cuda_add_launch(const uint16_t *x, uint16_t *y, int64_t n, bool bf16, cudaStream_t stream);
void cuda_sample_launch(const uint16_t *logits, int32_t *ids, int64_t sequences, int64_t vocab,
                        bool bf16, cudaStream_t stream);

/* cuda_linear.cu. y = W x of W8A16 or W4A16, at most CUDA_GEMV_TOKENS tokens. */
void cuda_gemv_launch(const struct kernel_matrix *w, const uint16_t *x, uint16_t *y, int64_t tokens,
                      bool bf16, cudaStream_t stream);
/* The weights as halves. */
void cuda_expand_launch(const struct kernel_matrix *w, uint16_t *to, bool bf16,
                        cudaStream_t stream);
/* Each token's numbers as 8 bits (integers, or e4m3 when `fp8`) times scales[token]. Tokens from
 * `tokens` up to `padded` become zeros. */
void cuda_round_launch(const uint16_t *x, uint8_t *to, float *scales, int64_t tokens,
                       int64_t padded, int64_t width, bool fp8, bool bf16, cudaStream_t stream);
/* y[t][r] = sums[t][r] row_scales[r] token_scales[t]; sums int32_t, or float when `fp8`. */
void cuda_scale_launch(const void *sums, const float *row_scales, const float *token_scales,
                       uint16_t *y, int64_t tokens, int64_t rows, bool fp8, bool bf16,
                       cudaStream_t stream);

/* cuda_attention.cu. head_dim 32, 64, 96 or 128. */
void cuda_attend_prompt_launch(const uint16_t *qkv, const struct kernel_attention *attention,
                               const struct kernel_batch *batch, uint16_t *y, bool bf16,
                               cudaStream_t stream);
/* Floats of scratch that cached attention needs. */
size_t cuda_attend_decode_floats(const struct kernel_attention *attention,
                                 const struct kernel_batch *batch);
void cuda_attend_decode_launch(const uint16_t *qkv, const struct kernel_attention *attention,
                               const struct kernel_batch *batch, uint16_t *y, float *scratch,
                               bool bf16, cudaStream_t stream);

/* cuda_blas.c. Returns NULL, or what failed. */
struct cuda_blas;
const char *cuda_blas_open(struct cuda_blas **blas, cudaStream_t stream);
void cuda_blas_close(struct cuda_blas *blas);
/* y = W x: W rows x cols, x tokens x cols, y tokens x rows, all row by row. */
const char *cuda_blas_half(struct cuda_blas *blas, const void *w, const void *x, void *y,
                           int64_t rows, int64_t cols, int64_t tokens, bool bf16);
/* The same with 8-bit integers into int32_t, or e4m3 into float; tokens a multiple of 16. */
const char *cuda_blas_int8(struct cuda_blas *blas, const void *w, const void *x, int32_t *y,
                           int64_t rows, int64_t cols, int64_t tokens);
const char *cuda_blas_fp8(struct cuda_blas *blas, const void *w, const void *x, float *y,
                          int64_t rows, int64_t cols, int64_t tokens);

#ifdef __cplusplus
}
#endif

#endif
