/* cuda_layer.cu - what lies between the products, on a GPU: embedding, norms, rotation and KV store,
 * gate, additions, sampling; and reading memory for its own sake. */
#include <math.h>

#include "bench/kernels/cuda_device.h"

enum { THREADS = 256 };

struct read_args {
    const uint4 *from;
    size_t n;
    uint32_t *sink;
};

KERNEL(read_kernel, read_args, 256)
{
    size_t step = (size_t)gridDim.x * THREADS;
    uint32_t sum = 0;
    for (size_t i = (size_t)blockIdx.x * THREADS + threadIdx.x; i < a.n; i += 4 * step) {
        UNROLL
        for (int k = 0; k < 4; k++) { /* four reads on their way at once */
            if (i + (size_t)k * step < a.n) {
                uint4 v = a.from[i + (size_t)k * step];
                sum ^= v.x ^ v.y ^ v.z ^ v.w;
            }
        }
    }
    if (sum == 0x9e3779b9U) { /* hardly ever, but the compiler cannot know */
        *a.sink = sum;
    }
}

void cuda_read_launch(const void *from, size_t bytes, uint32_t *sink, int blocks,
                                 cudaStream_t stream)
{
    struct read_args args = {(const uint4 *)from, bytes / sizeof(uint4), sink};
    LAUNCH(read_kernel, blocks, 1, 1, THREADS, stream, args);
}

struct empty_args {
    int nothing;
};

KERNEL(empty_kernel, empty_args, 32)
{
    (void)a;
}

void cuda_empty_launch(cudaStream_t stream)
{
    struct empty_args args = {0};
    LAUNCH(empty_kernel, 1, 1, 1, WARP, stream, args);
}

struct embed_args {
    const uint32_t *table;
    const int32_t *ids;
    uint32_t *y;
    int64_t rows, pairs;
};

KERNEL(embed_kernel, embed_args, 256)
{
    int64_t token = blockIdx.x;
    int64_t id = a.ids[token];
    id = id < 0 || id >= a.rows ? 0 : id;
    for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
        a.y[token * a.pairs + i] = a.table[id * a.pairs + i];
    }
}

void cuda_embed_launch(const uint16_t *table, int64_t rows, int64_t width,
                                  const int32_t *ids, uint16_t *y, int64_t tokens,
                                  cudaStream_t stream)
{
    struct embed_args args = {(const uint32_t *)table, ids, (uint32_t *)y, rows, width / 2};
    LAUNCH(embed_kernel, tokens, 1, 1, THREADS, stream, args);
}

struct norm_args {
    const uint32_t *x, *gain;
    uint32_t *y;
    int64_t pairs;
    bool bf16;
};

KERNEL(norm_kernel, norm_args, 256)
{
    SHARED float space[THREADS / WARP];
    const uint32_t *x = a.x + (int64_t)blockIdx.x * a.pairs;
    uint32_t *y = a.y + (int64_t)blockIdx.x * a.pairs;
    float sum = 0.0F;
    for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
        float low = pair_low(x[i], a.bf16);
        float high = pair_high(x[i], a.bf16);
        sum += low * low + high * high;
    }
    sum = block_sum(sum, space, THREADS);
    float scale = 1.0F / sqrtf(sum / (float)(2 * a.pairs) + 1e-5F);
    for (int64_t i = threadIdx.x; i < a.pairs; i += THREADS) {
        uint32_t gain = a.gain[i];
        y[i] = pair_of(pair_low(x[i], a.bf16) * scale * pair_low(gain, a.bf16),
                       pair_high(x[i], a.bf16) * scale * pair_high(gain, a.bf16), a.bf16);
    }
}

void cuda_norm_launch(const uint16_t *x, const uint16_t *gain, uint16_t *y,
                                 int64_t tokens, int64_t width, bool bf16, cudaStream_t stream)
{
    struct norm_args args = {(const uint32_t *)x, (const uint32_t *)gain, (uint32_t *)y, width / 2,
                             bf16};
    LAUNCH(norm_kernel, tokens, 1, 1, THREADS, stream, args);
}

struct rotate_args {
    uint16_t *qkv, *keys, *values;
    const int32_t *table, *past;
    int heads, kv_heads, dim, blocks_max, tokens;
    bool bf16;
};

/* A block turns one token's queries and keys, and caches its keys and values. */
KERNEL(rotate_kernel, rotate_args, 256)
{
    int64_t sequence = blockIdx.y;
    int64_t position = a.past[sequence] + (int64_t)blockIdx.x;
    int64_t token = sequence * a.tokens + (int64_t)blockIdx.x;
    uint16_t *q = a.qkv + token * (a.heads + 2 * a.kv_heads) * a.dim;
    int64_t block = a.table[sequence * a.blocks_max + position / KERNEL_BLOCK];
    /* Head h of this token is at cache + h x KERNEL_BLOCK x dim. */
    int64_t cache = (block * a.kv_heads * KERNEL_BLOCK + position % KERNEL_BLOCK) * a.dim;
    int half = a.dim / 2;
    for (int n = (int)threadIdx.x; n < (a.heads + a.kv_heads) * half; n += THREADS) {
        int head = n / half;
        int i = n % half;
        /* 10000^(-2i/dim) as a power of two */
        float turn = exp2f(-2.0F * (float)i / (float)a.dim * 13.287712379549449F);
        float sine = sinf((float)position * turn);
        float cosine = cosf((float)position * turn);
        uint16_t *u = q + head * a.dim + i;
        float low = half_load(u[0], a.bf16);
        float high = half_load(u[half], a.bf16);
        uint16_t first = (uint16_t)half_store(low * cosine - high * sine, a.bf16);
        uint16_t second = (uint16_t)half_store(low * sine + high * cosine, a.bf16);
        u[0] = first;
        u[half] = second;
        if (head >= a.heads) {
            uint16_t *key = a.keys + cache + (int64_t)(head - a.heads) * KERNEL_BLOCK * a.dim + i;
            key[0] = first;
            key[half] = second;
        }
    }
    const uint16_t *v = q + (a.heads + a.kv_heads) * a.dim;
    for (int n = (int)threadIdx.x; n < a.kv_heads * a.dim; n += THREADS) {
        a.values[cache + (int64_t)(n / a.dim) * KERNEL_BLOCK * a.dim + n % a.dim] = v[n];
    }
}

