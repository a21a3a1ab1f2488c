/* channel_geometry.h - the channel of a UE that is somewhere: link budget, large scale, fading.
 *
 * One UE and all sites of a run. Path loss and shadowing (propagation.h) are looked at every
 * `update_ns` and held; fading (fading.h) at every instant. Everything is a function of (seed, UE,
 * site, time): the memos below never change a value.
 *
 * Ratios are kept in dB over the noise of one PRB:
 *   downlink  SNR = gNB power / carrier PRB + gains - loss - noise of the UE
 *   uplink    SNR = min(target, UE power / PRB of the block + gains - loss - noise of the gNB)
 * (38.213 clause 7.1.1 with full compensation and P0 = target + noise of the gNB).
 */
#ifndef MODELS_CHANNEL_GEOMETRY_H
#define MODELS_CHANNEL_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "models/fading.h"
#include "models/mobility.h"
#include "models/propagation.h"

enum channel_fading {
    CHANNEL_FADING_TDL,  /* subbands differ */
    CHANNEL_FADING_FLAT, /* one for the whole carrier */
    CHANNEL_FADING_OFF,
};

struct channel_geometry_config {
    struct propagation path;
    double gnb_power_dbm, gnb_gain_dbi, gnb_noise_figure_db;
    double ue_power_dbm, ue_gain_dbi, ue_noise_figure_db;
    double ul_target_snr_db;
    double around_mps; /* speed of the surroundings */
    enum channel_fading fading;
    int64_t update_ns;
    int n_prb, scs_khz;
    bool paired; /* FDD: the directions fade independently; TDD: alike */
};

/* What all UEs share. */
struct channel_geometry {
    struct channel_geometry_config config;
    struct fading_profile profile[2]; /* [los] */
    double wavelength_m;
    /* At no loss: */
    double rsrp_dbm; /* power of a resource element */
    double dl_db;    /* SNR of a PRB */
    double ul_db;    /* SNR of a PRB that gets the UE's whole power */
};

struct channel_site {
    double x_m, y_m;
    struct propagation_site luck;
};

/* One per UE and site, so that a byte here is much memory: whether there is a line of sight stands
 * in a bit of channel_ue. */
struct channel_path {
    double loss_db;
    double gain; /* the same as a ratio */
};

/* Words of 64 bits for a bit per site. */
static inline size_t channel_los_words(int n_sites)
{
    return ((size_t)n_sites + 63) / 64;
}

struct channel_ue {
    const struct channel_geometry *geometry;
    const struct channel_site *sites;
    int n_sites;
    uint32_t ue;
    uint64_t seed;
    struct mobility mobility;
    /* memos */
    int64_t update; /* number of the look at `paths`, -1: none */
    struct channel_path *paths;
    uint64_t *los;    /* a bit per site */
    int luck_site[2]; /* by direction; -1: none */
    struct fading luck[2];
    int64_t faded_ns;
    int faded_site, faded_direction;
    double faded_db[FADING_SUBBANDS];
};

void channel_geometry_init(struct channel_geometry *g, const struct channel_geometry_config *c);

/* `paths` has room for n_sites and `los` for channel_los_words(n_sites) words; they, `g` and
 * `sites` must live as long as `u`. */
void channel_ue_init(struct channel_ue *u, const struct channel_geometry *g,
                     const struct channel_site *sites, int n_sites, struct channel_path *paths,
                     uint64_t *los, const struct mobility_config *mobility, uint64_t seed,
                     uint32_t ue);

/* Paths to all sites at a time. */
const struct channel_path *channel_ue_paths(struct channel_ue *u, int64_t t_ns);

/* There is a line of sight to a site at a time. */
bool channel_ue_los(struct channel_ue *u, int site, int64_t t_ns);

/* Fading in dB of each subband (geometry->profile[0].subbands) of the link to a site. `direction` 0
 * or 1. */
const double *channel_ue_fading_db(struct channel_ue *u, int site, int direction, int64_t t_ns);

/* Mean over fading of the uplink's SNR per PRB for a block of n PRB, and what is left of the
 * UE's power at the target SNR on one PRB (its power headroom, 38.321 6.1.3.8). */
double channel_ul_snr_db(const struct channel_geometry *g, double loss_db, int n_prb);
double channel_ul_headroom_db(const struct channel_geometry *g, double loss_db);

static inline double channel_dl_snr_db(const struct channel_geometry *g, double loss_db)
{
    return g->dl_db - loss_db;
}

#endif
