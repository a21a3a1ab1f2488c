/* nr_error_form.h - the form of the block-error model with its parameters as an argument.
 *
 * For the programs that fit it (tools/fit_bler.c, tools/fit_harq.c); everyone else uses
 * nr_error.h, which has the fitted parameters inside.
 */
#ifndef MODELS_NR_ERROR_FORM_H
#define MODELS_NR_ERROR_FORM_H

#include "models/nr_error.h"

/* A code block of K bits in G coded bits (rate R = K/G, CRCs included) fails with probability
 * Q((snr - median) / width), both in dB:
 *   median = SNR(I = R) + gap(R) + [it5] it5_information R(1-R) / I'
 *   width  = dispersion sqrt(R(1-R) / G) / I'                 (times it5_dispersion with 5 it.)
 * SNR(I) inverts the mutual information per coded bit, I' is its slope per dB there. */
struct nr_error_form {
    double gap_db[3];       /* gap(R) = gap_db[0] + gap_db[1] R + gap_db[2] R^2 */
    double dispersion;      /* sqrt of the channel dispersion over R(1-R), bits */
    double it5_information; /* what 5 iterations want on top, per coded bit, over R(1-R) */
    double it5_dispersion;  /* ratio of widths, 5 over 20 iterations */
};

/* The fitted parameters that nr_error.h uses. */
extern const struct nr_error_form nr_error_fitted;

/* SNR in dB at which half of the code blocks of rate `rate` fail. */
double nr_error_form_median_db(const struct nr_error_form *form, enum nr_decoder decoder, int qm,
                               double rate);

/* nr_error_curve() with these parameters. */
struct nr_error_curve nr_error_form_curve(const struct nr_error_form *form, enum nr_decoder decoder,
                                          int qm, int r_x10240, int32_t tbs_bits);

#endif
