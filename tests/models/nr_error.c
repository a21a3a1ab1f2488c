/* nr_error.c - pins the block-error model: the mutual information under it, the published curves
 * and HARQ gains that it was fitted to, and what any such model must obey (order, limits, means).
 * Does not pin the fitted numbers themselves, nor the held-out errors (tools/fit_bler.c prints
 * those). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "models/nr_error.h"
#include "models/nr_mi.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"

static void within(double value, double expected, double distance)
{
    if (!(fabs(value - expected) <= distance)) {
        fail_msg("%.9g is not within %g of %.9g", value, distance, expected);
    }
}

static FILE *data_open(const char *name)
{
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/nr/%s", folder != NULL ? folder : "../shared/data", name);
    return fopen(path, "r");
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

static struct nr_error_curve curve_of(enum nr_decoder decoder, struct nr_mcs mcs, int n_prb)
{
    struct nr_tbs_input in = {.qm = mcs.qm,
                              .r_x10240 = mcs.r_x10240,
                              .n_prb = n_prb,
                              .n_symbols = 13,
                              .dmrs_re_per_prb = 12,
                              .layers = 1};
    return nr_error_curve(decoder, mcs.qm, mcs.r_x10240, nr_tbs_bits(&in));
}

/* --- Mutual information ----------------------------------------------------------------------- */

static void test_mutual_information(void **state)
{
    (void)state;
    /* The Shannon limit of rate-1/2 BPSK, Eb/N0 = 0.187 dB, is Es/N0 of QPSK with I = 1/2. */
    within(nr_mi_snr_db(2, nr_mi_of_bits(0.5)), 0.187, 0.002);
    for (int qm = 2; qm <= 8; qm += 2) {
        double before = -HUGE_VAL;
        for (double snr_db = -40.0; snr_db <= 70.0; snr_db += 0.37) {
            double u = nr_mi(qm, snr_db);
            assert_true(u > before);
            before = u;
            within(nr_mi_snr_db(qm, u), snr_db, 1e-9);
            /* Never above the capacity of the Gaussian channel (1 %: beyond the table's end). */
            assert_true(qm * nr_mi_bits(u) <= log2(1.0 + ratio_of_db(snr_db)) * 1.01);
        }
        /* The slope is that of the information, but for the table's pieces. */
        double numeric = (nr_mi_bits(nr_mi(qm, 9.5)) - nr_mi_bits(nr_mi(qm, 8.5)));
        within(nr_mi_slope(qm, 9.0), numeric, 0.02 * numeric + 1e-4);
    }
    /* More bits per symbol carry more in all and less each. */
    for (double snr_db = 0.0; snr_db <= 25.0; snr_db += 2.5) {
        for (int qm = 2; qm <= 6; qm += 2) {
            assert_true(nr_mi(qm, snr_db) > nr_mi(qm + 2, snr_db));
        }
    }
}

/* Monte-Carlo-free check of the integration: 16QAM's outer and inner bits at 10 dB by a Riemann
 * sum with another grid and another formula, I = 1 - H(b|y). */
static void test_mutual_information_of_16qam(void **state)
{
    (void)state;
    double amplitude[4] = {1.0, 3.0, -1.0, -3.0}; /* labels 00 01 10 11 of 38.211 5.1.4 */
    double sigma = sqrt(5.0 / 10.0);              /* mean power 5 at 10 dB */
    double info = 0.0;
    double dy = 1e-3;
    for (double y = -12.0; y < 12.0; y += dy) {
        double p[4];
        double sum = 0.0;
        for (int k = 0; k < 4; k++) {
            double z = (y - amplitude[k]) / sigma;
            p[k] = 0.25 * exp(-0.5 * z * z) / (sigma * sqrt(2.0 * M_PI));
            sum += p[k];
        }
        for (int bit = 0; bit < 2 && sum > 0.0; bit++) {
            double one = 0.0;
            for (int k = 0; k < 4; k++) {
                one += (k >> bit & 1) ? p[k] / sum : 0.0;
            }
            double entropy = 0.0;
            entropy -= one > 0.0 ? one * log2(one) : 0.0;
            entropy -= one < 1.0 ? (1.0 - one) * log2(1.0 - one) : 0.0;
            info += 0.5 * (1.0 - entropy) * sum * dy;
        }
    }
    within(nr_mi_bits(nr_mi(4, 10.0)), info, 1e-5);
}

