/* fit.c - coefficients of the kernels' forms from the microbenchmarks, by weighted least squares
 * (GSL). Weights are 1/t^2, so that errors count as shares of the time. Points that are held out
 * only judge. */
#include <gsl/gsl_blas.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <gsl/gsl_sort.h>
#include <gsl/gsl_statistics_double.h>
#include <math.h>

#include "bench/kernels/calibrate.h"
#include "models/llm_internal.h"

enum { TERMS = 3 };

/* What a fit works on: for each point its time, its terms, and what the form says of it. */
struct sample {
    double seconds, term[TERMS], fitted;
    bool held_out;
};

struct samples {
    struct sample list[SUITE_POINTS_MOST];
    int n;
};

static void samples_add(struct samples *s, const struct suite_point *p, double a, double b,
                        double c)
{
    s->list[s->n++] = (struct sample){p->seconds, {a, b, c}, 0.0, p->held_out};
}

static double median(double *values, int n)
{
    gsl_sort(values, 1, (size_t)n);
    return n > 0 ? gsl_stats_median_from_sorted_data(values, 1, (size_t)n) : 0.0;
}

/* From the samples' `fitted`. R2 is over the points that were fitted, of times as shares. */
static struct fit_quality quality_of(const struct samples *s)
{
    struct fit_quality q = {0};
    double in[SUITE_POINTS_MOST];
    double out[SUITE_POINTS_MOST];
    double mean = 0.0;
    double residual = 0.0;
    double total = 0.0;
    for (int i = 0; i < s->n; i++) {
        const struct sample *p = &s->list[i];
        double error = 100.0 * fabs(p->fitted / p->seconds - 1.0);
        if (p->held_out) {
            out[q.rows_held_out++] = error;
        } else {
            in[q.rows_fitted++] = error;
            mean += log(p->seconds);
        }
    }
    mean /= q.rows_fitted > 0 ? q.rows_fitted : 1;
    for (int i = 0; i < s->n; i++) {
        const struct sample *p = &s->list[i];
        if (!p->held_out) {
            residual += pow(log(fmax(p->fitted, 1e-15) / p->seconds), 2.0);
            total += pow(log(p->seconds) - mean, 2.0);
        }
    }
    q.r2 = total > 0.0 ? 1.0 - residual / total : 1.0;
    q.error_fitted_pct = median(in, q.rows_fitted);
    q.error_held_out_pct = median(out, q.rows_held_out);
    return q;
}

/* One weighted fit of the terms in use. Returns the first term whose coefficient is negative, -1
 * when none is, -2 when there are too few points. */
static int fit_used(const struct samples *s, const bool used[TERMS], struct fit_value out[TERMS])
{
    size_t columns = (size_t)used[0] + used[1] + used[2];
    size_t n = 0;
    for (int i = 0; i < s->n; i++) {
        n += !s->list[i].held_out;
    }
    if (columns == 0 || n <= columns) {
        return -2;
    }
    gsl_matrix *m = gsl_matrix_alloc(n, columns);
    gsl_matrix *covariance = gsl_matrix_alloc(columns, columns);
    gsl_vector *y = gsl_vector_alloc(n);
    gsl_vector *w = gsl_vector_alloc(n);
    gsl_vector *c = gsl_vector_alloc(columns);
    gsl_multifit_linear_workspace *space = gsl_multifit_linear_alloc(n, columns);
    size_t row = 0;
    for (int i = 0; i < s->n; i++) {
        const struct sample *p = &s->list[i];
        size_t column = 0;
        for (int k = 0; !p->held_out && k < TERMS; k++) {
            if (used[k]) {
                gsl_matrix_set(m, row, column++, p->term[k]);
            }
        }
        if (!p->held_out) {
            gsl_vector_set(y, row, p->seconds);
            gsl_vector_set(w, row++, 1.0 / (p->seconds * p->seconds));
        }
    }
    double chi2 = 0.0;
    gsl_multifit_wlinear(m, w, y, c, covariance, &chi2, space);
    double sigma2 = chi2 / (double)(n - columns);
    int negative = -1;
    size_t column = 0;
    for (int k = 0; k < TERMS; k++) {
        out[k] = (struct fit_value){0};
        if (used[k]) {
            out[k].value = gsl_vector_get(c, column);
            out[k].error = sqrt(sigma2 * gsl_matrix_get(covariance, column, column));
            negative = out[k].value < 0.0 && negative < 0 ? k : negative;
            column++;
        }
    }
    gsl_multifit_linear_free(space);
    gsl_vector_free(c);
    gsl_vector_free(w);
    gsl_vector_free(y);
    gsl_matrix_free(covariance);
    gsl_matrix_free(m);
    return negative;
}

