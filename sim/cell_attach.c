/* cell_attach.c - which UEs a cell has: they join and leave it, attach and detach.
 *
 *            cell_join             cell_attach
 *   nowhere ----------> DETACHED --------------> ATTACHED
 *           <----------          <--------------
 *            cell_leave            cell_detach
 *
 * A detached UE keeps its byte streams, and what enters them waits; nothing is sent. What was under
 * way when it detached is lost with its HARQ processes, timers and averages, and PDCP sends it
 * again after the next attachment, here or in another cell (PDCP and RLC re-establishment, 38.323
 * clause 5.1.2, 38.322 clause 5.1.2). Assumed: a PDCP status report (38.323 clause 5.4.1) tells the
 * sender what has arrived, to the byte.
 *
 * Invariants (tests/sim/mobility.c):
 *   A1 the UEs of a cell ascend by world index, and u->in_cell is a UE's place among them;
 *   A2 what was asked for before a detachment finds nobody (ue_radio.epoch);
 *   A3 after a detachment the ranges to repeat are exactly those sent and not received;
 *   A4 a detached UE is marked in no direction, and no idle grant is ever due for it.
 */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

/* --- State of one UE -------------------------------------------------------------------------- */

/* Before every slot, so that an idle grant is due at once; after every slot, so that none is. */
#define NEVER_SCHEDULED (-1)
#define NOT_ATTACHED    INT64_MAX
/* Whose luck a headroom is: above every 2 x UE + direction. */
#define HEADROOM_LUCK (1u << 23)

/* Everything but the stream and the channel, as on a new link. */
static void direction_reset(const struct cell_common *k, struct ue_direction *d)
{
    struct stream stream = d->stream;
    struct channel channel = d->channel;
    *d = (struct ue_direction){.stream = stream, .channel = channel, .last_slot = NOT_ATTACHED};
    d->free_mask = (uint16_t)((1u << k->config->harq_processes) - 1u);
    nr_la_init(&d->la, &k->la);
}

static void radio_reset(const struct cell_common *k, struct ue_radio *u)
{
    for (int d = 0; d < 2; d++)
        direction_reset(k, &u->d[d]);
    u->estimate = u->sched_bytes = 0;
    u->last_bsr_slot = u->last_data_slot = 0;
    u->bsr_due = u->bsr_timer = u->sr_pending = u->sr_seen = false;
    u->sr_known_slot = -1;
    u->cqi_report = -1;
    u->cqi = 0;
    u->power_db = 0;
    u->tpc_db = 0;
}

static void init_channel(struct channel *c, const struct cell_common *k, enum radio_direction d,
                         uint64_t seed, uint32_t ue)
{
    const struct json_choice *choice =
        d == RADIO_UL ? &k->config->channel_ul : &k->config->channel_dl;
    uint32_t entity = 2 * ue + (uint32_t)d;
    switch ((enum channel_kind)choice->index) {
    case CHANNEL_AWGN: {
        const struct channel_awgn *o = choice->options;
        channel_init(c, CHANNEL_MODEL_CONSTANT, o->snr_db, 0.0, 1, seed, entity);
        break;
    }
    case CHANNEL_SNR_TRACE: {
        const struct channel_snr_trace *o = choice->options;
        channel_init_trace(c, &k->traces[d], llround(o->shift_s * 1e9) * ue);
        break;
    }
    case CHANNEL_TESTBED:
    case CHANNEL_KINDS: {
        const struct channel_testbed *o = choice->options;
        channel_init(c, CHANNEL_MODEL_GAUSSIAN, o->mean_snr_db, o->std_snr_db,
                     llround(o->correlation_ms * 1e6), seed, entity);
        break;
    }
    }
}

/* The testbed's phones report a headroom that varies as their SNR does. */
static void init_headroom(struct ue_radio *u, const struct cell_common *k, uint64_t seed)
{
    const struct scenario_radio *r = k->config;
    bool varies = r->channel.word == NULL && r->channel_ul.index == CHANNEL_TESTBED;
    const struct channel_testbed *o = varies ? r->channel_ul.options : NULL;
    channel_init(&u->headroom, varies ? CHANNEL_MODEL_GAUSSIAN : CHANNEL_MODEL_CONSTANT,
                 r->ul_power_headroom_db, varies ? o->headroom_std_db : 0.0,
                 varies ? llround(o->correlation_ms * 1e6) : 1, seed, HEADROOM_LUCK + u->ue);
}

