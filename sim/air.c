/* air.c - see air.h. */
#include "sim/air.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "models/nr_error.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

/* Subbands that a block is looked at in, at most. */
#define AIR_PARTS FADING_SUBBANDS
/* Windows of the uplink that are kept: the one being sent in, the one being heard, and two that may
 * be touched by cells that are a slot behind or ahead. */
#define AIR_UL_WINDOWS 4

/* --- Building --------------------------------------------------------------------------------- */

static struct channel_geometry_config geometry_of(const struct scenario_radio *r)
{
    static const enum propagation_kind kinds[] = {[GEOMETRY_UMA] = PROPAGATION_UMA,
                                                  [GEOMETRY_UMI] = PROPAGATION_UMI,
                                                  [GEOMETRY_INH] = PROPAGATION_INH_MIXED};
    const struct channel_3gpp *o = r->channel.options;
    enum propagation_kind kind = kinds[r->channel.index];
    if (kind == PROPAGATION_INH_MIXED && o->office == OFFICE_OPEN)
        kind = PROPAGATION_INH_OPEN;
    return (struct channel_geometry_config){.path = {.kind = kind,
                                                     .carrier_ghz = o->carrier_ghz,
                                                     .gnb_height_m = o->gnb_height_m,
                                                     .ue_height_m = o->ue_height_m},
                                            .gnb_power_dbm = o->gnb_power_dbm,
                                            .gnb_gain_dbi = o->gnb_gain_dbi,
                                            .gnb_noise_figure_db = o->gnb_noise_figure_db,
                                            .ue_power_dbm = o->ue_power_dbm,
                                            .ue_gain_dbi = o->ue_gain_dbi,
                                            .ue_noise_figure_db = o->ue_noise_figure_db,
                                            .ul_target_snr_db = o->ul_target_snr_db,
                                            .around_mps = o->around_mps,
                                            .fading = (enum channel_fading)o->fading,
                                            .update_ns = llround(o->update_ms * 1e6),
                                            .n_prb = (int)r->n_prb,
                                            .scs_khz = (int)r->scs_khz,
                                            .paired = strcmp(r->tdd, "fdd") == 0};
}

static struct mobility_config mobility_of(const struct scenario_ues *g)
{
    struct mobility_config c = {.kind = (enum mobility_kind)g->mobility.index};
    switch (c.kind) {
    case MOBILITY_STATIC: {
        const struct scenario_static *o = g->mobility.options;
        c.x_m = o->x_m;
        c.y_m = o->y_m;
        c.spread_m = o->spread_m;
        break;
    }
    case MOBILITY_LINE: {
        const struct scenario_line *o = g->mobility.options;
        c.x_m = o->x_m;
        c.y_m = o->y_m;
        c.spread_m = o->spread_m;
        c.heading_deg = o->heading_deg;
        c.speed_mps = o->speed_mps;
        c.area = o->area;
        break;
    }
    case MOBILITY_WAYPOINT: {
        const struct scenario_waypoint *o = g->mobility.options;
        c.area = &o->area;
        c.speed_min_mps = o->speed_min_mps;
        c.speed_max_mps = o->speed_max_mps;
        c.pause_s = o->pause_s;
        break;
    }
    }
    return c;
}

static int init_cells(struct air *a, struct world *w, struct err *e)
{
    const struct scenario_cell *cells = w->scenario->cells.items;
    size_t n = (size_t)a->n_cells;
    a->sites = arena_array(&w->arena, n, sizeof *a->sites);
    a->cells = arena_array(&w->arena, n, sizeof *a->cells);
    if (a->sites == NULL || a->cells == NULL)
        return err_memory(e, "the places of the cells");
    for (int i = 0; i < a->n_cells; i++) {
        a->sites[i] = (struct channel_site){.x_m = cells[i].x_m, .y_m = cells[i].y_m};
        propagation_site_init(&a->sites[i].luck, &a->geometry.config.path, w->seed, (uint32_t)i);
        struct air_cell *c = &a->cells[i];
        if (a->window_ns == 0)
            continue;
        c->dl = arena_array(&w->arena, (size_t)a->windows, sizeof *c->dl);
        c->ul = arena_array(&w->arena, AIR_UL_WINDOWS * n, sizeof *c->ul);
        if (c->dl == NULL || c->ul == NULL)
            return err_memory(e, "the interference between the cells");
        for (int64_t k = 0; k < a->windows; k++)
            c->dl[k].window = -1;
        for (int k = 0; k < AIR_UL_WINDOWS; k++)
            c->ul_window[k] = -1;
        c->heard_window = -1;
    }
    return 0;
}