static void test_effective_snr(void **state)
{
    (void)state;
    for (int qm = 2; qm <= 8; qm += 2) {
        /* Equal SNRs are a fixed point, also where a bit lacks next to nothing. */
        for (double snr_db = -60.0; snr_db <= 60.0; snr_db += 7.3) {
            double same[5] = {snr_db, snr_db, snr_db, snr_db, snr_db};
            within(nr_effective_snr_db(qm, same, 5), snr_db, 1e-6);
            within(nr_effective_snr_db(qm, same, 1), snr_db, 1e-6);
        }
        for (double spread = 1.0; spread <= 20.0; spread += 3.0) {
            double snr_db[4] = {12.0 - spread, 12.0 - spread / 3.0, 12.0 + spread / 3.0,
                                12.0 + spread};
            double effective = nr_effective_snr_db(qm, snr_db, 4);
            assert_true(effective > snr_db[0] && effective < snr_db[3]);
            double linear = 0.0;
            for (int i = 0; i < 4; i++) {
                linear += ratio_of_db(snr_db[i]) / 4.0;
            }
            /* Information is concave in SNR: uneven is worse than even. */
            assert_true(effective < db_of_ratio(linear));
            /* Raising one raises the whole; the order does not matter. */
            double raised[4] = {snr_db[3], snr_db[1], snr_db[2], snr_db[0] + 0.5};
            assert_true(nr_effective_snr_db(qm, raised, 4) > effective);
            double turned[4] = {snr_db[3], snr_db[1], snr_db[2], snr_db[0]};
            within(nr_effective_snr_db(qm, turned, 4), effective, 1e-9);
        }
    }
    /* Half of the block erased: QPSK at I = 1/2 where the rest is perfect. */
    double half[2] = {-200.0, 60.0};
    within(nr_effective_snr_db(2, half, 2), 0.187, 0.01);
    double none[2] = {-INFINITY, -INFINITY};
    assert_true(nr_effective_snr_db(2, none, 2) == -INFINITY);
}

/* --- Block errors ----------------------------------------------------------------------------- */

/* SNR at 10 % on the straight line in z = Q^-1(BLER) between two measured points. */
static double z_of(double bler)
{
    struct nr_error_curve unit = {.snr50_db = 0.0, .slope_per_db = 1.0};
    return nr_error_snr_db(unit, fmin(fmax(bler, 1.0 / 3000.0), 1.0 - 1.0 / 3000.0));
}

struct published {
    int table, mcs, tbs_bits, n;
    double snr_db[64], bler[64];
};

static double published_tenth(const struct published *c)
{
    for (int k = 0; k + 1 < c->n; k++) {
        if (c->bler[k] >= 0.1 && c->bler[k + 1] < 0.1) {
            double part =
                (z_of(0.1) - z_of(c->bler[k])) / (z_of(c->bler[k + 1]) - z_of(c->bler[k]));
            return c->snr_db[k] + part * (c->snr_db[k + 1] - c->snr_db[k]);
        }
    }
    return NAN;
}

/* Slope of z per dB by least squares over the points between 0.02 and 0.9; NAN below four. */
static double published_slope(const struct published *c)
{
    double n = 0, sx = 0, sz = 0, sxx = 0, sxz = 0;
    for (int k = 0; k < c->n; k++) {
        if (c->bler[k] > 0.02 && c->bler[k] < 0.9) {
            n += 1;
            sx += c->snr_db[k];
            sz += z_of(c->bler[k]);
            sxx += c->snr_db[k] * c->snr_db[k];
            sxz += c->snr_db[k] * z_of(c->bler[k]);
        }
    }
    return n >= 4 ? (n * sxz - sx * sz) / (n * sxx - sx * sx) : NAN;
}

