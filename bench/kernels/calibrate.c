/* calibrate.c - measure, fit, write, read back, predict, compare. */
#include "bench/kernels/calibrate.h"

#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>

enum { DECODE_STEPS = 8 };

/* Points of the loop as shares of the calibration's largest sizes: prompts of 1 to 3 sequences and
 * decode steps of 1 to 7, none at a size that the suite ran. */
struct share_point {
    bool decode;
    int32_t sequences;
    double share;
};

static const struct share_point shares[] = {
    {false, 1, 0.19}, {false, 1, 0.40}, {false, 1, 0.71}, {false, 1, 0.93},
    {false, 2, 0.15}, {false, 2, 0.33}, {false, 3, 0.12}, {false, 3, 0.27},
    {true, 1, 0.20},  {true, 1, 0.73},  {true, 2, 0.33},  {true, 3, 0.20},
    {true, 3, 0.67},  {true, 5, 0.30},  {true, 6, 0.67},  {true, 7, 0.21},
};

static double median(double *values, int n)
{
    gsl_sort(values, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(values, 1, (size_t)n);
}

/* The whole decoder at one point: median over the repeats of TTFT, or of the mean of a few decode
 * steps from that context on. */
static double loop_measure(struct decoder *d, const struct loop_point *p, int repeats,
                           const int32_t *ids)
{
    double seconds[16];
    int n = repeats < 16 ? repeats : 16;
    for (int i = -1; i < n; i++) { /* the first one warms up */
        double s;
        if (p->decode) {
            decoder_pose(d, p->sequences, 1, p->tokens);
            s = 0.0;
            for (int k = 0; k < DECODE_STEPS; k++) {
                s += decoder_step(d, NULL) / DECODE_STEPS;
            }
        } else {
            s = decoder_prefill(d, ids, p->sequences, p->tokens);
        }
        seconds[i < 0 ? 0 : i] = s;
    }
    return median(seconds, n);
}

static double loop_predict(const struct llm_cost *cost, const struct loop_point *p)
{
    if (p->decode) {
        return (double)llm_decode_run_ns(cost, p->sequences,
                                         (int64_t)p->sequences * (p->tokens + 1), DECODE_STEPS) /
               1e9 / DECODE_STEPS;
    }
    struct llm_chunk chunks[8];
    for (int i = 0; i < p->sequences; i++) {
        chunks[i] = (struct llm_chunk){0, p->tokens};
    }
    return (double)llm_step_ns(cost, chunks, p->sequences, 0, 0, 0) / 1e9;
}

static void loop_errors(struct calibration *c)
{
    double errors[LOOP_POINTS_MOST];
    for (int i = 0; i < c->loop_points; i++) {
        errors[i] = 100.0 * fabs(c->loop[i].predicted_s / c->loop[i].measured_s - 1.0);
    }
    c->median_error = median(errors, c->loop_points);
    c->p90_error = gsl_stats_quantile_from_sorted_data(errors, 1, (size_t)c->loop_points, 0.9);
}

/* Reads the profile as a scenario would, and compares it with the decoder. */
static int loop_close(struct decoder *d, const struct calibrate_size *size, const char *dir,
                      const char *name, struct calibration *c, struct err *e)
{
    struct arena a = {0};
    struct llm_setup setup = {.card = d->card, .tensor_parallel = 1};
    setup.quant = LLM_BF16;
    setup.engine = LLM_VLLM;
    struct llm_cost cost;
    int rc = gpu_profile_load(dir, name, &a, &setup.gpu, e);
    if (rc == 0) {
        rc = llm_cost_make(&setup, &cost, e);
    }
    size_t ids_n = (size_t)d->limits.step_tokens;
    int32_t *ids = rc == 0 ? calloc(ids_n, sizeof *ids) : NULL;
    if (rc == 0 && ids == NULL) {
        rc = err_memory(e, "closing the loop");
    }
    for (size_t i = 0; ids != NULL && i < ids_n; i++) {
        ids[i] = (int32_t)(i * 7919 % (size_t)d->card->vocab);
    }
    c->loop_points = 0;
    for (size_t i = 0; rc == 0 && i < sizeof shares / sizeof shares[0]; i++) {
        if (shares[i].sequences > size->sequences_most) {
            continue;
        }
        int32_t most = shares[i].decode ? size->context_most - DECODE_STEPS : size->tokens_most;
        struct loop_point *p = &c->loop[c->loop_points++];
        *p = (struct loop_point){.decode = shares[i].decode, .sequences = shares[i].sequences};
        p->tokens = (int32_t)(shares[i].share * most);
        p->measured_s = loop_measure(d, p, size->repeats, ids);
        p->predicted_s = loop_predict(&cost, p);
    }
    if (rc == 0 && d->b->error[0] != '\0') {
        rc = err_work(e, NULL, NULL, "%s: %s", d->b->device, d->b->error);
    }
    if (rc == 0) {
        loop_errors(c);
    }
    free(ids);
    arena_free(&a);
    return rc;
}

/* One format: a decoder, its check, its suite and fit. The one of 16 bits stays in *keep. */
static int format_run(struct kernel_backend *b, const struct llm_card *card,
                      const struct calibrate_size *size, enum kernel_format format, uint64_t seed,
                      struct calibration *c, struct decoder *keep, struct err *e)
{
    struct decoder_limits limits = {size->sequences_most, size->context_most, size->tokens_most};
    struct decoder d;
    int rc = decoder_make(b, card, format, &limits, seed, &d, e);
    if (rc != 0) {
        return rc;
    }
    double deviation = 0.0;
    rc = decoder_check(&d, seed, &deviation, e);
    c->decoder_deviation = fmax(c->decoder_deviation, deviation);
    /* Keys and values of 16 bits, sums in another order: about 1 %. Rounded activations: more. */
    if (rc == 0 && !(deviation < (format >= KERNEL_W8A8 ? 0.2 : 0.03))) {
        rc = err_work(e, NULL, NULL,
                      "%s: the decoder in %s says something else through its cache than without: "
                      "off by %.2g; its times would mean nothing",
                      b->device, format_word(format), deviation);
    }
    if (rc == 0) {
        /* The loop runs in 16 bits only; the others need less care. */
        struct calibrate_size here = *size;
        here.repeats = format == KERNEL_HALF ? size->repeats : (size->repeats + 1) / 2;
        rc = suite_run(&d, &here, &c->suite[format], e);
    }
    if (rc == 0) {
        rc = fit_make(card, &c->suite[format], &c->fit[format], e);
    }
    if (rc == 0 && format == KERNEL_HALF) {
        *keep = d;
    } else {
        decoder_free(&d);
    }
    return rc;
}

int calibrate_run(struct kernel_backend *b, const struct llm_card *card,
                  const struct calibrate_size *size, const char *dir, const char *name,
                  uint64_t seed, struct calibration *c, struct err *e)
{
    *c = (struct calibration){0};
    struct decoder d = {.b = b};
    int rc = check_kernels(b, seed, &c->check_worst, e);
    for (int i = KERNEL_FORMATS - 1; rc == 0 && i >= 0; i--) {
        if (b->has[i]) {
            rc = format_run(b, card, size, (enum kernel_format)i, seed, c, &d, e);
        }
    }
    if (rc == 0) {
        rc = profile_write(b, card, c, dir, name, e);
    }
    if (rc == 0) {
        rc = loop_close(&d, size, dir, name, c, e);
    }
    if (rc == 0) { /* once more, with the errors of the loop */
        rc = profile_write(b, card, c, dir, name, e);
    }
    decoder_free(&d);
    return rc;
}

static void print_fit(FILE *out, const char *name, const struct fit_value *v)
{
    fprintf(out, "    %-34s %12.4g us  +- %.2g\n", name, v->value * 1e6, v->error * 1e6);
}

static void print_format(FILE *out, const struct llm_card *card, const struct suite *s,
                         const struct fit *f, enum kernel_format format)
{
    fprintf(out, "  %s\n", format_word(format));
    for (int i = 0; i < s->matrices.n; i++) {
        const struct suite_point *p = &s->matrices.point[i];
        double flops =
            2.0 * (p->tokens * card->layer_parameters + p->sequences * card->head_parameters);
        fprintf(out, "    products of %4.0f tokens %10.3f ms %9.1f GFLOP/s; between %8.3f ms\n",
                p->tokens, p->seconds * 1e3, flops / p->seconds / 1e9,
                s->between.point[i].seconds * 1e3);
    }
    print_fit(out, "weights, once a step", &f->weights_s);
    print_fit(out, "a token, waiting for weights", &f->token_s);
    print_fit(out, "a token, multiplying", &f->token_compute_s);
    print_fit(out, "a (query, key) pair of a prompt", &f->pair_s);
    print_fit(out, "a cached token", &f->context_s);
    print_fit(out, "a sequence", &f->sequence_s);
    print_fit(out, "a step", &f->step_s);
    fprintf(out, "    R2: products %.4f, prompt attention %.4f, cached attention %.4f\n",
            f->r2_matrices, f->r2_prompt, f->r2_decode);
}

void calibrate_print(FILE *out, const struct kernel_backend *b, const struct llm_card *card,
                     const struct calibration *c)
{
    const struct suite *s = &c->suite[KERNEL_HALF];
    fprintf(out, "%s, decoder %s\n", b->device, card->name);
    fprintf(out,
            "  kernels agree with double precision (worst %.0f %% of what rounding allows); "
            "prompt and cache agree to %.2g\n",
            100.0 * c->check_worst, c->decoder_deviation);
    fprintf(out, "  copy %.1f GB/s, read %.1f GB/s, launch %.2f us", s->copy_bytes_per_s / 1e9,
            s->read_bytes_per_s / 1e9, s->launch_s * 1e6);
    if (s->launch_graph_s > 0.0) {
        fprintf(out, ", in a graph %.2f us", s->launch_graph_s * 1e6);
    }
    fprintf(out, "\n");
    for (int i = 0; i < KERNEL_FORMATS; i++) {
        if (b->has[i]) {
            print_format(out, card, &c->suite[i], &c->fit[i], (enum kernel_format)i);
        }
    }
    fprintf(out,
            "  reference decoder in %s against the profile, at points not in the fit:\n"
            "    %-5s %9s %7s %13s %13s %8s\n",
            format_word(KERNEL_HALF), "what", "sequences", "tokens", "measured ms", "predicted ms",
            "error %");
    for (int i = 0; i < c->loop_points; i++) {
        const struct loop_point *p = &c->loop[i];
        fprintf(out, "    %-5s %9d %7d %13.3f %13.3f %+8.1f\n", p->decode ? "TPOT" : "TTFT",
                p->sequences, p->tokens, p->measured_s * 1e3, p->predicted_s * 1e3,
                100.0 * (p->predicted_s / p->measured_s - 1.0));
    }
    fprintf(out, "  calibration loop: %d points, median error %.1f %%, p90 %.1f %%\n",
            c->loop_points, c->median_error, c->p90_error);
}
