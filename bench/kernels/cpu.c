/* cpu.c - the kernels on a CPU: OpenMP threads, OpenBLAS inside each of them for what is large.
 *
 * Weights and KV are bf16, activations f32. A product with few tokens is dot products of rows as
 * they are read; with more, each thread expands a tile of rows to f32 and hands it to sgemm.
 * OpenBLAS runs one thread per call: two thread pools on the same cores only wait for each other.
 * It is looked up by name, since GSL brings a slow library with the same functions.
 */
#include <cblas.h>
#include <dlfcn.h>
#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "bench/kernels/backend.h"

enum {
    DOT_TOKENS = 4,  /* up to here, dot products */
    TILE_ROWS = 64,  /* rows that a thread expands at once: stays in its L2 cache */
    QUERY_ROWS = 64, /* queries of a prompt that attend together */
    ALIGNMENT = 64
};

struct cpu {
    struct timespec start;
    float *scratch; /* scratch_floats for each thread */
    size_t scratch_floats;
    int threads;
    volatile float sink; /* keeps reads that nobody needs */
};

typedef void sgemm_function(OPENBLAS_CONST enum CBLAS_ORDER order,
                            OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_a,
                            OPENBLAS_CONST enum CBLAS_TRANSPOSE trans_b, OPENBLAS_CONST blasint m,
                            OPENBLAS_CONST blasint n, OPENBLAS_CONST blasint k,
                            OPENBLAS_CONST float alpha, OPENBLAS_CONST float *a,
                            OPENBLAS_CONST blasint lda, OPENBLAS_CONST float *b,
                            OPENBLAS_CONST blasint ldb, OPENBLAS_CONST float beta, float *c,
                            OPENBLAS_CONST blasint ldc);
static sgemm_function *blas_sgemm; /* set once, when the module opens */

static bool blas_find(struct kernel_backend *b)
{
    void *blas = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
    void *sgemm = blas == NULL ? NULL : dlsym(blas, "cblas_sgemm");
    void *threads = blas == NULL ? NULL : dlsym(blas, "openblas_set_num_threads");
    if (sgemm == NULL || threads == NULL) {
        snprintf(b->error, sizeof b->error, "cannot load OpenBLAS: %s", dlerror());
        return false;
    }
    void (*set_threads)(int n);
    memcpy(&blas_sgemm, &sgemm, sizeof blas_sgemm); /* POSIX's way from object to function */
    memcpy(&set_threads, &threads, sizeof set_threads);
    set_threads(1);
    return true;
}

static struct cpu *cpu_of(struct kernel_backend *b)
{
    return b->state;
}

/* Scratch of `floats` for each thread, or false with b->error set. */
static bool scratch_reserve(struct kernel_backend *b, size_t floats)
{
    struct cpu *c = cpu_of(b);
    if (floats <= c->scratch_floats) {
        return true;
    }
    floats = (floats + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    free(c->scratch);
    c->scratch = aligned_alloc(ALIGNMENT, floats * (size_t)c->threads * sizeof(float));
    c->scratch_floats = c->scratch == NULL ? 0 : floats;
    if (c->scratch == NULL) {
        snprintf(b->error, sizeof b->error, "out of memory for %zu numbers a thread", floats);
    }
    return c->scratch != NULL;
}

static float *scratch_mine(const struct cpu *c)
{
    return c->scratch + (size_t)omp_get_thread_num() * c->scratch_floats;
}

static void *cpu_alloc(struct kernel_backend *b, size_t bytes)
{
    size_t rounded = (bytes + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    void *memory = aligned_alloc(ALIGNMENT, rounded > 0 ? rounded : ALIGNMENT);
    if (memory == NULL) {
        snprintf(b->error, sizeof b->error, "out of memory for %zu bytes", bytes);
        return NULL;
    }
    memset(memory, 0, rounded);
    return memory;
}

static void cpu_release(struct kernel_backend *b, void *memory)
{
    (void)b;
    free(memory);
}

static void cpu_write(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    (void)b;
    memcpy(to, from, bytes);
}

static void cpu_copy(struct kernel_backend *b, void *to, const void *from, size_t bytes)
{
    size_t part = bytes / (size_t)cpu_of(b)->threads + 1;
#pragma omp parallel for schedule(static)
    for (size_t at = 0; at < bytes; at += part) {
        memcpy((char *)to + at, (const char *)from + at, bytes - at < part ? bytes - at : part);
    }
}

static void cpu_act_write(struct kernel_backend *b, void *to, const float *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(float));
}

static void cpu_act_read(struct kernel_backend *b, float *to, const void *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(float));
}