static int published_read(FILE *in, const char *wanted, struct published *curves, int room)
{
    char line[256];
    int n = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        char source[64];
        int table, mcs, bits;
        double snr_db, bler;
        if (sscanf(line, "%63[^,],%d,%d,%d,%lf,%lf", source, &table, &mcs, &bits, &snr_db, &bler) !=
                6 ||
            strcmp(source, wanted) != 0) {
            continue;
        }
        struct published *c = n > 0 ? &curves[n - 1] : NULL;
        if (c == NULL || c->table != table || c->mcs != mcs || c->tbs_bits != bits) {
            assert_true(n < room);
            c = &curves[n++];
            *c = (struct published){.table = table, .mcs = mcs, .tbs_bits = bits};
        }
        assert_true(c->n < 64);
        c->snr_db[c->n] = snr_db;
        c->bler[c->n++] = bler;
    }
    return n;
}

static void published_compare(const char *source, enum nr_decoder decoder, int expected)
{
    FILE *in = data_open("bler_curves.csv");
    if (in == NULL) {
        skip();
        return;
    }
    static struct published curves[64];
    int n = published_read(in, source, curves, 64);
    fclose(in);
    assert_int_equal(n, expected);
    double error[64];
    for (int i = 0; i < n; i++) {
        const struct published *c = &curves[i];
        struct nr_mcs mcs = nr_mcs(c->table, c->mcs);
        struct nr_error_curve fit = nr_error_curve(decoder, mcs.qm, mcs.r_x10240, c->tbs_bits);
        error[i] = fabs(nr_error_snr_db(fit, 0.1) - published_tenth(c));
        double slope = published_slope(c);
        if (!isnan(slope)) {
            within(fit.slope_per_db / slope, 1.0, 0.25);
        }
    }
    assert_true(middle(error, n) < 0.12);
    assert_true(error[n - 1] < 0.3);
}

static void test_published_curves_it5(void **state)
{
    (void)state;
    published_compare("ldpc_sim_awgn_it5", NR_DECODER_IT5, 15);
}

static void test_published_curves_it20(void **state)
{
    (void)state;
    published_compare("ldpc_sim_awgn", NR_DECODER_IT20, 49);
}

/* SNR at 10 % of some of these curves, for machines without the data. */
static void test_some_published_points(void **state)
{
    (void)state;
    static const struct {
        enum nr_decoder decoder;
        int table, mcs, tbs_bits;
        double snr10_db;
    } points[] = {
        {NR_DECODER_IT5, 1, 0, 1736, -4.62},    {NR_DECODER_IT5, 1, 8, 8456, 3.37},
        {NR_DECODER_IT5, 1, 16, 18432, 9.77},   {NR_DECODER_IT5, 1, 22, 28168, 14.93},
        {NR_DECODER_IT5, 1, 28, 39936, 20.14},  {NR_DECODER_IT20, 1, 0, 128, -5.54},
        {NR_DECODER_IT20, 1, 10, 1928, 3.30},   {NR_DECODER_IT20, 1, 28, 39936, 19.36},
        {NR_DECODER_IT20, 2, 26, 51216, 23.84},
    };
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        struct nr_mcs mcs = nr_mcs(points[i].table, points[i].mcs);
        within(
            nr_error_snr_db(
                nr_error_curve(points[i].decoder, mcs.qm, mcs.r_x10240, points[i].tbs_bits), 0.1),
            points[i].snr10_db, 0.3);
    }
}

static void test_curve_and_inverse(void **state)
{
    (void)state;
    struct nr_error_curve curve = curve_of(NR_DECODER_IT5, nr_mcs(1, 15), 20);
    within(nr_error_bler(curve, curve.snr50_db), 0.5, 1e-12);
    double before = 1.0;
    for (double snr_db = -20.0; snr_db <= 40.0; snr_db += 0.05) {
        double bler = nr_error_bler(curve, snr_db);
        assert_true(bler <= before && bler >= 0.0);
        before = bler;
    }
    within(nr_error_bler(curve, -100.0), 1.0, 0.0);
    assert_true(nr_error_bler(curve, 100.0) < 1e-12);
    for (double bler = 0.001; bler < 1.0; bler += 0.0333) {
        within(nr_error_bler(curve, nr_error_snr_db(curve, bler)), bler, 1e-9);
    }
}

