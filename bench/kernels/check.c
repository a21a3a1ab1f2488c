/* check.c - each kernel on random data against the same sum in double precision, on the numbers as
 * they were rounded when packed: what is left is the kernel's own rounding. */
#include "bench/kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 192, COLS = 256, TOKENS_MOST = 40, WIDTH = 256 };
enum { SEQUENCES = 2, PROMPT_MOST = 300 };

/* Attention's sizes: every head width, groups of 1 and 2, prompts within and beyond a tile of
 * queries, contexts within and beyond one split. */
struct attention_size {
    int heads, kv_heads, dim, prompt;
};
static const struct attention_size sizes[] = {
    {4, 2, 64, 70}, {2, 1, 128, 130}, {1, 1, 32, PROMPT_MOST}, {1, 1, 96, 33}};

struct check {
    struct kernel_backend *b;
    uint64_t random;
    double worst;
    struct err *e;
    int rc;
};

static void fill(struct check *c, float *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        x[i] = format_random(&c->random);
    }
}

/* Activations as the backend keeps them, the rounded numbers back in x. */
static void *upload(struct check *c, float *x, int64_t n)
{
    void *device = c->b->alloc(c->b, (size_t)n * c->b->act_bytes);
    if (device != NULL) {
        c->b->act_write(c->b, device, x, (size_t)n);
        c->b->act_read(c->b, x, device, (size_t)n);
    }
    return device;
}

/* Root mean square of the difference over that of `expected`, against `allowed`. */
static void judge(struct check *c, const char *kernel, const void *device, const double *expected,
                  int64_t n, double allowed)
{
    float *seen = calloc((size_t)n, sizeof *seen);
    if (seen == NULL || device == NULL) {
        c->rc = err_memory(c->e, "checking kernels");
        free(seen);
        return;
    }
    c->b->act_read(c->b, seen, device, (size_t)n);
    double wrong = 0.0;
    double all = 0.0;
    for (int64_t i = 0; i < n; i++) {
        wrong += ((double)seen[i] - expected[i]) * ((double)seen[i] - expected[i]);
        all += expected[i] * expected[i];
    }
    double share = sqrt(wrong / all) / allowed;
    c->worst = share > c->worst ? share : c->worst;
    if (c->b->error[0] != '\0') {
        c->rc = err_work(c->e, NULL, NULL, "%s: %s: %s", c->b->device, kernel, c->b->error);
    } else if (!(share <= 1.0)) {
        c->rc = err_work(c->e, NULL, NULL,
                         "%s: the kernel %s is off by %.2g of the right answer, where rounding "
                         "explains %.2g; its times would mean nothing",
                         c->b->device, kernel, share * allowed, allowed);
    }
    free(seen);
}

/* Activations rounded to 8 bits within the kernel: about 1/127/sqrt(12) of the largest against an
 * rms of 1/sqrt(3), and 2^-4/sqrt(12) of each for e4m3. */
static double linear_allowed(enum kernel_format format)
{
    return format == KERNEL_W8A8 ? 0.02 : format == KERNEL_FP8 ? 0.05 : 0.004;
}

static void check_linear(struct check *c, enum kernel_format format, int64_t tokens)
{
    static const char *const names[] = {"linear half", "linear w8a16", "linear w4a16",
                                        "linear w8a8", "linear fp8"};
    float *w = calloc((size_t)ROWS * COLS * 2, sizeof *w);
    float *x = calloc((size_t)(COLS * tokens), sizeof *x);
    double *y = calloc((size_t)(ROWS * tokens), sizeof *y);
    struct kernel_matrix m = {0};
    void *x_device = NULL;
    void *y_device = c->b->alloc(c->b, (size_t)(ROWS * tokens) * c->b->act_bytes);
    if (w == NULL || x == NULL || y == NULL || y_device == NULL) {
        c->rc = err_memory(c->e, "checking kernels");
    } else {
        float *rounded = w + (size_t)ROWS * COLS;
        fill(c, w, (int64_t)ROWS * COLS);
        fill(c, x, COLS * tokens);
        x_device = upload(c, x, COLS * tokens);
        if (format_upload(c->b, format, w, ROWS, COLS, &m, rounded)) {
            c->b->linear(c->b, &m, x_device, y_device, tokens);
        }
        for (int64_t i = 0; i < ROWS * tokens; i++) {
            for (int64_t k = 0; k < COLS; k++) {
                y[i] += (double)rounded[i % ROWS * COLS + k] * x[i / ROWS * COLS + k];
            }
        }
        judge(c, names[format], y_device, y, ROWS * tokens, linear_allowed(format));
    }
    format_release(c->b, &m);
    c->b->release(c->b, x_device);
    c->b->release(c->b, y_device);
    free(w);
    free(x);
    free(y);
}

