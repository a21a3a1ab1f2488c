/* nr_mi.h - mutual information per coded bit of the NR modulations in AWGN, and its inverse.
 *
 * Information I is told as u = ln(-ln(1 - I)), I in (0, 1): exact at both ends (a bit that lacks
 * 1e-200 of its information still has a number) and nearly linear in dB. The table is computed by
 * tools/fit_mi.c; straight lines stand between its points and continue beyond its ends.
 */
#ifndef MODELS_NR_MI_H
#define MODELS_NR_MI_H

/* u at an SNR (Es/N0 per resource element). qm is 2, 4, 6 or 8. */
double nr_mi(int qm, double snr_db);

/* Information per coded bit and dB at an SNR: the slope of nr_mi_bits(nr_mi(qm, snr_db)), taken
 * over one dB so that the pieces of the table do not show. */
double nr_mi_slope(int qm, double snr_db);

/* SNR in dB at which a coded bit has the information of u. */
double nr_mi_snr_db(int qm, double u);

/* Information 0..1 of u, and back. */
double nr_mi_bits(double u);
double nr_mi_of_bits(double bits);

#endif