static void cpu_ids_read(struct kernel_backend *b, int32_t *to, const int32_t *from, size_t n)
{
    cpu_write(b, to, from, n * sizeof(int32_t));
}

/* One thread is timed by the processor's time, which leaves out what other programs take of it;
 * of several threads only the wall clock tells how they wait for each other. */
static clockid_t cpu_clock(const struct cpu *c)
{
    return c->threads == 1 ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC;
}

static void cpu_start(struct kernel_backend *b)
{
    struct cpu *c = cpu_of(b);
    clock_gettime(cpu_clock(c), &c->start);
}

static double cpu_stop(struct kernel_backend *b)
{
    struct timespec end;
    clock_gettime(cpu_clock(cpu_of(b)), &end);
    const struct timespec *start = &cpu_of(b)->start;
    return (double)(end.tv_sec - start->tv_sec) + (double)(end.tv_nsec - start->tv_nsec) / 1e9;
}

static void cpu_read_through(struct kernel_backend *b, const void *from, size_t bytes)
{
    const float *x = from;
    size_t n = bytes / sizeof(float);
    float sum = 0.0F;
#pragma omp parallel for simd reduction(+ : sum) schedule(static)
    for (size_t i = 0; i < n; i++) {
        sum += x[i];
    }
    cpu_of(b)->sink = sum;
}

static inline float of_bf16(uint16_t half)
{
    uint32_t bits = (uint32_t)half << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static inline uint16_t bf16_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

/* One row as f32. */
static void row_expand(const struct kernel_matrix *w, int64_t row, float *to)
{
    int64_t n = w->cols;
    const float *scales = w->scales;
    if (w->format == KERNEL_HALF) {
        const uint16_t *from = (const uint16_t *)w->values + row * n;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            to[i] = of_bf16(from[i]);
        }
    } else if (w->format == KERNEL_W8A16) {
        const int8_t *from = (const int8_t *)w->values + row * n;
        float scale = scales[row];
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            to[i] = scale * (float)from[i];
        }
    } else {
        const uint8_t *from = (const uint8_t *)w->values + row * n / 2;
        scales += row * (n / KERNEL_GROUP);
        for (int64_t g = 0; g < n / KERNEL_GROUP; g++) {
            float scale = scales[g];
#pragma omp simd
            for (int i = 0; i < KERNEL_GROUP / 2; i++) {
                uint8_t pair = from[g * KERNEL_GROUP / 2 + i];
                to[g * KERNEL_GROUP + 2 * i] = scale * (float)((pair & 15) - 8);
                to[g * KERNEL_GROUP + 2 * i + 1] = scale * (float)((pair >> 4) - 8);
            }
        }
    }
}

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
        sum += of_bf16(a[i]) * x[i];
    }
    return sum;
}

static float dot_w8(const int8_t *restrict a, const float *restrict x, int64_t n)
{
    float sum = 0.0F;
#pragma omp simd reduction(+ : sum)
    for (int64_t i = 0; i < n; i++) {
        sum += (float)a[i] * x[i];
    }
    return sum;
}

/* One row with four tokens at once: each weight is read once. */
static void dot4(const float *restrict a, const float *const x[4], int64_t n, float out[4])
{
    const float *restrict x0 = x[0];
    const float *restrict x1 = x[1];
    const float *restrict x2 = x[2];
    const float *restrict x3 = x[3];
    float s0 = 0.0F;
    float s1 = 0.0F;
    float s2 = 0.0F;
    float s3 = 0.0F;
#pragma omp simd reduction(+ : s0, s1, s2, s3)
    for (int64_t i = 0; i < n; i++) {
        s0 += a[i] * x0[i];
        s1 += a[i] * x1[i];
        s2 += a[i] * x2[i];
        s3 += a[i] * x3[i];
    }
    out[0] = s0;
    out[1] = s1;
    out[2] = s2;
    out[3] = s3;
}

/* Few tokens: each row is read once from memory; a row that serves several tokens is expanded
 * into the L1 cache first. */
