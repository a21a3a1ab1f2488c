/* stage.c - the line of stages: who comes next, and the stamps at every hand-over. */
#include "sim/stage.h"

#include <assert.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/edge.h"
#include "sim/link.h"
#include "sim/router.h"
#include "sim/server.h"
#include "sim/ue.h"
#include "sim/world.h"

/* The stage at a place of the line for this request; NULL when the scenario leaves it out. */
static struct stage *stage_at(const struct world *w, enum stage_index index,
                              const struct request *r)
{
    /* The tunnel of a request stays with the gNB where it was born, which hands on to and takes
     * from the one that the UE is at: so its chunks keep their order over a handover. */
    assert(w->ues != NULL); /* one of them asked */
    int link = w->n_links == 1 || r->cell < 0 ? 0 : r->cell;
    if (w->edge != NULL && edge_stands_at(w->edge, index))
        return &w->edge->stage;
    switch (index) {
    case STAGE_UE_TX:
    case STAGE_UE_RX:
        return &w->ues[r->ue].stage;
    case STAGE_RADIO_UL:
    case STAGE_RADIO_DL:
        /* Where its UE is now. */
        return r->cell >= 0 ? &w->cells[w->ues[r->ue].cell]->stage : NULL;
    case STAGE_TRANSPORT_UL:
        return w->links_ul != NULL ? &w->links_ul[link].stage : NULL;
    case STAGE_TRANSPORT_DL:
        return w->links_dl != NULL ? &w->links_dl[link].stage : NULL;
    case STAGE_CORE_UL:
        return w->core_ul != NULL ? &w->core_ul->stage : NULL;
    case STAGE_CORE_DL:
        return w->core_dl != NULL ? &w->core_dl->stage : NULL;
    case STAGE_SERVER:
        return &w->servers[r->server]->stage;
    case STAGE_COUNT:
        break;
    }
    return NULL;
}

void stage_pass(struct world *w, enum stage_index index, uint32_t request, int64_t bytes,
                unsigned flags)
{
    struct request *r = world_request(w, request);
    int64_t now = world_now(w);
    bool stamps = (flags & CHUNK_CONTROL) == 0;
    if ((flags & CHUNK_LAST) != 0)
        r->at[index].out = now;
    struct stage *next = NULL;
    while (next == NULL) {
        if (++index == STAGE_SERVER)
            router_route(w, r);
        next = stage_at(w, index, r);
    }
    struct request_stamps *at = &r->at[index];
    bool radio = index == STAGE_RADIO_UL || index == STAGE_RADIO_DL;
    if (radio ? at->in == NS_NEVER && stamps : (flags & CHUNK_LAST) != 0)
        at->in = now;
    at->bytes += bytes;
    next->accept(next, index, request, bytes, flags);
}
