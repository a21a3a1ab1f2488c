/* cell.c - the slot loop of a cell: which slots are visited, what happens in one, HARQ's common
 * half. See cell.h. */
#include "sim/cell.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "models/nr_tables.h"
#include "sim/scenario.h"
#include "sim/server.h"
#include "sim/slice_control.h"
#include "sim/ue.h"
#include "sim/world.h"

/* --- What all cells share --------------------------------------------------------------------- */

/* MAC subheader with 16-bit length (38.321 6.1.2) and RLC AM header with 18-bit sequence number
 * (38.322 6.2.2.4): 3 bytes each, one SDU segment per block. */
#define TB_HEADER_BYTES 6
/* PDCP header with 18-bit sequence number (38.323 6.2.2.3) and SDAP header (37.324 6.2.2). */
#define PDCP_SDAP_BYTES 4
/* Without a transport in the scenario: a full Ethernet payload, IPv4 and TCP without options. */
#define DEFAULT_MTU     1500
#define DEFAULT_HEADERS 40

static int64_t slots_of_ms(const struct nr_frame *f, double ms)
{
    int64_t slots = llround(ms * 1e6 / (double)f->slot_ns);
    return slots > 0 ? slots : 1;
}

/* A slot may have so many symbols: one more kind, unless it is known or there is none. */
static void note_kind(struct nr_grid_config *g, uint8_t symbols)
{
    for (int kind = 0; kind < g->kinds; kind++)
        if (g->symbols[kind] == symbols)
            return;
    if (symbols > 0)
        g->symbols[g->kinds++] = symbols;
}

static int read_trace(struct channel_trace *t, const struct json_choice *channel, struct arena *a,
                      struct err *e)
{
    if (channel->index != CHANNEL_SNR_TRACE)
        return 0;
    const struct channel_snr_trace *o = channel->options;
    t->hold = o->between == SNR_TRACE_HOLD;
    t->repeat = o->repeat;
    const char *path = scenario_path_in(a, o->path);
    return path == NULL ? err_memory(e, "a path") : channel_trace_read(path, a, t, e);
}