static void check_norm_gate(struct check *c)
{
    enum { TOKENS = 3 };
    float x[TOKENS * 2 * WIDTH];
    float gain[WIDTH];
    double y[TOKENS * WIDTH];
    fill(c, x, TOKENS * 2 * WIDTH);
    fill(c, gain, WIDTH);
    void *x_device = upload(c, x, TOKENS * 2 * WIDTH);
    void *gain_device = upload(c, gain, WIDTH);
    void *y_device = c->b->alloc(c->b, TOKENS * WIDTH * c->b->act_bytes);
    for (int i = 0; i < TOKENS * WIDTH; i++) {
        double gate = x[i / WIDTH * 2 * WIDTH + i % WIDTH];
        y[i] = gate / (1.0 + exp(-gate)) * x[i / WIDTH * 2 * WIDTH + WIDTH + i % WIDTH];
    }
    c->b->gate(c->b, x_device, y_device, TOKENS, WIDTH);
    judge(c, "gate", y_device, y, TOKENS * WIDTH, 0.002);
    for (int t = 0; t < TOKENS; t++) {
        double sum = 0.0;
        for (int i = 0; i < WIDTH; i++) {
            sum += (double)x[t * WIDTH + i] * x[t * WIDTH + i];
        }
        for (int i = 0; i < WIDTH; i++) {
            y[t * WIDTH + i] = x[t * WIDTH + i] / sqrt(sum / WIDTH + 1e-5) * gain[i];
        }
    }
    c->b->norm(c->b, x_device, gain_device, y_device, TOKENS, WIDTH);
    if (c->rc == 0) {
        judge(c, "norm", y_device, y, TOKENS * WIDTH, 0.002);
    }
    c->b->release(c->b, x_device);
    c->b->release(c->b, gain_device);
    c->b->release(c->b, y_device);
}

/* Keys and values are 16 bits wide, and so are queries, weights and outputs where activations are:
 * each rounding is 2^-9 / sqrt(3) of bf16, and a sum that nearly cancels magnifies them. */
static double attention_allowed(const struct kernel_backend *b)
{
    return b->act_bytes == 2 ? 0.015 : 0.01;
}

static int token_width(const struct attention_size *z)
{
    return (z->heads + 2 * z->kv_heads) * z->dim;
}

static void rotate(double *x, int heads, int dim, int position)
{
    for (int h = 0; h < heads; h++) {
        for (int i = 0; i < dim / 2; i++) {
            double angle = position * pow(10000.0, -2.0 * i / dim);
            double u = x[h * dim + i];
            double v = x[h * dim + i + dim / 2];
            x[h * dim + i] = u * cos(angle) - v * sin(angle);
            x[h * dim + i + dim / 2] = u * sin(angle) + v * cos(angle);
        }
    }
}

/* Attention of token `at` of a rotated sequence to itself and all before it. */
static void attend(const struct attention_size *z, const double *qkv, int at, double *out)
{
    double scores[PROMPT_MOST + 1];
    int width = token_width(z);
    for (int h = 0; h < z->heads; h++) {
        int kv = h / (z->heads / z->kv_heads);
        double sum = 0.0;
        for (int t = 0; t <= at; t++) {
            double score = 0.0;
            for (int i = 0; i < z->dim; i++) {
                score += qkv[at * width + h * z->dim + i] *
                         qkv[t * width + (z->heads + kv) * z->dim + i];
            }
            scores[t] = exp(score / sqrt(z->dim));
            sum += scores[t];
        }
        for (int i = 0; i < z->dim; i++) {
            double value = 0.0;
            for (int t = 0; t <= at; t++) {
                value += scores[t] * qkv[t * width + (z->heads + z->kv_heads + kv) * z->dim + i];
            }
            out[h * z->dim + i] = value / sum;
        }
    }
}

/* What the kernels of one size work on. */
struct attention_case {
    const struct attention_size *z;
    struct kernel_attention a;
    float *x, *part;     /* tokens of all sequences; those that run next */
    double *rotated, *y; /* in double precision, after rotation; what must come out */
    void *out, *qkv;
    int32_t past[SEQUENCES];
    void *past_device;
};

/* Rotated tokens and the outputs of the prompts. */
static void attention_expect(struct attention_case *k)
{
    const struct attention_size *z = k->z;
    int all = z->prompt + 1;
    int width = token_width(z);
    for (int s = 0; s < SEQUENCES; s++) {
        memcpy(k->part + s * z->prompt * width, k->x + s * all * width,
               sizeof *k->x * (size_t)z->prompt * (size_t)width);
        for (int t = 0; t < all; t++) {
            double *token = k->rotated + (s * all + t) * width;
            for (int i = 0; i < width; i++) {
                token[i] = k->x[(s * all + t) * width + i];
            }
            rotate(token, z->heads + z->kv_heads, z->dim, t);
        }
        for (int t = 0; t < z->prompt; t++) {
            attend(z, k->rotated + s * all * width, t,
                   k->y + (s * z->prompt + t) * z->heads * z->dim);
        }
    }
}