/* Orders that hold whatever the numbers are. */
static void test_order_of_curves(void **state)
{
    (void)state;
    static const int prbs[] = {1, 4, 10, 50, 106, 273};
    for (int d = NR_DECODER_IT5; d <= NR_DECODER_IT20; d++) {
        for (int table = 1; table <= 3; table++) {
            for (size_t p = 0; p < sizeof prbs / sizeof *prbs; p++) {
                for (int mcs = 0; mcs <= nr_mcs_max(table); mcs++) {
                    struct nr_mcs row = nr_mcs(table, mcs);
                    struct nr_error_curve curve = curve_of((enum nr_decoder)d, row, prbs[p]);
                    double tenth = nr_error_snr_db(curve, 0.1);
                    assert_true(isfinite(tenth) && curve.slope_per_db > 0.0);
                    /* No MCS does with less than the capacity of the Gaussian channel. */
                    double limit = db_of_ratio(exp2(row.qm * row.r_x10240 / 10240.0) - 1.0);
                    assert_true(tenth > limit);
                    assert_true(tenth < limit + 7.0);
                    /* A higher MCS needs more SNR (few-PRB blocks are of too coarse sizes). */
                    if (mcs > 0 && prbs[p] >= 10) {
                        struct nr_error_curve below =
                            curve_of((enum nr_decoder)d, nr_mcs(table, mcs - 1), prbs[p]);
                        assert_true(tenth > nr_error_snr_db(below, 0.1));
                    }
                    /* Fewer iterations need more. */
                    if (d == NR_DECODER_IT5) {
                        struct nr_error_curve better = curve_of(NR_DECODER_IT20, row, prbs[p]);
                        assert_true(tenth > nr_error_snr_db(better, 0.1));
                    }
                }
            }
        }
    }
    /* Larger blocks fall more steeply. */
    for (int mcs = 0; mcs <= 28; mcs++) {
        assert_true(curve_of(NR_DECODER_IT5, nr_mcs(1, mcs), 100).slope_per_db >
                    2.0 * curve_of(NR_DECODER_IT5, nr_mcs(1, mcs), 4).slope_per_db);
    }
    /* A block that is all CRC is finite, too. */
    struct nr_error_curve tiny = nr_error_curve(NR_DECODER_IT5, 6, 9480, 24);
    assert_true(isfinite(tiny.snr50_db) && isfinite(tiny.slope_per_db));
}

/* --- HARQ ------------------------------------------------------------------------------------- */

static void test_published_harq_gains(void **state)
{
    (void)state;
    FILE *in = data_open("harq_gain.csv");
    if (in == NULL) {
        skip();
        return;
    }
    char line[256];
    double error[64];
    int n = 0;
    while (fgets(line, sizeof line, in) != NULL && n < 64) {
        int table, mcs, n_tx;
        char mode[32];
        double snr_db, gain_db;
        if (sscanf(line, "%d,%d,%31[^,],%d,%lf,%lf", &table, &mcs, mode, &n_tx, &snr_db,
                   &gain_db) != 6) {
            continue;
        }
        struct nr_mcs row = nr_mcs(table, mcs);
        bool chase = strcmp(mode, "chase") == 0;
        error[n++] = fabs(nr_harq_gain_db(chase ? NR_COMBINING_CHASE : NR_COMBINING_IR, row.qm,
                                          row.r_x10240, n_tx) -
                          gain_db);
    }
    fclose(in);
    assert_int_equal(n, 48);
    assert_true(middle(error, n) < 0.1);
    assert_true(error[n - 1] < 0.5);
}

