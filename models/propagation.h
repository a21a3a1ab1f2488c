/* propagation.h - path loss, line of sight and shadowing between a gNB and a place, as 3GPP TR
 * 38.901 (Release 14 to 18) has them for UMa, UMi street canyon and indoor office.
 *
 * Whether a place sees the gNB and how deep its shadow is are fields over the plane, one set per
 * site: a function of (seed, site, place), the same for every UE that stands there and whoever was
 * there before. They are correlated in space as exp(-distance / decorrelation distance) (clause
 * 7.4.4).
 */
#ifndef MODELS_PROPAGATION_H
#define MODELS_PROPAGATION_H

#include <stdbool.h>
#include <stdint.h>

enum propagation_kind {
    PROPAGATION_UMA,
    PROPAGATION_UMI,
    PROPAGATION_INH_MIXED, /* indoor office with walls */
    PROPAGATION_INH_OPEN,  /* one large room */
};

struct propagation {
    enum propagation_kind kind;
    double carrier_ghz; /* 0.5 to 100 */
    double gnb_height_m;
    double ue_height_m; /* at most 13: above, table 7.4.1-1 note 1 makes UMa's environment random */
};

/* Table 7.4.1-1, in dB, at a horizontal distance. Distances below the table's range (10 m; indoors
 * 1 m between the antennas) count as its edge. */
double propagation_loss_db(const struct propagation *p, double distance_m, bool los);

/* Horizontal distance beyond which the LOS loss falls with the fourth power: 4 h'BS h'UT fc / c
 * (table 7.4.1-1, note 1); infinite indoors. */
double propagation_breakpoint_m(const struct propagation *p);

/* Table 7.4.2-1, outdoors on the ground. */
double propagation_los_probability(enum propagation_kind kind, double distance_m);

/* Standard deviation of shadow fading, table 7.4.1-1, and its decorrelation distance, table 7.5-6.
 */
double propagation_shadow_std_db(enum propagation_kind kind, bool los);
double propagation_shadow_distance_m(enum propagation_kind kind, bool los);

/* Correlation distance of the LOS state, table 7.6.3.1-2. */
double propagation_los_distance_m(enum propagation_kind kind);

/* Median delay spread in seconds (10 to the mean of lgDS) and mean Ricean K in dB, table 7.5-6. */
double propagation_delay_spread_s(const struct propagation *p, bool los);
double propagation_k_db(enum propagation_kind kind);

/* --- Fields over the plane -------------------------------------------------------------------- */

#define PROPAGATION_WAVES 64

/* A zero-mean Gaussian field of unit variance with autocorrelation exp(-distance / d): plane waves
 * with random directions and phases, whose wavenumbers have the field's spectral density. */
struct propagation_field {
    double kx[PROPAGATION_WAVES], ky[PROPAGATION_WAVES]; /* cycles per metre */
    double phase[PROPAGATION_WAVES];                     /* cycles */
};

void propagation_field_init(struct propagation_field *f, double distance_m, uint64_t seed,
                            uint32_t entity, uint64_t index);
double propagation_field_at(const struct propagation_field *f, double x_m, double y_m);

/* A site's luck. */
struct propagation_site {
    struct propagation_field los;       /* the place sees the site where this is small */
    struct propagation_field shadow[2]; /* [los] */
};

/* `site` < 2^24: whose luck. */
void propagation_site_init(struct propagation_site *s, const struct propagation *p, uint64_t seed,
                           uint32_t site);

struct propagation_at {
    bool los;
    double loss_db; /* path loss with shadowing */
};

/* At a place given relative to the site. */
struct propagation_at propagation_at(const struct propagation *p, const struct propagation_site *s,
                                     double x_m, double y_m);

#endif
