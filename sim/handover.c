/* handover.c - see handover.h. */
#include "sim/handover.h"

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "sim/air.h"
#include "sim/cell.h"
#include "sim/scenario.h"
#include "sim/ue.h"
#include "sim/world.h"

enum handover_event {
    HANDOVER_MEASURE, /* arg: number of the measurement */
    HANDOVER_DETACH,  /* arg: UE group, and which of its times in the upper half */
    HANDOVER_ATTACH,  /* arg: UE, and its epoch in the upper half: a handover ends */
    HANDOVER_RETURN,  /* the same: a detachment ends */
};

static uint64_t pair(uint32_t low, uint64_t high)
{
    return high << 32 | low;
}

/* --- Moving ----------------------------------------------------------------------------------- */

/* Of a detached UE. */
static void move(struct handover *h, struct ue_radio *u, int cell)
{
    struct world *w = h->world;
    cell_leave(u);
    if (cell_join(w->cells[cell], u) != 0)
        w->sink_error = ERR_MEMORY;
    w->ues[u->ue].cell = cell;
}

static void execute(struct handover *h, struct ue_radio *u, int cell)
{
    h->executed++;
    cell_detach(u);
    move(h, u, cell);
    engine_at(&h->entity, world_now(h->world) + h->interruption_ns, &h->entity, HANDOVER_ATTACH,
              pair(u->ue, u->epoch));
}

static void attach(struct handover *h, uint64_t arg, bool chooses)
{
    struct world *w = h->world;
    struct ue_radio *u = &w->radios[(uint32_t)arg];
    if (u->epoch != arg >> 32)
        return; /* it has been detached meanwhile */
    if (chooses) {
        int cell = air_strongest(w->air, u->ue, world_now(w));
        if (cell != w->ues[u->ue].cell)
            move(h, u, cell);
    }
    cell_attach(u);
    cell_wake(u->cell);
}

static void detach_group(struct handover *h, uint32_t group, uint64_t number)
{
    struct world *w = h->world;
    const struct scenario_ues *g = (const struct scenario_ues *)w->scenario->ues.items + group;
    int64_t back_ns = world_now(w) + ns_of_s(g->detach_gap_s);
    for (uint32_t i = 0; i < w->n_ues; i++) {
        if (w->ues[i].group != g)
            continue;
        cell_detach(&w->radios[i]);
        engine_at(&h->entity, back_ns, &h->entity, HANDOVER_RETURN, pair(i, w->radios[i].epoch));
    }
    if (++number < g->detach_at_s.n)
        engine_at(&h->entity, ns_of_s(((const double *)g->detach_at_s.items)[number]), &h->entity,
                  HANDOVER_DETACH, pair(group, number));
}

/* --- Measuring -------------------------------------------------------------------------------- */

static struct handover_track *tracks_of(const struct handover *h, uint32_t ue)
{
    return h->tracks + (size_t)ue * (size_t)h->world->n_cells;
}

/* The strongest of the cells for which A3 has held long enough; -1: none. */
static int triggered(const struct handover *h, struct handover_track *tracks, int serving)
{
    int64_t now = world_now(h->world);
    int best = -1;
    for (int i = 0; i < h->world->n_cells; i++) {
        struct handover_track *t = &tracks[i];
        bool enters = i != serving &&
                      t->rsrp_dbm - h->hysteresis_db > tracks[serving].rsrp_dbm + h->offset_db;
        if (!enters)
            t->since_ns = NS_NEVER;
        else if (t->since_ns == NS_NEVER)
            t->since_ns = now;
        if (enters && now - t->since_ns >= h->trigger_ns &&
            (best < 0 || t->rsrp_dbm > tracks[best].rsrp_dbm))
            best = i;
    }
    return best;
}