int air_init(struct air *a, struct world *w, struct err *e)
{
    const struct scenario *sc = w->scenario;
    const struct scenario_radio *r = sc->radio;
    const struct channel_3gpp *o = r->channel.options;
    memset(a, 0, sizeof *a);
    struct channel_geometry_config config = geometry_of(r);
    channel_geometry_init(&a->geometry, &config);
    a->frame = &w->cell_common.frame;
    a->n_prb = (int)r->n_prb;
    a->n_cells = (int)sc->cells.n;
    a->window_ns = a->n_cells > 1 ? llround(o->interference_window_ms * 1e6) : 0;
    /* A window holds a slot at least. */
    if (a->window_ns > 0 && a->window_ns < a->frame->slot_ns)
        a->window_ns = a->frame->slot_ns;
    /* CQI reports look back by up to their period and delay. */
    a->windows = 4;
    int64_t back_ns =
        (w->cell_common.cqi_slots + w->cell_common.cqi_delay_slots) * a->frame->slot_ns;
    while (a->window_ns > 0 && a->windows * a->window_ns < back_ns + 4 * a->window_ns)
        a->windows *= 2;
    int rc = init_cells(a, w, e);
    if (rc != 0)
        return rc;
    size_t n = (size_t)a->n_cells;
    a->ues = arena_array(&w->arena, w->n_ues, sizeof *a->ues);
    struct channel_path *paths = arena_array(&w->arena, w->n_ues, n * sizeof *paths);
    size_t words = channel_los_words(a->n_cells);
    uint64_t *los = arena_array(&w->arena, w->n_ues, words * sizeof *los);
    if (a->ues == NULL || paths == NULL || los == NULL)
        return err_memory(e, "the places of the UEs");
    for (uint32_t i = 0; i < w->n_ues; i++) {
        struct mobility_config mobility = mobility_of(w->ues[i].group);
        channel_ue_init(&a->ues[i], &a->geometry, a->sites, a->n_cells, paths + i * n,
                        los + i * words, &mobility, w->seed, i);
    }
    return 0;
}

/* --- Interference ----------------------------------------------------------------------------- */

static int64_t window_of(const struct air *a, int64_t slot)
{
    return slot * a->frame->slot_ns / a->window_ns;
}

/* PRB that a direction's opportunities in a window have. */
static double window_prb(const struct air *a, enum radio_direction d, int64_t window)
{
    int64_t slot_ns = a->frame->slot_ns;
    int64_t begin = (window * a->window_ns + slot_ns - 1) / slot_ns;
    int64_t end = ((window + 1) * a->window_ns + slot_ns - 1) / slot_ns;
    int64_t n = d == RADIO_DL
                    ? nr_frame_dl_index(a->frame, end) - nr_frame_dl_index(a->frame, begin)
                    : nr_frame_ul_index(a->frame, end) - nr_frame_ul_index(a->frame, begin);
    return (double)(n * a->n_prb);
}

static double *ul_of(const struct air *a, const struct air_cell *c, int64_t window)
{
    return c->ul + window % AIR_UL_WINDOWS * a->n_cells;
}

void air_sent(struct air *a, int cell, uint32_t ue, enum radio_direction d, int64_t slot, int n_prb)
{
    if (a->window_ns == 0)
        return;
    struct air_cell *c = &a->cells[cell];
    int64_t window = window_of(a, slot);
    if (d == RADIO_DL) {
        struct air_window *now = &c->dl[window & (a->windows - 1)];
        if (now->window != window)
            *now = (struct air_window){.window = window};
        now->dl_prb += n_prb;
        return;
    }
    double *power = ul_of(a, c, window);
    if (c->ul_window[window % AIR_UL_WINDOWS] != window) {
        c->ul_window[window % AIR_UL_WINDOWS] = window;
        memset(power, 0, (size_t)a->n_cells * sizeof *power);
    }
    /* The UE's power per PRB, over the noise of a gNB, at no loss. */
    const struct channel_path *paths = channel_ue_paths(&a->ues[ue], slot * a->frame->slot_ns);
    double sent = ratio_of_db(channel_ul_snr_db(&a->geometry, paths[cell].loss_db, n_prb) +
                              paths[cell].loss_db);
    for (int i = 0; i < a->n_cells; i++)
        power[i] += n_prb * sent * paths[i].gain;
}

