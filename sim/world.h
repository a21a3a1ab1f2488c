/* world.h - everything that exists in a run: built from a scenario, taken apart at the end. */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pool.h"
#include "sched/slice.h"
#include "sim/cell.h"
#include "sim/link.h"
#include "sim/record.h"
#include "sim/request.h"
#include "sim/run.h"
#include "sim/scenario.h"
#include "sim/stage.h"
#include "sim/tcp.h"

struct air;
struct edge;
struct handover;
struct server;
struct server_plan;
struct slice_control;
struct ue;

/* What a UE group's slice is, over time. */
struct world_group {
    int64_t tunnel_bytes; /* header of the application-layer tunnel on each of its packets */
    int slice;            /* -1: none */
    int *cycle;           /* slices taken in turn */
    int64_t n_cycle, cycle_ns;
    const struct choice_policy *choice; /* NULL: its phones do not learn */
    int *arms;                          /* slices that it chooses among */
    int n_arms;
    int arm; /* of the whole run (run_options.arms), -1: as the policy says */
};

struct world {
    const struct scenario *scenario;
    uint64_t seed;
    struct engine *engine;
    const struct record_sink *sink; /* NULL: no rows */
    const struct trace *traces;
    const int *forced_arms; /* run_options.arms */
    int sink_error;         /* first error of the sink; the run stops */

    struct pool requests; /* struct request */
    uint32_t live_head;   /* requests in flight, oldest first */
    uint32_t live_tail;
    uint64_t arrived, completed, failed;

    struct slice_tree slices;      /* as configured, with what the schedule changed so far */
    struct slice_control *control; /* NULL: they stay as they are */
    struct world_group *groups;    /* by UE group */
    struct cell_common cell_common;
    struct cell_work cell_work;

    struct ue *ues;
    uint32_t n_ues;
    struct ue_radio *radios;   /* one per UE; NULL: no radio */
    struct air *air;           /* NULL: channels do not follow from geometry */
    struct handover *handover; /* NULL: UEs stay where they are */
    struct cell **cells;
    int n_cells;
    struct link *links_ul, *links_dl; /* one per cell (one in all without cells); NULL: none */
    int n_links;
    struct link *core_ul, *core_dl; /* NULL: none */
    struct link_rule transport_rule, core_rule;
    struct pool chunks; /* of all links, on their way (link.c) */
    struct server **servers;
    int n_servers;
    const struct server_plan *plans; /* of servers made so far (server_plan.h) */
    uint64_t routed;                 /* requests that the router has given out in turn */
    struct tcp *tcp;                 /* NULL: the transport has no connections */
    struct edge *edge;               /* NULL: no epochs */

    int64_t end_ns; /* no request is born at or after this time */
    struct arena arena;
};

/* Builds the world. On an error nothing is left allocated. */
int world_make(struct world *w, const struct scenario *sc, const struct run_options *options,
               struct err *e);
void world_free(struct world *w);

static inline struct request *world_request(const struct world *w, uint32_t handle)
{
    return pool_at(&w->requests, handle);
}

static inline int64_t world_now(const struct world *w)
{
    return engine_now(w->engine);
}

/* A zeroed request in flight, born now; POOL_NONE when memory ran out. */
uint32_t world_request_born(struct world *w);

/* The world's list of requests in flight: to its end, and out of it. */
void world_request_list(struct world *w, uint32_t handle);
void world_request_unlist(struct world *w, uint32_t handle);

/* Ends a request: writes its rows, tells its UE (ue_request_done), frees it. `failure` NULL means
 * completed. */
void world_request_done(struct world *w, uint32_t handle, const char *failure);

/* Writes the rows of a request as it stands (in flight at the end of the run). */
void world_request_rows(struct world *w, const struct request *r);

/* Slice of a UE, which is of that group, at a time: its group's, the one its cycle stands at, or
 * the one that it has chosen last; -1: none. */
int world_slice_of(const struct world *w, uint32_t ue, uint32_t group, int64_t t_ns);

#endif
