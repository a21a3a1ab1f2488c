/* ue.h - a UE: it asks, prepares, waits for its answer and asks again, as its traffic says.
 *
 * It is both ends of the line: STAGE_UE_TX and STAGE_UE_RX. */
#ifndef SIM_UE_H
#define SIM_UE_H

#include "base/arena.h"
#include "sim/scenario.h"
#include "sim/stage.h"

/* What the radio and an answer look at is the first cache line. */
struct ue {
    _Alignas(CACHE_LINE) struct stage stage;
    const struct scenario_ues *group;
    int cell; /* -1 without a radio */
    uint32_t in_flight;
    uint32_t index;               /* world-wide */
    uint32_t group_index, member; /* which UE group, which of its UEs */
    uint32_t server;
    uint32_t asked; /* requests born so far */
    int arm;        /* chosen last, by online slice choice (sched/choice.h) */
    int64_t last_asked_ns;
    int64_t next_arrival_ns;   /* open-loop traffic */
    int64_t trace_next;        /* item of the group's trace */
    struct choice_arm *learnt; /* by arm; NULL: the group does not learn */
};

void ue_init(struct ue *ue, struct world *w, uint32_t entity_id);

/* Asks for the UE's first request. */
void ue_start(struct ue *ue);

/* A request of this UE has ended: a blocking client asks again. */
void ue_request_done(struct ue *ue, const struct request *r);

/* source.c: what is asked, and when. */

/* Time of the UE's next request, not before now; NS_NEVER when there is none. */
int64_t source_next(struct ue *ue);

/* Fills in what the request asks for; ue->asked is its number. */
void source_fill(struct ue *ue, struct request *r);

/* True when the UE waits for its answer before it asks again. */
bool source_blocks(const struct ue *ue);

#endif
