/* nr_phase.h - what a phone's transmitter costs a PUSCH block: frequency error, modulation error
 * and power steps.
 *
 * A phone's carrier may be off by 0.1 ppm of the cell's (38.101-1 6.4.1), 362 Hz at 3.62 GHz. That
 * turns the constellation by 2 pi f T per OFDM symbol of T seconds. A receiver that equalises each
 * symbol with the channel estimate of the last DMRS symbol at or before it, and does not estimate
 * f, takes the turn since that DMRS for noise: OpenAirInterface's gNB (dmrs_nr.c,
 * get_valid_dmrs_idx_for_channel_est: "find previous DMRS symbol"). The measured SNR, signal over
 * noise at the DMRS themselves, does not show it.
 *
 * DMRS: one symbol each, PUSCH mapping type B with two additional positions (38.211 table
 * 6.4.1.1.3-3, pos2), what OpenAirInterface configures.
 */
#ifndef MODELS_NR_PHASE_H
#define MODELS_NR_PHASE_H

enum { NR_PHASE_LAGS = 14 };

/* The data resource elements of a slot, by how many symbols lie between them and their DMRS. */
struct nr_phase {
    int n;
    double share[NR_PHASE_LAGS]; /* resource elements per PRB with this lag */
    double noise[NR_PHASE_LAGS]; /* power of the error vector over that of the symbol */
};

/* For a PUSCH of `symbols` (1 to 14) of which DMRS take `dmrs_re` resource elements per PRB, evenly
 * over the DMRS symbols; what these leave free of their symbols carries data. `turn` is the angle
 * in radians that the carrier error makes in one symbol. */
void nr_phase_init(struct nr_phase *p, int symbols, int dmrs_re, double turn);

/* Effective SNR in dB (mean mutual information over the lags) of a block whose resource elements
 * all have `snr_db` before the turn. Never above `snr_db`; equal to it without turn. The error
 * vector is taken for Gaussian noise: SINR = 1 / (1/SNR + |exp(j lag turn) - 1|^2). */
double nr_phase_snr_db(const struct nr_phase *p, int qm, double snr_db);

/* Error vector magnitude, as a fraction, that a phone may have at most: 38.101-1 table 6.4.2.1-1.
 * It is noise that comes and goes with the signal: an SNR whose noise was measured on empty
 * resource blocks, as OpenAirInterface does (gNB_I0_measurements), does not show it. */
double nr_evm_limit(int qm);

/* dB by which a phone may miss a step of `step_db` (>= 0) in the power of its PUSCH and still meet
 * 38.101-1 table 6.3.4.3-1 (relative power tolerance; gaps of at most 20 ms, which the idle grants
 * of the testbed keep). At most the step itself: a wider grant is not sent with less power. The
 * rows of that table are from memory: no copy was at hand to compare them with. */
double nr_power_step_limit_db(double step_db);

/* An SNR in dB after noise of `evm` squared times the signal has been added. */
double nr_evm_snr_db(double evm, double snr_db);

#endif
