/* fit_harq.c - computes models/nr_harq_table.inc: the gain of HARQ retransmissions.
 *
 * usage: build/tools/fit_harq [FILE]   (default models/nr_harq_table.inc)
 *
 * Incremental redundancy: the redundancy versions of 38.212 table 5.4.2.1-2 are laid over the
 * circular buffer in the order 0, 2, 3, 1. The bits sent at least once make a code of a lower
 * rate, whose threshold the block-error model knows (nr_error_form.h); a bit sent m times carries
 * more information. Copies of a bit in different versions lie on different bit levels of the QAM
 * symbol, so that they add up as m independent observations of a binary channel of the same
 * information (SNR added in the QPSK domain). The SNR at which the mean information of the sent
 * bits reaches the threshold is compared with that of the first transmission.
 *
 * One parameter is fitted, by least squares, to nr/harq_gain.csv of the folder in WILLMSIM_DATA
 * (default ../shared/data): what repeated bits gain beyond that, (qm - 2)/4 (1 - 1/copies) dB
 * times it, for chase combining (power sum) and incremental redundancy alike. Each MCS is
 * predicted once from a fit on the others.
 */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "models/nr_error.h"
#include "models/nr_error_form.h"
#include "models/nr_mi.h"
#include "models/nr_tables.h"

enum {
    FINE = 48,           /* steps per column of the base graph */
    LONGEST = 66 * FINE, /* circular buffer of base graph 1 */
    COPIES_MAX = 64,     /* of a bit, over all transmissions */
    RATES = 20,          /* 0.05 to 1.00 by 0.05 */
    TX = 8,              /* transmissions in the table */
    MAX_ROWS = 128,
};
static const double first_rate = 0.05;
static const double rate_step = 0.05;

struct base_graph {
    int info_columns, columns; /* punctured ones not counted: 38.212 5.3.2, 5.4.2.1 */
    int start[4];              /* of RV 0..3, in columns: table 5.4.2.1-2 */
};
static const struct base_graph base_graphs[2] = {{22, 66, {0, 17, 33, 56}},
                                                 {10, 50, {0, 13, 25, 43}}};
static const int rv_order[4] = {0, 2, 3, 1}; /* OpenAirInterface's, and the data's */

/* The base graph of blocks of up to 3824 bits (38.212 7.2.2), as in the data. Base graph 1, which
 * longer blocks of rates 1/4 to 2/3 use, gains up to 0.5 dB less there. */
static const struct base_graph *graph_of(double rate)
{
    return &base_graphs[rate <= 0.67 ? 1 : 0];
}

/* How the buffer is covered after n transmissions. */
struct cover {
    int copies[COPIES_MAX + 1]; /* number of bits sent so many times */
    int sent;                   /* bits sent at least once */
    double rate;                /* of the code they make */
    double mean_copies;         /* of a sent bit */
};

static struct cover cover_after(double rate, int n)
{
    const struct base_graph *g = graph_of(rate);
    int length = g->columns * FINE;
    int sent_each = (int)lround(g->info_columns / rate * FINE);
    static int count[LONGEST];
    memset(count, 0, sizeof count);
    for (int tx = 0; tx < n; tx++) {
        int start = g->start[rv_order[tx % 4]] * FINE;
        for (int i = 0; i < length; i++) {
            count[i] += sent_each / length;
        }
        for (int i = 0; i < sent_each % length; i++) {
            count[(start + i) % length]++;
        }
    }
    struct cover c = {.sent = 0};
    for (int i = 0; i < length; i++) {
        c.copies[count[i] < COPIES_MAX ? count[i] : COPIES_MAX]++;
    }
    c.sent = length - c.copies[0];
    c.rate = (double)(g->info_columns * FINE) / c.sent;
    c.mean_copies = (double)sent_each * n / c.sent;
    return c;
}

/* SNR in dB per transmission at which the block passes half of the time. */
static double cover_threshold(const struct cover *c, int qm)
{
    double needed =
        nr_mi(qm, nr_error_form_median_db(&nr_error_fitted, NR_DECODER_IT20, qm, c->rate));
    double low = -60.0;
    double high = 60.0;
    for (int i = 0; i < 60; i++) {
        double snr_db = (low + high) / 2.0;
        double binary_db = nr_mi_snr_db(2, nr_mi(qm, snr_db));
        double loss = 0.0;
        for (int m = 1; m <= COPIES_MAX; m++) {
            if (c->copies[m] > 0) {
                loss += c->copies[m] * exp(-exp(nr_mi(2, binary_db + 10.0 * log10(m))));
            }
        }
        if (log(-log(loss / c->sent)) < needed) {
            low = snr_db;
        } else {
            high = snr_db;
        }
    }
    return (low + high) / 2.0;
}

/* Gain without the fitted part, and what the fitted parameter multiplies. */
struct gain {
    double db;
    double repeat;
};

static struct gain gain_of(enum nr_combining combining, int qm, double rate, int n)
{
    if (combining == NR_COMBINING_CHASE) {
        return (struct gain){10.0 * log10(n), (qm - 2) / 4.0 * (1.0 - 1.0 / n)};
    }
    struct cover first = cover_after(rate, 1);
    struct cover all = cover_after(rate, n);
    return (struct gain){cover_threshold(&first, qm) - cover_threshold(&all, qm),
                         (qm - 2) / 4.0 * (1.0 - first.mean_copies / all.mean_copies)};
}

struct row {
    int table, mcs, n_tx;
    enum nr_combining combining;
    double measured;
    struct gain gain;
};

