/* suite.c - the microbenchmarks: each kernel on its own, over all layers in turn, and the whole
 * decoder. All points run once a round, one after the other, and a time is the median over the
 * rounds: what drifts on a busy machine then meets all of them alike.
 *
 * Before a kernel that reads weights or KV the cache is filled with something else, since between
 * two uses of them a step reads everything else; alone, one small matrix would stay in it. */
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

#include "bench/kernels/calibrate.h"

/* The loop's points as shares of the largest sizes: prompts of 1 to 3 sequences and decode steps of
 * 1 to 7, none at a size that a microbenchmark runs. */
static const struct {
    bool decode;
    int32_t sequences;
    double share;
} loop_shares[] = {
    {false, 1, 0.19}, {false, 1, 0.40}, {false, 1, 0.71}, {false, 1, 0.93},
    {false, 2, 0.15}, {false, 2, 0.33}, {false, 3, 0.12}, {false, 3, 0.27},
    {true, 1, 0.20},  {true, 1, 0.73},  {true, 2, 0.33},  {true, 3, 0.20},
    {true, 3, 0.67},  {true, 5, 0.30},  {true, 6, 0.67},  {true, 7, 0.21},
};

static void plan_add(struct suite *s, struct suite_point p)
{
    if (s->n < SUITE_POINTS_MOST) {
        s->point[s->n++] = p;
    }
}

/* 1, 2, 3, 4, 6, 8, 12, ... up to `most`, which is the last; 0 when there are no more. */
static int32_t count_at(int i, int32_t most)
{
    static const int32_t first[] = {1, 2, 3};
    int32_t at = i < 3 ? first[i] : (i % 2 == 1 ? 4 : 6) << ((i - 3) / 2);
    int32_t before = i == 0 ? 0 : i <= 3 ? first[i - 1] : (i % 2 == 0 ? 4 : 6) << ((i - 4) / 2);
    return before >= most ? 0 : at < most ? at : most;
}

/* Every fifth count is held out of the fit, but not the largest. */
static bool held_out(int i, int32_t count, int32_t most)
{
    return i % 5 == 4 && count < most;
}

static void plan_kernels(const struct calibrate_size *size, bool whole, struct suite *s)
{
    int32_t n;
    for (int i = 0; (n = count_at(i, size->tokens_most)) > 0; i++) {
        bool out = held_out(i, n, size->tokens_most);
        for (int m = 0; m < DECODER_MATRICES; m++) {
            plan_add(s, (struct suite_point){(enum suite_kind)m, 1, n, 0, out, 0.0});
        }
        if (whole) {
            plan_add(s, (struct suite_point){SUITE_BETWEEN, 1, n, 0, out, 0.0});
        }
        if (whole && n >= 8) {
            plan_add(s, (struct suite_point){SUITE_PROMPT, 1, n, 0, out, 0.0});
        }
    }
    for (int i = 0; whole && (n = count_at(i, size->sequences_most)) > 0; i++) {
        bool out = held_out(i, n, size->sequences_most);
        plan_add(s, (struct suite_point){SUITE_HEAD, n, 1, 1, out, 0.0});
        plan_add(s, (struct suite_point){SUITE_ENDS, n, 1, 1, out, 0.0});
        plan_add(s, (struct suite_point){SUITE_DECODE, n, 1, size->context_most / 8, out, 0.0});
        plan_add(s, (struct suite_point){SUITE_DECODE, n, 1, size->context_most / 2, out, 0.0});
        plan_add(s, (struct suite_point){SUITE_DECODE, n, 1, size->context_most - 2, out, 0.0});
    }
}

void suite_plan(const struct calibrate_size *size, bool whole, struct suite *s)
{
    *s = (struct suite){0};
    plan_kernels(size, whole, s);
    for (size_t i = 0; whole && i < sizeof loop_shares / sizeof loop_shares[0]; i++) {
        bool decode = loop_shares[i].decode;
        int32_t most = decode ? size->context_most - LOOP_STEPS : size->tokens_most;
        int32_t n = (int32_t)(loop_shares[i].share * most);
        if (loop_shares[i].sequences <= size->sequences_most) {
            plan_add(s, (struct suite_point){decode ? SUITE_TPOT : SUITE_TTFT,
                                             loop_shares[i].sequences, decode ? 1 : n,
                                             decode ? n : 0, true, 0.0});
        }
    }
}