/* t = sum of terms x coefficients; a coefficient that comes out negative is taken out (set to 0)
 * and the rest fitted again. False when there are too few points. */
static bool fit_terms(const struct samples *s, int terms, struct fit_value out[TERMS])
{
    bool used[TERMS] = {true, terms > 1, terms > 2};
    int negative;
    while ((negative = fit_used(s, used, out)) >= 0) {
        used[negative] = false;
    }
    return negative == -1;
}

/* The same, and what it says of each point. */
static int fit_linear(struct samples *s, int terms, struct fit_value out[TERMS], struct err *e)
{
    if (!fit_terms(s, terms, out)) {
        return err_work(e, NULL, NULL, "too few measurements, or none that grow with size");
    }
    for (int i = 0; i < s->n; i++) {
        struct sample *p = &s->list[i];
        p->fitted =
            out[0].value * p->term[0] + out[1].value * p->term[1] + out[2].value * p->term[2];
    }
    return 0;
}

/* --- Products --------------------------------------------------------------------------------- */

/* launch + (memory^p + compute^p)^(1/p): terms are 1, bytes and operations. */
static double gemm_s(const double c[TERMS], double sharpness, const struct sample *p)
{
    double memory = c[1] * p->term[1];
    double compute = c[2] * p->term[2];
    double high = fmax(memory, compute);
    double low = fmin(memory, compute);
    if (high <= 0.0) {
        return c[0];
    }
    return c[0] + high * pow(1.0 + pow(low / high, sharpness), 1.0 / sharpness);
}

struct gemm_problem {
    struct samples *samples;
    double sharpness;
};

static int gemm_residuals(const gsl_vector *x, void *data, gsl_vector *f)
{
    const struct gemm_problem *g = data;
    double c[TERMS];
    for (size_t k = 0; k < TERMS; k++) {
        c[k] = exp(gsl_vector_get(x, k));
    }
    size_t row = 0;
    for (int i = 0; i < g->samples->n; i++) {
        const struct sample *p = &g->samples->list[i];
        if (!p->held_out) {
            gsl_vector_set(f, row++, log(gemm_s(c, g->sharpness, p) / p->seconds));
        }
    }
    return GSL_SUCCESS;
}

/* Levenberg-Marquardt on the logarithms of the coefficients and of the times. Returns the sum of
 * squared residuals; not finite when there is no fit. */
static double gemm_fit_sharp(struct samples *s, double sharpness, const double start[TERMS],
                             struct fit_value out[TERMS])
{
    struct gemm_problem g = {s, sharpness};
    double logs[TERMS];
    size_t n = 0;
    for (int i = 0; i < s->n; i++) {
        n += !s->list[i].held_out;
    }
    for (int k = 0; k < TERMS; k++) {
        logs[k] = log(start[k]);
    }
    gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_fdf problem = {.f = gemm_residuals, .n = n, .p = TERMS, .params = &g};
    gsl_multifit_nlinear_workspace *space =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, n, TERMS);
    gsl_vector_view begin = gsl_vector_view_array(logs, TERMS);
    int info = 0;
    gsl_multifit_nlinear_init(&begin.vector, &problem, space);
    gsl_multifit_nlinear_driver(200, 1e-8, 1e-8, 1e-8, NULL, NULL, &info, space);
    gsl_matrix *covariance = gsl_matrix_alloc(TERMS, TERMS);
    gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(space), 0.0, covariance);
    gsl_vector *residual = gsl_multifit_nlinear_residual(space);
    double sum = 0.0;
    gsl_blas_ddot(residual, residual, &sum);
    for (size_t k = 0; k < TERMS; k++) {
        out[k].value = exp(gsl_vector_get(gsl_multifit_nlinear_position(space), k));
        /* Error of a logarithm times the value; 0 where the term never matters. */
        double variance = gsl_matrix_get(covariance, k, k) * sum / (double)(n - TERMS);
        out[k].error = isfinite(variance) ? out[k].value * sqrt(fmax(variance, 0.0)) : 0.0;
        sum = isfinite(out[k].value) ? sum : INFINITY;
    }
    gsl_matrix_free(covariance);
    gsl_multifit_nlinear_free(space);
    return sum;
}

