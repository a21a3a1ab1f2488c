/* decoder.h - the reference decoder: a real decoder-only transformer with random weights.
 *
 * RMSNorm, rotary positions, grouped-query attention over a paged KV cache, gated MLP, LM head,
 * greedy sampling; the shape is a model card's. It answers nonsense, at the true speed: what it
 * multiplies is random, what it computes is what such a model computes. Sequences of a batch have
 * the same length. Its parts are open to suite.c, which times them one by one.
 *
 * Invariants (decoder_check and `willmsim calibrate` hold them):
 *   D1 the logits after a prompt of n + 1 tokens equal those after a prompt of n and one decode
 *      step, but for rounding;
 *   D2 a sequence's logits do not depend on what else is in the batch.
 */
#ifndef BENCH_KERNELS_DECODER_H
#define BENCH_KERNELS_DECODER_H

#include "base/err.h"
#include "bench/kernels/format.h"
#include "models/llm.h"

/* Matrices of a layer: queries, keys and values in one; gates and ups in one. */
enum decoder_matrix { DECODER_QKV, DECODER_OUT, DECODER_GATE_UP, DECODER_DOWN, DECODER_MATRICES };

struct decoder_layer {
    struct kernel_matrix matrix[DECODER_MATRICES];
    void *keys, *values;
};

struct decoder_limits {
    int32_t sequences, context, step_tokens; /* most of each */
};

struct decoder {
    struct kernel_backend *b;
    const struct llm_card *card;
    enum kernel_format format;
    struct decoder_limits limits;
    struct decoder_layer *layers;
    struct kernel_matrix embedding, head; /* 16 bits whatever the format, as cards say */
    void *gain;                           /* ones: of all norms */
    void *stream, *normed, *qkv, *mixed, *hidden, *gated, *logits;
    int32_t *ids, *next, *past, *table; /* device memory */
    struct kernel_attention attention;  /* keys and values: of the layer at hand */
    struct kernel_batch batch;
    int32_t *past_host;
    int32_t length; /* tokens of each sequence of the batch so far */
    bool graphs;    /* decode steps are recorded and replayed, where the backend can */
};

/* Makes a decoder with random weights (`seed` not 0). ERR_INPUT when the card's shape is not one
 * that it runs. `card` and `b` must outlive it. */
int decoder_make(struct kernel_backend *b, const struct llm_card *card, enum kernel_format format,
                 const struct decoder_limits *limits, uint64_t seed, struct decoder *d,
                 struct err *e);
void decoder_free(struct decoder *d);

/* Runs prompts[sequences * tokens] (token ids below the vocabulary) from empty caches; returns
 * seconds until every sequence has its first token. */
double decoder_prefill(struct decoder *d, const int32_t *prompts, int32_t sequences,
                       int32_t tokens);
/* One token more for each sequence: the one sampled last, or ids[sequences] when not NULL. */
double decoder_step(struct decoder *d, const int32_t *ids);

/* Logits of the last step, vocab for each sequence. */
void decoder_logits(struct decoder *d, float *to);

/* Makes the batch `sequences` of one token each with `past` tokens cached, or (past 0) one of
 * `tokens` each: for timing parts without running the whole. */
void decoder_pose(struct decoder *d, int32_t sequences, int32_t tokens, int32_t past);

/* Largest deviation of D1 and D2 on random prompts, as a share of the logits' deviation. */
int decoder_check(struct decoder *d, uint64_t seed, double *deviation, struct err *e);

#endif
