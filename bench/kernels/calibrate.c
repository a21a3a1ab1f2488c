/* calibrate.c - measure, fit, write, read back, predict, compare. */
#include "bench/kernels/calibrate.h"

#include <errno.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static double median(double *values, int n)
{
    gsl_sort(values, 1, (size_t)n);
    return gsl_stats_median_from_sorted_data(values, 1, (size_t)n);
}

static double loop_predict(const struct llm_cost *cost, const struct loop_point *p)
{
    if (p->decode) {
        return (double)llm_decode_run_ns(cost, p->sequences,
                                         (int64_t)p->sequences * (p->tokens + 1), LOOP_STEPS) /
               1e9 / LOOP_STEPS;
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

/* Reads the profile as a scenario would, and compares it with what the decoder took. */
static int loop_close(const struct llm_card *card, const char *dir, const char *name,
                      struct calibration *c, struct err *e)
{
    struct arena a = {0};
    struct llm_setup setup = {.card = card, .tensor_parallel = 1};
    setup.quant = LLM_BF16;
    setup.engine = LLM_VLLM;
    struct llm_cost cost;
    int rc = gpu_profile_load(dir, name, &a, &setup.gpu, e);
    if (rc == 0) {
        rc = llm_cost_make(&setup, &cost, e);
    }
    const struct suite *s = &c->suite[KERNEL_HALF];
    c->loop_points = 0;
    for (int i = 0; rc == 0 && i < s->n; i++) {
        const struct suite_point *q = &s->point[i];
        if (q->kind >= SUITE_TTFT && c->loop_points < LOOP_POINTS_MOST) {
            struct loop_point *p = &c->loop[c->loop_points++];
            bool decode = q->kind == SUITE_TPOT;
            *p = (struct loop_point){decode, q->sequences, decode ? q->past : q->tokens, q->seconds,
                                     0.0};
            p->predicted_s = loop_predict(&cost, p);
        }
    }
    if (rc == 0 && c->loop_points > 0) {
        loop_errors(c);
    }
    arena_free(&a);
    return rc;
}

/* One format: a decoder, its check, its suite and fit. The whole decoder is timed in 16 bits. */
static int format_run(struct kernel_backend *b, const struct llm_card *card,
                      const struct calibrate_size *size, enum kernel_format format, uint64_t seed,
                      struct calibration *c, struct err *e)
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
        suite_plan(&here, format == KERNEL_HALF, &c->suite[format]);
        rc = suite_run(&d, &here, &c->suite[format], e);
    }
    if (rc == 0) {
        rc = fit_make(card, format, &c->suite[format], &c->fit[format], e);
    }
    decoder_free(&d);
    return rc;
}

int calibrate_run(struct kernel_backend *b, const struct llm_card *card,
                  const struct calibrate_size *size, const char *dir, const char *name,
                  uint64_t seed, struct calibration *c, struct err *e)
{
    *c = (struct calibration){0};
    char path[1200];
    snprintf(path, sizeof path, "%s/%s.json", dir, name);
    int rc = 0;
    if (access(dir, W_OK | X_OK) != 0) { /* said before an hour's work, not after */
        rc = err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    if (rc == 0) {
        rc = check_kernels(b, seed, &c->check_worst, e);
    }
    for (int i = KERNEL_FORMATS - 1; rc == 0 && i >= 0; i--) {
        if (b->has[i]) {
            rc = format_run(b, card, size, (enum kernel_format)i, seed, c, e);
        }
    }
    if (rc == 0) {
        rc = profile_write(b, card, c, dir, name, e);
    }
    if (rc == 0) {
        rc = loop_close(card, dir, name, c, e);
        if (rc == 0) { /* once more, with the errors of the loop */
            rc = profile_write(b, card, c, dir, name, e);
        } else {
            unlink(path);
        }
    }
    return rc;
}

static void print_value(FILE *out, const char *name, const struct fit_value *v, double unit)
{
    fprintf(out, "    %-40s %12.4g  +- %.2g\n", name, v->value * unit, v->error * unit);
}

static void print_quality(FILE *out, const char *name, const struct fit_quality *q)
{
    fprintf(out, "    %-40s R2 %.4f, median error %.1f %%", name, q->r2, q->error_fitted_pct);
    if (q->rows_held_out > 0) {
        fprintf(out, ", of %d held out %.1f %%", q->rows_held_out, q->error_held_out_pct);
    }
    fprintf(out, "\n");
}

/* Seconds of one kernel at one count; negative when it was not timed. */
static double seconds_at(const struct suite *s, enum suite_kind kind, int32_t tokens)
{
    for (int i = 0; i < s->n; i++) {
        const struct suite_point *p = &s->point[i];
        if (p->kind == kind && p->sequences * p->tokens == tokens) {
            return p->seconds;
        }
    }
    return -1.0;
}

static void print_products(FILE *out, const struct llm_card *card, const struct suite *s)
{
    fprintf(out, "    %8s %34s %12s\n", "tokens", "qkv, out, gate+up, down: us", "GFLOP/s");
    for (int i = 0; i < s->n; i++) {
        int32_t tokens = s->point[i].tokens;
        if (s->point[i].kind != (enum suite_kind)DECODER_QKV) {
            continue;
        }
        double all = 0.0;
        double flops = 0.0;
        fprintf(out, "    %8d ", tokens);
        for (int m = 0; m < DECODER_MATRICES; m++) {
            double n;
            double k;
            double seconds = seconds_at(s, (enum suite_kind)m, tokens);
            suite_shape(card, (enum suite_kind)m, &n, &k);
            all += seconds;
            flops += 2.0 * tokens * n * k;
            fprintf(out, " %9.1f", seconds * 1e6);
        }
        fprintf(out, " %11.1f%s\n", flops / all / 1e9, s->point[i].held_out ? " held out" : "");
    }
}

static void print_format(FILE *out, const struct llm_card *card, const struct suite *s,
                         const struct fit *f, enum kernel_format format)
{
    const struct fit_gemm *g = &f->gemm;
    fprintf(out, "  %s\n", format_word(format));
    print_products(out, card, s);
    print_value(out, "product: launch, us", &g->launch_s, 1e6);
    print_value(out, "product: ns a kB", &g->byte_s, 1e12);
    print_value(out, "product: ns a MFLOP", &g->flop_s, 1e15);
    print_quality(out, "form of the products", &g->quality);
    print_quality(out, "lines between the products' rows", &g->table);
    if (format != KERNEL_HALF) {
        return;
    }
    print_value(out, "prompt: ns a (query, key) pair, layer", &f->pair_s, 1e9);
    print_value(out, "cache: ns a cached token, layer", &f->context_s, 1e9);
    print_value(out, "cache: us a sequence, layer", &f->sequence_s, 1e6);
    print_value(out, "between products: us a token, layer", &f->between.launch_token_s, 1e6);
    print_quality(out, "attention of prompts", &f->prompt);
    print_quality(out, "attention to the cache", &f->decode);
    print_quality(out, "between the products", &f->between.quality);
    print_quality(out, "embedding and sampling", &f->ends.quality);
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