int cell_common_init(struct cell_common *c, const struct scenario *sc, struct arena *a,
                     struct err *e)
{
    const struct scenario_radio *r = sc->radio;
    memset(c, 0, sizeof *c);
    c->config = r;
    struct nr_frame_config frame = {.scs_khz = (int)r->scs_khz,
                                    .pattern = r->tdd,
                                    .dl_symbols = (int)r->dl_symbols,
                                    .special_dl_symbols = (int)r->special_dl_symbols,
                                    .ul_symbols = (int)r->ul_symbols,
                                    .special_ul_symbols = (int)r->ul_special_symbols,
                                    .srs_period = r->srs_period_slots,
                                    .srs_offset = r->srs_offset_slots,
                                    .prach_period = (int)r->prach_period_frames,
                                    .prach_frame = (int)r->prach_frame,
                                    .prach_subframe = (int)r->prach_subframe};
    if (!nr_frame_init(&c->frame, &frame))
        return err_input(e, sc->file, "radio.tdd",
                         "\"%s\" is not a slot pattern; write D, S and U "
                         "with at least one D and one U, or \"fdd\"",
                         r->tdd);
    for (int d = 0; d < 2; d++) {
        int table = (int)(d == RADIO_UL ? r->mcs_table_ul : r->mcs_table_dl);
        int most = (int)(d == RADIO_UL ? r->max_mcs_ul : r->max_mcs_dl);
        struct nr_grid_config g = {.n_prb = (int)r->n_prb,
                                   .mcs_table = table,
                                   .mcs_max = most < nr_mcs_max(table) ? most : nr_mcs_max(table),
                                   .dmrs_re_per_prb =
                                       (int)(d == RADIO_UL ? r->ul_dmrs_re : r->dl_dmrs_re),
                                   .layers = 1};
        if (d == RADIO_UL && r->ul_special_symbols < r->ul_symbols) {
            g.short_symbols = (int)r->ul_special_symbols;
            g.short_dmrs_re = (int)r->ul_special_dmrs_re;
        }
        const uint8_t *symbols = d == RADIO_UL ? c->frame.ul_symbols : c->frame.dl_symbols;
        for (int i = 0; i < c->frame.period; i++) {
            note_kind(&g, symbols[i]);
            if (d == RADIO_UL && r->srs_period_slots > 0 && symbols[i] > 1)
                note_kind(&g, (uint8_t)(symbols[i] - 1));
        }
        int rc = nr_grid_init(&c->grid[d], &g, e);
        if (rc != 0)
            return rc;
    }
    int rc = read_trace(&c->traces[RADIO_DL], &r->channel_dl, a, e);
    rc = rc == 0 ? read_trace(&c->traces[RADIO_UL], &r->channel_ul, a, e) : rc;
    if (rc != 0)
        return rc;
    /* Testbed: the gNB's ul_cqi counts half decibels. */
    c->snr_step_db = 0.5;
    if (r->channel.word == NULL && r->channel_ul.index == CHANNEL_TESTBED)
        c->snr_step_db = ((const struct channel_testbed *)r->channel_ul.options)->step_db;
    c->tpc_target_x10 = (int32_t)lround(10.0 * r->ul_tpc_target_db);
    /* 14 symbols a slot (38.211 table 4.3.2-1). */
    const double symbol_s = (double)c->frame.slot_ns / NS_PER_S / 14.0;
    const struct nr_grid *ul = &c->grid[RADIO_UL];
    for (int kind = 0; kind < ul->kinds; kind++) {
        bool special =
            r->ul_special_symbols < r->ul_symbols && ul->symbols[kind] <= r->ul_special_symbols;
        nr_phase_init(&c->ul_phase[kind], ul->symbols[kind],
                      (int)(special ? r->ul_special_dmrs_re : r->ul_dmrs_re),
                      2.0 * M_PI * r->ul_frequency_error_hz * symbol_s);
    }
    cell_la_init(c);
    nr_decay_init(&c->decay, r->pf_ewma);
    c->la = (struct nr_la_config){.rule = (enum nr_la_rule)r->link_adaptation,
                                  .start_mcs = (int)r->start_mcs,
                                  .min_mcs_up = (int)r->la_min_mcs,
                                  .idle_mcs = 9,
                                  .start_bler = r->start_bler,
                                  .lower = r->la_lower,
                                  .upper = r->la_upper,
                                  .filter = r->la_filter,
                                  .update_frames = (int)r->la_update_frames,
                                  .min_blocks = (int)r->la_min_blocks,
                                  .target = r->la_target_bler,
                                  .step_db = r->la_step_db};
    c->idle_grant_slots = r->idle_grant_ms > 0.0 ? slots_of_ms(&c->frame, r->idle_grant_ms) : 0;
    c->bsr_periodic_slots = slots_of_ms(&c->frame, r->bsr_periodic_ms);
    c->bsr_retx_slots = slots_of_ms(&c->frame, r->bsr_retx_ms);
    c->rlc_slots = slots_of_ms(&c->frame, r->rlc_status_ms);
    c->cqi_slots = slots_of_ms(&c->frame, r->cqi_period_ms);
    c->cqi_delay_slots = r->cqi_delay_ms > 0.0 ? slots_of_ms(&c->frame, r->cqi_delay_ms) : 0;
    /* The testbed's rule (pf_ul, pf_dl): bandwidth / 24. */
    int64_t most = r->max_ues_per_slot > 0 ? r->max_ues_per_slot : r->n_prb / 24;
    c->max_ues_per_slot = (int32_t)(most > 1 ? most : 1);
    c->dl_min_prb = (int32_t)r->min_grant_prb_dl;
    c->tb_header_bytes = TB_HEADER_BYTES;
    int64_t headers =
        sc->transport != NULL ? transport_header_bytes(sc->transport) : DEFAULT_HEADERS;
    int64_t mtu = sc->transport != NULL ? sc->transport->mtu_bytes : DEFAULT_MTU;
    c->packet_payload_bytes = mtu - headers;
    c->packet_header_bytes = headers + PDCP_SDAP_BYTES;
    int64_t horizon = c->bsr_retx_slots;
    if (c->rlc_slots > horizon)
        horizon = c->rlc_slots;
    if (r->sr_period_slots > horizon)
        horizon = r->sr_period_slots;
    if (r->k1_slots > horizon)
        horizon = r->k1_slots;
    if (r->k2_slots > horizon)
        horizon = r->k2_slots;
    c->ring = 64;
    while (c->ring < horizon + 2 * c->frame.period + 4)
        c->ring *= 2;
    return 0;
}

void cell_common_free(struct cell_common *c)
{
    nr_grid_free(&c->grid[RADIO_DL]);
    nr_grid_free(&c->grid[RADIO_UL]);
}

/* --- Which slots are visited ------------------------------------------------------------------ */

enum cell_event { CELL_SLOT };

static void arm(struct cell *cell, int64_t slot)
{
    if (slot >= cell->armed)
        return;
    cell->armed = slot;
    engine_at(&cell->stage.entity, slot * cell->common->frame.slot_ns, &cell->stage.entity,
              CELL_SLOT, (uint64_t)slot);
}

