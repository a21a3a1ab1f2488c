/* fit_bler.c - fits models/nr_error_table.inc to link-level simulations and says how well it fits.
 *
 * usage: build/tools/fit_bler [FILE]   (default models/nr_error_table.inc)
 *
 * Reads nr/bler_curves.csv of the folder in WILLMSIM_DATA (default ../shared/data). Every measured
 * point is one residual in dB: its SNR against the SNR at which the model has that BLER, so that
 * the waterfall's place and steepness are fitted together; every curve weighs the same. First the
 * four parameters that hold for both decoders from `ldpc_sim_awgn` (20 iterations), then the two
 * of 5 iterations on top of them from `ldpc_sim_awgn_it5` (Levenberg-Marquardt, GSL). Each is
 * done again without each MCS in turn: the "held out" columns are predictions of curves that the
 * fit did not see.
 */
#include <gsl/gsl_cdf.h>
#include <gsl/gsl_multifit_nlinear.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/nr_error.h"
#include "models/nr_error_form.h"
#include "models/nr_tables.h"

enum { MAX_CURVES = 128, MAX_POINTS = 64, SHARED = 4, EXTRA = 2 };

struct curve {
    enum nr_decoder decoder;
    int table, mcs;
    struct nr_mcs row;
    int32_t tbs_bits;
    int n;
    double snr_db[MAX_POINTS], bler[MAX_POINTS];
};

struct set {
    struct curve curve[MAX_CURVES];
    int n;
};

/* Points nearer to 0 or 1 rest on a handful of blocks that differed from the rest. */
static bool point_counts(double bler)
{
    return bler > 0.004 && bler < 0.985;
}

static int curves_read(const char *path, struct set *set)
{
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        fprintf(stderr, "fit_bler: %s: cannot be read; set WILLMSIM_DATA to the data folder\n",
                path);
        return -1;
    }
    char line[256];
    while (fgets(line, sizeof line, in) != NULL) {
        char source[64];
        int table, mcs, tbs_bits;
        double snr_db, bler;
        if (sscanf(line, "%63[^,],%d,%d,%d,%lf,%lf", source, &table, &mcs, &tbs_bits, &snr_db,
                   &bler) != 6) {
            continue;
        }
        bool it5 = strcmp(source, "ldpc_sim_awgn_it5") == 0;
        if (!it5 && strcmp(source, "ldpc_sim_awgn") != 0) {
            continue;
        }
        enum nr_decoder decoder = it5 ? NR_DECODER_IT5 : NR_DECODER_IT20;
        struct curve *c = set->n > 0 ? &set->curve[set->n - 1] : NULL;
        if (c == NULL || c->decoder != decoder || c->table != table || c->mcs != mcs ||
            c->tbs_bits != tbs_bits) {
            if (set->n == MAX_CURVES) {
                break;
            }
            c = &set->curve[set->n++];
            *c = (struct curve){.decoder = decoder,
                                .table = table,
                                .mcs = mcs,
                                .row = nr_mcs(table, mcs),
                                .tbs_bits = tbs_bits};
        }
        if (c->n < MAX_POINTS && c->row.qm != 0) {
            c->snr_db[c->n] = snr_db;
            c->bler[c->n] = bler;
            c->n++;
        }
    }
    fclose(in);
    return set->n > 0 ? 0 : -1;
}

/* --- One fit ---------------------------------------------------------------------------------- */

struct job {
    const struct set *set;
    enum nr_decoder decoder;
    int without_table, without_mcs; /* the MCS held out; table 0: none */
    struct nr_error_form form;      /* start and result */
};

static bool job_uses(const struct job *job, const struct curve *c)
{
    return c->decoder == job->decoder &&
           !(c->table == job->without_table && c->mcs == job->without_mcs);
}

static void form_set(struct nr_error_form *form, enum nr_decoder decoder, const gsl_vector *x)
{
    if (decoder == NR_DECODER_IT20) {
        for (size_t i = 0; i < 3; i++) {
            form->gap_db[i] = gsl_vector_get(x, i);
        }
        form->dispersion = exp(gsl_vector_get(x, 3)); /* stays above 0 */
    } else {
        form->it5_information = gsl_vector_get(x, 0);
        form->it5_dispersion = exp(gsl_vector_get(x, 1));
    }
}

