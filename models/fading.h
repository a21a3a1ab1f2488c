/* fading.h - small-scale fading: power gain of the subbands of a carrier, as a random-access
 * function of how far the UE and its surroundings have moved.
 *
 * A link is FADING_RAYS plane waves of equal power with fixed random directions and phases
 * (Clarke's model, W. C. Jakes, "Microwave mobile communications", 1974), so that its
 * autocorrelation over a moved distance s is J0(2 pi s / wavelength). Their delays are the
 * quantiles of a tapped-delay-line profile of TR 38.901 clause 7.7.2, scaled to a delay spread, so
 * that subbands differ. With a line of sight one more ray carries K/(K + 1) of the power
 * (clause 7.7.6); its Doppler shift is 0.7 of the largest (clause 7.7.2). The mean gain is 1.
 */
#ifndef MODELS_FADING_H
#define MODELS_FADING_H

#include <stdbool.h>
#include <stdint.h>

#define FADING_RAYS     32
#define FADING_SUBBANDS 16

/* What the links of a kind share. */
struct fading_profile {
    int subbands; /* 1..FADING_SUBBANDS */
    double k;     /* Ricean K as a ratio; 0: no line of sight */
    double delay_s[FADING_RAYS];
    double first[FADING_RAYS]; /* cycles that a ray lags at the first subband */
    double turn_re[FADING_RAYS], turn_im[FADING_RAYS]; /* and how it turns to the next */
};

/* A carrier in `subbands` equal parts. `los`: profile TDL-D with Ricean `k`, else TDL-C; scaled so
 * that the whole has the delay spread (0: all subbands are alike). */
void fading_profile_init(struct fading_profile *p, bool los, double k, double delay_spread_s,
                         int subbands, double carrier_hz);

/* A link's luck. */
struct fading {
    double along[FADING_RAYS];  /* cycles per wavelength that the UE moves */
    double around[FADING_RAYS]; /* cycles per wavelength that its surroundings move */
    double phase[FADING_RAYS];  /* cycles */
    double los_phase;
};

/* `entity` < 2^24. */
void fading_init(struct fading *f, uint64_t seed, uint32_t entity, uint64_t index);

/* Power gains of the profile's subbands after the UE has moved `moved` wavelengths and its
 * surroundings `around`. */
void fading_gain(const struct fading *f, const struct fading_profile *p, double moved,
                 double around, double *gain);

#endif