/* A prompt for each sequence, then one token more through the cache. */
static void attention_run(struct check *c, struct attention_case *k)
{
    struct kernel_backend *b = c->b;
    const struct attention_size *z = k->z;
    int all = z->prompt + 1;
    int width = token_width(z);
    int out = z->heads * z->dim;
    struct kernel_batch batch = {SEQUENCES, z->prompt, k->past_device, 0};
    b->write(b, k->past_device, k->past, sizeof k->past);
    fill(c, k->x, (int64_t)SEQUENCES * all * width);
    /* The last token of each sequence is uploaded later; round them all alike. */
    b->release(b, upload(c, k->x, (int64_t)SEQUENCES * all * width));
    attention_expect(k);
    k->qkv = upload(c, k->part, (int64_t)SEQUENCES * z->prompt * width);
    b->rotate_store(b, k->qkv, &k->a, &batch);
    b->attend_prompt(b, k->qkv, &k->a, &batch, k->out);
    judge(c, "attend_prompt", k->out, k->y, (int64_t)SEQUENCES * z->prompt * out,
          attention_allowed(b));
    for (int s = 0; s < SEQUENCES; s++) {
        k->past[s] = z->prompt;
        memcpy(k->part + s * width, k->x + (s * all + z->prompt) * width,
               (size_t)width * sizeof *k->x);
        attend(z, k->rotated + s * all * width, z->prompt, k->y + s * out);
    }
    b->write(b, k->past_device, k->past, sizeof k->past);
    batch.tokens = 1;
    batch.past_max = z->prompt;
    b->act_write(b, k->qkv, k->part, SEQUENCES * (size_t)width);
    b->rotate_store(b, k->qkv, &k->a, &batch);
    b->attend_decode(b, k->qkv, &k->a, &batch, k->out);
    if (c->rc == 0) {
        judge(c, "attend_decode", k->out, k->y, (int64_t)SEQUENCES * out, attention_allowed(b));
    }
}

static void check_attention(struct check *c, const struct attention_size *z)
{
    enum { BLOCKS = PROMPT_MOST / KERNEL_BLOCK + 1 };
    struct kernel_backend *b = c->b;
    size_t numbers = SEQUENCES * ((size_t)z->prompt + 1) * (size_t)token_width(z);
    size_t outputs = SEQUENCES * (size_t)z->prompt * (size_t)z->heads * (size_t)z->dim;
    size_t cache_bytes =
        2 * SEQUENCES * BLOCKS * KERNEL_BLOCK * (size_t)z->kv_heads * (size_t)z->dim;
    int32_t table[SEQUENCES * BLOCKS]; /* the last block first: nothing lies in order */
    for (int i = 0; i < SEQUENCES * BLOCKS; i++) {
        table[i] = SEQUENCES * BLOCKS - 1 - i;
    }
    void *table_device = b->alloc(b, sizeof table);
    struct attention_case k = {.z = z};
    k.a = (struct kernel_attention){
        z->heads,     z->kv_heads, z->dim, b->alloc(b, cache_bytes), b->alloc(b, cache_bytes),
        table_device, BLOCKS};
    k.past_device = b->alloc(b, sizeof k.past);
    k.out = b->alloc(b, outputs * b->act_bytes);
    k.x = calloc(numbers, sizeof *k.x);
    k.part = calloc(numbers, sizeof *k.part);
    k.rotated = calloc(numbers, sizeof *k.rotated);
    k.y = calloc(outputs, sizeof *k.y);
    if (table_device && k.a.keys && k.a.values && k.past_device && k.out && k.x && k.part &&
        k.rotated && k.y) {
        b->write(b, table_device, table, sizeof table);
        attention_run(c, &k);
    } else {
        c->rc = err_memory(c->e, "checking kernels");
    }
    void *const memory[] = {table_device, k.a.keys, k.a.values, k.past_device, k.out, k.qkv};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        b->release(b, memory[i]);
    }
    free(k.x);
    free(k.part);
    free(k.rotated);
    free(k.y);
}

int check_kernels(struct kernel_backend *b, uint64_t seed, double *worst, struct err *e)
{
    static const int64_t tokens[] = {1, 3, 8, TOKENS_MOST};
    struct check c = {.b = b, .random = seed, .e = e};
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        for (size_t i = 0; b->has[f] && c.rc == 0 && i < sizeof tokens / sizeof tokens[0]; i++) {
            check_linear(&c, (enum kernel_format)f, tokens[i]);
        }
    }
    if (c.rc == 0) {
        check_norm_gate(&c);
    }
    for (size_t i = 0; c.rc == 0 && i < sizeof sizes / sizeof sizes[0]; i++) {
        check_attention(&c, &sizes[i]);
    }
    *worst = c.worst;
    return c.rc;
}