static int residuals(const gsl_vector *x, void *arg, gsl_vector *f)
{
    const struct job *job = arg;
    struct nr_error_form form = job->form;
    form_set(&form, job->decoder, x);
    size_t row = 0;
    for (int i = 0; i < job->set->n; i++) {
        const struct curve *c = &job->set->curve[i];
        if (!job_uses(job, c)) {
            continue;
        }
        struct nr_error_curve fit =
            nr_error_form_curve(&form, c->decoder, c->row.qm, c->row.r_x10240, c->tbs_bits);
        int counted = 0;
        for (int k = 0; k < c->n; k++) {
            counted += point_counts(c->bler[k]);
        }
        for (int k = 0; k < c->n; k++) {
            if (point_counts(c->bler[k])) {
                double error = nr_error_snr_db(fit, c->bler[k]) - c->snr_db[k];
                gsl_vector_set(f, row++, error / sqrt(counted));
            }
        }
    }
    return GSL_SUCCESS;
}

static int job_fit(struct job *job)
{
    size_t points = 0;
    for (int i = 0; i < job->set->n; i++) {
        const struct curve *c = &job->set->curve[i];
        for (int k = 0; job_uses(job, c) && k < c->n; k++) {
            points += point_counts(c->bler[k]);
        }
    }
    static const double shared_start[SHARED] = {0.6, 0.0, 0.0, 0.0};
    static const double extra_start[EXTRA] = {0.3, 0.0};
    bool shared = job->decoder == NR_DECODER_IT20;
    size_t n = shared ? SHARED : EXTRA;
    gsl_vector_const_view start =
        gsl_vector_const_view_array(shared ? shared_start : extra_start, n);
    gsl_multifit_nlinear_fdf fdf = {.f = residuals, .n = points, .p = n, .params = job};
    gsl_multifit_nlinear_parameters how = gsl_multifit_nlinear_default_parameters();
    gsl_multifit_nlinear_workspace *w =
        gsl_multifit_nlinear_alloc(gsl_multifit_nlinear_trust, &how, points, n);
    if (w == NULL) {
        return -1;
    }
    int info = 0;
    int status = gsl_multifit_nlinear_init(&start.vector, &fdf, w);
    if (status == GSL_SUCCESS) {
        status = gsl_multifit_nlinear_driver(200, 1e-10, 1e-10, 0.0, NULL, NULL, &info, w);
    }
    if (status == GSL_SUCCESS) {
        form_set(&job->form, job->decoder, gsl_multifit_nlinear_position(w));
    }
    gsl_multifit_nlinear_free(w);
    return status == GSL_SUCCESS ? 0 : -1;
}

/* --- How good it is --------------------------------------------------------------------------- */

/* z = Q^-1(bler), with "none failed" and "all failed" as less than the simulator could see (1500
 * blocks at most). */
static double point_z(double bler)
{
    return gsl_cdf_ugaussian_Qinv(fmin(fmax(bler, 1.0 / 3000.0), 1.0 - 1.0 / 3000.0));
}

/* SNR at 10 % of the measured points, on the straight line in z between the two around it. */
static double curve_tenth(const struct curve *c)
{
    for (int k = 0; k + 1 < c->n; k++) {
        if (c->bler[k] >= 0.1 && c->bler[k + 1] < 0.1) {
            double z0 = point_z(c->bler[k]);
            double z1 = point_z(c->bler[k + 1]);
            return c->snr_db[k] +
                   (c->snr_db[k + 1] - c->snr_db[k]) * (point_z(0.1) - z0) / (z1 - z0);
        }
    }
    return NAN;
}

/* Slope of z over dB by least squares, NAN with fewer than four points between 0.02 and 0.9. */
static double curve_slope(const struct curve *c)
{
    double n = 0, sx = 0, sz = 0, sxx = 0, sxz = 0;
    for (int k = 0; k < c->n; k++) {
        if (c->bler[k] > 0.02 && c->bler[k] < 0.9) {
            double x = c->snr_db[k];
            double z = point_z(c->bler[k]);
            n += 1;
            sx += x;
            sz += z;
            sxx += x * x;
            sxz += x * z;
        }
    }
    return n >= 4 ? (n * sxz - sx * sz) / (n * sxx - sx * sx) : NAN;
}

struct quality {
    double error[MAX_CURVES], held_out[MAX_CURVES], slope[MAX_CURVES]; /* absolute; slope - 1 */
    size_t n, slopes;
};

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *v, size_t n)
{
    if (n == 0) {
        return NAN;
    }
    qsort(v, n, sizeof *v, by_value);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2.0;
}

