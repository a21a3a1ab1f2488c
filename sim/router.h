/* router.h - which server a request goes to, for UE groups that name no server ("*").
 *
 * The router stands before the servers: it decides when the first byte of a request (or of its
 * connection) comes out of the core network, and knows the servers' queues at that instant.
 */
#ifndef SIM_ROUTER_H
#define SIM_ROUTER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/request.h"

struct scenario;
struct scenario_ues;
struct world;

enum routing { ROUTING_BY_UE, ROUTING_ROUND_ROBIN, ROUTING_LEAST_LOADED, ROUTING_BY_SLICE };

#define ROUTER_LATER UINT32_MAX /* request.server before the router has seen it */

/* True when the group's requests go through the router; else each UE has its server. */
bool router_routes(const struct scenario_ues *group);

/* The turn-th server of those that have the model the group asks for, over and over. */
uint32_t router_in_turn(const struct scenario *sc, const struct scenario_ues *group, uint64_t turn);

/* Gives a request its server, once; a request that has one keeps it. */
void router_route(struct world *w, struct request *r);

#endif
