/* cell_record.c - what a cell tells the outside: RAN records at sampling instants, and its totals.
 * Reading changes nothing: averages are evaluated at the instant, not advanced. */
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/air.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

/* The testbed's literal, its constant IMSI (data/willm/schema.csv). */
#define IMSI "0010100000107XX"
/* Assumed: RNTIs are handed out from the first value that 38.321 table 7.1-1 leaves to C-RNTI and
 * that no common search space of the testbed uses. */
#define FIRST_RNTI 0x1001
/* UE pMax of the testbed. */
#define UE_POWER_DBM 20

static void sample_ue(struct cell *cell, struct ue_radio *u, int64_t slot, int number)
{
    struct world *w = cell->stage.world;
    const struct cell_common *k = cell->common;
    const struct ue_direction *dl = &u->d[RADIO_DL];
    const struct ue_direction *ul = &u->d[RADIO_UL];
    int slice = world_slice_of(w, u->ue, u->group, world_now(w));
    const struct slice *fruit = NULL;
    const struct slice *branch = NULL;
    if (slice >= 0) {
        /* In mode separated each direction has shares of its own. Ours to choose: the uplink's. */
        branch = &cell->trees[RADIO_UL]->slices[slice];
        if (branch->parent >= 0) {
            fruit = branch;
            branch = &cell->trees[RADIO_UL]->slices[fruit->parent];
        }
    }
    struct ran_record row = {
        .cell = cell->id,
        .gnb_timestamp_ms = RECORD_EPOCH_MS + world_now(w) / NS_PER_MS,
        .frame_number = slot / k->frame.slots_per_frame % 1024,
        .slot_number = slot % k->frame.slots_per_frame,
        .imsi = IMSI,
        .rnti = FIRST_RNTI + u->ue,
        .ue_id = u->ue,
        .ue_number = number,
        .dl_throughput = nr_thr_at(&dl->thr, &k->decay, nr_frame_dl_index(&k->frame, slot)),
        .ul_throughput = nr_thr_at(&ul->thr, &k->decay, nr_frame_ul_index(&k->frame, slot)),
        /* A phone that is not attached reports none: 0, as in the recording. */
        .ph_db = u->attached ? lround(cell_headroom_db(cell, u, world_now(w))) : 0,
        .pcmax_dbm = UE_POWER_DBM,
        .avg_rsrp_dbm = RECORD_NO_INT,
        .cqi = u->cqi_report >= 0 ? u->cqi : RECORD_NO_INT,
        .ri = 1, /* 1T1R, the testbed's */
        .dl_mcs = dl->la.mcs,
        .ul_mcs = ul->la.mcs,
        .sched_ul_bytes = u->sched_bytes,
        .estimated_ul_buffer = u->estimate,
        .dl_pdus_total = dl->sdus % 65536,
        .dl_bler = dl->la.bler,
        .ul_bler = ul->la.bler,
        .dlsch_current_bytes = dl->current_bytes,
        .dlsch_current_rbs = dl->current_prb,
        .ulsch_current_bytes = ul->current_bytes,
        .ulsch_current_rbs = ul->current_prb,
        .ul_mac_sdus = ul->sdus,
        .primary_slice_max_pct = branch != NULL ? 100.0 * branch->max_ratio : NAN,
        .primary_slice_min_pct = branch != NULL ? 100.0 * branch->min_ratio : NAN,
        .secondary_slice_max_pct = fruit != NULL ? 100.0 * fruit->max_ratio : NAN,
        .secondary_slice_min_pct = fruit != NULL ? 100.0 * fruit->min_ratio : NAN,
        .pusch_snr_x10 = ul->rounds[0] > 0 ? ul->last_snr_x10 : RECORD_NO_INT,
        .slice_id = slice >= 0 ? w->slices.slices[slice].id : NULL};
    if (w->air != NULL) {
        row.pcmax_dbm = lround(w->air->geometry.config.ue_power_dbm);
        row.avg_rsrp_dbm = lround(air_rsrp_dbm(w->air, cell->index, u->ue, world_now(w)));
    }
    int rc = w->sink->ran(w->sink->self, &row);
    if (rc != 0 && w->sink_error == 0)
        w->sink_error = rc;
}

void cell_sample(struct cell *cell)
{
    struct world *w = cell->stage.world;
    if (w->sink == NULL || w->sink->ran == NULL)
        return;
    int64_t slot = world_now(w) / cell->common->frame.slot_ns;
    for (uint32_t i = 0; i < cell->n_ues; i++)
        sample_ue(cell, cell->ues[i], slot, (int)i + 1);
}

void cell_finish(struct cell *cell)
{
    struct world *w = cell->stage.world;
    if (w->sink == NULL || w->sink->cell == NULL)
        return;
    const struct cell_common *k = cell->common;
    int64_t slots = world_now(w) / k->frame.slot_ns;
    for (int d = 0; d < 2; d++) {
        int64_t opportunities = d == RADIO_DL ? nr_frame_dl_index(&k->frame, slots)
                                              : nr_frame_ul_index(&k->frame, slots);
        for (int i = 0; i <= w->slices.n; i++) {
            const struct cell_totals *t =
                i == 0 ? &cell->sums[d].all : &cell->sums[d].slices[i - 1];
            struct cell_record row = {.cell = cell->id,
                                      .direction = d == RADIO_DL ? "dl" : "ul",
                                      .slice_id = i > 0 ? w->slices.slices[i - 1].id : NULL,
                                      .opportunities = opportunities,
                                      .prb_available = opportunities * k->grid[d].n_prb,
                                      .prb_used = t->prb_used,
                                      .blocks = t->blocks,
                                      .blocks_retx = t->blocks_retx,
                                      .blocks_retx_round1 = t->blocks_retx1,
                                      .blocks_lost = t->blocks_lost,
                                      .block_errors = t->errors,
                                      .bytes_scheduled = t->bytes_scheduled,
                                      .bytes_retx = t->bytes_retx,
                                      .bytes_payload = t->bytes_payload,
                                      .bytes_padding = t->bytes_padding,
                                      .mcs_sum = t->mcs_sum};
            int rc = w->sink->cell(w->sink->self, &row);
            if (rc != 0 && w->sink_error == 0)
                w->sink_error = rc;
        }
    }
}
