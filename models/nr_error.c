/* nr_error.c - block errors from mutual information and the normal approximation.
 *
 * Form, data and errors: docs/models/radio-phy.md. The shape is the finite-blocklength normal
 * approximation (Polyanskiy, Poor, Verdu, "Channel coding rate in the finite blocklength regime",
 * IEEE Trans. Inf. Theory 56(5), 2010, eq. 223) in dB: a code block fails when the information
 * that its coded bits happened to collect is short of what the decoder needs.
 */
#include "models/nr_error.h"

#include <gsl/gsl_cdf.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "models/nr_error_form.h"
#include "models/nr_mi.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"

#include "models/nr_error_table.inc"
#include "models/nr_harq_table.inc"

/* A block whose CRC leaves next to no redundancy still gets a finite threshold. */
static const double highest_rate = 0.98;

static const double z_tenth = 1.2815515655446004; /* Q(z) = 0.1 */

/* Median of a code block, and the information slope there. */
static double code_block_median(const struct nr_error_form *form, enum nr_decoder decoder, int qm,
                                double rate, double *slope)
{
    double limit_db = nr_mi_snr_db(qm, nr_mi_of_bits(rate));
    double gap_db = form->gap_db[0] + rate * (form->gap_db[1] + rate * form->gap_db[2]);
    *slope = nr_mi_slope(qm, limit_db);
    if (decoder == NR_DECODER_IT5) {
        gap_db += form->it5_information * rate * (1.0 - rate) / *slope;
    }
    return limit_db + gap_db;
}

double nr_error_form_median_db(const struct nr_error_form *form, enum nr_decoder decoder, int qm,
                               double rate)
{
    double slope;
    return code_block_median(form, decoder, qm, fmin(rate, highest_rate), &slope);
}

struct nr_error_curve nr_error_form_curve(const struct nr_error_form *form, enum nr_decoder decoder,
                                          int qm, int r_x10240, int32_t tbs_bits)
{
    int blocks = nr_code_blocks(tbs_bits, r_x10240);
    double crc_bits = nr_crc_bits(tbs_bits) + (blocks > 1 ? 24.0 * blocks : 0.0);
    double coded_bits = nr_tbs_info_bits(tbs_bits) * 10240.0 / r_x10240;
    double rate = fmin((tbs_bits + crc_bits) / coded_bits, highest_rate);
    double slope;
    double median_db = code_block_median(form, decoder, qm, rate, &slope);
    double width_db = form->dispersion * sqrt(rate * (1.0 - rate) * blocks / coded_bits) / slope *
                      (decoder == NR_DECODER_IT5 ? form->it5_dispersion : 1.0);
    /* A transport block needs all its code blocks: 1 - (1 - Q(z))^C. Its curve is again close to
     * a normal one; ours goes through its 50 % and 10 % points. */
    double z_half = 0.0;
    double z_low = z_tenth;
    if (blocks > 1) {
        z_half = gsl_cdf_ugaussian_Qinv(-expm1(-M_LN2 / blocks));
        z_low = gsl_cdf_ugaussian_Qinv(-expm1(-0.10536051565782628 / blocks)); /* -ln 0.9 */
    }
    return (struct nr_error_curve){
        .snr50_db = median_db + width_db * z_half,
        .slope_per_db = z_tenth / (width_db * (z_low - z_half)),
    };
}

struct nr_error_curve nr_error_curve(enum nr_decoder decoder, int qm, int r_x10240,
                                     int32_t tbs_bits)
{
    return nr_error_form_curve(&nr_error_fitted, decoder, qm, r_x10240, tbs_bits);
}

double nr_error_bler(struct nr_error_curve curve, double snr_db)
{
    return 0.5 * erfc(M_SQRT1_2 * curve.slope_per_db * (snr_db - curve.snr50_db));
}

double nr_error_snr_db(struct nr_error_curve curve, double bler)
{
    return curve.snr50_db + gsl_cdf_ugaussian_Qinv(bler) / curve.slope_per_db;
}

