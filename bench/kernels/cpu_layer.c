/* cpu_layer.c - what lies between the products, on a CPU: norms, rotation and KV store, attention,
 * gate, additions, sampling. */
#include <math.h>
#include <string.h>

#include "bench/kernels/cpu.h"

enum { QUERY_ROWS = 64 }; /* queries of a prompt that attend together */

static float dot(const float *restrict a, const float *restrict x, int64_t n)
{
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        sum += a[i] * x[i];
    }
    return sum;
}

static float dot_bf16(const uint16_t *restrict a, const float *restrict x, int64_t n)
{
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        sum += half_of_bf16(a[i]) * x[i];
    }
    return sum;
}

void cpu_norm(struct kernel_backend *b, const void *x, const void *gain, void *y, int64_t tokens,
              int64_t width)
{
    (void)b;
    const float *g = gain;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        const float *from = (const float *)x + t * width;
        float *to = (float *)y + t * width;
        float scale = 1.0F / sqrtf(dot(from, from, width) / (float)width + 1e-5F);
#pragma omp simd
        for (int64_t i = 0; i < width; i++) {
            to[i] = from[i] * scale * g[i];
        }
    }
}

static int64_t token_width(const struct kernel_attention *a)
{
    return (int64_t)(a->heads + 2 * a->kv_heads) * a->head_dim;
}

/* Where a token of a sequence lies in the cache. */
static int64_t cache_at(const struct kernel_attention *a, int64_t sequence, int64_t head,
                        int64_t token)
{
    int64_t block = a->table[sequence * a->blocks_max + token / KERNEL_BLOCK];
    return ((block * a->kv_heads + head) * KERNEL_BLOCK + token % KERNEL_BLOCK) * a->head_dim;
}

/* Pairs (i, i + dim/2) of queries and keys turn by position x 10000^(-2i/dim). */
static void rotate(float *x, int64_t heads, int64_t dim, float position)
{
    for (int64_t i = 0; i < dim / 2; i++) {
        float angle = position * powf(10000.0F, -2.0F * (float)i / (float)dim);
        float sine = sinf(angle);
        float cosine = cosf(angle);
        for (int64_t h = 0; h < heads; h++) {
            float *u = x + h * dim + i;
            float *v = u + dim / 2;
            float turned = *u * cosine - *v * sine;
            *v = *u * sine + *v * cosine;
            *u = turned;
        }
    }
}

void cpu_rotate_store(struct kernel_backend *b, void *qkv, const struct kernel_attention *a,
                      const struct kernel_batch *batch)
{
    (void)b;
    int64_t dim = a->head_dim;
#pragma omp parallel for collapse(2) schedule(static)
    for (int64_t s = 0; s < batch->sequences; s++) {
        for (int64_t t = 0; t < batch->tokens; t++) {
            float *q = (float *)qkv + (s * batch->tokens + t) * token_width(a);
            const float *k = q + a->heads * dim;
            int64_t position = batch->past[s] + t;
            rotate(q, a->heads + a->kv_heads, dim, (float)position);
            for (int64_t h = 0; h < a->kv_heads; h++) {
                int64_t at = cache_at(a, s, h, position);
                for (int64_t i = 0; i < dim; i++) {
                    ((uint16_t *)a->keys)[at + i] = half_to_bf16(k[h * dim + i]);
                    ((uint16_t *)a->values)[at + i] = half_to_bf16(k[(a->kv_heads + h) * dim + i]);
                }
            }
        }
    }
}

/* scores[0..n) become exp(scores - largest) / sum. */
static void softmax(float *scores, int64_t n)
{
    float top = scores[0];
    for (int64_t i = 1; i < n; i++) {
        top = scores[i] > top ? scores[i] : top;
    }
    float sum = 0.0F;
    for (int64_t i = 0; i < n; i++) {
        scores[i] = expf(scores[i] - top);
        sum += scores[i];
    }
    for (int64_t i = 0; i < n; i++) {
        scores[i] /= sum;
    }
}

/* QUERY_ROWS queries of one head against the keys up to the last of them. */
static void attend_rows(const float *q, const float *k, const float *v, int64_t width, int64_t dim,
                        int64_t first, int64_t rows, float *scores, float *out, int64_t out_width)
{
    int64_t keys = first + rows;
    cpu_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)keys, (int)dim,
              1.0F / sqrtf((float)dim), q + first * width, (int)width, k, (int)width, 0.0F, scores,
              (int)keys);
    for (int64_t r = 0; r < rows; r++) {
        softmax(scores + r * keys, first + r + 1);
        for (int64_t i = first + r + 1; i < keys; i++) {
            scores[r * keys + i] = 0.0F;
        }
    }
    cpu_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)dim, (int)keys, 1.0F,
              scores, (int)keys, v, (int)width, 0.0F, out + first * out_width, (int)out_width);
}