/* How far straight lines between the fitted counts of a shape are from those held out. */
static struct fit_quality table_quality(const struct suite *s)
{
    struct samples lines = {0};
    for (int i = 0; i < s->n; i++) {
        const struct suite_point *p = &s->point[i];
        const struct suite_point *low = NULL;
        const struct suite_point *high = NULL;
        int32_t at = p->sequences * p->tokens;
        for (int k = 0; k < s->n; k++) {
            const struct suite_point *q = &s->point[k];
            int32_t count = q->sequences * q->tokens;
            if (q->kind != p->kind || q->held_out) {
                continue;
            }
            if (count <= at && (low == NULL || count > low->sequences * low->tokens)) {
                low = q;
            }
            if (count >= at && (high == NULL || count < high->sequences * high->tokens)) {
                high = q;
            }
        }
        if (p->kind > SUITE_HEAD || low == NULL || high == NULL) {
            continue;
        }
        double from = low->sequences * low->tokens;
        double to = high->sequences * high->tokens;
        double share = to > from ? (at - from) / (to - from) : 0.0;
        samples_add(&lines, p, 1.0, 0.0, 0.0);
        lines.list[lines.n - 1].fitted = low->seconds + share * (high->seconds - low->seconds);
    }
    return quality_of(&lines);
}

/* Sum over the fitted points of squared logarithms of fitted against measured. */
static double residual_of(const struct samples *s)
{
    double sum = 0.0;
    for (int i = 0; i < s->n; i++) {
        const struct sample *p = &s->list[i];
        sum += p->held_out ? 0.0 : pow(log(fmax(p->fitted, 1e-15) / p->seconds), 2.0);
    }
    return sum;
}

static int fit_gemm(const struct llm_card *card, enum kernel_format format, const struct suite *s,
                    struct fit_gemm *g, struct err *e)
{
    static const double sharpness[] = {1.0, 1.5, 2.0, 3.0, 5.0, 8.0};
    struct samples samples = {0};
    double bytes = 0.0;
    double flops = 0.0;
    for (int i = 0; i < s->n; i++) {
        const struct suite_point *p = &s->point[i];
        if (p->kind < SUITE_HEAD) { /* the head is in 16 bits whatever the format */
            double n;
            double k;
            double m = (double)p->sequences * p->tokens;
            suite_shape(card, p->kind, &n, &k);
            samples_add(&samples, p, 1.0, fit_gemm_bytes(format, m, n, k), 2.0 * m * n * k);
            bytes = fmax(bytes, fit_gemm_bytes(format, m, n, k) / p->seconds);
            flops = fmax(flops, 2.0 * m * n * k / p->seconds);
        }
    }
    /* Without a knee first: where a term does not show, the search below finds nothing. */
    struct fit_value plain[TERMS] = {{0}};
    int rc = fit_linear(&samples, TERMS, plain, e);
    if (rc != 0) {
        return rc;
    }
    *g = (struct fit_gemm){plain[0], plain[1], plain[2], 1.0, quality_of(&samples), {0}};
    double best = residual_of(&samples);
    const double start[TERMS] = {1e-6, 1.0 / bytes, 1.0 / flops};
    for (size_t i = 0; i < sizeof sharpness / sizeof sharpness[0]; i++) {
        struct fit_value c[TERMS] = {{0}};
        double sum = gemm_fit_sharp(&samples, sharpness[i], start, c);
        if (isfinite(sum) && sum < best) {
            best = sum;
            g->launch_s = c[0];
            g->byte_s = c[1];
            g->flop_s = c[2];
            g->sharpness = sharpness[i];
        }
    }
    const double c[TERMS] = {g->launch_s.value, g->byte_s.value, g->flop_s.value};
    for (int i = 0; i < samples.n; i++) {
        samples.list[i].fitted = gemm_s(c, g->sharpness, &samples.list[i]);
    }
    g->quality = quality_of(&samples);
    g->table = table_quality(s);
    return 0;
}

/* --- The rest --------------------------------------------------------------------------------- */

/* Two lines, one through the smaller half of the counts and one through the larger; where there are
 * few counts, one line through all. */
