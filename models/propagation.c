/* propagation.c - see propagation.h. Clauses and tables are those of TR 38.901. */
#include "models/propagation.h"

#include <math.h>

#include "base/draw.h"
#include "models/wave.h"

#define LIGHT_MPS 3.0e8 /* as the note of table 7.4.1-1 has it */

static bool indoor(enum propagation_kind kind)
{
    return kind == PROPAGATION_INH_MIXED || kind == PROPAGATION_INH_OPEN;
}

/* --- Path loss, table 7.4.1-1 ----------------------------------------------------------------- */

double propagation_breakpoint_m(const struct propagation *p)
{
    if (indoor(p->kind))
        return HUGE_VAL;
    /* Note 1: effective antenna heights over an environment of 1 m (for UMa when hUT < 13 m). */
    return 4.0 * (p->gnb_height_m - 1.0) * (p->ue_height_m - 1.0) * p->carrier_ghz * 1e9 /
           LIGHT_MPS;
}

static double loss_los(const struct propagation *p, double d2d, double d3d)
{
    double f = 20.0 * log10(p->carrier_ghz);
    double height = p->gnb_height_m - p->ue_height_m;
    double breakpoint = propagation_breakpoint_m(p);
    switch (p->kind) {
    case PROPAGATION_UMA:
        if (d2d <= breakpoint)
            return 28.0 + 22.0 * log10(d3d) + f;
        return 28.0 + 40.0 * log10(d3d) + f -
               9.0 * log10(breakpoint * breakpoint + height * height);
    case PROPAGATION_UMI:
        if (d2d <= breakpoint)
            return 32.4 + 21.0 * log10(d3d) + f;
        return 32.4 + 40.0 * log10(d3d) + f -
               9.5 * log10(breakpoint * breakpoint + height * height);
    case PROPAGATION_INH_MIXED:
    case PROPAGATION_INH_OPEN:
        break;
    }
    return 32.4 + 17.3 * log10(d3d) + f;
}

static double loss_nlos(const struct propagation *p, double d3d)
{
    double f = log10(p->carrier_ghz);
    switch (p->kind) {
    case PROPAGATION_UMA:
        return 13.54 + 39.08 * log10(d3d) + 20.0 * f - 0.6 * (p->ue_height_m - 1.5);
    case PROPAGATION_UMI:
        return 22.4 + 35.3 * log10(d3d) + 21.3 * f - 0.3 * (p->ue_height_m - 1.5);
    case PROPAGATION_INH_MIXED:
    case PROPAGATION_INH_OPEN:
        break;
    }
    return 17.3 + 38.3 * log10(d3d) + 24.9 * f;
}

double propagation_loss_db(const struct propagation *p, double distance_m, bool los)
{
    double d2d = indoor(p->kind) ? distance_m : fmax(distance_m, 10.0);
    double d3d = fmax(hypot(d2d, p->gnb_height_m - p->ue_height_m), 1.0);
    double db = loss_los(p, d2d, d3d);
    return los ? db : fmax(db, loss_nlos(p, d3d));
}

/* --- Line of sight, table 7.4.2-1 ------------------------------------------------------------- */

/* UMa and UMi: sure within 18 m. UMa's factor for heights above 13 m is 1 below. */
static double los_street(double d, double decay_m)
{
    return d <= 18.0 ? 1.0 : 18.0 / d + exp(-d / decay_m) * (1.0 - 18.0 / d);
}

/* Sure within `sure_m`, then one exponential, then from `far_m` on `far` of another. */
static double los_office(double d, double sure_m, double decay_m, double far_m, double far_decay_m,
                         double far)
{
    if (d <= sure_m)
        return 1.0;
    return d < far_m ? exp(-(d - sure_m) / decay_m) : far * exp(-(d - far_m) / far_decay_m);
}

double propagation_los_probability(enum propagation_kind kind, double distance_m)
{
    switch (kind) {
    case PROPAGATION_UMA:
        return los_street(distance_m, 63.0);
    case PROPAGATION_UMI:
        return los_street(distance_m, 36.0);
    case PROPAGATION_INH_MIXED:
        return los_office(distance_m, 1.2, 4.7, 6.5, 32.6, 0.32);
    case PROPAGATION_INH_OPEN:
        break;
    }
    return los_office(distance_m, 5.0, 70.8, 49.0, 211.7, 0.54);
}

/* --- Tables 7.4.1-1, 7.5-6 and 7.6.3.1-2, [kind][los] ----------------------------------------- */

