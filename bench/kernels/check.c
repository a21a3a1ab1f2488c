/* check.c - each kernel on random data against the same sum in double precision, on the numbers as
 * they were rounded when packed: what is left is the kernel's own rounding. */
#include "bench/kernels/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 192, COLS = 256, TOKENS_MOST = 40, WIDTH = 256 };
enum { HEADS = 4, KV_HEADS = 2, DIM = 64, PROMPT = 70, SEQUENCES = 2, BLOCKS = 8 };

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

enum { TOKEN_WIDTH = (HEADS + 2 * KV_HEADS) * DIM };

static void rotate(double *x, int heads, int position)
{
    for (int h = 0; h < heads; h++) {
        for (int i = 0; i < DIM / 2; i++) {
            double angle = position * pow(10000.0, -2.0 * i / DIM);
            double u = x[h * DIM + i];
            double v = x[h * DIM + i + DIM / 2];
            x[h * DIM + i] = u * cos(angle) - v * sin(angle);
            x[h * DIM + i + DIM / 2] = u * sin(angle) + v * cos(angle);
        }
    }
}

/* Attention of token `at` of a rotated sequence to itself and all before it. */
static void attend(const double *qkv, int at, double *out)
{
    double scores[PROMPT + 1];
    for (int h = 0; h < HEADS; h++) {
        int kv = h / (HEADS / KV_HEADS);
        double sum = 0.0;
        for (int t = 0; t <= at; t++) {
            double score = 0.0;
            for (int i = 0; i < DIM; i++) {
                score += qkv[at * TOKEN_WIDTH + h * DIM + i] *
                         qkv[t * TOKEN_WIDTH + (HEADS + kv) * DIM + i];
            }
            scores[t] = exp(score / sqrt(DIM));
            sum += scores[t];
        }
        for (int i = 0; i < DIM; i++) {
            double value = 0.0;
            for (int t = 0; t <= at; t++) {
                value += scores[t] * qkv[t * TOKEN_WIDTH + (HEADS + KV_HEADS + kv) * DIM + i];
            }
            out[h * DIM + i] = value / sum;
        }
    }
}

/* A prompt of PROMPT tokens for each sequence, then one token more through the cache. */
static void check_attention(struct check *c)
{
    enum { ALL = PROMPT + 1, NUMBERS = SEQUENCES * ALL * TOKEN_WIDTH };
    struct kernel_backend *b = c->b;
    float *x = calloc(NUMBERS, sizeof *x);
    float *part = calloc(NUMBERS, sizeof *part);
    double *rotated = calloc(NUMBERS, sizeof *rotated);
    double *y = calloc((size_t)SEQUENCES * PROMPT * HEADS * DIM, sizeof *y);
    size_t cache_bytes = (size_t)SEQUENCES * BLOCKS * KERNEL_BLOCK * KV_HEADS * DIM * 2;
    int32_t table[SEQUENCES * BLOCKS];
    for (int i = 0; i < SEQUENCES * BLOCKS; i++) {
        table[i] = SEQUENCES * BLOCKS - 1 - i;
    }
    int32_t past[SEQUENCES] = {0};
    void *table_device = b->alloc(b, sizeof table);
    void *past_device = b->alloc(b, sizeof past);
    void *keys = b->alloc(b, cache_bytes);
    void *values = b->alloc(b, cache_bytes);
    void *out = b->alloc(b, (size_t)SEQUENCES * PROMPT * HEADS * DIM * b->act_bytes);
    void *qkv = NULL;
    if (!x || !part || !rotated || !y || !table_device || !past_device || !keys || !values ||
        !out) {
        c->rc = err_memory(c->e, "checking kernels");
    } else {
        b->write(b, table_device, table, sizeof table);
        b->write(b, past_device, past, sizeof past);
        struct kernel_attention a = {HEADS, KV_HEADS, DIM, keys, values, table_device, BLOCKS};
        struct kernel_batch batch = {SEQUENCES, PROMPT, past_device, 0};
        fill(c, x, NUMBERS);
        /* The last token of each sequence is uploaded later; round them all alike. */
        b->release(b, upload(c, x, NUMBERS));
        for (int s = 0; s < SEQUENCES; s++) {
            memcpy(part + s * PROMPT * TOKEN_WIDTH, x + s * ALL * TOKEN_WIDTH,
                   (size_t)PROMPT * TOKEN_WIDTH * sizeof *x);
            for (int t = 0; t < ALL; t++) {
                double *token = rotated + (s * ALL + t) * TOKEN_WIDTH;
                for (int i = 0; i < TOKEN_WIDTH; i++) {
                    token[i] = x[(s * ALL + t) * TOKEN_WIDTH + i];
                }
                rotate(token, HEADS + KV_HEADS, t);
            }
            for (int t = 0; t < PROMPT; t++) {
                attend(rotated + s * ALL * TOKEN_WIDTH, t, y + (s * PROMPT + t) * HEADS * DIM);
            }
        }
        qkv = upload(c, part, (int64_t)SEQUENCES * PROMPT * TOKEN_WIDTH);
        b->rotate_store(b, qkv, &a, &batch);
        b->attend_prompt(b, qkv, &a, &batch, out);
        judge(c, "attend_prompt", out, y, (int64_t)SEQUENCES * PROMPT * HEADS * DIM, 0.005);
        for (int s = 0; s < SEQUENCES; s++) {
            past[s] = PROMPT;
            memcpy(part + s * TOKEN_WIDTH, x + (s * ALL + PROMPT) * TOKEN_WIDTH,
                   TOKEN_WIDTH * sizeof *x);
            attend(rotated + s * ALL * TOKEN_WIDTH, PROMPT, y + s * HEADS * DIM);
        }
        b->write(b, past_device, past, sizeof past);
        batch.tokens = 1;
        batch.past_max = PROMPT;
        b->act_write(b, qkv, part, (size_t)SEQUENCES * TOKEN_WIDTH);
        b->rotate_store(b, qkv, &a, &batch);
        b->attend_decode(b, qkv, &a, &batch, out);
        if (c->rc == 0) {
            judge(c, "attend_decode", out, y, (int64_t)SEQUENCES * HEADS * DIM, 0.01);
        }
    }
    void *const memory[] = {table_device, past_device, keys, values, out, qkv};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        b->release(b, memory[i]);
    }
    free(x);
    free(part);
    free(rotated);
    free(y);
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
    if (c.rc == 0) {
        check_attention(&c);
    }
    *worst = c.worst;
    return c.rc;
}