double nr_harq_gain_db(enum nr_combining combining, int qm, int r_x10240, int n_tx)
{
    if (n_tx <= 1) {
        return 0.0;
    }
    if (combining == NR_COMBINING_CHASE) {
        /* Every bit n times: the power adds up. */
        return 10.0 * log10(n_tx) + NR_HARQ_REPEAT_DB * (qm - 2) / 4.0 * (1.0 - 1.0 / n_tx);
    }
    int tx = n_tx > NR_HARQ_TX ? NR_HARQ_TX : n_tx;
    int row = qm <= 2 ? 0 : qm >= 8 ? 3 : qm / 2 - 1;
    double x = (r_x10240 / 10240.0 - NR_HARQ_FIRST_RATE) * NR_HARQ_PER_RATE;
    x = fmax(0.0, fmin(x, NR_HARQ_RATES - 1));
    int i = x >= NR_HARQ_RATES - 2 ? NR_HARQ_RATES - 2 : (int)x;
    double low = nr_harq_table[row][i][tx - 2];
    double high = nr_harq_table[row][i + 1][tx - 2];
    /* Beyond the table the whole circular buffer has been sent: only power is left to gain. */
    return low + (high - low) * (x - i) + 10.0 * log10((double)n_tx / tx);
}

double nr_receiver_loss_db(enum nr_receiver receiver, int qm)
{
    if (receiver == NR_RECEIVER_IDEAL) {
        return 0.0;
    }
    return qm <= 2 ? 0.88 : qm == 4 ? 1.45 : 1.21;
}

int nr_cqi_of_snr(enum nr_decoder decoder, int cqi_table, double snr_db, int n_prb)
{
    for (int cqi = 15; cqi >= 1; cqi--) {
        struct nr_mcs row = nr_cqi(cqi_table, cqi);
        struct nr_tbs_input block = {
            .qm = row.qm, .r_x10240 = row.r_x10240, .n_prb = n_prb, .n_symbols = 13, .layers = 1};
        int32_t tbs_bits = nr_tbs_bits(&block);
        if (tbs_bits == 0) {
            break;
        }
        struct nr_error_curve curve = nr_error_curve(decoder, row.qm, row.r_x10240, tbs_bits);
        if (nr_error_bler(curve, snr_db) <= 0.1) {
            return cqi;
        }
    }
    return 0;
}

int nr_mcs_of_cqi(int mcs_table, int cqi_table, int cqi)
{
    struct nr_mcs seen = nr_cqi(cqi_table, cqi);
    int mcs = nr_mcs_max(mcs_table);
    while (mcs > 0) {
        struct nr_mcs row = nr_mcs(mcs_table, mcs);
        if (row.qm * row.r_x10240 <= seen.qm * seen.r_x10240) {
            break;
        }
        mcs--;
    }
    return mcs;
}

/* `weight` NULL: all 1. */
static double effective_snr_db(int qm, const double *snr_db, const double *weight, int n)
{
    /* Mean of the loss 1 - I = exp(-exp(u)), relative to the largest so that none underflows. */
    double least = HUGE_VAL;
    for (int i = 0; i < n; i++) {
        if (weight == NULL || weight[i] > 0.0) {
            least = fmin(least, snr_db[i]);
        }
    }
    double largest = -exp(nr_mi(qm, least)); /* ln of the largest loss */
    if (!isfinite(largest)) {
        return least;
    }
    double sum = 0.0;
    double total = 0.0;
    for (int i = 0; i < n; i++) {
        double w = weight == NULL ? 1.0 : weight[i];
        sum += w * expm1(-exp(nr_mi(qm, snr_db[i])) - largest);
        total += w;
    }
    return nr_mi_snr_db(qm, log(-(largest + log1p(sum / total))));
}

double nr_effective_snr_db(int qm, const double *snr_db, int n)
{
    return effective_snr_db(qm, snr_db, NULL, n);
}

double nr_effective_snr_weighted_db(int qm, const double *snr_db, const double *weight, int n)
{
    return effective_snr_db(qm, snr_db, weight, n);
}
