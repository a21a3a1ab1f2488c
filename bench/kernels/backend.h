/* backend.h - the one interface of the kernels that calibration measures and the reference decoder
 * is made of. cpu.c (OpenMP, OpenBLAS) implements it.
 *
 * A backend is a module, kernels_WORD.so, that backend_load.c loads when it is asked for, so that
 * the simulator itself does not hang on its libraries. A module knows nothing of the other rooms.
 *
 * Activations are `act_bytes` wide numbers of the backend's own (f32 on the CPU, 16 bits on a GPU);
 * act_write() and act_read() convert. A weight matrix gives y = W x, rows outputs of cols inputs,
 * and is packed on the host (format.h). Calls are queued and done in order; stop() and the reads
 * wait. What fails leaves a line in `error`; later calls may then do nothing.
 */
#ifndef BENCH_KERNELS_BACKEND_H
#define BENCH_KERNELS_BACKEND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum kernel_format {
    KERNEL_HALF,  /* 16 bits: bf16 or f16, as half_is_bf16 says */
    KERNEL_W8A16, /* 8-bit integers, a scale a row, expanded when multiplied */
    KERNEL_W4A16, /* 4-bit integers, a scale per KERNEL_GROUP, expanded when multiplied */
    KERNEL_W8A8,  /* 8-bit integers, activations rounded to 8-bit integers per token */
    KERNEL_FP8,   /* e4m3, a scale a row; activations rounded to e4m3 */
    KERNEL_FORMATS
};

enum {
    KERNEL_GROUP = 128, /* weights of a row that share a scale in W4A16, as AWQ and GPTQ do */
    KERNEL_BLOCK = 16   /* tokens of a KV block, as vLLM's */
};

struct kernel_matrix {
    enum kernel_format format;
    int64_t rows, cols;
    void *values; /* device memory, row by row */
    void *scales; /* device memory, float; NULL for KERNEL_HALF */
};

/* The attention's shape, and one layer's KV cache: block b, head h, slot s and component i lie at
 * ((b kv_heads + h) KERNEL_BLOCK + s) head_dim + i, in the backend's 16-bit type. */
struct kernel_attention {
    int32_t heads, kv_heads, head_dim;
    void *keys, *values;
    const int32_t *table; /* device memory: table[sequence * blocks_max + i] */
    int32_t blocks_max;
};

/* Sequences that run together, each with the same number of new tokens. */
struct kernel_batch {
    int32_t sequences, tokens; /* tokens of each */
    const int32_t *past;       /* device memory: tokens already cached, per sequence */
    int32_t past_max;          /* the largest of them */
};

struct kernel_backend {
    const char *word; /* "cpu", "cuda" */
    char device[128];
    char error[256]; /* empty: all is well */
    double memory_bytes, cache_bytes;
    bool half_is_bf16;
    bool has[KERNEL_FORMATS];
    size_t act_bytes;
    int multiprocessors; /* of a GPU; threads of a CPU */
    void *state;

    void (*close)(struct kernel_backend *b); /* what was allocated is released before */
    void *(*alloc)(struct kernel_backend *b, size_t bytes);
    void (*release)(struct kernel_backend *b, void *memory);
    void (*write)(struct kernel_backend *b, void *to, const void *from, size_t bytes);
    void (*copy)(struct kernel_backend *b, void *to, const void *from, size_t bytes);
    void (*act_write)(struct kernel_backend *b, void *to, const float *from, size_t n);
    void (*act_read)(struct kernel_backend *b, float *to, const void *from, size_t n);
    void (*ids_read)(struct kernel_backend *b, int32_t *to, const int32_t *from, size_t n);

    void (*start)(struct kernel_backend *b);
    double (*stop)(struct kernel_backend *b); /* seconds since start(), by the device's events */
    /* From record() on, kernels are kept; replay() does what start() does and runs them at once, as
     * engines run decode steps. Nothing that waits or grows memory may lie between. record() is
     * NULL where launches cost next to nothing, and returns false when it cannot. */
    bool (*record)(struct kernel_backend *b);
    void (*replay)(struct kernel_backend *b);

    /* Reads `bytes` and writes next to nothing: what a decode step does with weights. */
    void (*read_through)(struct kernel_backend *b, const void *from, size_t bytes);
    void (*linear)(struct kernel_backend *b, const struct kernel_matrix *w, const void *x, void *y,
                   int64_t tokens);
    void (*embed)(struct kernel_backend *b, const struct kernel_matrix *table, const int32_t *ids,
                  void *y, int64_t tokens);
    /* y = x gain / rms(x), token by token (RMSNorm, epsilon 1e-5). */
    void (*norm)(struct kernel_backend *b, const void *x, const void *gain, void *y, int64_t tokens,
                 int64_t width);
    /* Rotates queries and keys in place (RoPE, base 10000, halves) and caches keys and values. A
     * token of qkv holds heads queries, kv_heads keys, kv_heads values. */
    void (*rotate_store)(struct kernel_backend *b, void *qkv, const struct kernel_attention *a,
                         const struct kernel_batch *batch);
    /* Causal attention of whole prompts (nothing cached before): y has heads x head_dim a token. */
    void (*attend_prompt)(struct kernel_backend *b, const void *qkv,
                          const struct kernel_attention *a, const struct kernel_batch *batch,
                          void *y);
    /* Attention of one new token a sequence to its cache, the token itself included. */
    void (*attend_decode)(struct kernel_backend *b, const void *qkv,
                          const struct kernel_attention *a, const struct kernel_batch *batch,
                          void *y);
    /* y = silu(gate) up; a token of gate_up holds ffn gates, then ffn ups. */
    void (*gate)(struct kernel_backend *b, const void *gate_up, void *y, int64_t tokens,
                 int64_t ffn);
    void (*add)(struct kernel_backend *b, const void *x, void *y, int64_t n); /* y += x */
    void (*sample)(struct kernel_backend *b, const void *logits, int32_t *ids, int64_t sequences,
                   int64_t vocab); /* the likeliest */
    /* Seconds that launching one kernel takes, as part of a graph or alone; negative: no such. */
    double (*launch_s)(struct kernel_backend *b, bool graph);
};

/* What a module exports: fills *b, or leaves a line in b->error and returns false. */
#define KERNEL_OPEN_NAME "kernel_module_open"
typedef bool kernel_open_function(struct kernel_backend *b, int index);

#endif
