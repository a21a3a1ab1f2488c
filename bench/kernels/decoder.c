/* decoder.c - the reference decoder over a backend's kernels. */
#include "bench/kernels/decoder.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Numbers drawn for one matrix; a larger one repeats them, which changes no time. */
#define PATTERN_NUMBERS (1 << 22)

static int64_t matrix_rows(const struct llm_card *c, enum decoder_matrix m)
{
    switch (m) {
    case DECODER_QKV:
        return (c->heads + 2 * c->kv_heads) * c->head_dim;
    case DECODER_GATE_UP:
        return 2 * c->ffn;
    default:
        return c->hidden;
    }
}

static int64_t matrix_cols(const struct llm_card *c, enum decoder_matrix m)
{
    return m == DECODER_OUT ? c->heads * c->head_dim : m == DECODER_DOWN ? c->ffn : c->hidden;
}

/* Uniform numbers of variance 1/cols, so that the stream neither fades nor grows. */
static bool matrix_random(struct kernel_backend *b, enum kernel_format format, int64_t rows,
                          int64_t cols, uint64_t *random, struct kernel_matrix *m)
{
    int64_t drawn = PATTERN_NUMBERS / cols < rows ? PATTERN_NUMBERS / cols : rows;
    float *from = malloc((size_t)(drawn * cols) * sizeof *from);
    struct kernel_matrix part = {0};
    bool ok = from != NULL;
    for (int64_t i = 0; ok && i < drawn * cols; i++) {
        from[i] = sqrtf(3.0F / (float)cols) * format_random(random);
    }
    ok = ok && format_upload(b, format, from, drawn, cols, drawn < rows ? &part : m, NULL);
    if (ok && drawn < rows) {
        size_t value_bytes = format_value_bytes(format, rows, cols);
        size_t scale_bytes = format_scales(format, rows, cols) * sizeof(float);
        *m = (struct kernel_matrix){format, rows, cols, b->alloc(b, value_bytes), NULL};
        m->scales = scale_bytes > 0 ? b->alloc(b, scale_bytes) : NULL;
        ok = m->values != NULL && (scale_bytes == 0 || m->scales != NULL);
        for (int64_t at = 0; ok && at < rows; at += drawn) {
            int64_t n = rows - at < drawn ? rows - at : drawn;
            b->copy(b, (char *)m->values + format_value_bytes(format, at, cols), part.values,
                    format_value_bytes(format, n, cols));
            if (scale_bytes > 0) {
                b->copy(b, (float *)m->scales + format_scales(format, at, cols), part.scales,
                        format_scales(format, n, cols) * sizeof(float));
            }
        }
    }
    format_release(b, &part);
    free(from);
    return ok;
}

static int check_shape(const struct llm_card *c, const struct kernel_backend *b,
                       enum kernel_format format, struct err *e)
{
    if (!b->has[format]) {
        return err_input(e, NULL, NULL, "%s cannot run %s", b->device, format_word(format));
    }
    if (!c->gated_mlp) {
        return err_input(e, c->name, "gated_mlp",
                         "the reference decoder has a gated MLP; use a card of the Llama kind");
    }
    if (c->hidden % KERNEL_GROUP != 0 || c->ffn % KERNEL_GROUP != 0 ||
        (c->heads * c->head_dim) % KERNEL_GROUP != 0 || c->head_dim % 32 != 0 ||
        c->head_dim > 128 || c->heads / c->kv_heads > 16) {
        return err_input(e, c->name, "hidden",
                         "hidden, ffn and heads x head_dim must be multiples of %d, head_dim 32, "
                         "64, 96 or 128, and at most 16 heads may share a KV head",
                         KERNEL_GROUP);
    }
    return 0;
}

static void *act_alloc(struct kernel_backend *b, int64_t n)
{
    return b->alloc(b, (size_t)n * b->act_bytes);
}