static void measure_ue(struct handover *h, struct ue_radio *u, bool first)
{
    struct world *w = h->world;
    struct handover_track *tracks = tracks_of(h, u->ue);
    for (int i = 0; i < w->n_cells; i++) {
        double dbm = air_rsrp_dbm(w->air, i, u->ue, world_now(w));
        tracks[i].rsrp_dbm =
            first ? dbm : tracks[i].rsrp_dbm + h->weight * (dbm - tracks[i].rsrp_dbm);
    }
    int target = -1;
    if (u->attached)
        target = triggered(h, tracks, u->cell->index);
    if (!u->attached || target >= 0)
        for (int i = 0; i < w->n_cells; i++)
            tracks[i].since_ns = NS_NEVER;
    if (target >= 0)
        execute(h, u, target);
}

static void handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct handover *h = (struct handover *)self;
    switch ((enum handover_event)kind) {
    case HANDOVER_MEASURE:
        for (uint32_t i = 0; i < h->world->n_ues; i++)
            measure_ue(h, &h->world->radios[i], arg == 0);
        engine_at(self, (int64_t)(arg + 1) * h->period_ns, self, HANDOVER_MEASURE, arg + 1);
        break;
    case HANDOVER_DETACH:
        detach_group(h, (uint32_t)arg, arg >> 32);
        break;
    case HANDOVER_ATTACH:
        attach(h, arg, false);
        break;
    case HANDOVER_RETURN:
        attach(h, arg, h->measures);
        break;
    }
}

/* --- Making ----------------------------------------------------------------------------------- */

/* Signal strength without fading changes only for phones that move. */
static bool chooses_cells(const struct world *w)
{
    const struct scenario_ues *groups = w->scenario->ues.items;
    bool moves = false;
    for (size_t i = 0; i < w->scenario->ues.n; i++)
        moves = moves || groups[i].mobility.index != MOBILITY_STATIC;
    return moves && w->air != NULL && w->n_cells > 1 && w->scenario->radio->handover.enabled;
}

bool handover_wanted(const struct world *w)
{
    const struct scenario_ues *groups = w->scenario->ues.items;
    bool detaches = false;
    for (size_t i = 0; i < w->scenario->ues.n; i++)
        detaches = detaches || groups[i].detach_at_s.n > 0;
    return w->n_cells > 0 && (detaches || chooses_cells(w));
}

int handover_init(struct handover *h, struct world *w, uint32_t entity_id, struct err *e)
{
    const struct scenario_handover *o = &w->scenario->radio->handover;
    memset(h, 0, sizeof *h);
    h->entity = (struct entity){.engine = w->engine, .handle = handle, .id = entity_id, .seq = 0};
    h->world = w;
    h->measures = chooses_cells(w);
    h->weight = exp2(-(double)o->filter_k / 4.0); /* 38.331 5.5.3.2 */
    h->offset_db = o->offset_db;
    h->hysteresis_db = o->hysteresis_db;
    h->period_ns = llround(o->measurement_ms * 1e6);
    h->trigger_ns = llround(o->time_to_trigger_ms * 1e6);
    h->interruption_ns = llround(o->interruption_ms * 1e6);
    if (!h->measures)
        return 0;
    size_t n = (size_t)w->n_cells;
    h->tracks = arena_array(&w->arena, w->n_ues, n * sizeof *h->tracks);
    if (h->tracks == NULL)
        return err_memory(e, "the measurements of the UEs");
    for (size_t i = 0; i < w->n_ues * n; i++)
        h->tracks[i].since_ns = NS_NEVER;
    return 0;
}

void handover_start(struct handover *h)
{
    const struct scenario_ues *groups = h->world->scenario->ues.items;
    if (h->measures)
        engine_at(&h->entity, 0, &h->entity, HANDOVER_MEASURE, 0);
    for (uint32_t i = 0; i < h->world->scenario->ues.n; i++)
        if (groups[i].detach_at_s.n > 0)
            engine_at(&h->entity, ns_of_s(((const double *)groups[i].detach_at_s.items)[0]),
                      &h->entity, HANDOVER_DETACH, pair(i, 0));
}
