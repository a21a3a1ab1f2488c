/* cuda_attention.cu - attention on a GPU.
 *
 * Prompts: tiles of 128 queries of one head meet tiles of 64 keys and values in shared memory on the
 * tensor cores; the softmax is kept running (FlashAttention: a row's largest score, the sum of its
 * weights, and the output scaled to them).
 *
 * To the cache: a block takes up to CUDA_SPLIT keys of one sequence and one KV head, with all query
 * heads that share it, so that every key and value is read once; a second kernel merges the splits.
 *
 * Both scale scores by log2(e), so that weights are powers of two.
 */
#include <math.h>

#include "bench/kernels/cuda_device.h"

#define LOG2_E 1.4426950408889634F

enum {
    QUERIES = 128, /* of a block */
    KEYS = 64,     /* of a tile */
    ROWS = 16,     /* queries of a warp */
    PROMPT_THREADS = QUERIES / ROWS * WARP,
    PAD = 8, /* halves at the end of a row in shared memory: rows then start in different banks */
    STEP = 16, /* depth of one tensor product */
    PIECE = 8  /* its width */
};

struct prompt_args {
    const uint16_t *qkv;
    uint16_t *y;
    int heads, kv_heads, tokens;
};

/* Two neighbouring halves, or zeros for a token that is not there. */
DEVICE uint32_t pair_at(const uint16_t *from, bool there)
{
    return there ? *(const uint32_t *)from : 0U;
}

/* Copies a tile of keys row by row, and one of values column by column: a tensor product takes
 * neighbours along its depth, which are components of a key but tokens of a value. */
DEVICE void stage_tile(const uint16_t *k, const uint16_t *v, int64_t width, int first, int tokens,
                       const int dim, uint16_t *key_tile, uint16_t *value_tile)
{
    for (int n = (int)threadIdx.x; n < KEYS * dim / 8; n += PROMPT_THREADS) {
        int key = n % KEYS;
        int chunk = n / KEYS * 8;
        uint4 from_k = {0, 0, 0, 0};
        uint4 from_v = {0, 0, 0, 0};
        if (first + key < tokens) {
            from_k = *(const uint4 *)(k + (first + key) * width + chunk);
            from_v = *(const uint4 *)(v + (first + key) * width + chunk);
        }
        *(uint4 *)(key_tile + key * (dim + PAD) + chunk) = from_k;
        const uint32_t pairs[4] = {from_v.x, from_v.y, from_v.z, from_v.w};
        UNROLL
        for (int i = 0; i < 4; i++) {
            value_tile[(chunk + 2 * i) * (KEYS + PAD) + key] = (uint16_t)(pairs[i] & 0xffffU);
            value_tile[(chunk + 2 * i + 1) * (KEYS + PAD) + key] = (uint16_t)(pairs[i] >> 16);
        }
    }
}

/* What a lane holds of its warp's 16 queries: rows lane/4 and lane/4 + 8 of each. */
struct prompt_state {
    float out[CUDA_DIM_MOST / PIECE][4];
    float top[2], sum[2];
};

/* Scores of a tile, the running softmax, and the values it weighs. `row` is the lane's first query;
 * the other is row + 8. */
