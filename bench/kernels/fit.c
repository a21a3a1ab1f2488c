/* fit.c - coefficients of the step's cost from the microbenchmarks, by weighted least squares
 * (GSL). Weights are 1/t^2, so that errors count as shares of the time. */
#include <gsl/gsl_blas.h>
#include <gsl/gsl_multifit.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>

#include "bench/kernels/calibrate.h"

/* t = sum of terms x coefficients, over n points; a coefficient that comes out negative is taken
 * out (set to 0) and the rest fitted again. Terms: columns of x. */
static int fit_linear(const struct suite_list *list, int terms, double x[][3],
                      struct fit_value out[3], double *r2, struct err *e)
{
    bool used[3] = {true, terms > 1, terms > 2};
    for (;;) {
        size_t columns = (size_t)used[0] + used[1] + used[2];
        size_t n = (size_t)list->n;
        if (columns == 0 || n <= columns) {
            return err_work(e, NULL, NULL, "too few measurements, or none that grow with size");
        }
        gsl_matrix *m = gsl_matrix_alloc(n, columns);
        gsl_matrix *covariance = gsl_matrix_alloc(columns, columns);
        gsl_vector *y = gsl_vector_alloc(n);
        gsl_vector *w = gsl_vector_alloc(n);
        gsl_vector *c = gsl_vector_alloc(columns);
        gsl_multifit_linear_workspace *space = gsl_multifit_linear_alloc(n, columns);
        double mean = 0.0;
        for (size_t i = 0; i < n; i++) {
            size_t column = 0;
            for (int k = 0; k < 3; k++) {
                if (used[k]) {
                    gsl_matrix_set(m, i, column++, x[i][k]);
                }
            }
            double t = list->point[i].seconds;
            gsl_vector_set(y, i, t);
            gsl_vector_set(w, i, 1.0 / (t * t));
            mean += t / (double)n;
        }
        double chi2 = 0.0;
        gsl_multifit_wlinear(m, w, y, c, covariance, &chi2, space);
        double sigma2 = chi2 / (double)(n - columns);
        int negative = -1;
        size_t column = 0;
        for (int k = 0; k < 3; k++) {
            out[k] = (struct fit_value){0};
            if (used[k]) {
                out[k].value = gsl_vector_get(c, column);
                out[k].error = sqrt(sigma2 * gsl_matrix_get(covariance, column, column));
                negative = out[k].value < 0.0 && negative < 0 ? k : negative;
                column++;
            }
        }
        double residual = 0.0;
        double total = 0.0;
        for (size_t i = 0; i < n; i++) {
            double t = list->point[i].seconds;
            double fitted = 0.0;
            for (int k = 0; k < terms; k++) {
                fitted += out[k].value * x[i][k];
            }
            residual += (t - fitted) * (t - fitted);
            total += (t - mean) * (t - mean);
        }
        *r2 = 1.0 - residual / total;
        gsl_multifit_linear_free(space);
        gsl_vector_free(c);
        gsl_vector_free(w);
        gsl_vector_free(y);
        gsl_matrix_free(covariance);
        gsl_matrix_free(m);
        if (negative < 0) {
            return 0;
        }
        used[negative] = false;
    }
}

/* What the products and what lies between them take, as functions of tokens and sequences. */
struct knee {
    const struct suite_list *list;
    double head_share; /* LM head's products against the layers' */
};

static double knee_s(const struct knee *k, const double log_c[3], const struct suite_point *p)
{
    double memory = exp(log_c[0]) + p->tokens * exp(log_c[1]);
    double compute = exp(log_c[2]) * (p->tokens + p->sequences * k->head_share);
    return memory > compute ? memory : compute;
}

static int knee_residuals(const gsl_vector *x, void *data, gsl_vector *f)
{
    const struct knee *k = data;
    double c[3] = {gsl_vector_get(x, 0), gsl_vector_get(x, 1), gsl_vector_get(x, 2)};
    for (int i = 0; i < k->list->n; i++) {
        const struct suite_point *p = &k->list->point[i];
        gsl_vector_set(f, (size_t)i, log(knee_s(k, c, p) / p->seconds));
    }
    return GSL_SUCCESS;
}