static void run_between(struct decoder *d, int64_t tokens)
{
    struct kernel_backend *b = d->b;
    int64_t hidden = d->card->hidden;
    b->norm(b, d->stream, d->gain, d->normed, tokens, hidden);
    b->rotate_store(b, d->qkv, &d->attention, &d->batch);
    b->add(b, d->normed, d->stream, tokens * hidden);
    b->norm(b, d->stream, d->gain, d->normed, tokens, hidden);
    b->gate(b, d->hidden, d->gated, tokens, d->card->ffn);
    b->add(b, d->normed, d->stream, tokens * hidden);
}

static void run_ends(struct decoder *d, int64_t sequences)
{
    struct kernel_backend *b = d->b;
    b->embed(b, &d->embedding, d->ids, d->stream, sequences);
    b->norm(b, d->stream, d->gain, d->normed, sequences, d->card->hidden);
    b->sample(b, d->logits, d->next, sequences, d->card->vocab);
    b->ids_read(b, d->past_host, d->next, (size_t)sequences);
}

static void run_matrix(struct decoder *d, const struct decoder_layer *layer, enum suite_kind kind,
                       int64_t tokens)
{
    const void *const from[] = {d->normed, d->mixed, d->normed, d->gated};
    void *const to[] = {d->qkv, d->normed, d->hidden, d->normed};
    d->b->linear(d->b, &layer->matrix[kind], from[kind], to[kind], tokens);
}

static void run_layer(struct decoder *d, const struct decoder_layer *layer, enum suite_kind kind,
                      int64_t tokens)
{
    struct kernel_backend *b = d->b;
    d->attention.keys = layer->keys;
    d->attention.values = layer->values;
    switch (kind) {
    case SUITE_BETWEEN:
        run_between(d, tokens);
        break;
    case SUITE_PROMPT:
        b->attend_prompt(b, d->qkv, &d->attention, &d->batch, d->mixed);
        break;
    case SUITE_DECODE:
        b->attend_decode(b, d->qkv, &d->attention, &d->batch, d->mixed);
        break;
    default:
        run_matrix(d, layer, kind, tokens);
        break;
    }
}

/* What the rounds need beside the decoder. */
struct bench {
    struct decoder *d;
    void *other; /* fills the cache */
    size_t other_bytes;
    int32_t *ids; /* a prompt */
};

/* `graph`: what can be is recorded and replayed, so that launching it costs nothing. */
static double run_point(const struct bench *bench, const struct suite_point *p, bool graph)
{
    struct decoder *d = bench->d;
    struct kernel_backend *b = d->b;
    int64_t tokens = (int64_t)p->sequences * p->tokens;
    if (p->kind == SUITE_TTFT) {
        return decoder_prefill(d, bench->ids, p->sequences, p->tokens);
    }
    decoder_pose(d, p->sequences, p->tokens, p->past);
    if (p->kind == SUITE_TPOT) {
        double seconds = 0.0;
        for (int i = 0; i < LOOP_STEPS; i++) {
            seconds += decoder_step(d, NULL) / LOOP_STEPS;
        }
        return seconds;
    }
    if (p->kind <= SUITE_HEAD || p->kind == SUITE_DECODE) {
        b->read_through(b, bench->other, bench->other_bytes);
    }
    bool recorded = graph && p->kind != SUITE_ENDS && b->record != NULL && b->record(b);
    if (!recorded) {
        b->start(b);
    }
    if (p->kind == SUITE_HEAD) {
        b->linear(b, &d->head, d->normed, d->logits, p->sequences);
    } else if (p->kind == SUITE_ENDS) {
        run_ends(d, p->sequences);
    } else {
        for (int64_t i = 0; i < d->card->layers; i++) {
            run_layer(d, &d->layers[i], p->kind, tokens);
        }
    }
    if (recorded) {
        b->replay(b);
    }
    double seconds = b->stop(b);
    bool once = p->kind == SUITE_HEAD || p->kind == SUITE_ENDS;
    return once ? seconds : seconds / (double)d->card->layers;
}