static void test_some_harq_gains(void **state)
{
    (void)state;
    within(nr_harq_gain_db(NR_COMBINING_IR, 2, 1200, 2), 3.01, 0.3);
    within(nr_harq_gain_db(NR_COMBINING_IR, 2, 6790, 2), 4.27, 0.4);
    within(nr_harq_gain_db(NR_COMBINING_IR, 6, 7190, 4), 11.72, 0.4);
    within(nr_harq_gain_db(NR_COMBINING_IR, 6, 9480, 3), 12.36, 0.4);
    within(nr_harq_gain_db(NR_COMBINING_CHASE, 6, 4380, 4), 6.53, 0.4);
}

static void test_harq_gain_grows(void **state)
{
    (void)state;
    for (int c = NR_COMBINING_IR; c <= NR_COMBINING_CHASE; c++) {
        for (int qm = 2; qm <= 8; qm += 2) {
            for (int r = 300; r <= 9480; r += 90) {
                assert_true(nr_harq_gain_db((enum nr_combining)c, qm, r, 1) == 0.0);
                for (int n = 2; n <= 12; n++) {
                    double gain = nr_harq_gain_db((enum nr_combining)c, qm, r, n);
                    double before = nr_harq_gain_db((enum nr_combining)c, qm, r, n - 1);
                    assert_true(gain > before);
                    /* At least the power of the new copy. */
                    assert_true(gain - before > db_of_ratio((double)n / (n - 1)) - 0.3);
                }
            }
        }
    }
    /* New parity bits beat copies wherever the mother code has some left. */
    for (int qm = 2; qm <= 8; qm += 2) {
        for (int r = 4000; r <= 9480; r += 90) {
            assert_true(nr_harq_gain_db(NR_COMBINING_IR, qm, r, 2) >
                        nr_harq_gain_db(NR_COMBINING_CHASE, qm, r, 2));
        }
    }
    within(nr_harq_gain_db(NR_COMBINING_CHASE, 2, 6790, 4), db_of_ratio(4.0), 1e-12);
}

/* --- CQI and MCS ------------------------------------------------------------------------------ */

static void test_cqi_of_snr(void **state)
{
    (void)state;
    for (int table = 1; table <= 3; table++) {
        for (int d = NR_DECODER_IT5; d <= NR_DECODER_IT20; d++) {
            assert_int_equal(nr_cqi_of_snr((enum nr_decoder)d, table, -30.0, 106), 0);
            assert_int_equal(nr_cqi_of_snr((enum nr_decoder)d, table, 40.0, 106), 15);
            int before = 0;
            for (double snr_db = -30.0; snr_db < 40.0; snr_db += 0.1) {
                int cqi = nr_cqi_of_snr((enum nr_decoder)d, table, snr_db, 106);
                assert_true(cqi >= before);
                before = cqi;
            }
        }
    }
    /* The CQI named can be sent, the next one cannot. */
    int cqi = nr_cqi_of_snr(NR_DECODER_IT5, 1, 15.0, 50);
    for (int i = 0; i < 2; i++) {
        struct nr_mcs row = nr_cqi(1, cqi + i);
        struct nr_tbs_input in = {
            .qm = row.qm, .r_x10240 = row.r_x10240, .n_prb = 50, .n_symbols = 13, .layers = 1};
        struct nr_error_curve curve =
            nr_error_curve(NR_DECODER_IT5, row.qm, row.r_x10240, nr_tbs_bits(&in));
        assert_true((nr_error_bler(curve, 15.0) <= 0.1) == (i == 0));
    }
    assert_int_equal(nr_cqi_of_snr(NR_DECODER_IT5, 9, 15.0, 50), 0);
    assert_int_equal(nr_cqi_of_snr(NR_DECODER_IT5, 1, 15.0, 0), 0);
}