/* Levenberg-Marquardt on the logarithms of the three coefficients and of the times. */
static int fit_knee(struct knee *k, struct fit *f, struct err *e)
{
    const struct suite_point *first = &k->list->point[0];
    const struct suite_point *last = &k->list->point[k->list->n - 1];
    double per_token = last->seconds / last->tokens;
    double start[3] = {log(first->seconds), log(0.5 * per_token), log(per_token)};
    size_t n = (size_t)k->list->n;
    gsl_multifit_nlinear_parameters options = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_fdf problem = {.f = knee_residuals, .n = n, .p = 3, .params = k};
    gsl_multifit_nlinear_workspace *space =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &options, n, 3);
    gsl_vector_view begin = gsl_vector_view_array(start, 3);
    int info = 0;
    gsl_multifit_nlinear_init(&begin.vector, &problem, space);
    int status = gsl_multifit_nlinear_driver(200, 1e-8, 1e-8, 1e-8, NULL, NULL, &info, space);
    gsl_matrix *covariance = gsl_matrix_alloc(3, 3);
    gsl_multifit_nlinear_covar(gsl_multifit_nlinear_jac(space), 0.0, covariance);
    gsl_vector *residual = gsl_multifit_nlinear_residual(space);
    double sum = 0.0;
    gsl_blas_ddot(residual, residual, &sum);
    double mean = 0.0;
    for (size_t i = 0; i < n; i++) {
        mean += log(k->list->point[i].seconds) / (double)n;
    }
    double total = 0.0;
    for (size_t i = 0; i < n; i++) {
        double off = log(k->list->point[i].seconds) - mean;
        total += off * off;
    }
    struct fit_value *const out[3] = {&f->weights_s, &f->token_s, &f->token_compute_s};
    bool finite = true;
    for (size_t i = 0; i < 3; i++) {
        out[i]->value = exp(gsl_vector_get(gsl_multifit_nlinear_position(space), i));
        /* Error of a logarithm times the value; 0 where the other branch always wins. */
        double variance = gsl_matrix_get(covariance, i, i) * sum / (double)(n - 3);
        out[i]->error = isfinite(variance) ? out[i]->value * sqrt(variance) : 0.0;
        finite = finite && isfinite(out[i]->value);
    }
    f->r2_matrices = 1.0 - sum / total;
    gsl_matrix_free(covariance);
    gsl_multifit_nlinear_free(space);
    if (!finite || (status != GSL_SUCCESS && status != GSL_EMAXITER && status != GSL_ENOPROG)) {
        return err_work(e, NULL, NULL, "the times of the matrix products admit no fit (%s)",
                        gsl_strerror(status));
    }
    return 0;
}

int fit_make(const struct llm_card *card, const struct suite *s, struct fit *f, struct err *e)
{
    *f = (struct fit){0};
    double x[SUITE_POINTS][3] = {{0}};
    struct fit_value c[3] = {{0}};
    for (int i = 0; i < s->prompt.n; i++) {
        double tokens = s->prompt.point[i].tokens;
        x[i][0] = tokens * (tokens + 1.0) / 2.0;
        x[i][1] = tokens; /* what a token costs whatever came before it */
    }
    int rc = fit_linear(&s->prompt, 2, x, c, &f->r2_prompt, e);
    f->pair_s = c[0];
    double prompt_token_s = rc == 0 ? c[1].value : 0.0;
    for (int i = 0; i < s->decode.n; i++) {
        x[i][0] = s->decode.point[i].context;
        x[i][1] = s->decode.point[i].sequences;
        x[i][2] = 1.0;
    }
    double r2_ends = 0.0;
    struct fit_value ends[3] = {{0}};
    if (rc == 0) {
        rc = fit_linear(&s->decode, 3, x, c, &f->r2_decode, e);
    }
    for (int i = 0; i < s->ends.n; i++) {
        x[i][0] = s->ends.point[i].sequences;
        x[i][1] = 1.0;
    }
    if (rc == 0) {
        rc = fit_linear(&s->ends, 2, x, ends, &r2_ends, e);
    }
    if (rc != 0) {
        return rc;
    }
    f->context_s = c[0];
    f->sequence_s =
        (struct fit_value){c[1].value + ends[0].value, hypot(c[1].error, ends[0].error)};
    f->step_s = (struct fit_value){c[2].value + ends[1].value, hypot(c[2].error, ends[1].error)};
    struct suite_list all = s->matrices;
    for (int i = 0; i < all.n; i++) {
        all.point[i].seconds += s->between.point[i].seconds;
        /* A decode token's share of attention is in context and sequence. */
        if (all.point[i].tokens > all.point[i].sequences) {
            all.point[i].seconds += prompt_token_s * all.point[i].tokens;
        }
    }
    struct knee k = {&all, card->head_parameters / card->layer_parameters};
    return fit_knee(&k, f, e);
}