static double median(double *values, int n)
{
    gsl_sort(values, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(values, 1, (size_t)n);
}

/* Bandwidth of plain copies and reads. */
static void run_bandwidth(struct kernel_backend *b, int rounds, struct suite *s)
{
    /* Many times what a cache holds. */
    size_t bytes = (size_t)fmin(8.0 * b->cache_bytes, 1 << 30) / 64 * 64;
    void *from = b->alloc(b, bytes);
    void *to = b->alloc(b, bytes);
    double copy[SUITE_ROUNDS_MOST];
    double read[SUITE_ROUNDS_MOST];
    for (int i = -1; from != NULL && to != NULL && i < rounds; i++) { /* the first one warms up */
        int at = i < 0 ? 0 : i;
        b->start(b);
        b->copy(b, to, from, bytes);
        copy[at] = 2.0 * (double)bytes / b->stop(b);
        b->start(b);
        b->read_through(b, from, bytes);
        read[at] = (double)bytes / b->stop(b);
    }
    if (from != NULL && to != NULL) {
        s->copy_bytes_per_s = median(copy, rounds);
        s->read_bytes_per_s = median(read, rounds);
    }
    b->release(b, from);
    b->release(b, to);
}

/* Everything, round after round, and the medians. */
static int run_rounds(const struct bench *bench, int rounds, double *seconds, struct suite *s,
                      struct err *e)
{
    struct decoder *d = bench->d;
    struct kernel_backend *b = d->b;
    for (int32_t i = 0; i < d->limits.step_tokens; i++) {
        bench->ids[i] = (int32_t)((int64_t)i * 7919 % d->card->vocab);
    }
    for (int round = -1; round < rounds; round++) {
        bool graph = round >= 0; /* the first round warms up, and scratch grows */
        d->graphs = graph;
        for (int i = 0; i < s->n && b->error[0] == '\0'; i++) {
            seconds[i * rounds + (graph ? round : 0)] = run_point(bench, &s->point[i], graph);
        }
    }
    for (int i = 0; i < s->n; i++) {
        s->point[i].seconds = median(seconds + i * rounds, rounds);
        if (!(s->point[i].seconds > 0.0) && b->error[0] == '\0') {
            return err_work(e, NULL, NULL, "%s: a kernel took no time at all", b->device);
        }
    }
    return 0;
}

int suite_run(struct decoder *d, const struct calibrate_size *size, struct suite *s, struct err *e)
{
    struct kernel_backend *b = d->b;
    int rounds = size->repeats < SUITE_ROUNDS_MOST ? size->repeats : SUITE_ROUNDS_MOST;
    if (d->format == KERNEL_HALF) { /* once is enough */
        run_bandwidth(b, rounds < 5 ? rounds : 5, s);
        s->launch_s = b->launch_s(b, false);
        s->launch_graph_s = b->launch_s(b, true);
    }
    struct bench bench = {.d = d, .other_bytes = (size_t)(2.0 * b->cache_bytes) / 64 * 64 + 64};
    bench.other = b->alloc(b, bench.other_bytes);
    bench.ids = calloc((size_t)d->limits.step_tokens, sizeof *bench.ids);
    double *seconds = calloc((size_t)(s->n * rounds) + 1, sizeof *seconds);
    int rc = 0;
    if (bench.ids == NULL || seconds == NULL) {
        rc = err_memory(e, "timing kernels");
    } else {
        rc = run_rounds(&bench, rounds, seconds, s, e);
    }
    b->release(b, bench.other);
    free(bench.ids);
    free(seconds);
    if (b->error[0] != '\0') {
        rc = err_work(e, NULL, NULL, "%s: %s", b->device, b->error);
    }
    return rc;
}