static int rows_read(const char *path, struct row *rows)
{
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        fprintf(stderr, "fit_harq: %s: cannot be read; set WILLMSIM_DATA to the data folder\n",
                path);
        return 0;
    }
    char line[256];
    int n = 0;
    while (n < MAX_ROWS && fgets(line, sizeof line, in) != NULL) {
        char mode[32];
        double snr_db;
        struct row *r = &rows[n];
        if (sscanf(line, "%d,%d,%31[^,],%d,%lf,%lf", &r->table, &r->mcs, mode, &r->n_tx, &snr_db,
                   &r->measured) != 6 ||
            r->n_tx < 2) {
            continue;
        }
        struct nr_mcs mcs = nr_mcs(r->table, r->mcs);
        if (mcs.qm == 0) {
            continue;
        }
        r->combining = strcmp(mode, "chase") == 0 ? NR_COMBINING_CHASE : NR_COMBINING_IR;
        r->gain = gain_of(r->combining, mcs.qm, mcs.r_x10240 / 10240.0, r->n_tx);
        n++;
    }
    fclose(in);
    return n;
}

/* Least squares for the one parameter, without one MCS (-1: with all). */
static double repeat_fit(const struct row *rows, int n, int without_mcs)
{
    double xy = 0.0;
    double xx = 0.0;
    for (int i = 0; i < n; i++) {
        if (rows[i].mcs != without_mcs) {
            xy += rows[i].gain.repeat * (rows[i].measured - rows[i].gain.db);
            xx += rows[i].gain.repeat * rows[i].gain.repeat;
        }
    }
    return xx > 0.0 ? xy / xx : 0.0;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double middle(double *v, int n)
{
    qsort(v, (size_t)n, sizeof *v, by_value);
    return n % 2 == 1 ? v[n / 2] : (v[n / 2 - 1] + v[n / 2]) / 2.0;
}

static int table_write(const char *path, double repeat_db, const char *summary)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        fprintf(stderr, "fit_harq: %s: cannot be written; name a file in a folder that exists\n",
                path);
        return -1;
    }
    fprintf(out,
            "/* Generated by tools/fit_harq.c: gain in dB of 2 to %d transmissions (redundancy\n"
            " * versions 0, 2, 3, 1) over one, for QPSK, 16QAM, 64QAM and 256QAM, by code rate.\n"
            " * One parameter, NR_HARQ_REPEAT_DB, is fitted to nr/harq_gain.csv.\n%s */\n"
            "#define NR_HARQ_REPEAT_DB  %.6f\n#define NR_HARQ_FIRST_RATE %.2f\n"
            "#define NR_HARQ_PER_RATE   %.1f\n#define NR_HARQ_RATES      %d\n"
            "#define NR_HARQ_TX         %d\n"
            "static const double nr_harq_table[4][NR_HARQ_RATES][NR_HARQ_TX - 1] = {\n",
            TX, summary, repeat_db, first_rate, 1.0 / rate_step, RATES, TX);
    for (int qm = 2; qm <= 8; qm += 2) {
        fprintf(out, "    {\n");
        for (int i = 0; i < RATES; i++) {
            fprintf(out, "        {");
            for (int n = 2; n <= TX; n++) {
                struct gain g = gain_of(NR_COMBINING_IR, qm, first_rate + rate_step * i, n);
                fprintf(out, "%s%.3f", n > 2 ? ", " : "", g.db + repeat_db * g.repeat);
            }
            fprintf(out, "},\n");
        }
        fprintf(out, "    },\n");
    }
    fprintf(out, "};\n");
    return fclose(out) == 0 ? 0 : -1;
}

int main(int argc, char **argv)
{
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/nr/harq_gain.csv", folder != NULL ? folder : "../shared/data");
    struct row rows[MAX_ROWS];
    int n = rows_read(path, rows);
    if (n == 0) {
        return 1;
    }
    double repeat_db = repeat_fit(rows, n, -1);
    double bare[MAX_ROWS] = {0};
    double error[MAX_ROWS] = {0};
    double held_out[MAX_ROWS] = {0};
    printf("table mcs combining n_tx measured  no_fit  fitted held_out\n");
    for (int i = 0; i < n; i++) {
        const struct row *r = &rows[i];
        double fitted = r->gain.db + repeat_db * r->gain.repeat;
        double blind = r->gain.db + repeat_fit(rows, n, r->mcs) * r->gain.repeat;
        printf("%5d %3d %-9s %4d %8.2f %7.2f %7.2f %8.2f\n", r->table, r->mcs,
               r->combining == NR_COMBINING_IR ? "ir" : "chase", r->n_tx, r->measured, r->gain.db,
               fitted, blind);
        bare[i] = fabs(r->gain.db - r->measured);
        error[i] = fabs(fitted - r->measured);
        held_out[i] = fabs(blind - r->measured);
    }
    char summary[512];
    double m[3] = {middle(bare, n), middle(error, n), middle(held_out, n)};
    snprintf(summary, sizeof summary,
             " * %d gains: median off by %.2f dB, worst %.2f dB; each MCS held out: median %.2f,\n"
             " * worst %.2f dB; without the fitted parameter: median %.2f, worst %.2f dB.\n",
             n, m[1], error[n - 1], m[2], held_out[n - 1], m[0], bare[n - 1]);
    printf("%s", summary);
    return table_write(argc > 1 ? argv[1] : "models/nr_harq_table.inc", repeat_db, summary) == 0
               ? 0
               : 1;
}