DEVICE void prompt_tile(struct prompt_state *s, const uint32_t q[CUDA_DIM_MOST / STEP][4], int row,
                        int first, const uint16_t *key_tile, const uint16_t *value_tile,
                        const bool bf16, const int dim)
{
    int lane = (int)threadIdx.x % WARP;
    int line = lane / 4;
    int pair = lane % 4 * 2;
    float score[KEYS / PIECE][4];
    float scale = LOG2_E / sqrtf((float)dim);
    float top[2] = {s->top[0], s->top[1]};
    UNROLL
    for (int n = 0; n < KEYS / PIECE; n++) {
        score[n][0] = score[n][1] = score[n][2] = score[n][3] = 0.0F;
        UNROLL
        for (int d = 0; d < dim / STEP; d++) {
            const uint16_t *key = key_tile + (n * PIECE + line) * (dim + PAD) + d * STEP + pair;
            const uint32_t b[2] = {*(const uint32_t *)key, *(const uint32_t *)(key + 8)};
            tensor_multiply(score[n], q[d], b, bf16);
        }
        UNROLL
        for (int i = 0; i < 4; i++) {
            int key = first + n * PIECE + pair + i % 2;
            int query = row + i / 2 * 8;
            score[n][i] = key <= query ? score[n][i] * scale : -INFINITY;
            top[i / 2] = fmaxf(top[i / 2], score[n][i]);
        }
    }
    float fade[2];
    UNROLL
    for (int r = 0; r < 2; r++) { /* four lanes share a row; its first key is never masked */
        top[r] = fmaxf(top[r], shuffle_xor(top[r], 1));
        top[r] = fmaxf(top[r], shuffle_xor(top[r], 2));
        fade[r] = exp2f(s->top[r] - top[r]);
        s->top[r] = top[r];
        s->sum[r] *= fade[r];
    }
    UNROLL
    for (int n = 0; n < KEYS / PIECE; n++) {
        UNROLL
        for (int i = 0; i < 4; i++) {
            score[n][i] = exp2f(score[n][i] - top[i / 2]);
            s->sum[i / 2] += score[n][i];
        }
    }
    UNROLL
    for (int d = 0; d < dim / PIECE; d++) {
        UNROLL
        for (int i = 0; i < 4; i++) {
            s->out[d][i] *= fade[i / 2];
        }
    }
    UNROLL
    for (int k = 0; k < KEYS / STEP; k++) {
        const float *low = score[2 * k];
        const float *high = score[2 * k + 1];
        const uint32_t weights[4] = {pair_of(low[0], low[1], bf16), pair_of(low[2], low[3], bf16),
                                     pair_of(high[0], high[1], bf16),
                                     pair_of(high[2], high[3], bf16)};
        UNROLL
        for (int d = 0; d < dim / PIECE; d++) {
            const uint16_t *value =
                value_tile + (d * PIECE + line) * (KEYS + PAD) + k * STEP + pair;
            const uint32_t b[2] = {*(const uint32_t *)value, *(const uint32_t *)(value + 8)};
            tensor_multiply(s->out[d], weights, b, bf16);
        }
    }
}

DEVICE void prompt_block(const struct prompt_args a, uint16_t *key_tile, uint16_t *value_tile,
                         const bool bf16, const int dim)
{
    int lane = (int)threadIdx.x % WARP;
    int pair = lane % 4 * 2;
    int head = (int)blockIdx.y;
    /* Late tiles meet most keys: they start first. */
    int first = (int)(gridDim.x - 1 - blockIdx.x) * QUERIES;
    int warp_first = first + (int)threadIdx.x / WARP * ROWS;
    int row = warp_first + lane / 4;
    int64_t width = (int64_t)(a.heads + 2 * a.kv_heads) * dim;
    const uint16_t *base = a.qkv + (int64_t)blockIdx.z * a.tokens * width;
    const uint16_t *query = base + head * dim;
    const uint16_t *k = base + (a.heads + head / (a.heads / a.kv_heads)) * dim;
    const uint16_t *v = k + a.kv_heads * dim;
    uint32_t q[CUDA_DIM_MOST / STEP][4];
    struct prompt_state s;
    UNROLL
    for (int d = 0; d < dim / STEP; d++) {
        UNROLL
        for (int i = 0; i < 4; i++) {
            int at = row + i % 2 * 8;
            q[d][i] = pair_at(query + at * width + d * STEP + pair + i / 2 * 8, at < a.tokens);
        }
    }
    UNROLL
    for (int d = 0; d < dim / PIECE; d++) {
        s.out[d][0] = s.out[d][1] = s.out[d][2] = s.out[d][3] = 0.0F;
    }
    s.top[0] = s.top[1] = -INFINITY;
    s.sum[0] = s.sum[1] = 0.0F;
    int keys = first + QUERIES < a.tokens ? first + QUERIES : a.tokens;
    for (int key = 0; key < keys; key += KEYS) {
        __syncthreads(); /* nobody reads the tiles before any more */
        stage_tile(k, v, width, key, a.tokens, dim, key_tile, value_tile);
        __syncthreads();
        if (key < warp_first + ROWS) { /* else all keys come later than the warp's queries */
            prompt_tile(&s, q, row, key, key_tile, value_tile, bf16, dim);
        }
    }
    UNROLL
    for (int r = 0; r < 2; r++) {
        float sum = s.sum[r] + shuffle_xor(s.sum[r], 1);
        sum += shuffle_xor(sum, 2);
        int at = row + r * 8;
        if (at < a.tokens) {
            uint16_t *y = a.y +
                          (((int64_t)blockIdx.z * a.tokens + at) * a.heads + head) * dim + pair;
            UNROLL
            for (int d = 0; d < dim / PIECE; d++) {
                *(uint32_t *)(y + d * PIECE) =
                    pair_of(s.out[d][2 * r] / sum, s.out[d][2 * r + 1] / sum, bf16);
            }
        }
    }
}

