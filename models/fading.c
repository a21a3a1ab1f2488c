/* fading.c - see fading.h. */
#include "models/fading.h"

#include <math.h>

#include "base/draw.h"
#include "base/units.h"
#include "models/wave.h"

/* --- Profiles --------------------------------------------------------------------------------- */

struct tap {
    double delay; /* in delay spreads */
    double power_db;
};

/* TR 38.901 table 7.7.2-3, TDL-C. */
static const struct tap tdl_c[] = {
    {0.0, -4.4},     {0.2099, -1.2},  {0.2219, -3.5},  {0.2329, -5.2},  {0.2176, -2.5},
    {0.6366, 0.0},   {0.6448, -2.2},  {0.6560, -3.9},  {0.6584, -7.4},  {0.7935, -7.1},
    {0.8213, -10.7}, {0.9336, -11.1}, {1.2285, -5.1},  {1.3083, -6.8},  {2.1704, -8.7},
    {2.7105, -13.2}, {4.2589, -13.9}, {4.6003, -13.9}, {5.4902, -15.8}, {5.6077, -17.1},
    {6.3065, -16.0}, {6.6374, -15.7}, {7.0427, -21.6}, {8.6523, -22.8},
};

/* Table 7.7.2-4, TDL-D without the line of sight of its first tap. */
static const struct tap tdl_d[] = {
    {0.0, -13.5},   {0.035, -18.8}, {0.612, -21.0},  {1.363, -22.8}, {1.405, -17.9},
    {1.804, -20.1}, {2.596, -21.9}, {1.775, -22.9},  {4.042, -27.8}, {7.937, -23.6},
    {9.424, -24.8}, {9.708, -30.0}, {12.525, -27.7},
};

/* Delay below which a share of the taps' power arrives. */
static double quantile(const struct tap *taps, int n, double share)
{
    double total = 0.0;
    for (int i = 0; i < n; i++)
        total += ratio_of_db(taps[i].power_db);
    double below = 0.0;
    double delay = -1.0;
    while (below < share * total) {
        /* The next later tap: the tables are nearly, not wholly, in order. */
        const struct tap *next = NULL;
        for (int i = 0; i < n; i++)
            if (taps[i].delay > delay && (next == NULL || taps[i].delay < next->delay))
                next = &taps[i];
        if (next == NULL)
            break;
        delay = next->delay;
        below += ratio_of_db(next->power_db);
    }
    return delay;
}

void fading_profile_init(struct fading_profile *p, bool los, double k, double delay_spread_s,
                         int subbands, double carrier_hz)
{
    *p = (struct fading_profile){.subbands = subbands, .k = los ? k : 0.0};
    const struct tap *taps = los ? tdl_d : tdl_c;
    int n = los ? (int)(sizeof tdl_d / sizeof *tdl_d) : (int)(sizeof tdl_c / sizeof *tdl_c);
    double mean = 0.0;
    double square = 0.0;
    double share = 1.0 / (p->k + 1.0) / FADING_RAYS;
    for (int i = 0; i < FADING_RAYS; i++) {
        p->delay_s[i] = quantile(taps, n, (i + 0.5) / FADING_RAYS);
        mean += share * p->delay_s[i]; /* the line of sight has delay 0 */
        square += share * p->delay_s[i] * p->delay_s[i];
    }
    double scale = delay_spread_s / sqrt(square - mean * mean);
    for (int i = 0; i < FADING_RAYS; i++) {
        p->delay_s[i] *= scale;
        double step = -p->delay_s[i] * carrier_hz / subbands; /* cycles from one to the next */
        p->first[i] = 0.5 * step;
        p->turn_re[i] = cos(2.0 * M_PI * step);
        p->turn_im[i] = sin(2.0 * M_PI * step);
    }
}

/* --- Links ------------------------------------------------------------------------------------ */

void fading_init(struct fading *f, uint64_t seed, uint32_t entity, uint64_t index)
{
    struct draw d;
    draw_at(&d, seed, DRAW_FADING, entity, index);
    for (int i = 0; i < FADING_RAYS; i++) {
        /* One ray in each of equal sectors; rays of neighbouring delays come from afar (11 and 32
         * have no common divisor, so that every sector has its ray). */
        int sector = i * 11 % FADING_RAYS;
        f->along[i] = cos(2.0 * M_PI * (sector + gsl_rng_uniform(&d.rng)) / FADING_RAYS);
        f->around[i] = cos(2.0 * M_PI * gsl_rng_uniform(&d.rng));
        f->phase[i] = gsl_rng_uniform(&d.rng);
    }
    f->los_phase = gsl_rng_uniform(&d.rng);
}

void fading_gain(const struct fading *f, const struct fading_profile *p, double moved,
                 double around, double *gain)
{
    double re[FADING_RAYS];
    double im[FADING_RAYS];
    for (int i = 0; i < FADING_RAYS; i++) {
        double cycles = f->along[i] * moved + f->around[i] * around + f->phase[i] + p->first[i];
        re[i] = wave_cos(cycles);
        im[i] = wave_cos(cycles - 0.25);
    }
    double amplitude = sqrt(1.0 / (p->k + 1.0) / FADING_RAYS);
    double los_amplitude = sqrt(p->k / (p->k + 1.0));
    double los_re = los_amplitude * wave_cos(0.7 * moved + f->los_phase);
    double los_im = los_amplitude * wave_cos(0.7 * moved + f->los_phase - 0.25);
    for (int s = 0; s < p->subbands; s++) {
        double sum_re = 0.0;
        double sum_im = 0.0;
        for (int i = 0; i < FADING_RAYS; i++) {
            sum_re += re[i];
            sum_im += im[i];
            double turned = re[i] * p->turn_re[i] - im[i] * p->turn_im[i];
            im[i] = re[i] * p->turn_im[i] + im[i] * p->turn_re[i];
            re[i] = turned;
        }
        double h_re = los_re + amplitude * sum_re;
        double h_im = los_im + amplitude * sum_im;
        gain[s] = h_re * h_re + h_im * h_im;
    }
}