static void linear_dots(struct kernel_backend *b, const struct kernel_matrix *w, const float *x,
                        float *y, int64_t tokens)
{
    const struct cpu *c = cpu_of(b);
    int64_t cols = w->cols;
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < w->rows; row++) {
        if (tokens == 1 && w->format == KERNEL_HALF) {
            y[row] = dot_bf16((const uint16_t *)w->values + row * cols, x, cols);
        } else if (tokens == 1 && w->format == KERNEL_W8A16) {
            y[row] = ((const float *)w->scales)[row] *
                     dot_w8((const int8_t *)w->values + row * cols, x, cols);
        } else {
            float *expanded = scratch_mine(c);
            row_expand(w, row, expanded);
            for (int64_t t = 0; t < tokens; t += 4) {
                const float *four_x[4];
                float four[4];
                for (int64_t k = 0; k < 4; k++) { /* the last token stands in for missing ones */
                    four_x[k] = x + (t + k < tokens ? t + k : tokens - 1) * cols;
                }
                dot4(expanded, four_x, cols, four);
                for (int64_t k = 0; k < 4 && t + k < tokens; k++) {
                    y[(t + k) * w->rows + row] = four[k];
                }
            }
        }
    }
}

static void cpu_linear(struct kernel_backend *b, const struct kernel_matrix *w, const void *x,
                       void *y, int64_t tokens)
{
    if (!scratch_reserve(b, (size_t)(TILE_ROWS * w->cols))) {
        return;
    }
    if (tokens <= DOT_TOKENS) {
        linear_dots(b, w, x, y, tokens);
        return;
    }
    const struct cpu *c = cpu_of(b);
#pragma omp parallel for schedule(dynamic, 1)
    for (int64_t first = 0; first < w->rows; first += TILE_ROWS) {
        int64_t rows = w->rows - first < TILE_ROWS ? w->rows - first : TILE_ROWS;
        float *tile = scratch_mine(c);
        for (int64_t r = 0; r < rows; r++) {
            row_expand(w, first + r, tile + r * w->cols);
        }
        blas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)tokens, (int)rows, (int)w->cols,
                   1.0F, x, (int)w->cols, tile, (int)w->cols, 0.0F, (float *)y + first,
                   (int)w->rows);
    }
}

static void cpu_embed(struct kernel_backend *b, const struct kernel_matrix *table,
                      const int32_t *ids, void *y, int64_t tokens)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        row_expand(table, ids[t], (float *)y + t * table->cols);
    }
}

static void cpu_norm(struct kernel_backend *b, const void *x, const void *gain, void *y,
                     int64_t tokens, int64_t width)
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

static void cpu_rotate_store(struct kernel_backend *b, void *qkv, const struct kernel_attention *a,
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
                    ((uint16_t *)a->keys)[at + i] = bf16_of(k[h * dim + i]);
                    ((uint16_t *)a->values)[at + i] = bf16_of(k[(a->kv_heads + h) * dim + i]);
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
    blas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)rows, (int)keys, (int)dim,
               1.0F / sqrtf((float)dim), q + first * width, (int)width, k, (int)width, 0.0F, scores,
               (int)keys);
    for (int64_t r = 0; r < rows; r++) {
        softmax(scores + r * keys, first + r + 1);
        for (int64_t i = first + r + 1; i < keys; i++) {
            scores[r * keys + i] = 0.0F;
        }
    }
    blas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)rows, (int)dim, (int)keys, 1.0F,
               scores, (int)keys, v, (int)width, 0.0F, out + first * out_width, (int)out_width);
}

static void cpu_attend_prompt(struct kernel_backend *b, const void *qkv,
                              const struct kernel_attention *a, const struct kernel_batch *batch,
                              void *y)
{
    int64_t dim = a->head_dim;
    int64_t width = token_width(a);
    int64_t tokens = batch->tokens;
    int64_t tiles = (tokens + QUERY_ROWS - 1) / QUERY_ROWS;
    if (!scratch_reserve(b, (size_t)(QUERY_ROWS * tokens))) {
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
                            scratch_mine(c), out, a->heads * dim);
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
                to[i] += weight * of_bf16(value[i]);
            }
        }
    }
}

