/* cell_ul.c - the uplink of a cell: scheduling requests, buffer status, grants, blocks.
 *
 * What the gNB knows of a UE's buffer is its estimate from the last BSR less what has arrived
 * since; what it has granted and not yet decoded is sched_bytes. It grants while estimate >
 * sched_bytes, when it has seen a scheduling request, and when an idle grant is due, as the
 * testbed's does. */
#include "base/units.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/world.h"

/* A short BSR with its subheader, 38.321 6.1.3.1. */
#define BSR_BYTES 2

/* --- Who is wanted ---------------------------------------------------------------------------- */

/* True when the gNB has a reason, other than an idle grant, to give this UE new PRB. */
static bool ul_wanted(const struct ue_radio *u)
{
    return u->sr_seen || u->estimate > u->sched_bytes;
}

void cell_ul_mark(struct cell *cell, struct ue_radio *u)
{
    cell_mark(cell, RADIO_UL, u, ul_wanted(u) || u->d[RADIO_UL].retx_mask != 0);
}

/* From when the wait for an idle grant counts. Attachment marks UEs by slots that no block has
 * (cell_attach.c). */
static int64_t idle_since(const struct cell *cell, const struct ue_radio *u)
{
    int64_t last = u->d[RADIO_UL].last_slot;
    if (!cell->common->config->idle_grant_by_frame || last < 0 || last == INT64_MAX)
        return last;
    return nr_frame_idle_since(&cell->common->frame, last);
}

static bool idle_grant_due(const struct cell *cell, const struct ue_radio *u, int64_t ul_slot)
{
    int64_t wait = cell->common->idle_grant_slots;
    return wait > 0 && ul_slot - idle_since(cell, u) >= wait;
}

int64_t cell_ul_idle_due(const struct cell *cell)
{
    if (cell->common->idle_grant_slots == 0)
        return INT64_MAX;
    int64_t due = INT64_MAX;
    for (uint32_t i = 0; i < cell->n_ues; i++) {
        int64_t since = idle_since(cell, cell->ues[i]);
        due = since < due ? since : due;
    }
    return due == INT64_MAX ? due : due + cell->common->idle_grant_slots;
}

/* --- The UE ----------------------------------------------------------------------------------- */

/* The UE's first occasion for a scheduling request from `slot` on: every period, in the next slot
 * with uplink symbols. */
static int64_t sr_occasion(const struct cell *cell, int64_t slot)
{
    const struct scenario_radio *c = cell->common->config;
    int64_t behind = (slot - c->sr_offset_slots) % c->sr_period_slots;
    int64_t nominal = slot - (behind < 0 ? behind + c->sr_period_slots : behind);
    int64_t occasion = -1;
    for (; occasion < slot; nominal += c->sr_period_slots)
        if (nominal >= 0)
            occasion = nr_frame_next_ul(&cell->common->frame, nominal);
    return occasion;
}

/* A scheduling request at the first occasion from `slot` on; the gNB knows in the slot after. */
static void send_sr(struct cell *cell, struct ue_radio *u, int64_t slot)
{
    u->sr_known_slot = sr_occasion(cell, slot) + 1;
    cell_act(cell, u->sr_known_slot, (struct action){.kind = ACTION_SR, .ue = u->ue});
}

/* Data and no grant to report it with: a regular BSR is triggered, and with it a scheduling
 * request at the UE's next occasion (38.321 5.4.4, 5.4.5). */
static void trigger_sr(struct cell *cell, struct ue_radio *u)
{
    u->bsr_due = true;
    if (u->sr_pending)
        return;
    u->sr_pending = true;
    send_sr(cell, u, world_now(cell->stage.world) / cell->common->frame.slot_ns + 1);
}

void cell_ul_arrival(struct cell *cell, struct ue_radio *u)
{
    /* Regular BSR: data where there was none (38.321 5.4.5). */
    if (!u->bsr_due && stream_waiting(&u->d[RADIO_UL].stream) > 0)
        trigger_sr(cell, u);
}

static void start_bsr_timer(struct cell *cell, struct ue_radio *u, int64_t slot)
{
    if (u->bsr_timer)
        return;
    u->bsr_timer = true;
    cell_act(cell, slot + cell->common->bsr_retx_slots,
             (struct action){.kind = ACTION_BSR, .ue = u->ue});
}

void cell_ul_bsr_timer(struct cell *cell, struct ue_radio *u)
{
    u->bsr_timer = false;
    if (stream_waiting(&u->d[RADIO_UL].stream) == 0)
        return;
    /* Each grant for new data restarts the timer. */
    if (cell->slot - u->last_data_slot < cell->common->bsr_retx_slots)
        start_bsr_timer(cell, u, u->last_data_slot);
    else if (!u->bsr_due)
        trigger_sr(cell, u);
    else
        start_bsr_timer(cell, u, cell->slot);
}