static bool buffers_make(struct decoder *d)
{
    struct kernel_backend *b = d->b;
    const struct llm_card *c = d->card;
    int64_t tokens = d->limits.step_tokens;
    int64_t sequences = d->limits.sequences;
    int64_t blocks = (d->limits.context + KERNEL_BLOCK - 1) / KERNEL_BLOCK;
    d->stream = act_alloc(b, tokens * c->hidden);
    d->normed = act_alloc(b, tokens * c->hidden);
    d->qkv = act_alloc(b, tokens * matrix_rows(c, DECODER_QKV));
    d->mixed = act_alloc(b, tokens * c->heads * c->head_dim);
    d->hidden = act_alloc(b, tokens * 2 * c->ffn);
    d->gated = act_alloc(b, tokens * c->ffn);
    d->logits = act_alloc(b, sequences * c->vocab);
    d->gain = act_alloc(b, c->hidden);
    d->ids = b->alloc(b, (size_t)tokens * sizeof(int32_t));
    d->next = b->alloc(b, (size_t)sequences * sizeof(int32_t));
    d->past = b->alloc(b, (size_t)sequences * sizeof(int32_t));
    d->table = b->alloc(b, (size_t)(sequences * blocks) * sizeof(int32_t));
    int32_t *table = calloc((size_t)(sequences * blocks), sizeof *table);
    float *ones = calloc((size_t)c->hidden, sizeof *ones);
    d->past_host = calloc((size_t)sequences, sizeof *d->past_host);
    bool ok = d->stream && d->normed && d->qkv && d->mixed && d->hidden && d->gated && d->logits &&
              d->gain && d->ids && d->next && d->past && d->table && table && ones && d->past_host;
    if (ok) {
        /* Neighbouring blocks belong to different sequences, as when they grew together. */
        for (int64_t i = 0; i < sequences * blocks; i++) {
            table[i] = (int32_t)(i % blocks * sequences + i / blocks);
        }
        b->write(b, d->table, table, (size_t)(sequences * blocks) * sizeof *table);
        for (int64_t i = 0; i < c->hidden; i++) {
            ones[i] = 1.0F;
        }
        b->act_write(b, d->gain, ones, (size_t)c->hidden);
    }
    free(table);
    free(ones);
    d->attention = (struct kernel_attention){.heads = (int32_t)c->heads,
                                             .kv_heads = (int32_t)c->kv_heads,
                                             .head_dim = (int32_t)c->head_dim,
                                             .table = d->table,
                                             .blocks_max = (int32_t)blocks};
    return ok;
}

static bool layers_make(struct decoder *d, uint64_t *random)
{
    struct kernel_backend *b = d->b;
    const struct llm_card *c = d->card;
    size_t kv_bytes = (size_t)d->attention.blocks_max * (size_t)d->limits.sequences * KERNEL_BLOCK *
                      (size_t)(c->kv_heads * c->head_dim) * 2;
    d->layers = calloc((size_t)c->layers, sizeof *d->layers);
    bool ok = d->layers != NULL;
    for (int64_t i = 0; ok && i < c->layers; i++) {
        struct decoder_layer *layer = &d->layers[i];
        for (int m = 0; ok && m < DECODER_MATRICES; m++) {
            ok = matrix_random(b, d->format, matrix_rows(c, (enum decoder_matrix)m),
                               matrix_cols(c, (enum decoder_matrix)m), random, &layer->matrix[m]);
        }
        layer->keys = b->alloc(b, kv_bytes);
        layer->values = b->alloc(b, kv_bytes);
        ok = ok && layer->keys != NULL && layer->values != NULL;
    }
    ok = ok && matrix_random(b, KERNEL_HALF, c->vocab, c->hidden, random, &d->head);
    if (ok && c->tied_embeddings) {
        d->embedding = d->head;
    } else if (ok) {
        ok = matrix_random(b, KERNEL_HALF, c->vocab, c->hidden, random, &d->embedding);
    }
    return ok;
}