double propagation_shadow_std_db(enum propagation_kind kind, bool los)
{
    static const double std_db[][2] = {[PROPAGATION_UMA] = {6.0, 4.0},
                                       [PROPAGATION_UMI] = {7.82, 4.0},
                                       [PROPAGATION_INH_MIXED] = {8.03, 3.0},
                                       [PROPAGATION_INH_OPEN] = {8.03, 3.0}};
    return std_db[kind][los];
}

double propagation_shadow_distance_m(enum propagation_kind kind, bool los)
{
    static const double distance_m[][2] = {[PROPAGATION_UMA] = {50.0, 37.0},
                                           [PROPAGATION_UMI] = {13.0, 10.0},
                                           [PROPAGATION_INH_MIXED] = {6.0, 10.0},
                                           [PROPAGATION_INH_OPEN] = {6.0, 10.0}};
    return distance_m[kind][los];
}

double propagation_los_distance_m(enum propagation_kind kind)
{
    return indoor(kind) ? 10.0 : 50.0;
}

double propagation_delay_spread_s(const struct propagation *p, bool los)
{
    double lg;
    if (p->kind == PROPAGATION_UMI) {
        /* Notes under the table: below 2 GHz as at 2 GHz; UMa and indoors below 6 GHz as at 6. */
        double f = log10(1.0 + fmax(p->carrier_ghz, 2.0));
        lg = los ? -7.14 - 0.24 * f : -6.83 - 0.24 * f;
    } else if (p->kind == PROPAGATION_UMA) {
        double f = log10(fmax(p->carrier_ghz, 6.0));
        lg = los ? -6.955 - 0.0963 * f : -6.28 - 0.204 * f;
    } else {
        double f = log10(1.0 + fmax(p->carrier_ghz, 6.0));
        lg = los ? -7.692 - 0.01 * f : -7.173 - 0.28 * f;
    }
    return pow(10.0, lg);
}

double propagation_k_db(enum propagation_kind kind)
{
    return indoor(kind) ? 7.0 : 9.0;
}

/* --- Fields over the plane -------------------------------------------------------------------- */

/* exp(-r / d) in the plane has the spectral density 1 / (1 + (k d)^2)^(3/2) up to a factor, so that
 * a share 1 - 1/sqrt(1 + (k d)^2) of the power lies below wavenumber k. Wave m takes its wavenumber
 * from the m-th of equal parts of the power. */
void propagation_field_init(struct propagation_field *f, double distance_m, uint64_t seed,
                            uint32_t entity, uint64_t index)
{
    struct draw d;
    draw_at(&d, seed, DRAW_SHADOWING, entity, index);
    for (int m = 0; m < PROPAGATION_WAVES; m++) {
        double above = 1.0 - (m + gsl_rng_uniform(&d.rng)) / PROPAGATION_WAVES;
        double k = sqrt(1.0 / (above * above) - 1.0) / distance_m / (2.0 * M_PI);
        double angle = 2.0 * M_PI * gsl_rng_uniform(&d.rng);
        f->kx[m] = k * cos(angle);
        f->ky[m] = k * sin(angle);
        f->phase[m] = gsl_rng_uniform(&d.rng);
    }
}

double propagation_field_at(const struct propagation_field *f, double x_m, double y_m)
{
    double wave[PROPAGATION_WAVES];
    for (int m = 0; m < PROPAGATION_WAVES; m++)
        wave[m] = wave_cos(f->kx[m] * x_m + f->ky[m] * y_m + f->phase[m]);
    double sum = 0.0;
    for (int m = 0; m < PROPAGATION_WAVES; m++)
        sum += wave[m];
    return sum * sqrt(2.0 / PROPAGATION_WAVES);
}

void propagation_site_init(struct propagation_site *s, const struct propagation *p, uint64_t seed,
                           uint32_t site)
{
    propagation_field_init(&s->los, propagation_los_distance_m(p->kind), seed, site, 0);
    for (int los = 0; los < 2; los++)
        propagation_field_init(&s->shadow[los], propagation_shadow_distance_m(p->kind, los), seed,
                               site, 1 + (uint64_t)los);
}

struct propagation_at propagation_at(const struct propagation *p, const struct propagation_site *s,
                                     double x_m, double y_m)
{
    double distance_m = hypot(x_m, y_m);
    /* A uniform number that is correlated in space (7.6.3.3) against the probability. */
    double u = 0.5 * erfc(-M_SQRT1_2 * propagation_field_at(&s->los, x_m, y_m));
    bool los = u < propagation_los_probability(p->kind, distance_m);
    double shadow_db =
        propagation_shadow_std_db(p->kind, los) * propagation_field_at(&s->shadow[los], x_m, y_m);
    return (struct propagation_at){.los = los,
                                   .loss_db = propagation_loss_db(p, distance_m, los) + shadow_db};
}
