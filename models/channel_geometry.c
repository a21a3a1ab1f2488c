/* channel_geometry.c - see channel_geometry.h. */
#include "models/channel_geometry.h"

#include <math.h>

#include "base/units.h"

#define LIGHT_MPS 299792458.0
/* Thermal noise at 290 K, dBm/Hz. */
#define NOISE_DBM_HZ (-174.0)
/* A subband in a deeper fade carries nothing either way. */
#define FADE_LEAST 1e-9

void channel_geometry_init(struct channel_geometry *g, const struct channel_geometry_config *c)
{
    *g = (struct channel_geometry){.config = *c};
    double prb_hz = 12.0 * 1e3 * c->scs_khz;
    double noise_dbm = NOISE_DBM_HZ + db_of_ratio(prb_hz);
    double gains_db = c->gnb_gain_dbi + c->ue_gain_dbi;
    g->wavelength_m = LIGHT_MPS / (c->path.carrier_ghz * 1e9);
    g->rsrp_dbm = c->gnb_power_dbm + gains_db - db_of_ratio(12.0 * c->n_prb);
    g->dl_db =
        c->gnb_power_dbm + gains_db - db_of_ratio(c->n_prb) - noise_dbm - c->ue_noise_figure_db;
    g->ul_db = c->ue_power_dbm + gains_db - noise_dbm - c->gnb_noise_figure_db;
    int subbands = c->n_prb < FADING_SUBBANDS ? c->n_prb : FADING_SUBBANDS;
    if (c->fading != CHANNEL_FADING_TDL)
        subbands = 1;
    for (int los = 0; los < 2; los++)
        fading_profile_init(&g->profile[los], los, ratio_of_db(propagation_k_db(c->path.kind)),
                            propagation_delay_spread_s(&c->path, los), subbands, prb_hz * c->n_prb);
}

void channel_ue_init(struct channel_ue *u, const struct channel_geometry *g,
                     const struct channel_site *sites, int n_sites, struct channel_path *paths,
                     uint64_t *los, const struct mobility_config *mobility, uint64_t seed,
                     uint32_t ue)
{
    *u = (struct channel_ue){.geometry = g,
                             .sites = sites,
                             .n_sites = n_sites,
                             .ue = ue,
                             .seed = seed,
                             .update = -1,
                             .paths = paths,
                             .los = los,
                             .luck_site = {-1, -1},
                             .faded_site = -1};
    mobility_init(&u->mobility, mobility, seed, ue);
}

const struct channel_path *channel_ue_paths(struct channel_ue *u, int64_t t_ns)
{
    const struct channel_geometry_config *c = &u->geometry->config;
    int64_t update = u->mobility.config.kind == MOBILITY_STATIC ? 0 : t_ns / c->update_ns;
    if (update == u->update)
        return u->paths;
    u->update = update;
    struct mobility_point at = mobility_at(&u->mobility, update * c->update_ns);
    for (int i = 0; i < u->n_sites; i++) {
        const struct channel_site *s = &u->sites[i];
        struct propagation_at p =
            propagation_at(&c->path, &s->luck, at.x_m - s->x_m, at.y_m - s->y_m);
        u->paths[i] = (struct channel_path){.loss_db = p.loss_db, .gain = ratio_of_db(-p.loss_db)};
        uint64_t bit = 1ULL << i % 64;
        u->los[i / 64] = p.los ? u->los[i / 64] | bit : u->los[i / 64] & ~bit;
    }
    return u->paths;
}

bool channel_ue_los(struct channel_ue *u, int site, int64_t t_ns)
{
    channel_ue_paths(u, t_ns);
    return (u->los[site / 64] >> site % 64 & 1) != 0;
}

const double *channel_ue_fading_db(struct channel_ue *u, int site, int direction, int64_t t_ns)
{
    const struct channel_geometry *g = u->geometry;
    if (!g->config.paired)
        direction = 0;
    if (site == u->faded_site && direction == u->faded_direction && t_ns == u->faded_ns)
        return u->faded_db;
    u->faded_site = site;
    u->faded_direction = direction;
    u->faded_ns = t_ns;
    if (g->config.fading == CHANNEL_FADING_OFF)
        return u->faded_db; /* one subband, 0 dB for ever */
    if (u->luck_site[direction] != site) {
        u->luck_site[direction] = site;
        fading_init(&u->luck[direction], u->seed, u->ue, (uint64_t)site << 1 | (uint64_t)direction);
    }
    const struct fading_profile *profile = &g->profile[channel_ue_los(u, site, t_ns)];
    double moved_m = mobility_at(&u->mobility, t_ns).moved_m;
    double around_m = g->config.around_mps * s_of_ns(t_ns);
    fading_gain(&u->luck[direction], profile, moved_m / g->wavelength_m, around_m / g->wavelength_m,
                u->faded_db);
    for (int i = 0; i < profile->subbands; i++)
        u->faded_db[i] = db_of_ratio(fmax(u->faded_db[i], FADE_LEAST));
    return u->faded_db;
}

double channel_ul_snr_db(const struct channel_geometry *g, double loss_db, int n_prb)
{
    return fmin(g->config.ul_target_snr_db, g->ul_db - loss_db - db_of_ratio(n_prb));
}

double channel_ul_headroom_db(const struct channel_geometry *g, double loss_db)
{
    return g->ul_db - loss_db - g->config.ul_target_snr_db;
}