static int quality_measure(const struct set *set, const struct job *fitted, struct quality *q)
{
    struct job without = *fitted;
    for (int i = 0; i < set->n; i++) {
        const struct curve *c = &set->curve[i];
        if (c->decoder != fitted->decoder) {
            continue;
        }
        if (without.without_table != c->table || without.without_mcs != c->mcs) {
            without.without_table = c->table;
            without.without_mcs = c->mcs;
            if (job_fit(&without) != 0) {
                return -1;
            }
        }
        struct nr_error_curve fit =
            nr_error_form_curve(&fitted->form, c->decoder, c->row.qm, c->row.r_x10240, c->tbs_bits);
        struct nr_error_curve blind =
            nr_error_form_curve(&without.form, c->decoder, c->row.qm, c->row.r_x10240, c->tbs_bits);
        double measured = curve_tenth(c);
        double error = nr_error_snr_db(fit, 0.1) - measured;
        double held_out = nr_error_snr_db(blind, 0.1) - measured;
        double slope = curve_slope(c);
        printf("%-4s %5d %3d %6d %8.2f %+7.2f %+8.2f",
               c->decoder == NR_DECODER_IT5 ? "it5" : "it20", c->table, c->mcs, c->tbs_bits,
               measured, error, held_out);
        if (isnan(slope)) {
            printf("      -\n");
        } else {
            printf(" %6.2f %7.2f\n", slope, fit.slope_per_db);
            q->slope[q->slopes++] = fabs(fit.slope_per_db / slope - 1.0);
        }
        q->error[q->n] = fabs(error);
        q->held_out[q->n] = fabs(held_out);
        q->n++;
    }
    return 0;
}

static int table_write(const char *path, const struct nr_error_form *form, const char *summary)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        fprintf(stderr, "fit_bler: %s: cannot be written; name a file in a folder that exists\n",
                path);
        return -1;
    }
    fprintf(out,
            "/* Generated by tools/fit_bler.c from nr/bler_curves.csv (sources ldpc_sim_awgn and\n"
            " * ldpc_sim_awgn_it5). Errors of the SNR at 10 %% BLER:\n%s */\n"
            "const struct nr_error_form nr_error_fitted = {\n"
            "    .gap_db = {%.6f, %.6f, %.6f},\n    .dispersion = %.6f,\n"
            "    .it5_information = %.6f,\n    .it5_dispersion = %.6f,\n};\n",
            summary, form->gap_db[0], form->gap_db[1], form->gap_db[2], form->dispersion,
            form->it5_information, form->it5_dispersion);
    return fclose(out) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/nr/bler_curves.csv",
             folder != NULL ? folder : "../shared/data");
    static struct set set;
    if (curves_read(path, &set) != 0) {
        return 1;
    }
    printf("decoder table mcs tbs_bits snr10_db  error held_out  slope  fitted\n");
    struct nr_error_form form = {.it5_dispersion = 1.0};
    char summary[1024] = "";
    for (int step = 0; step < 2; step++) {
        enum nr_decoder decoder = step == 0 ? NR_DECODER_IT20 : NR_DECODER_IT5;
        struct job job = {.set = &set, .decoder = decoder, .form = form};
        static struct quality q;
        q.n = q.slopes = 0;
        if (job_fit(&job) != 0 || quality_measure(&set, &job, &q) != 0) {
            fprintf(stderr, "fit_bler: %s: the fit does not converge; look at the points\n", path);
            return 1;
        }
        form = job.form;
        double error = middle(q.error, q.n);
        double held_out = middle(q.held_out, q.n);
        double slope = middle(q.slope, q.slopes);
        size_t used = strlen(summary);
        snprintf(
            summary + used, sizeof summary - used,
            " * %s, %zu curves: median %.2f dB, worst %.2f dB; each MCS held out: median %.2f,\n"
            " * worst %.2f dB; slope of %zu curves: median off by %.0f %%, worst %.0f %%.\n",
            step == 0 ? "20 iterations" : "5 iterations", q.n, error, q.error[q.n - 1], held_out,
            q.held_out[q.n - 1], q.slopes, 100.0 * slope, 100.0 * q.slope[q.slopes - 1]);
    }
    printf("%s", summary);
    return table_write(argc > 1 ? argv[1] : "models/nr_error_table.inc", &form, summary) == 0 ? 0
                                                                                              : 1;
}
