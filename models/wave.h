/* wave.h - the cosine of many phases, counted in cycles.
 *
 * For sums of plane waves (propagation.c, fading.c): a loop of it has no branch and no call, so
 * that the compiler computes several at once, and it gives the same bits with every C library. */
#ifndef MODELS_WAVE_H
#define MODELS_WAVE_H

#include <math.h>

/* cos(2 pi cycles) to 1e-12, for |cycles| < 2^51 (and to the phase's own rounding). */
static inline double wave_cos(double cycles)
{
    /* Adding 1.5 x 2^52 leaves the nearest whole number in the last places. */
    double part = cycles - ((cycles + 0x1.8p52) - 0x1.8p52);
    double a = M_PI * part;
    double t = a * a;
    /* The series of sin a / a: its next term is below 7e-14 for |a| <= pi/2. */
    double s = -1.0 / 6227020800.0 + t * (1.0 / 1307674368000.0 - t / 355687428096000.0);
    s = 1.0 / 362880.0 + t * (-1.0 / 39916800.0 - t * s);
    s = 1.0 / 120.0 + t * (-1.0 / 5040.0 + t * s);
    s = a * (1.0 + t * (-1.0 / 6.0 + t * s));
    return 1.0 - 2.0 * s * s;
}

#endif