/* Builds the MAC PDU of a first transmission from what waits now. */
static void build_block(struct cell *cell, struct ue_radio *u, struct harq *h)
{
    const struct cell_common *k = cell->common;
    struct stream *s = &u->d[RADIO_UL].stream;
    int64_t waiting = stream_waiting(s);
    bool periodic = waiting > 0 && cell->slot - u->last_bsr_slot >= k->bsr_periodic_slots;
    h->has_bsr = u->bsr_due || periodic;
    int64_t room = h->tb_bytes - k->tb_header_bytes - (h->has_bsr ? BSR_BYTES : 0);
    h->payload = room > 0 && waiting > 0 ? (int32_t)stream_take(s, room, &h->start) : 0;
    int64_t used =
        (h->payload > 0 ? h->payload + k->tb_header_bytes : 0) + (h->has_bsr ? BSR_BYTES : 0);
    /* Padding BSR when it fits (38.321 5.4.5). */
    if (!h->has_bsr && h->tb_bytes - used >= BSR_BYTES) {
        h->has_bsr = true;
        used += BSR_BYTES;
    }
    h->padding = (int32_t)(h->tb_bytes - used);
    waiting = stream_waiting(s);
    if (h->has_bsr) {
        h->bsr = (int32_t)nr_bsr_report(waiting);
        u->last_bsr_slot = cell->slot;
        u->bsr_due = false;
        u->sr_pending = false;
        /* A request that was sent before this slot is still heard in it. */
        if (u->sr_known_slot > cell->slot)
            u->sr_known_slot = -1;
    }
    u->last_data_slot = cell->slot;
    if (waiting > 0)
        start_bsr_timer(cell, u, cell->slot);
    h->request = h->payload > 0 ? stream_request(cell, s, h->start) : POOL_NONE;
}

void cell_ul_send(struct cell *cell, struct ue_radio *u, uint8_t process)
{
    struct ue_direction *d = &u->d[RADIO_UL];
    struct harq *h = &d->harq[process];
    if (h->round == 0)
        build_block(cell, u, h);
    h->state = HARQ_IN_FLIGHT;
    d->current_bytes = h->tb_bytes;
    d->current_prb = h->n_prb;
    d->last_mcs = h->mcs;
    cell_count(cell, u, RADIO_UL, h);
    /* Charged to the request while its upload lasts; acknowledgements that come after are not. */
    struct request *r =
        h->request != POOL_NONE ? world_request(cell->stage.world, h->request) : NULL;
    if (r != NULL && r->at[STAGE_RADIO_UL].out == NS_NEVER) {
        r->ul_sched_bytes += h->tb_bytes;
        r->ul_sched_prb += h->n_prb;
        r->ul_blocks++;
    }
    cell_act(cell, cell->slot + 1,
             (struct action){.kind = ACTION_END_UL, .process = process, .ue = u->ue});
}

/* --- The gNB ---------------------------------------------------------------------------------- */

void cell_ul_sr(struct cell *cell, struct ue_radio *u)
{
    if (u->sr_known_slot != cell->slot) /* taken back, or another one since */
        return;
    u->sr_seen = true;
    /* No SR prohibit timer (testbed): while the BSR is not through, the next occasion asks again.
     */
    if (u->sr_pending)
        send_sr(cell, u, cell->slot);
    cell_ul_mark(cell, u);
}

void cell_ul_end(struct cell *cell, struct ue_radio *u, uint8_t process)
{
    struct ue_direction *d = &u->d[RADIO_UL];
    struct harq *h = &d->harq[process];
    bool failed = cell_transmission_fails(cell, u, RADIO_UL, h, cell->slot - 1);
    h->round++;
    cell_la_heard(cell, u, RADIO_UL, h, failed);
    if (failed && h->round < cell->common->config->harq_rounds) {
        h->state = HARQ_WAIT_RETX;
        d->retx_mask = (uint16_t)(d->retx_mask | 1u << process);
        cell_ul_mark(cell, u);
        return;
    }
    u->sched_bytes -= h->tb_bytes;
    if (failed) {
        cell_block_lost(cell, u, RADIO_UL, process);
        cell_ul_mark(cell, u);
        return;
    }
    h->state = HARQ_FREE;
    d->free_mask = (uint16_t)(d->free_mask | 1u << process);
    u->estimate = u->estimate > h->payload ? u->estimate - h->payload : 0;
    if (h->has_bsr)
        u->estimate = h->bsr;
    cell_ul_mark(cell, u);
    if (h->payload > 0) {
        d->sdus++;
        stream_arrive(cell, u, RADIO_UL, h->start, h->payload);
    }
}