#define PROMPT(name, bf16, dim)                                                                    \
    KERNEL(name, prompt_args, PROMPT_THREADS)                                                      \
    {                                                                                              \
        SHARED __align__(16) uint16_t key_tile[KEYS * ((dim) + PAD)];                              \
        SHARED __align__(16) uint16_t value_tile[(dim) * (KEYS + PAD)];                            \
        prompt_block(a, key_tile, value_tile, bf16, dim);                                          \
    }

PROMPT(prompt_f16_32, false, 32)
PROMPT(prompt_f16_64, false, 64)
PROMPT(prompt_f16_96, false, 96)
PROMPT(prompt_f16_128, false, 128)
PROMPT(prompt_bf16_32, true, 32)
PROMPT(prompt_bf16_64, true, 64)
PROMPT(prompt_bf16_96, true, 96)
PROMPT(prompt_bf16_128, true, 128)

void cuda_attend_prompt_launch(const uint16_t *qkv, const struct kernel_attention *attention,
                               const struct kernel_batch *batch, uint16_t *y, bool bf16,
                               cudaStream_t stream)
{
    struct prompt_args args = {qkv, y, attention->heads, attention->kv_heads, batch->tokens};
    int tiles = (batch->tokens + QUERIES - 1) / QUERIES;
#define CASE(dim)                                                                                  \
    case dim:                                                                                      \
        if (bf16) {                                                                                \
            LAUNCH(prompt_bf16_##dim, tiles, args.heads, batch->sequences, PROMPT_THREADS, stream, \
                   args);                                                                          \
        } else {                                                                                   \
            LAUNCH(prompt_f16_##dim, tiles, args.heads, batch->sequences, PROMPT_THREADS, stream,  \
                   args);                                                                          \
        }                                                                                          \
        break;
    switch (attention->head_dim) {
        CASE(32)
        CASE(64)
        CASE(96)
        CASE(128)
    default:
        break;
    }
#undef CASE
}

enum { DECODE_THREADS = 128, LANES = 8 /* that share a key */ };

struct decode_args {
    const uint16_t *qkv, *keys, *values;
    const int32_t *table, *past;
    uint16_t *y;
    float *partial, *tops, *sums; /* of splits: [sequence][head][split], partial x dim */
    int heads, kv_heads, blocks_max, splits;
};

struct decode_space {
    float query[CUDA_GROUP_MOST * CUDA_DIM_MOST]; /* later the output */
    float score[CUDA_GROUP_MOST * CUDA_SPLIT];
    float top[CUDA_GROUP_MOST], sum[CUDA_GROUP_MOST];
};

/* Where key `token` of the block's sequence and KV head lies in the cache. */
DEVICE int64_t cache_at(const struct decode_args *a, int64_t sequence, int kv_head, int token,
                        int dim)
{
    int64_t block = a->table[sequence * a->blocks_max + token / KERNEL_BLOCK];
    return ((block * a->kv_heads + kv_head) * KERNEL_BLOCK + token % KERNEL_BLOCK) * dim;
}

/* Scores of the split's n keys with the group's queries: eight lanes a key. */
DEVICE void decode_scores(const struct decode_args *a, struct decode_space *s, int first, int n,
                          int group, const bool bf16, const int dim)
{
    int key = (int)threadIdx.x / LANES;
    int lane = (int)threadIdx.x % LANES;
    for (int base = 0; base < n; base += DECODE_THREADS / LANES) {
        int t = base + key;
        float k[CUDA_DIM_MOST / LANES];
        UNROLL
        for (int p = 0; p < dim / (4 * LANES); p++) {
            uint2 four = {0, 0};
            if (t < n) {
                int64_t at = cache_at(a, blockIdx.y, (int)blockIdx.x, first + t, dim);
                four = *(const uint2 *)(a->keys + at + (p * LANES + lane) * 4);
            }
            k[4 * p] = pair_low(four.x, bf16);
            k[4 * p + 1] = pair_high(four.x, bf16);
            k[4 * p + 2] = pair_low(four.y, bf16);
            k[4 * p + 3] = pair_high(four.y, bf16);
        }
        for (int g = 0; g < group; g++) {
            float score = 0.0F;
            UNROLL
            for (int p = 0; p < dim / (4 * LANES); p++) {
                const float *q = s->query + g * dim + (p * LANES + lane) * 4;
                score += k[4 * p] * q[0] + k[4 * p + 1] * q[1] + k[4 * p + 2] * q[2] +
                         k[4 * p + 3] * q[3];
            }
            score += shuffle_xor(score, 1);
            score += shuffle_xor(score, 2);
            score += shuffle_xor(score, 4);
            if (lane == 0 && t < n) {
                s->score[g * CUDA_SPLIT + t] = score;
            }
        }
    }
}

