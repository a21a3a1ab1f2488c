/* cell_dl.c - the downlink of a cell: blocks from the gNB's queues, acknowledgements.
 *
 * The gNB knows its queues exactly; PDSCH follows its PDCCH in the same slot (k0 = 0); the UE's
 * acknowledgement comes in the first uplink slot k1 or more later. */
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/world.h"

void cell_dl_mark(struct cell *cell, struct ue_radio *u)
{
    const struct ue_direction *d = &u->d[RADIO_DL];
    cell_mark(cell, RADIO_DL, u, stream_waiting(&d->stream) > 0 || d->retx_mask != 0);
}

int cell_dl_cqi(struct cell *cell, struct ue_radio *u, int64_t slot)
{
    int64_t report = slot / cell->common->cqi_slots;
    if (report != u->cqi_report) {
        int64_t measured = report * cell->common->cqi_slots;
        double snr = cell_wideband_snr_db(cell, u, measured);
        const struct scenario_radio *c = cell->common->config;
        u->cqi = (int8_t)nr_cqi_of_snr((enum nr_decoder)c->decoder, (int)c->mcs_table_dl, snr,
                               cell->common->grid[RADIO_DL].n_prb);
        u->cqi_report = report;
    }
    return u->cqi;
}

/* Sends a process now: it ends with the slot, and is acknowledged later. */
static void transmit(struct cell *cell, struct ue_radio *u, uint8_t process)
{
    const struct cell_common *k = cell->common;
    struct ue_direction *d = &u->d[RADIO_DL];
    struct harq *h = &d->harq[process];
    h->state = HARQ_IN_FLIGHT;
    d->last_slot = cell->slot;
    d->current_bytes = h->tb_bytes;
    d->current_prb = h->n_prb;
    d->last_mcs = h->mcs;
    nr_thr_add(&d->thr, &k->decay, nr_frame_dl_index(&k->frame, cell->slot), h->tb_bytes);
    cell_count(cell, u, RADIO_DL, h);
    struct action a = {.kind = ACTION_END_DL, .process = process, .ue = u->ue};
    cell_act(cell, cell->slot + 1, a);
    a.kind = ACTION_ACK_DL;
    cell_act(cell, nr_frame_next_ul(&k->frame, cell->slot + k->config->k1_slots) + 1, a);
    cell_dl_mark(cell, u);
}

void cell_dl_end(struct cell *cell, struct ue_radio *u, uint8_t process)
{
    struct harq *h = &u->d[RADIO_DL].harq[process];
    h->failed = cell_transmission_fails(cell, u, RADIO_DL, h, cell->slot - 1);
    h->round++;
    if (!h->failed) {
        u->d[RADIO_DL].sdus++;
        stream_arrive(cell, u, RADIO_DL, h->start, h->payload);
    }
}

void cell_dl_ack(struct cell *cell, struct ue_radio *u, uint8_t process)
{
    struct ue_direction *d = &u->d[RADIO_DL];
    struct harq *h = &d->harq[process];
    if (h->failed && h->round < cell->common->config->harq_rounds) {
        h->state = HARQ_WAIT_RETX;
        d->retx_mask = (uint16_t)(d->retx_mask | 1u << process);
    } else if (h->failed) {
        cell_block_lost(cell, u, RADIO_DL, process);
    } else {
        h->state = HARQ_FREE;
        d->free_mask = (uint16_t)(d->free_mask | 1u << process);
    }
    cell_dl_mark(cell, u);
}

/* What the policy sees of a UE with bytes waiting. */
static void fill_view(struct cell *cell, struct ue_radio *u, struct radio_ue_view *v, int kind)
{
    const struct cell_common *k = cell->common;
    const struct nr_grid *g = &k->grid[RADIO_DL];
    struct ue_direction *d = &u->d[RADIO_DL];
    cell_view_ue(cell, u, RADIO_DL, v);
    v->cqi = cell_dl_cqi(cell, u, cell->slot);
    v->mcs = nr_la_mcs(&d->la, &k->la, cell->slot / k->frame.slots_per_frame, d->rounds[0],
                       d->rounds[1], k->dl_mcs[v->cqi]);
    v->backlog_bytes = stream_waiting(&d->stream);
    v->thr = nr_thr_at(&d->thr, &k->decay, nr_frame_dl_index(&k->frame, cell->slot));
    v->pf_bytes = g->pf_bytes[v->mcs];
    v->prb_for_backlog = nr_grid_prb_for(g, kind, v->mcs, v->backlog_bytes + k->tb_header_bytes);
}

void cell_dl_schedule(struct cell *cell)
{
    const struct cell_common *k = cell->common;
    const struct nr_grid *g = &k->grid[RADIO_DL];
    const int kind = nr_grid_kind(g, k->frame.dl_symbols[nr_frame_phase(&k->frame, cell->slot)]);
    struct cell_plan plan = {.carrier_prb = g->n_prb,
                             .end_prb = g->n_prb,
                             .grants_left = k->max_ues_per_slot < cell->work->dcis_left
                                                ? k->max_ues_per_slot
                                                : cell->work->dcis_left};
    int32_t n = 0;

    for (uint32_t word = 0; word < cell_words(cell); word++) {
        for (uint64_t bits = cell_active(cell, RADIO_DL)[word]; bits != 0; bits &= bits - 1) {
            struct ue_radio *u = cell->ues[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            struct ue_direction *d = &u->d[RADIO_DL];
            if (d->retx_mask != 0) {
                int process = cell_plan_retx(cell, &plan, RADIO_DL, d, kind);
                if (process >= 0)
                    transmit(cell, u, (uint8_t)process);
            } else if (stream_waiting(&d->stream) > 0 && d->free_mask != 0) {
                cell->work->view_ue[n] = u->in_cell;
                fill_view(cell, u, &cell->work->views[n++], kind);
            }
        }
    }
    int32_t n_grants = cell_ask_policy(cell, &plan, RADIO_DL, cell->slot, k->dl_min_prb, n);
    for (int32_t i = 0; i < n_grants; i++) {
        uint8_t process;
        struct harq *h =
            cell_new_block(cell, &plan, RADIO_DL, &cell->work->grants[i], kind, &process);
        struct ue_radio *u = cell->ues[cell->work->view_ue[cell->work->grants[i].ue]];
        int64_t room = h->tb_bytes > k->tb_header_bytes ? h->tb_bytes - k->tb_header_bytes : 0;
        h->payload = (int32_t)stream_take(&u->d[RADIO_DL].stream, room, &h->start);
        h->padding = (int32_t)(room - h->payload);
        transmit(cell, u, process);
    }
    cell_plan_close(&plan);
    cell->work->dcis_left -= plan.dcis_used;
}