void radio_init(struct ue_radio *u, const struct cell_common *k, uint64_t seed, uint32_t ue,
                uint32_t group)
{
    *u = (struct ue_radio){.ue = ue, .group = (uint16_t)group};
    for (int d = 0; d < 2; d++) {
        u->d[d].stream.head = POOL_NONE;
        init_channel(&u->d[d].channel, k, (enum radio_direction)d, seed, ue);
    }
    init_headroom(u, k, seed);
    radio_reset(k, u);
}

void radio_free(struct ue_radio *u)
{
    for (int d = 0; d < 2; d++)
        stream_free(&u->d[d].stream);
}

/* --- Streams ---------------------------------------------------------------------------------- */

/* A3. */
static void stream_reestablish(struct cell *cell, struct stream *s)
{
    s->repeat.n = 0;
    s->repeat_bytes = 0;
    int64_t at = s->received;
    for (int i = 0; i < s->ahead.n; i++) {
        stream_repeat(cell, s, (struct range){at, s->ahead.items[i].begin});
        at = s->ahead.items[i].end;
    }
    if (at < s->sent)
        stream_repeat(cell, s, (struct range){at, s->sent});
}

/* --- The list of a cell ----------------------------------------------------------------------- */

static bool is_marked(const uint64_t *bits, uint32_t i)
{
    return (bits[i / 64] >> i % 64 & 1) != 0;
}

static void set_mark(uint64_t *bits, uint32_t i, bool value)
{
    if (value)
        bits[i / 64] |= 1ULL << i % 64;
    else
        bits[i / 64] &= ~(1ULL << i % 64);
}

/* Room for one UE more. */
static bool make_room(struct cell *cell)
{
    if (cell->n_ues < cell->room)
        return true;
    uint32_t room = cell->room < 8 ? 8 : 2 * cell->room;
    uint32_t words = (room + 63) / 64;
    for (int d = 0; d < 2 && words > 1; d++) {
        if (!cell_grow(&cell->many[d], words, sizeof *cell->many[d]))
            return false;
        for (uint32_t i = cell_words(cell); i < words; i++)
            cell->many[d][i] = 0;
        if (cell->room <= 64)
            cell->many[d][0] = cell->few[d];
    }
    if (!cell_grow(&cell->ues, room, sizeof *cell->ues) ||
        cell_work_grow(cell->work, cell->common, room) != 0)
        return false;
    cell->room = room;
    return true;
}

int cell_join(struct cell *cell, struct ue_radio *u)
{
    if (!make_room(cell))
        return ERR_MEMORY;
    uint32_t at = cell->n_ues++;
    for (; at > 0 && cell->ues[at - 1]->ue > u->ue; at--) {
        cell->ues[at] = cell->ues[at - 1];
        cell->ues[at]->in_cell = at;
        for (enum radio_direction d = RADIO_DL; d <= RADIO_UL; d++)
            set_mark(cell_active(cell, d), at, is_marked(cell_active(cell, d), at - 1));
    }
    cell->ues[at] = u;
    for (enum radio_direction d = RADIO_DL; d <= RADIO_UL; d++)
        set_mark(cell_active(cell, d), at, false);
    u->in_cell = at;
    u->cell = cell;
    return 0;
}

void cell_leave(struct ue_radio *u)
{
    struct cell *cell = u->cell;
    cell->n_ues--;
    for (uint32_t at = u->in_cell; at < cell->n_ues; at++) {
        cell->ues[at] = cell->ues[at + 1];
        cell->ues[at]->in_cell = at;
        for (enum radio_direction d = RADIO_DL; d <= RADIO_UL; d++)
            set_mark(cell_active(cell, d), at, is_marked(cell_active(cell, d), at + 1));
    }
    for (enum radio_direction d = RADIO_DL; d <= RADIO_UL; d++)
        set_mark(cell_active(cell, d), cell->n_ues, false);
}

/* --- Attaching and detaching ------------------------------------------------------------------ */

void cell_attach(struct ue_radio *u)
{
    struct cell *cell = u->cell;
    int64_t frame = world_now(cell->stage.world) /
                    (cell->common->frame.slot_ns * cell->common->frame.slots_per_frame);
    u->attached = true;
    for (int d = 0; d < 2; d++) {
        u->d[d].last_slot = NEVER_SCHEDULED;
        u->d[d].la.last_frame = (uint32_t)frame;
    }
    cell_ul_arrival(cell, u);
    cell_dl_mark(cell, u);
}

void cell_detach(struct ue_radio *u)
{
    struct cell *cell = u->cell;
    u->attached = false;
    u->epoch++;
    radio_reset(cell->common, u);
    for (int d = 0; d < 2; d++) {
        cell_mark(cell, (enum radio_direction)d, u, false);
        stream_reestablish(cell, &u->d[d].stream);
    }
}
