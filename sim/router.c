/* router.c - see router.h. */
#include "sim/router.h"

#include <string.h>

#include "sim/scenario.h"
#include "sim/server.h"
#include "sim/server_plan.h"
#include "sim/ue.h"
#include "sim/world.h"

bool router_routes(const struct scenario_ues *group)
{
    return group->routing != ROUTING_BY_UE && strcmp(group->server, "*") == 0;
}

/* The least loaded of the servers that this slice may use, the first of several; a server that
 * names slices is theirs alone. Nobody's: the least loaded of all. */
static uint32_t least_loaded(const struct world *w, const struct scenario_ues *group, int slice,
                             bool by_slice)
{
    uint32_t best = ROUTER_LATER;
    for (int i = 0; i < w->n_servers; i++) {
        if (server_model_of(w->servers[i], group) == NULL ||
            (by_slice && !server_serves(w->servers[i], slice)))
            continue;
        if (best == ROUTER_LATER || server_load(w->servers[i]) < server_load(w->servers[best]))
            best = (uint32_t)i;
    }
    return best == ROUTER_LATER ? least_loaded(w, group, slice, false) : best;
}

uint32_t router_in_turn(const struct scenario *sc, const struct scenario_ues *group, uint64_t turn)
{
    const struct scenario_server *servers = sc->servers.items;
    uint64_t n = 0;
    for (size_t i = 0; i < sc->servers.n; i++)
        n += server_model_index(&servers[i], group) >= 0 ? 1 : 0;
    uint64_t left = n > 0 ? turn % n : 0; /* the scenario's check: some server has the model */
    for (size_t i = 0; i < sc->servers.n; i++)
        if (server_model_index(&servers[i], group) >= 0 && left-- == 0)
            return (uint32_t)i;
    return 0;
}

void router_route(struct world *w, struct request *r)
{
    if (r->server != ROUTER_LATER)
        return;
    struct ue *ue = &w->ues[r->ue];
    if (ue->group->routing == ROUTING_ROUND_ROBIN)
        r->server = router_in_turn(w->scenario, ue->group, w->routed++);
    else
        r->server = least_loaded(w, ue->group, r->slice, ue->group->routing == ROUTING_BY_SLICE);
    ue->server = r->server; /* the queue that cross-layer policies see is that of its last server */
}