static void test_mcs_of_cqi(void **state)
{
    (void)state;
    /* Entries that both tables of 38.214 have. */
    assert_int_equal(nr_mcs_of_cqi(1, 1, 15), 28);
    assert_int_equal(nr_mcs_of_cqi(2, 2, 15), 27);
    assert_int_equal(nr_mcs_of_cqi(1, 1, 7), 11);
    assert_int_equal(nr_mcs_of_cqi(1, 1, 2), 0);
    /* MCS 17 has the lower efficiency (2.5664) than MCS 16 (2.5703): CQI 9 (2.4062) is MCS 15. */
    assert_int_equal(nr_mcs_of_cqi(1, 1, 9), 15);
    assert_int_equal(nr_mcs_of_cqi(1, 1, 10), 18);
    /* Between tables: 256QAM CQI 12 (5.5547) is the last of the 64QAM table. */
    assert_int_equal(nr_mcs_of_cqi(1, 2, 12), 28);
    assert_int_equal(nr_mcs_of_cqi(1, 2, 15), 28);
    /* Nothing fits: the most robust. No table: -1. */
    assert_int_equal(nr_mcs_of_cqi(1, 1, 1), 0);
    assert_int_equal(nr_mcs_of_cqi(1, 1, 0), 0);
    assert_int_equal(nr_mcs_of_cqi(4, 1, 5), -1);
}

/* OpenAirInterface's receiver: the medians over its link simulation's curves. */
static double snr_at_tenth(FILE *f, int mcs, int *tbs_bits)
{
    char line[256];
    double last_snr = 0.0;
    double last_bler = 0.0;
    rewind(f);
    while (fgets(line, sizeof line, f) != NULL) {
        int table;
        int m;
        double snr;
        double bler;
        if (sscanf(line, "oai_nr_awgn_siso,%d,%d,%d,%lf,%lf", &table, &m, tbs_bits, &snr, &bler) !=
                5 ||
            m != mcs) {
            continue;
        }
        if (last_bler >= 0.1 && bler < 0.1) {
            return snr - (snr - last_snr) * (0.1 - bler) / (last_bler - bler);
        }
        last_snr = snr;
        last_bler = bler;
    }
    fail_msg("no curve of MCS %d", mcs);
    return 0.0;
}

static void test_receiver_loss(void **state)
{
    (void)state;
    assert_float_equal(nr_receiver_loss_db(NR_RECEIVER_IDEAL, 4), 0.0, 0.0);
    FILE *f = data_open("bler_curves.csv");
    if (f == NULL) {
        print_message("skip: no nr/bler_curves.csv\n");
        skip();
    }
    static const struct {
        int qm, first, last;
    } rows[] = {{2, 3, 9}, {4, 10, 16}, {6, 17, 24}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double loss[8];
        int n = 0;
        for (int mcs = rows[i].first; mcs <= rows[i].last; mcs++) {
            int bits = 0;
            double snr = snr_at_tenth(f, mcs, &bits);
            struct nr_mcs m = nr_mcs(1, mcs);
            struct nr_error_curve c = nr_error_curve(NR_DECODER_IT5, m.qm, m.r_x10240, bits);
            loss[n++] = snr - nr_error_snr_db(c, 0.1);
        }
        qsort(loss, (size_t)n, sizeof *loss, by_value);
        within(nr_receiver_loss_db(NR_RECEIVER_OAI, rows[i].qm),
               (loss[(n - 1) / 2] + loss[n / 2]) / 2.0, 0.03);
    }
    fclose(f);
}

int test_nr_error(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mutual_information),
        cmocka_unit_test(test_mutual_information_of_16qam),
        cmocka_unit_test(test_effective_snr),
        cmocka_unit_test(test_published_curves_it5),
        cmocka_unit_test(test_published_curves_it20),
        cmocka_unit_test(test_some_published_points),
        cmocka_unit_test(test_curve_and_inverse),
        cmocka_unit_test(test_order_of_curves),
        cmocka_unit_test(test_published_harq_gains),
        cmocka_unit_test(test_some_harq_gains),
        cmocka_unit_test(test_harq_gain_grows),
        cmocka_unit_test(test_receiver_loss),
        cmocka_unit_test(test_cqi_of_snr),
        cmocka_unit_test(test_mcs_of_cqi),
    };
    return cmocka_run_group_tests_name("nr_error", tests, NULL, NULL);
}