static void cpu_attend_decode(struct kernel_backend *b, const void *qkv,
                              const struct kernel_attention *a, const struct kernel_batch *batch,
                              void *y)
{
    int64_t dim = a->head_dim;
    int64_t group = a->heads / a->kv_heads;
    if (!scratch_reserve(b, (size_t)(group * (batch->past_max + 1)))) {
        return;
    }
    const struct cpu *c = cpu_of(b);
#pragma omp parallel for collapse(2) schedule(dynamic, 1)
    for (int64_t s = 0; s < batch->sequences; s++) {
        for (int64_t h = 0; h < a->kv_heads; h++) {
            const float *q = (const float *)qkv + s * token_width(a) + h * group * dim;
            attend_cached(a, q, s, h, batch->past[s] + 1, scratch_mine(c),
                          (float *)y + (s * a->heads + h * group) * dim);
        }
    }
}

static void cpu_gate(struct kernel_backend *b, const void *gate_up, void *y, int64_t tokens,
                     int64_t ffn)
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

static void cpu_add(struct kernel_backend *b, const void *x, void *y, int64_t n)
{
    (void)b;
    const float *from = x;
    float *to = y;
#pragma omp parallel for simd schedule(static)
    for (int64_t i = 0; i < n; i++) {
        to[i] += from[i];
    }
}

static void cpu_sample(struct kernel_backend *b, const void *logits, int32_t *ids,
                       int64_t sequences, int64_t vocab)
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

/* What stands for a launch here: waking the threads for a loop of nothing and waiting for them. */
static double cpu_launch_s(struct kernel_backend *b, bool graph)
{
    enum { LOOPS = 1000 };
    if (graph) {
        return -1.0;
    }
    struct cpu *c = cpu_of(b);
    cpu_start(b);
    for (int i = 0; i < LOOPS; i++) {
#pragma omp parallel
        if (omp_get_thread_num() == 0) {
            c->sink = (float)i;
        }
    }
    return cpu_stop(b) / LOOPS;
}

static double cache_bytes(void)
{
    /* The kernel's own figure: libc's adds up what other cores of the package have. */
    FILE *f = fopen("/sys/devices/system/cpu/cpu0/cache/index3/size", "r");
    long kib = 0;
    if (f != NULL) {
        if (fscanf(f, "%ldK", &kib) != 1) {
            kib = 0;
        }
        fclose(f);
    }
    return kib > 0 ? (double)kib * 1024.0 : 32e6;
}

static void device_name(char *name, size_t bytes)
{
    snprintf(name, bytes, "CPU");
    FILE *f = fopen("/proc/cpuinfo", "r");
    char line[256];
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        const char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) == 0 && colon != NULL) {
            snprintf(name, bytes, "%.*s", (int)strcspn(colon + 2, "\n"), colon + 2);
            break;
        }
    }
    if (f != NULL) {
        fclose(f);
    }
}

kernel_open_function kernel_module_open;

bool kernel_module_open(struct kernel_backend *b, int index)
{
    static struct cpu cpu; /* one processor */
    if (index != 0) {
        snprintf(b->error, sizeof b->error, "there is one processor, number 0");
        return false;
    }
    cpu.threads = omp_get_max_threads();
    if (!blas_find(b)) {
        return false;
    }
    char name[80];
    device_name(name, sizeof name);
    snprintf(b->device, sizeof b->device, "%s, %d thread%s", name, cpu.threads,
             cpu.threads == 1 ? " (processor time)" : "s (wall time)");
    b->word = "cpu";
    b->memory_bytes = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE);
    b->cache_bytes = cache_bytes();
    b->half_is_bf16 = true;
    b->has[KERNEL_HALF] = b->has[KERNEL_W8A16] = b->has[KERNEL_W4A16] = true;
    b->act_bytes = sizeof(float);
    b->launches_per_layer = 11;
    b->state = &cpu;
    b->alloc = cpu_alloc;
    b->release = cpu_release;
    b->write = cpu_write;
    b->copy = cpu_copy;
    b->act_write = cpu_act_write;
    b->act_read = cpu_act_read;
    b->ids_read = cpu_ids_read;
    b->start = cpu_start;
    b->stop = cpu_stop;
    b->read_through = cpu_read_through;
    b->linear = cpu_linear;
    b->embed = cpu_embed;
    b->norm = cpu_norm;
    b->rotate_store = cpu_rotate_store;
    b->attend_prompt = cpu_attend_prompt;
    b->attend_decode = cpu_attend_decode;
    b->gate = cpu_gate;
    b->add = cpu_add;
    b->sample = cpu_sample;
    b->launch_s = cpu_launch_s;
    return true;
}
