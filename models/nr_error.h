/* nr_error.h - transport-block errors: from (MCS, size, SNR) to a probability.
 *
 * SNR is Es/N0 per resource element, AWGN. HARQ enters as a gain in dB after n transmissions
 * (incremental redundancy with RV 0,2,3,1, or chase combining), by modulation and code rate. The
 * parameters are fitted by tools/fit_bler.c and fit_harq.c to published link-level simulations and
 * ship as tables (models/nr_error_table.inc, nr_harq_table.inc); docs/models/radio-phy.md has the
 * form, the data and the errors.
 */
#ifndef MODELS_NR_ERROR_H
#define MODELS_NR_ERROR_H

#include <stdint.h>

enum nr_decoder {
    NR_DECODER_IT5,  /* 5 LDPC iterations: OpenAirInterface's default, the testbed */
    NR_DECODER_IT20, /* 20 iterations */
};

enum nr_combining { NR_COMBINING_IR, NR_COMBINING_CHASE };

/* What does not change from block to block: the SNR at which half of the blocks fail and how
 * steeply the curve falls, BLER = Q(slope (SNR - snr50)). Filled once per (MCS, size), used per
 * block. */
struct nr_error_curve {
    double snr50_db;
    double slope_per_db;
};

struct nr_error_curve nr_error_curve(enum nr_decoder decoder, int qm, int r_x10240,
                                     int32_t tbs_bits);

/* Block error probability at an effective SNR in dB, in [0, 1]. */
double nr_error_bler(struct nr_error_curve curve, double snr_db);

/* SNR in dB at which the block error probability is `bler` (0 < bler < 1): the inverse. */
double nr_error_snr_db(struct nr_error_curve curve, double bler);

/* Gain in dB of n_tx transmissions (1..) over one, by combining, modulation and code rate; 0 for
 * n_tx = 1. The modulation matters: at the same rate IR gains 4.3 dB with QPSK, 7 with 64QAM. */
double nr_harq_gain_db(enum nr_combining combining, int qm, int r_x10240, int n_tx);

/* What lies before the decoder. */
enum nr_receiver {
    NR_RECEIVER_IDEAL, /* perfect channel knowledge, exact soft bits */
    NR_RECEIVER_OAI,   /* OpenAirInterface's */
};

/* How much more SNR, in dB, a receiver needs for 10 % errors than its 5-iteration decoder alone.
 * OpenAirInterface's: the median over the MCS of a modulation of what its link simulation
 * (`oai_nr_awgn_siso`, channel estimation included) needs more than our model; suspect curves, MCS
 * 0, 2 and 25 to 28, left out. 256QAM, which it does not show, like 64QAM. */
double nr_receiver_loss_db(enum nr_receiver receiver, int qm);

/* Highest CQI of a table whose code rate and modulation would see a BLER of at most 0.1
 * (38.214 5.2.2.1) for a block of 12 x 13 x n_prb resource elements at this SNR. */
int nr_cqi_of_snr(enum nr_decoder decoder, int cqi_table, double snr_db, int n_prb);

/* Highest MCS of a table whose spectral efficiency does not exceed that of the CQI; 0, the most
 * robust, when all do (also for CQI 0); -1 for an unknown MCS table. */
int nr_mcs_of_cqi(int mcs_table, int cqi_table, int cqi);

/* Effective SNR of resource elements with different SNRs: mean mutual information per coded bit
 * over the n subbands (MIESM), in dB. With equal SNRs it is that SNR. */
double nr_effective_snr_db(int qm, const double *snr_db, int n);

/* The same with weights >= 0, of which one at least is positive. */
double nr_effective_snr_weighted_db(int qm, const double *snr_db, const double *weight, int n);

#endif