void cell_wake(struct cell *cell)
{
    int64_t now = world_now(cell->stage.world);
    arm(cell, now / cell->common->frame.slot_ns + 1);
}

static uint64_t ring_place(const struct cell *cell, int64_t slot)
{
    return (uint64_t)slot & (uint64_t)(cell->common->ring - 1);
}

static struct action *action_at(const struct cell *cell, uint32_t handle)
{
    return pool_at(&cell->work->actions, handle);
}

uint32_t cell_first_action(const struct cell *cell, int64_t slot)
{
    uint32_t last = cell_ring(cell)[ring_place(cell, slot)];
    return last != POOL_NONE ? action_at(cell, last)->next : POOL_NONE;
}

uint32_t cell_next_action(const struct cell *cell, int64_t slot, uint32_t handle)
{
    bool last = handle == cell_ring(cell)[ring_place(cell, slot)];
    return last ? POOL_NONE : action_at(cell, handle)->next;
}

void cell_act(struct cell *cell, int64_t slot, struct action action)
{
    assert(slot > cell->slot);
    uint32_t handle = pool_take(&cell->work->actions);
    if (handle == POOL_NONE) {
        cell->stage.world->sink_error = ERR_MEMORY;
        return;
    }
    action.epoch = cell->stage.world->radios[action.ue].epoch;
    uint64_t place = ring_place(cell, slot);
    uint32_t *last = &cell_ring(cell)[place];
    if (*last == POOL_NONE) {
        cell->ring_used[place / 64] |= 1ULL << place % 64;
        action.next = handle;
    } else {
        struct action *before = action_at(cell, *last);
        action.next = before->next;
        before->next = handle;
    }
    *last = handle;
    *action_at(cell, handle) = action;
    /* During a visit the next one is armed at its end. */
    if (cell->work->visiting != cell)
        arm(cell, slot);
}

/* First slot after `slot` that has an action; INT64_MAX: none. */
static int64_t next_action(const struct cell *cell, int64_t slot)
{
    int64_t ring = cell->common->ring;
    for (int64_t s = slot + 1; s < slot + ring;) {
        uint64_t place = ring_place(cell, s);
        uint64_t bits = cell->ring_used[place / 64] >> place % 64;
        if (bits != 0)
            return s + __builtin_ctzll(bits);
        s += 64 - (int64_t)(place % 64);
    }
    return INT64_MAX;
}

/* Some UE may be scheduled. */
static bool any(struct cell *cell, enum radio_direction d)
{
    const uint64_t *bits = cell_active(cell, d);
    for (uint32_t i = 0; i < cell_words(cell); i++)
        if (bits[i] != 0)
            return true;
    return false;
}

/* First slot after the one just visited in which there is something to do. */
static int64_t next_work(struct cell *cell)
{
    const struct cell_common *k = cell->common;
    int64_t slot = cell->slot;
    int64_t next = next_action(cell, slot);
    if (any(cell, RADIO_DL)) {
        int64_t s = slot + 1;
        while (k->frame.dl_symbols[nr_frame_phase(&k->frame, s)] == 0)
            s++;
        next = s < next ? s : next;
    }
    if (any(cell, RADIO_UL)) {
        int64_t s = nr_frame_next_pdcch(&k->frame, slot + 1);
        next = s < next ? s : next;
    }
    int64_t due = cell_ul_idle_due(cell);
    if (due != INT64_MAX) {
        int64_t ul = nr_frame_next_ul(&k->frame, due > 0 ? due : 0);
        int64_t s = nr_frame_grant_slot(&k->frame, ul, (int)k->config->k2_slots);
        if (s <= slot)
            s = nr_frame_next_pdcch(&k->frame, slot + 1);
        next = s < next ? s : next;
    }
    return next;
}

static void act(struct cell *cell, const struct action *a)
{
    struct ue_radio *u = &cell->stage.world->radios[a->ue];
    bool down = a->kind == ACTION_END_DL || a->kind == ACTION_ACK_DL;
    ue_direction_fetch(&u->d[down ? RADIO_DL : RADIO_UL], a->process);
    if (a->epoch != u->epoch)
        return; /* it has detached since, and may be another cell's */
    switch ((enum action_kind)a->kind) {
    case ACTION_SEND_UL:
        cell_ul_send(cell, u, a->process);
        break;
    case ACTION_END_UL:
        cell_ul_end(cell, u, a->process);
        break;
    case ACTION_END_DL:
        cell_dl_end(cell, u, a->process);
        break;
    case ACTION_ACK_DL:
        cell_dl_ack(cell, u, a->process);
        break;
    case ACTION_SR:
        cell_ul_sr(cell, u);
        break;
    case ACTION_BSR:
        cell_ul_bsr_timer(cell, u);
        break;
    case ACTION_RLC: {
        struct stream *s = &u->d[a->direction].stream;
        bool empty = stream_waiting(s) == 0;
        stream_repeat(cell, s, a->range);
        if (a->direction == RADIO_DL)
            cell_dl_mark(cell, u);
        else if (empty)
            cell_ul_arrival(cell, u);
        break;
    }
    }
}

