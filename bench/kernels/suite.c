/* suite.c - the microbenchmarks: each part of the decoder on its own, over all layers in turn so
 * that caches are as cold as in a step. A time is the median of the repeats. */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <stdlib.h>

#include "bench/kernels/calibrate.h"

enum { REPEATS_MOST = 32 };

typedef void part_function(struct decoder *d, int64_t tokens, int64_t sequences);

static void part_matrices(struct decoder *d, int64_t tokens, int64_t sequences)
{
    struct kernel_backend *b = d->b;
    for (int64_t i = 0; i < d->card->layers; i++) {
        const struct kernel_matrix *m = d->layers[i].matrix;
        b->linear(b, &m[DECODER_QKV], d->normed, d->qkv, tokens);
        b->linear(b, &m[DECODER_OUT], d->mixed, d->normed, tokens);
        b->linear(b, &m[DECODER_GATE_UP], d->normed, d->hidden, tokens);
        b->linear(b, &m[DECODER_DOWN], d->gated, d->normed, tokens);
    }
    b->linear(b, &d->head, d->normed, d->logits, sequences);
}

static void part_between(struct decoder *d, int64_t tokens, int64_t sequences)
{
    (void)sequences;
    struct kernel_backend *b = d->b;
    int64_t hidden = d->card->hidden;
    for (int64_t i = 0; i < d->card->layers; i++) {
        d->attention.keys = d->layers[i].keys;
        d->attention.values = d->layers[i].values;
        b->norm(b, d->stream, d->gain, d->normed, tokens, hidden);
        b->rotate_store(b, d->qkv, &d->attention, &d->batch);
        b->add(b, d->normed, d->stream, tokens * hidden);
        b->norm(b, d->stream, d->gain, d->normed, tokens, hidden);
        b->gate(b, d->hidden, d->gated, tokens, d->card->ffn);
        b->add(b, d->normed, d->stream, tokens * hidden);
    }
}

static void part_attention(struct decoder *d, int64_t tokens, int64_t sequences)
{
    (void)tokens;
    (void)sequences;
    struct kernel_backend *b = d->b;
    for (int64_t i = 0; i < d->card->layers; i++) {
        d->attention.keys = d->layers[i].keys;
        d->attention.values = d->layers[i].values;
        if (d->batch.past_max == 0) {
            b->attend_prompt(b, d->qkv, &d->attention, &d->batch, d->mixed);
        } else {
            b->attend_decode(b, d->qkv, &d->attention, &d->batch, d->mixed);
        }
    }
}

static void part_ends(struct decoder *d, int64_t tokens, int64_t sequences)
{
    (void)tokens;
    struct kernel_backend *b = d->b;
    b->embed(b, &d->embedding, d->ids, d->stream, sequences);
    b->norm(b, d->stream, d->gain, d->normed, sequences, d->card->hidden);
    b->sample(b, d->logits, d->next, sequences, d->card->vocab);
    b->ids_read(b, d->past_host, d->next, (size_t)sequences);
}

static double median_s(struct decoder *d, part_function *part, int repeats, int64_t tokens,
                       int64_t sequences)
{
    double seconds[REPEATS_MOST];
    int n = repeats < REPEATS_MOST ? repeats : REPEATS_MOST;
    for (int i = -1; i < n; i++) { /* the first one warms up */
        d->b->start(d->b);
        part(d, tokens, sequences);
        seconds[i < 0 ? 0 : i] = d->b->stop(d->b);
    }
    gsl_sort(seconds, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(seconds, 1, (size_t)n);
}

static void measure(struct decoder *d, part_function *part, int repeats, int32_t sequences,
                    int32_t tokens, int32_t past, struct suite_list *list)
{
    decoder_pose(d, sequences, tokens, past);
    double all = (double)sequences * tokens;
    double seconds = median_s(d, part, repeats, (int64_t)sequences * tokens, sequences);
    list->point[list->n++] =
        (struct suite_point){all, sequences, (double)sequences * (past + 1), seconds};
}

/* Bandwidth of plain copies and reads, over the embedding and the matrices: no less than what a
 * step reads. */
static void measure_bandwidth(struct decoder *d, int repeats, struct suite *s)
{
    enum { BYTES = 1 << 28 };
    struct kernel_backend *b = d->b;
    void *from = b->alloc(b, BYTES);
    void *to = b->alloc(b, BYTES);
    double copy[REPEATS_MOST];
    double read[REPEATS_MOST];
    int n = repeats < REPEATS_MOST ? repeats : REPEATS_MOST;
    for (int i = 0; from != NULL && to != NULL && i < n; i++) {
        b->start(b);
        b->copy(b, to, from, BYTES);
        copy[i] = 2.0 * BYTES / b->stop(b);
        b->start(b);
        b->read_through(b, from, BYTES);
        read[i] = BYTES / b->stop(b);
    }
    if (from != NULL && to != NULL) {
        gsl_sort(copy, 1, (size_t)n);
        gsl_sort(read, 1, (size_t)n);
        s->copy_bytes_per_s = gsl_stats_median_from_sorted_data(copy, 1, (size_t)n);
        s->read_bytes_per_s = gsl_stats_median_from_sorted_data(read, 1, (size_t)n);
    }
    b->release(b, from);
    b->release(b, to);
}

int suite_run(struct decoder *d, const struct calibrate_size *size, struct suite *s, struct err *e)
{
    static const int32_t batches[] = {1, 2, 4, 8};
    *s = (struct suite){0};
    int repeats = size->repeats;
    measure_bandwidth(d, repeats < 5 ? repeats : 5, s);
    s->launch_s = d->b->launch_s(d->b, false);
    s->launch_graph_s = d->b->launch_s(d->b, true);
    for (int i = 0; i < 4 && batches[i] <= size->sequences_most; i++) {
        int32_t n = batches[i];
        int32_t context = size->context_most;
        measure(d, part_matrices, repeats, n, 1, 1, &s->matrices);
        measure(d, part_between, repeats, n, 1, 1, &s->between);
        measure(d, part_ends, repeats, n, 1, 1, &s->ends);
        measure(d, part_attention, repeats, n, 1, context / 8, &s->decode);
        measure(d, part_attention, repeats, n, 1, context / 2, &s->decode);
        measure(d, part_attention, repeats, n, 1, context - 2, &s->decode);
    }
    for (int32_t tokens = size->tokens_most / 8; tokens <= size->tokens_most; tokens *= 2) {
        measure(d, part_matrices, repeats, 1, tokens, 0, &s->matrices);
        measure(d, part_between, repeats, 1, tokens, 0, &s->between);
        measure(d, part_attention, repeats, 1, tokens, 0, &s->prompt);
    }
    return d->b->error[0] == '\0' ? 0
                                  : err_work(e, NULL, NULL, "%s: %s", d->b->device, d->b->error);
}
