/* air.h - what lies between all cells and all UEs of a run whose channel follows from geometry:
 * where everybody is, signal, and the interference of other cells.
 *
 * Interference is read one window late: a cell's transmissions of window k (of
 * interference_window_ms) are heard by the others as an average over their carrier in window k + 1.
 * So what a cell hears now hangs on nothing that another cell does now, whichever of the two is
 * looked at first.
 *
 * Invariants (tests/sim/mobility.c):
 *   I1 every value is a function of (scenario, seed, time) and of what cells sent in windows before
 *      the one of that time;
 *   I2 signal, path and headroom do not depend on what anybody sent: two policies meet the same
 *      channel.
 */
#ifndef SIM_AIR_H
#define SIM_AIR_H

#include <stdint.h>

#include "base/err.h"
#include "models/channel_geometry.h"
#include "models/nr_frame.h"
#include "sched/radio.h"

struct world;

/* What a cell sent in one window. */
struct air_window {
    int64_t window; /* -1: none */
    int64_t dl_prb;
};

struct air_cell {
    struct air_window *dl; /* [air->windows], window w at w modulo that */
    /* Uplink: power of this cell's UEs at the other cells, over their noise per PRB, times PRB:
     * [AIR_UL_WINDOWS][n_cells]. */
    double *ul;
    int64_t ul_window[4]; /* -1: none */
    /* memo: what this cell hears in a window */
    int64_t heard_window;
    double heard;
};

struct air {
    struct channel_geometry geometry;
    const struct nr_frame *frame;
    int n_prb, n_cells;
    struct channel_site *sites; /* by cell */
    struct channel_ue *ues;
    struct air_cell *cells;
    int64_t window_ns; /* 0: no interference */
    int64_t windows;   /* kept per cell in the downlink; a power of two */
};

/* A block, or the whole carrier when n_prb is that of the carrier. */
struct air_block {
    int cell;
    uint32_t ue;
    enum radio_direction direction;
    int64_t slot; /* that has begun */
    int qm, prb_start, n_prb;
};

/* Builds the air of the world's scenario, with memory of its arena. */
int air_init(struct air *a, struct world *w, struct err *e);

/* SINR in dB that a block sees: mean mutual information over its PRB. */
double air_sinr_db(struct air *a, const struct air_block *b);

/* A transmission on `n_prb` PRB, in the slot that has begun: heard elsewhere a window later. */
void air_sent(struct air *a, int cell, uint32_t ue, enum radio_direction d, int64_t slot,
              int n_prb);

/* Reference signal received power of a cell at a UE, in dBm, without fading (layer 1 averages it
 * away). */
double air_rsrp_dbm(struct air *a, int cell, uint32_t ue, int64_t t_ns);

/* Power headroom of a UE on one PRB towards a cell, in dB. */
double air_headroom_db(struct air *a, int cell, uint32_t ue, int64_t t_ns);

/* The cell of the highest RSRP; the first of equals. */
int air_strongest(struct air *a, uint32_t ue, int64_t t_ns);

#endif