/* What UEs do with what they had before this slot: a scheduling request that was sent in the one
 * before, a block that is built for this one. */
static bool is_from_before(const struct action *a)
{
    return a->kind == ACTION_SR || a->kind == ACTION_SEND_UL;
}

/* Handles a slot's list: that first, then what becomes known now. So nothing hangs on when an
 * action was asked for, and what becomes known at a slot's beginning is seen by a UE in the next.
 */
static void act_all(struct cell *cell, uint32_t list)
{
    for (uint32_t handle = list; handle != POOL_NONE;) {
        struct action a = *(struct action *)pool_at(&cell->work->actions, handle);
        if (is_from_before(&a))
            act(cell, &a);
        handle = a.next;
    }
    for (uint32_t handle = list; handle != POOL_NONE;) {
        struct action a = *(struct action *)pool_at(&cell->work->actions, handle);
        pool_give(&cell->work->actions, handle);
        if (!is_from_before(&a))
            act(cell, &a);
        handle = a.next;
    }
}

static void visit(struct cell *cell, int64_t slot)
{
    const struct cell_common *k = cell->common;
    cell->slot = slot;
    cell->visited++;
    cell->work->visiting = cell;

    uint64_t place = ring_place(cell, slot);
    uint32_t last = cell_ring(cell)[place];
    if (last != POOL_NONE) {
        uint32_t first = action_at(cell, last)->next;
        action_at(cell, last)->next = POOL_NONE;
        cell_ring(cell)[place] = POOL_NONE;
        cell->ring_used[place / 64] &= ~(1ULL << place % 64);
        act_all(cell, first);
    }

    int phase = nr_frame_phase(&k->frame, slot);
    cell->work->dcis_left = k->config->pdcch_dcis > 0 ? (int32_t)k->config->pdcch_dcis : INT32_MAX;
    if (k->frame.pdcch[phase]) {
        /* Every UL slot whose last possible PDCCH is this one. */
        int64_t ul = slot + k->config->k2_slots;
        do {
            if (k->frame.ul_symbols[nr_frame_phase(&k->frame, ul)] > 0)
                cell_ul_schedule(cell, ul);
            ul++;
        } while (!k->frame.pdcch[nr_frame_phase(&k->frame, ul - k->config->k2_slots)]);
    }
    if (k->frame.dl_symbols[phase] > 0)
        cell_dl_schedule(cell);
    cell->work->visiting = NULL;
}

static void cell_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    (void)kind;
    struct cell *cell = (struct cell *)self;
    if ((int64_t)arg != cell->armed)
        return; /* an earlier visit was asked for meanwhile, and armed anew */
    visit(cell, (int64_t)arg);
    cell->armed = INT64_MAX;
    int64_t next =
        cell->stage.world->scenario->engine.skip_idle_slots ? next_work(cell) : cell->slot + 1;
    if (next != INT64_MAX)
        arm(cell, next);
}

/* --- Common to both directions ---------------------------------------------------------------- */

void cell_mark(struct cell *cell, enum radio_direction d, const struct ue_radio *u, bool active)
{
    uint32_t i = u->in_cell;
    uint64_t *word = &cell_active(cell, d)[i / 64];
    if (active)
        *word |= 1ULL << i % 64;
    else
        *word &= ~(1ULL << i % 64);
}

void cell_view_ue(struct cell *cell, struct ue_radio *u, enum radio_direction d,
                  struct radio_ue_view *v)
{
    const struct world *w = cell->stage.world;
    int slice = world_slice_of(w, u->ue, u->group, world_now(w));
    *v = (struct radio_ue_view){.ue = u->ue, .fruit = -1, .branch = -1, .service = ""};
    if (slice >= 0) {
        const struct slice *s = &w->slices.slices[slice];
        v->fruit = s->parent >= 0 ? slice : -1;
        v->branch = s->parent >= 0 ? s->parent : slice;
        v->service = s->service;
    }
    v->max_prb = d == RADIO_UL ? cell_max_prb(cell, u) : cell->common->grid[d].n_prb;
    v->last_slot = u->d[d].last_slot;
    if (cell->policy->sees_servers)
        v->server_queue = server_waiting(w->servers[w->ues[u->ue].server]);
}

