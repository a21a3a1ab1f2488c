/* ue.c - see ue.h. */
#include "sim/ue.h"

#include <math.h>

#include "base/draw.h"
#include "base/units.h"
#include "sched/choice.h"
#include "sim/edge.h"
#include "sim/router.h"
#include "sim/world.h"

enum ue_event { UE_ASK, UE_PREPARED };

static void ask_next(struct ue *ue)
{
    int64_t t = source_next(ue);
    double until_s = ue->group->ask_until_s;
    if (t != NS_NEVER && t < ue->stage.world->end_ns && (until_s <= 0 || t < ns_of_s(until_s)))
        engine_at(&ue->stage.entity, t, &ue->stage.entity, UE_ASK, 0);
}

/* The slice for the request that is asked now. */
static void choose_slice(struct ue *ue)
{
    const struct world *w = ue->stage.world;
    const struct world_group *g = &w->groups[ue->group_index];
    if (g->choice == NULL)
        return;
    struct draw d;
    draw_at(&d, w->seed, DRAW_LEARNER, ue->index, ue->asked);
    ue->arm = g->arm >= 0 ? g->arm
                          : g->choice->choose(ue->group->slice_choice.options, ue->learnt,
                                              g->n_arms, ue->asked, &d);
}

static void ask(struct ue *ue)
{
    struct world *w = ue->stage.world;
    uint32_t handle = world_request_born(w);
    if (handle == POOL_NONE) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    struct request *r = world_request(w, handle);
    int64_t now = world_now(w);
    if (w->radios != NULL) {
        const struct ue_radio *radio = &w->radios[ue->index];
        __builtin_prefetch(radio);
        ue_direction_fetch(&radio->d[RADIO_UL], 0);
    }
    r->id = (uint64_t)ue->index << 32 | ue->asked;
    r->ue = ue->index;
    r->group = ue->group_index;
    r->cell = ue->cell;
    choose_slice(ue);
    r->arm = ue->arm;
    r->slice = world_slice_of(w, ue->index, ue->group_index, now);
    bool later =
        router_routes(ue->group) || (w->edge != NULL && edge_stands_at(w->edge, STAGE_SERVER));
    r->server = later ? ROUTER_LATER : ue->server;
    source_fill(ue, r);
    r->at[STAGE_UE_TX].in = now;
    r->at[STAGE_UE_TX].bytes = r->uplink_bytes;
    ue->asked++;
    ue->in_flight++;
    ue->last_asked_ns = now;
    int64_t prepared = now + llround(ue->group->prepare_ms * 1e6);
    engine_at(&ue->stage.entity, prepared, &ue->stage.entity, UE_PREPARED, handle);
    if (!source_blocks(ue))
        ask_next(ue);
}

static void send_request(struct world *w, uint32_t request)
{
    int64_t bytes = world_request(w, request)->uplink_bytes;
    if (w->tcp == NULL) {
        stage_pass(w, STAGE_UE_TX, request, bytes, CHUNK_LAST);
        return;
    }
    tcp_open(w->tcp, request);
    tcp_send(w->tcp, request, TCP_UP, bytes, true);
}

static void ue_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct ue *ue = (struct ue *)self;
    struct world *w = ue->stage.world;
    if (kind == UE_ASK)
        ask(ue);
    else
        send_request(w, (uint32_t)arg);
}

/* The answer arrives: STAGE_UE_RX. */
static void ue_accept(struct stage *stage, enum stage_index index, uint32_t request, int64_t bytes,
                      unsigned flags)
{
    struct world *w = stage->world;
    if ((flags & CHUNK_CONTROL) != 0) {
        tcp_control(w->tcp, request, TCP_DOWN);
        return;
    }
    struct request *r = world_request(w, request);
    if (w->tcp != NULL && flags != 0) /* part of a segment is not heard of yet */
        tcp_data(w->tcp, request, TCP_DOWN);
    if (r->ue_first_byte == NS_NEVER && bytes > 0)
        r->ue_first_byte = world_now(w);
    if ((flags & CHUNK_LAST) == 0)
        return;
    r->at[index].out = world_now(w);
    world_request_done(w, request, r->failure);
}

void ue_init(struct ue *ue, struct world *w, uint32_t entity_id)
{
    ue->stage.entity =
        (struct entity){.engine = w->engine, .handle = ue_handle, .id = entity_id, .seq = 0};
    ue->stage.world = w;
    ue->stage.accept = ue_accept;
}

void ue_start(struct ue *ue)
{
    ask_next(ue);
}

void ue_request_done(struct ue *ue, const struct request *r)
{
    if (ue->learnt != NULL)
        choice_learn(&ue->learnt[r->arm],
                     r->status == REQUEST_COMPLETED
                         ? choice_reward(s_of_ns(r->done - r->born), ue->group->slice_target_s)
                         : 0.0);
    ue->in_flight--;
    if (source_blocks(ue))
        ask_next(ue);
}