void cpu_attend_prompt(struct kernel_backend *b, const void *qkv, const struct kernel_attention *a,
                       const struct kernel_batch *batch, void *y)
{
    int64_t dim = a->head_dim;
    int64_t width = token_width(a);
    int64_t tokens = batch->tokens;
    int64_t tiles = (tokens + QUERY_ROWS - 1) / QUERY_ROWS;
    if (!cpu_scratch_reserve(b, (size_t)(QUERY_ROWS * tokens))) {
        return;
    }
    const struct cpu *c = cpu_of(b);
#pragma omp parallel for collapse(3) schedule(dynamic, 1)
    for (int64_t s = 0; s < batch->sequences; s++) {
        for (int64_t h = 0; h < a->heads; h++) {
            for (int64_t tile = 0; tile < tiles; tile++) {
                const float *base = (const float *)qkv + s * tokens * width;
                const float *k = base + (a->heads + h / (a->heads / a->kv_heads)) * dim;
                int64_t first = tile * QUERY_ROWS;
                int64_t rows = tokens - first < QUERY_ROWS ? tokens - first : QUERY_ROWS;
                float *out = (float *)y + (s * tokens * a->heads + h) * dim;
                attend_rows(base + h * dim, k, k + a->kv_heads * dim, width, dim, first, rows,
                            cpu_scratch(c), out, a->heads * dim);
            }
        }
    }
}

/* The query heads of one KV head: each key and value is read once. */
static void attend_cached(const struct kernel_attention *a, const float *q, int64_t sequence,
                          int64_t kv_head, int64_t context, float *scores, float *out)
{
    int64_t dim = a->head_dim;
    int64_t group = a->heads / a->kv_heads;
    float scale = 1.0F / sqrtf((float)dim);
    for (int64_t t = 0; t < context; t++) {
        const uint16_t *key = (const uint16_t *)a->keys + cache_at(a, sequence, kv_head, t);
        for (int64_t g = 0; g < group; g++) {
            scores[g * context + t] = scale * dot_bf16(key, q + g * dim, dim);
        }
    }
    for (int64_t g = 0; g < group; g++) {
        softmax(scores + g * context, context);
    }
    memset(out, 0, (size_t)(group * dim) * sizeof(float));
    for (int64_t t = 0; t < context; t++) {
        const uint16_t *value = (const uint16_t *)a->values + cache_at(a, sequence, kv_head, t);
        for (int64_t g = 0; g < group; g++) {
            float weight = scores[g * context + t];
            float *to = out + g * dim;
#pragma omp simd
            for (int64_t i = 0; i < dim; i++) {
                to[i] += weight * half_of_bf16(value[i]);
            }
        }
    }
}

void cpu_attend_decode(struct kernel_backend *b, const void *qkv, const struct kernel_attention *a,
                       const struct kernel_batch *batch, void *y)
{
    int64_t dim = a->head_dim;
    int64_t group = a->heads / a->kv_heads;
    if (!cpu_scratch_reserve(b, (size_t)(group * (batch->past_max + 1)))) {
        return;
    }
    const struct cpu *c = cpu_of(b);
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t s = 0; s < batch->sequences; s++) {
        for (int64_t h = 0; h < a->kv_heads; h++) {
            const float *q = (const float *)qkv + s * token_width(a) + h * group * dim;
            attend_cached(a, q, s, h, batch->past[s] + 1, cpu_scratch(c),
                          (float *)y + (s * a->heads + h * group) * dim);
        }
    }
}

void cpu_gate(struct kernel_backend *b, const void *gate_up, void *y, int64_t tokens, int64_t ffn)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        const float *gate = (const float *)gate_up + t * 2 * ffn;
        float *to = (float *)y + t * ffn;
        for (int64_t i = 0; i < ffn; i++) {
            to[i] = gate[i] / (1.0F + expf(-gate[i])) * gate[ffn + i];
        }
    }
}

void cpu_add(struct kernel_backend *b, const void *x, void *y, int64_t n)
{
    (void)b;
    const float *from = x;
    float *to = y;
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

void cpu_sample(struct kernel_backend *b, const void *logits, int32_t *ids, int64_t sequences,
                int64_t vocab)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t s = 0; s < sequences; s++) {
        const float *x = (const float *)logits + s * vocab;
        int64_t best = 0;
        for (int64_t i = 1; i < vocab; i++) {
            best = x[i] > x[best] ? i : best;
        }
        ids[s] = (int32_t)best;
    }
}