/* --- The stage -------------------------------------------------------------------------------- */

static void cell_accept(struct stage *stage, enum stage_index index, uint32_t request,
                        int64_t bytes, unsigned flags)
{
    struct cell *cell = (struct cell *)stage;
    const struct request *r = world_request(stage->world, request);
    struct ue_radio *u = &stage->world->radios[r->ue];
    ue_direction_fetch(&u->d[index == STAGE_RADIO_UL ? RADIO_UL : RADIO_DL], 0);
    if (index == STAGE_RADIO_UL) {
        bool empty = stream_waiting(&u->d[RADIO_UL].stream) == 0;
        stream_enter(cell, u, RADIO_UL, request, bytes, flags);
        if (empty && u->attached)
            cell_ul_arrival(cell, u);
    } else {
        stream_enter(cell, u, RADIO_DL, request, bytes, flags);
        if (!u->attached)
            return;
        cell_dl_mark(cell, u);
        if (cell->work->visiting != cell)
            cell_wake(cell);
    }
}

/* --- Making and ending ------------------------------------------------------------------------ */

static void sampler_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    (void)kind;
    struct cell *cell = (struct cell *)((char *)self - offsetof(struct cell, sampler));
    cell_sample(cell);
    engine_at(self, (int64_t)(arg + 1) * cell->sample_ns, self, 0, arg + 1);
}

int cell_init(struct cell *cell, struct world *w, const struct cell_common *common,
              uint32_t entity_id, uint32_t sampler_id, int index, struct err *e)
{
    memset(cell, 0, sizeof *cell);
    cell->stage.entity =
        (struct entity){.engine = w->engine, .handle = cell_handle, .id = entity_id, .seq = 0};
    cell->sampler =
        (struct entity){.engine = w->engine, .handle = sampler_handle, .id = sampler_id, .seq = 0};
    cell->stage.world = w;
    cell->stage.accept = cell_accept;
    cell->work = &w->cell_work;
    cell->common = common;
    cell->index = index;
    cell->id = ((const struct scenario_cell *)w->scenario->cells.items)[index].id;
    cell->slot = -1;
    cell->armed = INT64_MAX;
    cell->sample_ns = llround(w->scenario->output.ran_records_ms * 1e6);
    cell->policy = radio_policies[common->config->policy.index];

    size_t ring = (size_t)common->ring;
    size_t used = ring / 64 * sizeof *cell->ring_used;
    cell->ring_used = arena_lines(&w->arena, 1, used + ring * sizeof *cell_ring(cell));
    bool good = cell->ring_used != NULL;
    for (int d = 0; d < 2 && good; d++) {
        cell->sums[d].slices =
            arena_array(&w->arena, (size_t)w->slices.n, sizeof *cell->sums[d].slices);
        good = cell->sums[d].slices != NULL;
        cell->trees[d] = slice_control_of(w, index, (enum radio_direction)d);
        cell->policy_state[d] = cell->work->policy_state[d];
        if (good && cell->trees[d] != &w->slices && cell->policy->create != NULL) {
            cell->policy_state[d] = cell->policy->create(common->config->policy.options,
                                                         common->grid[d].n_prb, cell->trees[d]);
            good = cell->policy_state[d] != NULL;
        }
    }
    if (!good) {
        cell_free(cell);
        return err_memory(e, "a cell");
    }
    for (size_t i = 0; i < ring; i++)
        cell_ring(cell)[i] = POOL_NONE;
    return 0;
}

void cell_free(struct cell *cell)
{
    for (int d = 0; d < 2; d++) {
        bool own = cell->work != NULL && cell->policy_state[d] != cell->work->policy_state[d];
        if (own && cell->policy_state[d] != NULL && cell->policy->destroy != NULL)
            cell->policy->destroy(cell->policy_state[d]);
        free(cell->many[d]);
    }
    free(cell->ues);
    memset(cell, 0, sizeof *cell);
}

void cell_start(struct cell *cell)
{
    bool skip = cell->stage.world->scenario->engine.skip_idle_slots;
    int64_t first = skip ? next_work(cell) : 0;
    if (first != INT64_MAX)
        arm(cell, first);
    if (cell->sample_ns > 0)
        engine_at(&cell->sampler, cell->sample_ns, &cell->sampler, 0, 1);
}