/* Scores become weights; a warp a head. */
DEVICE void decode_softmax(struct decode_space *s, int n, int group)
{
    int lane = (int)threadIdx.x % WARP;
    for (int g = (int)threadIdx.x / WARP; g < group; g += DECODE_THREADS / WARP) {
        float *score = s->score + g * CUDA_SPLIT;
        float top = -INFINITY;
        for (int t = lane; t < n; t += WARP) {
            top = fmaxf(top, score[t]);
        }
        top = warp_max(top);
        float sum = 0.0F;
        for (int t = lane; t < n; t += WARP) {
            score[t] = exp2f(score[t] - top);
            sum += score[t];
        }
        sum = warp_sum(sum);
        if (lane == 0) {
            s->top[g] = top;
            s->sum[g] = sum;
        }
    }
}

/* The values, weighed: a thread has two components; threads that are left take other keys. */
DEVICE void decode_values(const struct decode_args *a, struct decode_space *s, int first, int n,
                          int group, const bool bf16, const int dim)
{
    const int subsets = DECODE_THREADS / (dim / 2);
    int subset = (int)threadIdx.x / (dim / 2);
    int at = (int)threadIdx.x % (dim / 2) * 2;
    float out[CUDA_GROUP_MOST][2];
    UNROLL
    for (int g = 0; g < CUDA_GROUP_MOST; g++) {
        out[g][0] = out[g][1] = 0.0F;
    }
    for (int t = subset; subset < subsets && t < n; t += subsets) {
        const uint16_t *v =
            a->values + cache_at(a, blockIdx.y, (int)blockIdx.x, first + t, dim) + at;
        uint32_t pair = *(const uint32_t *)v;
        float low = pair_low(pair, bf16);
        float high = pair_high(pair, bf16);
        UNROLL
        for (int g = 0; g < CUDA_GROUP_MOST; g++) {
            if (g < group) {
                float weight = s->score[g * CUDA_SPLIT + t];
                out[g][0] += weight * low;
                out[g][1] += weight * high;
            }
        }
    }
    for (int turn = 0; turn < subsets; turn++) {
        UNROLL
        for (int g = 0; g < CUDA_GROUP_MOST; g++) {
            if (g < group && subset == turn) {
                float *to = s->query + g * dim + at; /* the queries are done with */
                to[0] = (turn == 0 ? 0.0F : to[0]) + out[g][0];
                to[1] = (turn == 0 ? 0.0F : to[1]) + out[g][1];
            }
        }
        __syncthreads();
    }
}

DEVICE void decode_block(const struct decode_args a, struct decode_space *s, const bool bf16,
                         const int dim)
{
    int group = a.heads / a.kv_heads;
    int64_t sequence = blockIdx.y;
    int first_head = (int)blockIdx.x * group;
    int split = (int)blockIdx.z;
    int first = split * CUDA_SPLIT;
    int context = a.past[sequence] + 1; /* the token itself included */
    int n = context - first < CUDA_SPLIT ? context - first : CUDA_SPLIT;
    if (n <= 0) { /* the whole block: a longer sequence has this split, this one does not */
        for (int g = (int)threadIdx.x; g < group; g += DECODE_THREADS) {
            int64_t part = (sequence * a.heads + first_head + g) * a.splits + split;
            a.tops[part] = -INFINITY;
            a.sums[part] = 0.0F;
        }
        return;
    }
    const uint16_t *q =
        a.qkv + sequence * (a.heads + 2 * a.kv_heads) * dim + (int64_t)first_head * dim;
    float scale = LOG2_E / sqrtf((float)dim);
    for (int i = (int)threadIdx.x; i < group * dim; i += DECODE_THREADS) {
        s->query[i] = half_load(q[i], bf16) * scale;
    }
    __syncthreads();
    decode_scores(&a, s, first, n, group, bf16, dim);
    __syncthreads();
    decode_softmax(s, n, group);
    __syncthreads();
    decode_values(&a, s, first, n, group, bf16, dim); /* ends with a barrier */
    for (int i = (int)threadIdx.x; i < group * dim; i += DECODE_THREADS) {
        int g = i / dim;
        int64_t head = sequence * a.heads + first_head + g;
        if (a.splits == 1) {
            a.y[head * dim + i % dim] = (uint16_t)half_store(s->query[i] / s->sum[g], bf16);
        } else {
            a.partial[(head * a.splits + split) * dim + i % dim] = s->query[i];
        }
    }
    for (int g = (int)threadIdx.x; a.splits > 1 && g < group; g += DECODE_THREADS) {
        int64_t part = (sequence * a.heads + first_head + g) * a.splits + split;
        a.tops[part] = s->top[g];
        a.sums[part] = s->sum[g];
    }
}