static int fit_small(const struct suite *s, enum suite_kind kind, struct fit_small *f,
                     struct err *e)
{
    struct samples all = {0};
    double counts[SUITE_POINTS_MOST];
    for (int i = 0; i < s->n; i++) {
        const struct suite_point *p = &s->point[i];
        if (p->kind == kind) {
            counts[all.n] = (double)p->sequences * p->tokens;
            samples_add(&all, p, 1.0, counts[all.n], 0.0);
        }
    }
    double middle = median(counts, all.n);
    struct fit_value low[TERMS] = {{0}};
    struct fit_value high[TERMS] = {{0}};
    struct samples half[2] = {{.n = 0}, {.n = 0}};
    for (int i = 0; i < all.n; i++) {
        int which = all.list[i].term[1] > middle;
        half[which].list[half[which].n++] = all.list[i];
    }
    bool two = fit_terms(&half[0], 2, low) && fit_terms(&half[1], 2, high) &&
               low[1].value <= high[1].value; /* else the larger of both is neither */
    if (!two) {
        int rc = fit_linear(&all, 2, low, e);
        if (rc != 0) {
            return rc;
        }
        high[0] = high[1] = (struct fit_value){0};
    }
    *f = (struct fit_small){low[0], low[1], high[0], high[1], {0}};
    for (int i = 0; i < all.n; i++) {
        double n = all.list[i].term[1];
        all.list[i].fitted =
            fmax(low[0].value + n * low[1].value, high[0].value + n * high[1].value);
    }
    f->quality = quality_of(&all);
    return 0;
}

static int fit_attention(const struct suite *s, struct fit *f, struct err *e)
{
    struct samples prompt = {0};
    struct samples decode = {0};
    struct fit_value c[TERMS] = {{0}};
    for (int i = 0; i < s->n; i++) {
        const struct suite_point *p = &s->point[i];
        if (p->kind == SUITE_PROMPT) {
            samples_add(&prompt, p, 1.0, p->tokens, gpu_prefill_pairs(0.0, p->tokens));
        } else if (p->kind == SUITE_DECODE) {
            samples_add(&decode, p, 1.0, p->sequences, (double)p->sequences * (p->past + 1));
        }
    }
    int rc = fit_linear(&prompt, 3, c, e);
    if (rc == 0) {
        f->prompt_s = c[0];
        f->prompt_token_s = c[1];
        f->pair_s = c[2];
        f->prompt = quality_of(&prompt);
        rc = fit_linear(&decode, 3, c, e);
    }
    if (rc == 0) {
        f->decode_s = c[0];
        f->sequence_s = c[1];
        f->context_s = c[2];
        f->decode = quality_of(&decode);
    }
    return rc;
}

void suite_shape(const struct llm_card *card, enum suite_kind kind, double *n, double *k)
{
    double hidden = (double)card->hidden;
    double query = (double)(card->heads * card->head_dim);
    double ffn = (double)card->ffn;
    const double rows[] = {query + 2.0 * (double)(card->kv_heads * card->head_dim), hidden,
                           2.0 * ffn, hidden, (double)card->vocab};
    const double cols[] = {hidden, query, hidden, ffn, hidden};
    *n = rows[kind];
    *k = cols[kind];
}

double fit_gemm_bytes(enum kernel_format format, double m, double n, double k)
{
    /* As models/llm_kernel.c counts, whatever the width of the backend's activations. */
    static const enum llm_quant quants[] = {LLM_BF16, LLM_W8A16, LLM_W4A16, LLM_W8A8, LLM_FP8};
    double activation = format == KERNEL_W8A8 || format == KERNEL_FP8 ? 1.0 : 2.0;
    return n * k * llm_bytes_per_weight(quants[format]) + m * k * activation + m * n * 2.0;
}

int fit_make(const struct llm_card *card, enum kernel_format format, const struct suite *s,
             struct fit *f, struct err *e)
{
    *f = (struct fit){0};
    int rc = fit_gemm(card, format, s, &f->gemm, e);
    if (rc != 0 || format != KERNEL_HALF) {
        return rc;
    }
    if (rc == 0) {
        rc = fit_small(s, SUITE_BETWEEN, &f->between, e);
    }
    if (rc == 0) {
        rc = fit_small(s, SUITE_ENDS, &f->ends, e);
    }
    return rc != 0 ? rc : fit_attention(s, f, e);
}
