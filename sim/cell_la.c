/* cell_la.c - the MCS of a block: CQI of both directions, and the rule of link adaptation
 * (models/nr_mac.h) that makes an MCS of it. */
#include "models/nr_error.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/world.h"

static int table_of(const struct cell_common *k, enum radio_direction d)
{
    return (int)(d == RADIO_UL ? k->config->mcs_table_ul : k->config->mcs_table_dl);
}

/* Least SNR of each CQI, and the MCS that it allows. */
static void init_cqi(struct cell_common *k, enum radio_direction d)
{
    enum { LOWEST = -300, HIGHEST = 600 }; /* tenths of a dB; beyond them every table ends */
    for (int cqi = 1; cqi <= CELL_CQI_MAX; cqi++) {
        int below = LOWEST, enough = HIGHEST;
        while (enough - below > 1) {
            int middle = (below + enough) / 2;
            bool good = nr_cqi_of_snr((enum nr_decoder)k->config->decoder, table_of(k, d),
                                      middle / 10.0, k->grid[d].n_prb) >= cqi;
            *(good ? &enough : &below) = middle;
        }
        k->cqi_x10[d][cqi] = enough;
    }
    k->cqi_x10[d][0] = k->cqi_x10[d][1];
    for (int cqi = 0; cqi <= CELL_CQI_MAX; cqi++) {
        int mcs = nr_mcs_of_cqi(table_of(k, d), table_of(k, d), cqi);
        k->cqi_mcs[d][cqi] = mcs < k->grid[d].mcs_max ? mcs : k->grid[d].mcs_max;
    }
}

/* Least SNR at which at most `la_target_bler` of an MCS's blocks over the whole carrier fail. */
static void init_need(struct cell_common *k, enum radio_direction d)
{
    const struct nr_grid *g = &k->grid[d];
    int longest = 0;
    for (int kind = 1; kind < g->kinds; kind++)
        longest = g->symbols[kind] > g->symbols[longest] ? kind : longest;
    for (int mcs = 0; mcs <= g->mcs_max; mcs++) {
        struct nr_error_curve curve =
            nr_error_curve((enum nr_decoder)k->config->decoder, g->qm[mcs], g->r_x10240[mcs],
                           8 * nr_grid_bytes(g, longest, mcs, g->n_prb));
        k->need_db[d][mcs] = nr_error_snr_db(curve, k->config->la_target_bler);
    }
}

void cell_la_init(struct cell_common *k)
{
    for (int d = 0; d < 2; d++) {
        init_cqi(k, (enum radio_direction)d);
        init_need(k, (enum radio_direction)d);
    }
}

/* --- CQI -------------------------------------------------------------------------------------- */

int cell_dl_cqi(struct cell *cell, struct ue_radio *u, int64_t slot)
{
    const struct cell_common *k = cell->common;
    /* The newest report that has arrived; at the very beginning the first. */
    int64_t report = slot > k->cqi_delay_slots ? (slot - k->cqi_delay_slots) / k->cqi_slots : 0;
    if (report != u->cqi_report) {
        double snr = cell_wideband_snr_db(cell, u, report * k->cqi_slots);
        u->cqi = (int8_t)nr_cqi_of_snr((enum nr_decoder)k->config->decoder, table_of(k, RADIO_DL),
                                       snr, k->grid[RADIO_DL].n_prb);
        u->cqi_report = report;
    }
    return u->cqi;
}

int cell_ul_cqi(const struct cell *cell, const struct ue_radio *u)
{
    const struct ue_direction *d = &u->d[RADIO_UL];
    int cqi = d->rounds[0] > 0 ? CELL_CQI_MAX : 0;
    while (cqi > 0 && d->last_snr_x10 < cell->common->cqi_x10[RADIO_UL][cqi])
        cqi--;
    return cqi;
}

/* --- MCS -------------------------------------------------------------------------------------- */

/* What the gNB knows of the SNR: in the downlink what the CQI says at least. */
static double known_snr_db(const struct cell_common *k, const struct ue_direction *ud,
                           enum radio_direction d, int cqi)
{
    return (d == RADIO_DL ? k->cqi_x10[d][cqi] : ud->last_snr_x10) / 10.0;
}

int cell_mcs(struct cell *cell, struct ue_radio *u, enum radio_direction d, int cqi)
{
    const struct cell_common *k = cell->common;
    const struct nr_grid *g = &k->grid[d];
    struct ue_direction *ud = &u->d[d];
    int64_t frame = cell->slot / k->frame.slots_per_frame;
    /* In the uplink the testbed's rule looks at no SNR. */
    int mcs = d == RADIO_DL || k->la.rule == NR_LA_CQI ? k->cqi_mcs[d][cqi] : g->mcs_max;
    if (k->la.rule == NR_LA_BLER_WINDOW)
        return nr_la_mcs(&ud->la, &k->la, frame, ud->rounds[0], ud->rounds[1], mcs);
    if (d == RADIO_UL && ud->rounds[0] == 0) {
        /* Nothing has been received yet. */
        mcs = k->la.start_mcs < g->mcs_max ? k->la.start_mcs : g->mcs_max;
    } else if (k->la.rule == NR_LA_OUTER_LOOP) {
        double snr = known_snr_db(k, ud, d, cqi) + ud->la.offset_db;
        mcs = g->mcs_max;
        while (mcs > 0 && k->need_db[d][mcs] > snr)
            mcs--;
    }
    nr_la_set(&ud->la, &k->la, frame, ud->rounds[0], ud->rounds[1], mcs);
    return mcs;
}

void cell_la_heard(const struct cell *cell, struct ue_radio *u, enum radio_direction d,
                   const struct harq *h, bool failed)
{
    if (cell->common->la.rule == NR_LA_OUTER_LOOP && h->round == 1 && h->by_la)
        nr_la_heard(&u->d[d].la, &cell->common->la, h->mcs, cell->common->grid[d].mcs_max, failed);
}
