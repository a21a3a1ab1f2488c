/* cpu_linear.c - matrix products on a CPU. With few tokens they are dot products of rows as they
 * are read; with more, each thread expands a tile of rows to f32 and hands it to sgemm. */
#include "bench/kernels/cpu.h"

enum {
    DOT_TOKENS = 8,   /* up to here, dot products */
    DOTS_AT_ONCE = 4, /* tokens that a row meets while its weights are in registers */
    TILE_ROWS = 64    /* rows that a thread expands at once: stays in its L2 cache */
};

/* One row as f32. */
static void row_expand(const struct kernel_matrix *w, int64_t row, float *to)
{
    int64_t n = w->cols;
    const float *scales = w->scales;
    if (w->format == KERNEL_HALF) {
        const uint16_t *from = (const uint16_t *)w->values + row * n;
#pragma omp simd
        for (int64_t i = 0; i < n; i++) {
            to[i] = half_of_bf16(from[i]);
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

/* A row against n tokens, n a constant where it is inlined: each weight is read once. `weight` is
 * the expression of the i-th. */
#define DOTS(weight)                                                                               \
    float s0 = 0.0F;                                                                               \
    float s1 = 0.0F;                                                                               \
    float s2 = 0.0F;                                                                               \
    float s3 = 0.0F;                                                                               \
    _Pragma("omp simd reduction(+ : s0, s1, s2, s3)") for (int64_t i = 0; i < cols; i++)           \
    {                                                                                              \
        float w = (weight);                                                                        \
        s0 += w * x0[i];                                                                           \
        if (n > 1) {                                                                               \
            s1 += w * x1[i];                                                                       \
        }                                                                                          \
        if (n > 2) {                                                                               \
            s2 += w * x2[i];                                                                       \
        }                                                                                          \
        if (n > 3) {                                                                               \
            s3 += w * x3[i];                                                                       \
        }                                                                                          \
    }                                                                                              \
    out[0] = s0;                                                                                   \
    out[1] = s1;                                                                                   \
    out[2] = s2;                                                                                   \
    out[3] = s3;

static inline __attribute__((always_inline)) void dots_of(enum kernel_format format,
                                                          const void *restrict row,
                                                          const float *restrict x, int64_t cols,
                                                          const int n, float out[4])
{
    const float *restrict x0 = x;
    const float *restrict x1 = x + (n > 1 ? 1 : 0) * cols;
    const float *restrict x2 = x + (n > 2 ? 2 : 0) * cols;
    const float *restrict x3 = x + (n > 3 ? 3 : 0) * cols;
    if (format == KERNEL_HALF) {
        const uint16_t *restrict a = row;
        DOTS(half_of_bf16(a[i]))
    } else if (format == KERNEL_W8A16) {
        const int8_t *restrict a = row;
        DOTS((float)a[i])
    } else { /* expanded */
        const float *restrict a = row;
        DOTS(a[i])
    }
}

/* One row with up to DOTS_AT_ONCE tokens. */
static void dots(enum kernel_format format, const void *row, const float *x, int64_t cols,
                 int64_t n, float out[DOTS_AT_ONCE])
{
#define CASE(tokens)                                                                               \
    case tokens:                                                                                   \
        if (format == KERNEL_HALF) {                                                               \
            dots_of(KERNEL_HALF, row, x, cols, tokens, out);                                       \
        } else if (format == KERNEL_W8A16) {                                                       \
            dots_of(KERNEL_W8A16, row, x, cols, tokens, out);                                      \
        } else {                                                                                   \
            dots_of(KERNEL_W4A16, row, x, cols, tokens, out);                                      \
        }                                                                                          \
        break;
    switch (n) {
        CASE(1)
        CASE(2)
        CASE(3)
        CASE(4)
    default:
        break;
    }
#undef CASE
}

/* Few tokens: each row is read once from memory, and as it is; only 4-bit rows are expanded first,
 * into the L1 cache. */
static void linear_dots(struct kernel_backend *b, const struct kernel_matrix *w, const float *x,
                        float *y, int64_t tokens)
{
    const struct cpu *c = cpu_of(b);
    int64_t cols = w->cols;
    size_t row_bytes = (size_t)cols * (w->format == KERNEL_HALF ? 2 : 1);
#pragma omp parallel for schedule(static)
    for (int64_t row = 0; row < w->rows; row++) {
        const void *from = (const char *)w->values + (size_t)row * row_bytes;
        float scale = w->format == KERNEL_W8A16 ? ((const float *)w->scales)[row] : 1.0F;
        if (w->format == KERNEL_W4A16) {
            float *expanded = cpu_scratch(c);
            row_expand(w, row, expanded);
            from = expanded;
        }
        for (int64_t t = 0; t < tokens; t += DOTS_AT_ONCE) {
            int64_t n = tokens - t < DOTS_AT_ONCE ? tokens - t : DOTS_AT_ONCE;
            float out[DOTS_AT_ONCE];
            dots(w->format, from, x + t * cols, cols, n, out);
            for (int64_t k = 0; k < n; k++) {
                y[(t + k) * w->rows + row] = scale * out[k];
            }
        }
    }
}

void cpu_linear(struct kernel_backend *b, const struct kernel_matrix *w, const void *x, void *y,
                int64_t tokens)
{
    if (!cpu_scratch_reserve(b, (size_t)(TILE_ROWS * w->cols))) {
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
        float *tile = cpu_scratch(c);
        for (int64_t r = 0; r < rows; r++) {
            row_expand(w, first + r, tile + r * w->cols);
        }
        cpu_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)tokens, (int)rows, (int)w->cols,
                  1.0F, x, (int)w->cols, tile, (int)w->cols, 0.0F, (float *)y + first,
                  (int)w->rows);
    }
}

void cpu_embed(struct kernel_backend *b, const struct kernel_matrix *table, const int32_t *ids,
               void *y, int64_t tokens)
{
    (void)b;
#pragma omp parallel for schedule(static)
    for (int64_t t = 0; t < tokens; t++) {
        row_expand(table, ids[t], (float *)y + t * table->cols);
    }
}