int decoder_make(struct kernel_backend *b, const struct llm_card *card, enum kernel_format format,
                 const struct decoder_limits *limits, uint64_t seed, struct decoder *d,
                 struct err *e)
{
    *d = (struct decoder){.b = b, .card = card, .format = format, .limits = *limits};
    int rc = check_shape(card, b, format, e);
    if (rc == 0 && !(buffers_make(d) && layers_make(d, &seed))) {
        rc = err_work(e, NULL, NULL, "the decoder %s does not fit on %s: %s", card->name, b->device,
                      b->error[0] != '\0' ? b->error : "out of memory");
    }
    if (rc != 0) {
        decoder_free(d);
    }
    return rc;
}

void decoder_free(struct decoder *d)
{
    struct kernel_backend *b = d->b;
    for (int64_t i = 0; d->layers != NULL && i < d->card->layers; i++) {
        for (int m = 0; m < DECODER_MATRICES; m++) {
            format_release(b, &d->layers[i].matrix[m]);
        }
        b->release(b, d->layers[i].keys);
        b->release(b, d->layers[i].values);
    }
    if (d->embedding.values != d->head.values) {
        format_release(b, &d->embedding);
    }
    format_release(b, &d->head);
    void *const memory[] = {d->gain,  d->stream, d->normed, d->qkv,  d->mixed, d->hidden,
                            d->gated, d->logits, d->ids,    d->next, d->past,  d->table};
    for (size_t i = 0; i < sizeof memory / sizeof memory[0]; i++) {
        b->release(b, memory[i]);
    }
    free(d->layers);
    free(d->past_host);
    *d = (struct decoder){.b = b};
}

void decoder_pose(struct decoder *d, int32_t sequences, int32_t tokens, int32_t past)
{
    for (int32_t s = 0; s < sequences; s++) {
        d->past_host[s] = past;
    }
    d->b->write(d->b, d->past, d->past_host, (size_t)sequences * sizeof(int32_t));
    d->batch = (struct kernel_batch){sequences, tokens, d->past, past};
    d->length = past;
}

static void layer_run(struct decoder *d, const struct decoder_layer *layer)
{
    struct kernel_backend *b = d->b;
    const struct llm_card *c = d->card;
    int64_t tokens = (int64_t)d->batch.sequences * d->batch.tokens;
    d->attention.keys = layer->keys;
    d->attention.values = layer->values;
    b->norm(b, d->stream, d->gain, d->normed, tokens, c->hidden);
    b->linear(b, &layer->matrix[DECODER_QKV], d->normed, d->qkv, tokens);
    b->rotate_store(b, d->qkv, &d->attention, &d->batch);
    if (d->batch.past_max == 0) {
        b->attend_prompt(b, d->qkv, &d->attention, &d->batch, d->mixed);
    } else {
        b->attend_decode(b, d->qkv, &d->attention, &d->batch, d->mixed);
    }
    b->linear(b, &layer->matrix[DECODER_OUT], d->mixed, d->normed, tokens);
    b->add(b, d->normed, d->stream, tokens * c->hidden);
    b->norm(b, d->stream, d->gain, d->normed, tokens, c->hidden);
    b->linear(b, &layer->matrix[DECODER_GATE_UP], d->normed, d->hidden, tokens);
    b->gate(b, d->hidden, d->gated, tokens, c->ffn);
    b->linear(b, &layer->matrix[DECODER_DOWN], d->gated, d->normed, tokens);
    b->add(b, d->normed, d->stream, tokens * c->hidden);
}