#define DECODE(name, bf16, dim)                                                                    \
    KERNEL(name, decode_args, DECODE_THREADS)                                                      \
    {                                                                                              \
        SHARED struct decode_space space;                                                          \
        decode_block(a, &space, bf16, dim);                                                        \
    }

DECODE(decode_f16_32, false, 32)
DECODE(decode_f16_64, false, 64)
DECODE(decode_f16_96, false, 96)
DECODE(decode_f16_128, false, 128)
DECODE(decode_bf16_32, true, 32)
DECODE(decode_bf16_64, true, 64)
DECODE(decode_bf16_96, true, 96)
DECODE(decode_bf16_128, true, 128)

struct merge_args {
    const float *partial, *tops, *sums;
    uint16_t *y;
    int splits, dim;
    bool bf16;
};

/* A block a sequence and head: the splits, each to the scale of the largest score. */
KERNEL(merge_kernel, merge_args, DECODE_THREADS)
{
    int64_t head = (int64_t)blockIdx.y * gridDim.x + blockIdx.x;
    const float *tops = a.tops + head * a.splits;
    const float *sums = a.sums + head * a.splits;
    int i = (int)threadIdx.x;
    if (i >= a.dim) {
        return;
    }
    float top = tops[0]; /* the first split always has keys */
    for (int k = 1; k < a.splits; k++) {
        top = fmaxf(top, tops[k]);
    }
    float sum = 0.0F;
    float out = 0.0F;
    for (int k = 0; k < a.splits; k++) {
        if (sums[k] > 0.0F) { /* else its part was not written */
            float weight = exp2f(tops[k] - top);
            sum += weight * sums[k];
            out += weight * a.partial[(head * a.splits + k) * a.dim + i];
        }
    }
    a.y[head * a.dim + i] = (uint16_t)half_store(out / sum, a.bf16);
}

static int splits_of(const struct kernel_batch *batch)
{
    return (batch->past_max + 1 + CUDA_SPLIT - 1) / CUDA_SPLIT;
}

size_t cuda_attend_decode_floats(const struct kernel_attention *attention,
                                 const struct kernel_batch *batch)
{
    size_t parts = (size_t)batch->sequences * (size_t)attention->heads * (size_t)splits_of(batch);
    return parts * (size_t)(attention->head_dim + 2);
}

void cuda_attend_decode_launch(const uint16_t *qkv, const struct kernel_attention *attention,
                               const struct kernel_batch *batch, uint16_t *y, float *scratch,
                               bool bf16, cudaStream_t stream)
{
    int splits = splits_of(batch);
    size_t parts = (size_t)batch->sequences * (size_t)attention->heads * (size_t)splits;
    float *tops = scratch + parts * (size_t)attention->head_dim;
    struct decode_args args = {qkv,
                               (const uint16_t *)attention->keys,
                               (const uint16_t *)attention->values,
                               attention->table,
                               batch->past,
                               y,
                               scratch,
                               tops,
                               tops + parts,
                               attention->heads,
                               attention->kv_heads,
                               attention->blocks_max,
                               splits};
#define CASE(dim)                                                                                  \
    case dim:                                                                                      \
        if (bf16) {                                                                                \
            LAUNCH(decode_bf16_##dim, args.kv_heads, batch->sequences, splits, DECODE_THREADS,     \
                   stream, args);                                                                  \
        } else {                                                                                   \
            LAUNCH(decode_f16_##dim, args.kv_heads, batch->sequences, splits, DECODE_THREADS,      \
                   stream, args);                                                                  \
        }                                                                                          \
        break;
    switch (attention->head_dim) {
        CASE(32)
        CASE(64)
        CASE(96)
        CASE(128)
    default:
        break;
    }
#undef CASE
    if (splits > 1) {
        struct merge_args merge = {scratch, tops, tops + parts, y, splits, attention->head_dim,
                                   bf16};
        LAUNCH(merge_kernel, attention->heads, batch->sequences, 1, DECODE_THREADS, stream, merge);
    }
}