/* Puts a granted process on the air in `ul_slot`. */
static void grant(struct cell *cell, struct ue_radio *u, uint8_t process, int64_t ul_slot)
{
    struct ue_direction *d = &u->d[RADIO_UL];
    struct harq *h = &d->harq[process];
    h->state = HARQ_GRANTED;
    h->tpc_db = u->tpc_db;
    d->last_slot = ul_slot;
    nr_thr_add(&d->thr, &cell->common->decay, nr_frame_ul_index(&cell->common->frame, ul_slot),
               h->tb_bytes);
    cell_act(cell, ul_slot,
             (struct action){.kind = ACTION_SEND_UL, .process = process, .ue = u->ue});
    cell_ul_mark(cell, u);
}

/* What the policy sees of a UE that wants PRB, or for which an idle grant is due. */
static void fill_view(struct cell *cell, struct ue_radio *u, struct radio_ue_view *v, int kind,
                      int64_t ul_slot)
{
    const struct cell_common *k = cell->common;
    const struct nr_grid *g = &k->grid[RADIO_UL];
    struct ue_direction *d = &u->d[RADIO_UL];
    cell_view_ue(cell, u, RADIO_UL, v);
    v->cqi = cell_ul_cqi(cell, u);
    v->mcs = cell_mcs(cell, u, RADIO_UL, v->cqi);
    v->backlog_bytes = u->estimate > u->sched_bytes ? u->estimate - u->sched_bytes : 0;
    v->idle_grant = v->backlog_bytes == 0;
    /* Testbed: the smallest grant, at MCS min(9, current). */
    if (v->idle_grant && v->mcs > k->config->min_grant_mcs)
        v->mcs = (int)k->config->min_grant_mcs;
    v->thr = nr_thr_at(&d->thr, &k->decay, nr_frame_ul_index(&k->frame, ul_slot));
    v->pf_bytes = g->pf_bytes[v->mcs];
    v->prb_for_backlog = nr_grid_prb_for(g, kind, v->mcs, v->backlog_bytes + k->tb_header_bytes);
}

void cell_ul_schedule(struct cell *cell, int64_t ul_slot)
{
    const struct cell_common *k = cell->common;
    const struct nr_grid *g = &k->grid[RADIO_UL];
    const int kind = nr_grid_kind(g, nr_frame_ul_symbols(&k->frame, ul_slot));
    const int32_t pucch = (int32_t)k->config->pucch_prb;
    const int32_t prach = nr_frame_prach(&k->frame, ul_slot) ? (int32_t)k->config->prach_prb : 0;
    struct cell_plan plan = {.carrier_prb = g->n_prb,
                             .used = pucch - pucch / 2 + prach,
                             .end_prb = g->n_prb - pucch / 2,
                             .pucch_low = pucch - pucch / 2,
                             .pucch_high = pucch / 2,
                             .grants_left = k->max_ues_per_slot < cell->work->dcis_left
                                                ? k->max_ues_per_slot
                                                : cell->work->dcis_left};
    int32_t n = 0;

    /* Without idle grants only the marked UEs can be wanted. */
    bool all = k->idle_grant_slots > 0;
    for (uint32_t word = 0; word < cell_words(cell); word++) {
        uint64_t bits = cell_active(cell, RADIO_UL)[word];
        if (all)
            bits = word + 1 < cell_words(cell) || cell->n_ues % 64 == 0
                       ? ~0ULL
                       : (1ULL << cell->n_ues % 64) - 1;
        for (; bits != 0; bits &= bits - 1) {
            struct ue_radio *u = cell->ues[word * 64 + (uint32_t)__builtin_ctzll(bits)];
            struct ue_direction *d = &u->d[RADIO_UL];
            if (d->retx_mask != 0) {
                /* One block per UE and slot, retransmissions first. */
                int process = cell_plan_retx(cell, &plan, RADIO_UL, d, kind);
                if (process >= 0)
                    grant(cell, u, (uint8_t)process, ul_slot);
                continue;
            }
            if (d->free_mask != 0 && (ul_wanted(u) || idle_grant_due(cell, u, ul_slot))) {
                cell->work->view_ue[n] = u->in_cell;
                fill_view(cell, u, &cell->work->views[n++], kind, ul_slot);
            }
        }
    }
    int32_t n_grants =
        cell_ask_policy(cell, &plan, RADIO_UL, ul_slot, (int32_t)k->config->min_grant_prb, n);
    for (int32_t i = 0; i < n_grants; i++) {
        uint8_t process;
        struct harq *h =
            cell_new_block(cell, &plan, RADIO_UL, &cell->work->grants[i], kind, &process);
        struct ue_radio *u = cell->ues[cell->work->view_ue[cell->work->grants[i].ue]];
        u->sched_bytes += h->tb_bytes;
        u->sr_seen = false;
        grant(cell, u, process, ul_slot);
    }
    cell_plan_close(&plan);
    cell->work->dcis_left -= plan.dcis_used;
}