/* Runs the batch as posed on the tokens `ids` (device memory). */
static double run(struct decoder *d, const int32_t *ids)
{
    struct kernel_backend *b = d->b;
    const struct llm_card *c = d->card;
    int64_t sequences = d->batch.sequences;
    int64_t tokens = d->batch.tokens;
    bool recorded = d->graphs && d->batch.past_max > 0 && b->record != NULL && b->record(b);
    if (!recorded) {
        b->start(b);
    }
    b->embed(b, &d->embedding, ids, d->stream, sequences * tokens);
    for (int64_t i = 0; i < c->layers; i++) {
        layer_run(d, &d->layers[i]);
    }
    size_t row_bytes = (size_t)c->hidden * b->act_bytes;
    for (int64_t s = 0; tokens > 1 && s < sequences; s++) {
        b->copy(b, (char *)d->stream + (size_t)s * row_bytes,
                (const char *)d->stream + (size_t)((s + 1) * tokens - 1) * row_bytes, row_bytes);
    }
    b->norm(b, d->stream, d->gain, d->normed, sequences, c->hidden);
    b->linear(b, &d->head, d->normed, d->logits, sequences);
    b->sample(b, d->logits, d->next, sequences, c->vocab);
    if (recorded) {
        b->replay(b);
    }
    /* The host waits for the tokens, as an engine does that streams them. */
    b->ids_read(b, d->past_host, d->next, (size_t)sequences);
    double seconds = b->stop(b);
    d->length += d->batch.tokens;
    return seconds;
}

double decoder_prefill(struct decoder *d, const int32_t *prompts, int32_t sequences, int32_t tokens)
{
    decoder_pose(d, sequences, tokens, 0);
    d->b->write(d->b, d->ids, prompts, (size_t)(sequences * tokens) * sizeof(int32_t));
    return run(d, d->ids);
}

double decoder_step(struct decoder *d, const int32_t *ids)
{
    decoder_pose(d, d->batch.sequences, 1, d->length);
    if (ids != NULL) {
        d->b->write(d->b, d->next, ids, (size_t)d->batch.sequences * sizeof(int32_t));
    }
    return run(d, d->next);
}

void decoder_logits(struct decoder *d, float *to)
{
    d->b->act_read(d->b, to, d->logits, (size_t)(d->batch.sequences * d->card->vocab));
}

/* Root mean square of a - b as a share of that of b. */
static double deviation_of(const float *a, const float *b, int64_t n)
{
    double wrong = 0.0;
    double all = 0.0;
    for (int64_t i = 0; i < n; i++) {
        wrong += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        all += (double)b[i] * b[i];
    }
    return all > 0.0 && isfinite(wrong) ? sqrt(wrong / all) : 1.0;
}

int decoder_check(struct decoder *d, uint64_t seed, double *deviation, struct err *e)
{
    enum { TOKENS = 19, SEQUENCES = 2 }; /* more than a KV block */
    int64_t vocab = d->card->vocab;
    float *whole = calloc((size_t)(2 * SEQUENCES * vocab), sizeof *whole);
    if (whole == NULL) {
        return err_memory(e, "checking the decoder");
    }
    float *parts = whole + SEQUENCES * vocab;
    int32_t ids[SEQUENCES][TOKENS];
    int32_t shorter[SEQUENCES][TOKENS - 1];
    int32_t last[SEQUENCES];
    for (int s = 0; s < SEQUENCES; s++) {
        for (int i = 0; i < TOKENS; i++) {
            ids[s][i] = (int32_t)((1.0F + format_random(&seed)) / 2.0F * (float)vocab);
        }
        memcpy(shorter[s], ids[s], sizeof shorter[s]);
        last[s] = ids[s][TOKENS - 1];
    }
    decoder_prefill(d, &shorter[0][0], SEQUENCES, TOKENS - 1);
    decoder_step(d, last);
    decoder_logits(d, parts);
    decoder_prefill(d, ids[0], 1, TOKENS); /* alone */
    decoder_logits(d, whole);
    *deviation = deviation_of(parts, whole, vocab);
    decoder_prefill(d, ids[1], 1, TOKENS);
    decoder_logits(d, whole + vocab);
    double second = deviation_of(parts + vocab, whole + vocab, vocab);
    *deviation = second > *deviation ? second : *deviation;
    free(whole);
    return d->b->error[0] == '\0' ? 0
                                  : err_work(e, NULL, NULL, "%s: %s", d->b->device, d->b->error);
}