void cuda_rotate_store_launch(uint16_t *qkv, const struct kernel_attention *attention,
                                         const struct kernel_batch *batch, bool bf16,
                                         cudaStream_t stream)
{
    struct rotate_args args = {qkv,
                               (uint16_t *)attention->keys,
                               (uint16_t *)attention->values,
                               attention->table,
                               batch->past,
                               attention->heads,
                               attention->kv_heads,
                               attention->head_dim,
                               attention->blocks_max,
                               batch->tokens,
                               bf16};
    LAUNCH(rotate_kernel, batch->tokens, batch->sequences, 1, THREADS, stream, args);
}

struct gate_args {
    const uint32_t *gate_up;
    uint32_t *y;
    int64_t pairs; /* of one token's y */
    bool bf16;
};

DEVICE float silu(float x)
{
    return x / (1.0F + expf(-x));
}

KERNEL(gate_kernel, gate_args, 256)
{
    const uint32_t *gate = a.gate_up + (int64_t)blockIdx.x * 2 * a.pairs;
    const uint32_t *up = gate + a.pairs;
    uint32_t *y = a.y + (int64_t)blockIdx.x * a.pairs;
    int64_t step = (int64_t)gridDim.y * THREADS;
    for (int64_t i = (int64_t)blockIdx.y * THREADS + threadIdx.x; i < a.pairs; i += step) {
        y[i] = pair_of(silu(pair_low(gate[i], a.bf16)) * pair_low(up[i], a.bf16),
                       silu(pair_high(gate[i], a.bf16)) * pair_high(up[i], a.bf16), a.bf16);
    }
}

void cuda_gate_launch(const uint16_t *gate_up, uint16_t *y, int64_t tokens, int64_t ffn,
                                 bool bf16, cudaStream_t stream)
{
    struct gate_args args = {(const uint32_t *)gate_up, (uint32_t *)y, ffn / 2, bf16};
    LAUNCH(gate_kernel, tokens, (args.pairs + THREADS - 1) / THREADS, 1, THREADS, stream, args);
}

struct add_args {
    const uint32_t *x;
    uint32_t *y;
    int64_t pairs;
    bool bf16;
};

KERNEL(add_kernel, add_args, 256)
{
    int64_t i = (int64_t)blockIdx.x * THREADS + threadIdx.x;
    if (i < a.pairs) {
        a.y[i] = pair_of(pair_low(a.x[i], a.bf16) + pair_low(a.y[i], a.bf16),
                         pair_high(a.x[i], a.bf16) + pair_high(a.y[i], a.bf16), a.bf16);
    }
}

void cuda_add_launch(const uint16_t *x, uint16_t *y, int64_t n, bool bf16,
                                cudaStream_t stream)
{
    struct add_args args = {(const uint32_t *)x, (uint32_t *)y, n / 2, bf16};
    LAUNCH(add_kernel, (args.pairs + THREADS - 1) / THREADS, 1, 1, THREADS, stream, args);
}

struct sample_args {
    const uint16_t *logits;
    int32_t *ids;
    int64_t vocab;
    bool bf16;
};

/* The likeliest token; of equals the first. */
KERNEL(sample_kernel, sample_args, 256)
{
    SHARED float tops[THREADS];
    SHARED int32_t places[THREADS];
    const uint16_t *x = a.logits + (int64_t)blockIdx.x * a.vocab;
    float top = -INFINITY;
    int32_t place = 0;
    for (int64_t i = threadIdx.x; i < a.vocab; i += THREADS) {
        float value = half_load(x[i], a.bf16);
        if (value > top) {
            top = value;
            place = (int32_t)i;
        }
    }
    tops[threadIdx.x] = top;
    places[threadIdx.x] = place;
    __syncthreads();
    for (unsigned half = THREADS / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) {
            unsigned other = threadIdx.x + half;
            if (tops[other] > tops[threadIdx.x] ||
                (tops[other] == tops[threadIdx.x] && places[other] < places[threadIdx.x])) {
                tops[threadIdx.x] = tops[other];
                places[threadIdx.x] = places[other];
            }
        }
        __syncthreads();
    }
    if (threadIdx.x == 0) {
        a.ids[blockIdx.x] = places[0];
    }
}

void cuda_sample_launch(const uint16_t *logits, int32_t *ids, int64_t sequences,
                                   int64_t vocab, bool bf16, cudaStream_t stream)
{
    struct sample_args args = {logits, ids, vocab, bf16};
    LAUNCH(sample_kernel, sequences, 1, 1, THREADS, stream, args);
}