/* Interference at a cell over its noise, in a window. */
static double heard_by_cell(struct air *a, int cell, int64_t window)
{
    struct air_cell *c = &a->cells[cell];
    if (c->heard_window == window)
        return c->heard;
    double sum = 0.0;
    for (int i = 0; i < a->n_cells; i++) {
        const struct air_cell *other = &a->cells[i];
        if (i != cell && other->ul_window[(window - 1) % AIR_UL_WINDOWS] == window - 1)
            sum += ul_of(a, other, window - 1)[cell];
    }
    double prb = window_prb(a, RADIO_UL, window - 1);
    c->heard_window = window;
    c->heard = prb > 0.0 ? sum / prb : 0.0;
    return c->heard;
}

/* Interference at a UE over its noise. */
static double heard_by_ue(const struct air *a, const struct channel_path *paths, int cell,
                          int64_t window)
{
    double sum = 0.0;
    for (int i = 0; i < a->n_cells; i++) {
        const struct air_window *before = &a->cells[i].dl[(window - 1) & (a->windows - 1)];
        if (i != cell && before->window == window - 1)
            sum += paths[i].gain * (double)before->dl_prb;
    }
    double prb = window_prb(a, RADIO_DL, window - 1);
    return prb > 0.0 ? sum / prb * ratio_of_db(a->geometry.dl_db) : 0.0;
}

static double heard(struct air *a, const struct air_block *b, const struct channel_path *paths)
{
    int64_t window = a->window_ns > 0 ? window_of(a, b->slot) : 0;
    if (window == 0)
        return 0.0;
    return b->direction == RADIO_UL ? heard_by_cell(a, b->cell, window)
                                    : heard_by_ue(a, paths, b->cell, window);
}

/* --- Signal ----------------------------------------------------------------------------------- */

double air_sinr_db(struct air *a, const struct air_block *b)
{
    const struct channel_geometry *g = &a->geometry;
    struct channel_ue *ue = &a->ues[b->ue];
    int64_t t_ns = b->slot * a->frame->slot_ns;
    const struct channel_path *paths = channel_ue_paths(ue, t_ns);
    double mean_db = b->direction == RADIO_UL
                         ? channel_ul_snr_db(g, paths[b->cell].loss_db, b->n_prb)
                         : channel_dl_snr_db(g, paths[b->cell].loss_db);
    mean_db -= db_of_ratio(1.0 + heard(a, b, paths));
    const double *faded_db = channel_ue_fading_db(ue, b->cell, b->direction, t_ns);
    int subbands = g->profile[0].subbands;
    if (subbands == 1)
        return mean_db + faded_db[0];
    double sinr_db[AIR_PARTS];
    int parts = b->n_prb < AIR_PARTS ? b->n_prb : AIR_PARTS;
    for (int i = 0; i < parts; i++) {
        int prb = b->prb_start + (2 * i + 1) * b->n_prb / (2 * parts);
        sinr_db[i] = mean_db + faded_db[prb * subbands / a->n_prb];
    }
    return nr_effective_snr_db(b->qm, sinr_db, parts);
}

double air_rsrp_dbm(struct air *a, int cell, uint32_t ue, int64_t t_ns)
{
    return a->geometry.rsrp_dbm - channel_ue_paths(&a->ues[ue], t_ns)[cell].loss_db;
}

double air_headroom_db(struct air *a, int cell, uint32_t ue, int64_t t_ns)
{
    return channel_ul_headroom_db(&a->geometry, channel_ue_paths(&a->ues[ue], t_ns)[cell].loss_db);
}

int air_strongest(struct air *a, uint32_t ue, int64_t t_ns)
{
    const struct channel_path *paths = channel_ue_paths(&a->ues[ue], t_ns);
    int best = 0;
    for (int i = 1; i < a->n_cells; i++)
        if (paths[i].loss_db < paths[best].loss_db)
            best = i;
    return best;
}
