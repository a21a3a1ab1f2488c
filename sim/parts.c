/* parts.c - see parts.h. Part 0 is the undivided world with links, core and servers; parts 1.. have
 * the cells, dealt out in turn. */
#include "sim/parts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sim/air.h"
#include "sim/cell.h"
#include "sim/link.h"
#include "sim/row_log.h"
#include "sim/server.h"
#include "sim/ue.h"
#include "sim/world.h"

#define BODY_NONE    UINT32_MAX
#define LEAST_LOAD   48.0 /* measured: docs/performance.md */
#define LOAD_WINDOWS 16.0

/* A chunk on its way between parts. */
struct parcel {
    int64_t t_ns;
    uint64_t tie; /* as if the link had caused the event in one world */
    struct link *link;
    enum stage_index index;
    unsigned flags;
    uint32_t request; /* the sender's handle; after delivery the receiver's */
    uint32_t body;    /* of the request, in the sender's bodies */
    int64_t bytes;
};

struct part {
    struct world *world;
    struct parcel *out; /* sent in the window under way */
    uint32_t n_out, out_room;
    struct request *bodies; /* that go with them */
    uint32_t n_bodies, bodies_room;
    struct pool arrivals; /* struct parcel: delivered, and not yet handled */
    struct row_log rows;
    struct record_sink sink;
};

struct parts {
    struct world *core;  /* part 0 */
    struct world *cells; /* parts 1.. */
    struct part *part;
    int n; /* with the core */
    int64_t delay_ns, window_ns;
    uint64_t windows;
    uint64_t events; /* handled when load was last brought forward */
    double load;     /* events of a window, averaged over about LOAD_WINDOWS */
};

/* --- What can be divided ---------------------------------------------------------------------- */

const char *parts_obstacle(const struct world *w)
{
    if (w->n_cells < 2)
        return "it has fewer than two cells";
    if (w->links_ul == NULL || w->links_ul[0].rule->delay_ns <= 0)
        return "its cells have no transport link with a delay";
    if (w->tcp != NULL)
        return "a TCP connection has state at both ends";
    if (w->handover != NULL)
        return "its phones change cells";
    if (w->control != NULL)
        return "its slices change during the run";
    if (w->cell_common.config->policy.index >= 0 && w->cells[0]->policy->sees_servers)
        return "its radio policy looks at the servers' queues";
    for (int i = 0; i < w->n_servers; i++)
        if (w->servers[i]->backlog_bytes != NULL)
            return "a server looks at the radio's queues";
    /* What is sent in a slot must belong to the window of its event's time. */
    if (w->air != NULL && w->air->window_ns % w->cell_common.frame.slot_ns != 0)
        return "its interference window is no whole number of slots";
    return NULL;
}

/* --- Dividing --------------------------------------------------------------------------------- */

static void far_handle(struct entity *self, uint32_t kind, uint64_t arg);

static void move_entity(struct entity *entity, struct world *w)
{
    assert(w != NULL); /* every part has its world by then */
    entity->engine = w->engine;
}

static void move_stage(struct stage *stage, struct world *w)
{
    stage->world = w;
    move_entity(&stage->entity, w);
}

static void span_link(struct link *link, struct parts *p, int from, int to)
{
    move_stage(&link->stage, p->part[from].world);
    link->from = from;
    link->to = to;
    link->far = (struct entity){
        .engine = p->part[to].world->engine, .handle = far_handle, .id = link->stage.entity.id};
}

static int part_of_cell(const struct parts *p, int cell)
{
    assert(p->n > 1);
    return 1 + cell % (p->n - 1);
}

static void deal_out(struct parts *p)
{
    struct world *w = p->core;
    for (int i = 0; i < w->n_cells; i++) {
        struct world *to = p->part[part_of_cell(p, i)].world;
        move_stage(&w->cells[i]->stage, to);
        move_entity(&w->cells[i]->sampler, to);
        cell_work_change(w->cells[i], &to->cell_work);
    }
    w->transport_rule.parts = p;
    for (uint32_t i = 0; i < w->n_ues; i++)
        move_stage(&w->ues[i].stage, p->part[part_of_cell(p, w->ues[i].cell)].world);
    for (int i = 0; i < w->n_links; i++) {
        span_link(&w->links_ul[i], p, part_of_cell(p, i), 0);
        span_link(&w->links_dl[i], p, 0, part_of_cell(p, i));
    }
}

void parts_free(struct parts *p)
{
    if (p == NULL)
        return;
    for (int i = 0; i < p->core->n_cells; i++)
        cell_work_change(p->core->cells[i], &p->core->cell_work);
    for (int i = 0; p->part != NULL && i < p->n; i++) {
        struct part *part = &p->part[i];
        free(part->out);
        free(part->bodies);
        pool_free(&part->arrivals);
        row_log_free(&part->rows);
        if (i > 0 && part->world != NULL) {
            pool_free(&part->world->requests);
            cell_work_free(&part->world->cell_work, &part->world->cell_common);
            engine_free(part->world->engine);
        }
    }
    free(p->part);
    free(p->cells);
    free(p);
}

struct parts *parts_split(struct world *w, int n, struct err *e)
{
    struct parts *p = calloc(1, sizeof *p);
    if (p == NULL) {
        err_memory(e, "the parts of the world");
        return NULL;
    }
    assert(n > 0 && w->n_cells > 0);
    p->core = w;
    p->n = 1 + (n < w->n_cells ? n : w->n_cells);
    p->part = calloc((size_t)p->n, sizeof *p->part);
    p->cells = calloc((size_t)p->n, sizeof *p->cells);
    bool good = p->part != NULL && p->cells != NULL;
    for (int i = 0; good && i < p->n; i++) {
        struct part *part = &p->part[i];
        part->world = i == 0 ? w : &p->cells[i - 1];
        good = pool_init(&part->arrivals, sizeof(struct parcel), 64) == 0;
        if (i == 0)
            continue;
        *part->world = *w; /* all that nobody changes */
        part->world->requests = (struct pool){0};
        part->world->cell_work = (struct cell_work){0};
        part->world->chunks = (struct pool){0}; /* links between parts have none on their way */
        part->world->engine = engine_new(1024);
        good = good && part->world->engine != NULL &&
               pool_init(&part->world->requests, sizeof(struct request), 256) == 0 &&
               cell_work_init(&part->world->cell_work, &w->cell_common, &w->slices,
                              w->cell_work.room) == 0;
        if (w->sink != NULL) {
            part->sink = row_log_sink(&part->rows, w->sink);
            part->world->sink = &part->sink;
        }
    }
    if (!good) {
        parts_free(p);
        err_memory(e, "the parts of the world");
        return NULL;
    }
    p->load = 4.0 * LEAST_LOAD; /* until it has shown otherwise */
    p->delay_ns = w->links_ul[0].rule->delay_ns;
    p->window_ns = w->air != NULL ? w->air->window_ns : 0;
    deal_out(p);
    return p;
}

/* --- Between parts ---------------------------------------------------------------------------- */

/* Room for one more of `bytes` each. */
static void *grown(void *items, uint32_t n, uint32_t *room, size_t bytes)
{
    if (n < *room)
        return items;
    uint32_t more = *room > 0 ? 2 * *room : 64;
    void *grown = realloc(items, (size_t)more * bytes);
    if (grown != NULL)
        *room = more;
    return grown;
}

void parts_send(struct parts *p, struct link *link, enum stage_index index, uint32_t request,
                int64_t bytes, unsigned flags, int64_t t_ns)
{
    struct part *from = &p->part[link->from];
    struct world *w = from->world;
    struct parcel *out = grown(from->out, from->n_out, &from->out_room, sizeof *out);
    struct request *bodies =
        grown(from->bodies, from->n_bodies, &from->bodies_room, sizeof *bodies);
    if (out != NULL)
        from->out = out;
    if (bodies != NULL)
        from->bodies = bodies;
    if (out == NULL || bodies == NULL) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    bool last = (flags & CHUNK_LAST) != 0;
    struct request *r = world_request(w, request);
    out[from->n_out++] = (struct parcel){.t_ns = t_ns,
                                         .tie = engine_tie(&link->stage.entity),
                                         .link = link,
                                         .index = index,
                                         .flags = flags,
                                         .request = link->from == 0 ? r->home : request,
                                         .body = last ? from->n_bodies : BODY_NONE,
                                         .bytes = bytes};
    if (!last)
        return;
    bodies[from->n_bodies++] = *r;
    if (link->from == 0) { /* it goes home for good */
        world_request_unlist(w, request);
        pool_give(&w->requests, request);
    }
}

/* The core takes up a request that has come. */
static uint32_t take_up(struct part *core, const struct request *body, uint32_t home, int part)
{
    struct world *w = core->world;
    uint32_t handle = pool_take(&w->requests);
    if (handle == POOL_NONE)
        return POOL_NONE;
    struct request *r = world_request(w, handle);
    *r = *body;
    r->home = home;
    r->home_part = part;
    world_request_list(w, handle);
    return handle;
}

/* What the core knows better than the cell, which goes on counting what is its own. */
static void bring_home(struct request *mine, const struct request *theirs)
{
    struct request cell = *mine;
    *mine = *theirs;
    mine->live_prev = cell.live_prev;
    mine->live_next = cell.live_next;
    for (int i = 0; i <= STAGE_RADIO_UL; i++)
        mine->at[i] = cell.at[i];
    mine->at[STAGE_RADIO_DL] = cell.at[STAGE_RADIO_DL];
    mine->at[STAGE_UE_RX] = cell.at[STAGE_UE_RX];
    mine->ue_first_byte = cell.ue_first_byte;
    mine->ul_sched_bytes = cell.ul_sched_bytes;
    mine->ul_sched_prb = cell.ul_sched_prb;
    mine->ul_blocks = cell.ul_blocks;
    mine->ul_bler = cell.ul_bler;
}

static int deliver_one(struct parts *p, struct part *from, const struct parcel *sent)
{
    struct link *link = sent->link;
    struct part *to = &p->part[link->to];
    uint32_t at = pool_take(&to->arrivals);
    if (at == POOL_NONE)
        return ERR_MEMORY;
    struct parcel *parcel = pool_at(&to->arrivals, at);
    *parcel = *sent;
    if (link->to == 0) {
        parcel->request =
            take_up(to, &from->bodies[sent->body], sent->request, (int)(from - p->part));
        if (parcel->request == POOL_NONE)
            return ERR_MEMORY;
    } else if (sent->body != BODY_NONE) {
        bring_home(world_request(to->world, sent->request), &from->bodies[sent->body]);
    }
    engine_deliver(&link->far, sent->t_ns, sent->tie, 0, at);
    return 0;
}

static int deliver(struct parts *p)
{
    for (int i = 0; i < p->n; i++) {
        struct part *from = &p->part[i];
        for (uint32_t k = 0; k < from->n_out; k++) {
            int rc = deliver_one(p, from, &from->out[k]);
            if (rc != 0)
                return rc;
        }
        from->n_out = from->n_bodies = 0;
    }
    return 0;
}

/* A chunk comes out of a link, in the part at its far end. */
static void far_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    (void)kind;
    struct link *link = (struct link *)(void *)((char *)self - offsetof(struct link, far));
    struct part *part = &link->rule->parts->part[link->to];
    struct parcel parcel = *(struct parcel *)pool_at(&part->arrivals, (uint32_t)arg);
    pool_give(&part->arrivals, (uint32_t)arg);
    stage_pass(part->world, parcel.index, parcel.request, parcel.bytes, parcel.flags);
}

/* --- Running ---------------------------------------------------------------------------------- */

/* Earliest event of any part. */
static int64_t next_event(const struct parts *p)
{
    int64_t first = NS_NEVER;
    for (int i = 0; i < p->n; i++) {
        int64_t t = engine_next(p->part[i].world->engine);
        first = t < first ? t : first;
    }
    return first;
}

/* Rows to the run's sink, part by part; errors of all parts to the core. */
static int settle(struct parts *p)
{
    int rc = deliver(p);
    for (int i = 1; i < p->n; i++) {
        struct world *w = p->part[i].world;
        if (rc == 0)
            rc = w->sink_error;
        if (rc == 0 && p->core->sink != NULL)
            rc = row_log_empty(&p->part[i].rows, p->core->sink);
        if (rc == 0 && engine_failed(w->engine))
            rc = ERR_MEMORY;
    }
    if (rc == 0 && engine_failed(p->core->engine))
        rc = ERR_MEMORY;
    if (rc != 0 && p->core->sink_error == 0)
        p->core->sink_error = rc;
    return p->core->sink_error;
}

static uint64_t events_so_far(const struct parts *p)
{
    uint64_t sum = 0;
    for (int i = 0; i < p->n; i++)
        sum += engine_stats(p->part[i].world->engine).events;
    return sum;
}

/* Whether other threads are asked to help with a window: two parts have something to do, and the
 * windows of late had enough. Waking a thread takes some microseconds, ten events and more. */
static bool shares_work(struct parts *p, int threads, int64_t horizon)
{
    if (threads < 2)
        return false;
    uint64_t events = events_so_far(p);
    p->load += ((double)(events - p->events) - p->load) / LOAD_WINDOWS;
    p->events = events;
    int busy = 0;
    for (int i = 0; i < p->n; i++)
        busy += engine_next(p->part[i].world->engine) <= horizon;
    return busy > 1 && p->load >= LEAST_LOAD;
}

/* A part is a task, so that this thread waits for others only where they have taken one up, and
 * does all itself while the machine keeps them from running: a barrier of all threads per window
 * would cost a time slice of the scheduler each. The core is this thread's own: it has most to do.
 */
static void advance_all(struct parts *p, int64_t horizon, bool shared)
{
    for (int i = 1; i < p->n && shared; i++) {
        struct engine *engine = p->part[i].world->engine;
        if (engine_next(engine) > horizon)
            continue;
#pragma omp task firstprivate(engine, horizon)
        engine_run(engine, horizon, UINT64_MAX);
    }
    engine_run(p->core->engine, horizon, UINT64_MAX);
#pragma omp taskwait
    for (int i = 1; i < p->n; i++) /* clocks of those that had nothing to do */
        engine_run(p->part[i].world->engine, horizon, UINT64_MAX);
}

/* All parts to the horizon of an event at `first`. */
static int run_window(struct parts *p, int threads, int64_t first, int64_t until_ns)
{
    int64_t horizon = first + p->delay_ns - 1;
    if (p->window_ns > 0) {
        int64_t end = (first / p->window_ns + 1) * p->window_ns - 1;
        horizon = end < horizon ? end : horizon;
    }
    horizon = horizon < until_ns ? horizon : until_ns;
    advance_all(p, horizon, shares_work(p, threads, horizon));
    p->windows++;
    return settle(p);
}

static bool in_flight(const struct parts *p)
{
    for (int i = 1; i < p->n; i++)
        if (p->part[i].world->live_head != POOL_NONE)
            return true;
    return false;
}

/* Handles the one event that comes first of all. */
static void one_event(struct parts *p)
{
    int64_t best_ns = NS_NEVER;
    uint64_t best_tie = UINT64_MAX;
    int best = 0;
    for (int i = 0; i < p->n; i++) {
        int64_t t_ns;
        uint64_t tie;
        if (engine_first(p->part[i].world->engine, &t_ns, &tie) &&
            (t_ns < best_ns || (t_ns == best_ns && tie < best_tie))) {
            best = i;
            best_ns = t_ns;
            best_tie = tie;
        }
    }
    engine_run(p->part[best].world->engine, best_ns, 1);
}

static int run_windows(struct parts *p, int threads, int64_t until_ns, int64_t drain_ns,
                       int (*watch)(void *self), void *watch_self)
{
    int64_t first;
    int rc = 0;
    while (rc == 0 && (first = next_event(p)) <= until_ns) {
        rc = run_window(p, threads, first, until_ns);
        if (rc == 0)
            rc = watch(watch_self);
    }
    if (rc == 0) /* the clocks too */
        for (int i = 0; i < p->n; i++)
            engine_pass(p->part[i].world->engine, until_ns);
    /* The run ends with the event that ends the last request. While the core has one in hand that
     * is not within the horizon: the answer needs the link's delay at least. */
    while (rc == 0 && in_flight(p) && (first = next_event(p)) <= drain_ns) {
        if (p->core->live_head != POOL_NONE) {
            rc = run_window(p, threads, first, drain_ns);
        } else {
            one_event(p);
            rc = settle(p);
        }
        if (rc == 0)
            rc = watch(watch_self);
    }
    for (int i = 0; i < p->n && rc == 0 && in_flight(p); i++)
        engine_pass(p->part[i].world->engine, drain_ns);
    return rc;
}

int parts_run(struct parts *p, int threads, int64_t until_ns, int64_t drain_ns,
              int (*watch)(void *self), void *watch_self)
{
    int rc = 0;
    /* The others wait at the region's end, and take up tasks there. */
#pragma omp parallel num_threads(threads) default(shared)
#pragma omp master
    rc = run_windows(p, threads, until_ns, drain_ns, watch, watch_self);
    return rc;
}

/* --- Putting together ------------------------------------------------------------------------- */

int64_t parts_now(const struct parts *p)
{
    int64_t now = 0;
    for (int i = 0; i < p->n; i++) {
        int64_t t = world_now(p->part[i].world);
        now = t > now ? t : now;
    }
    return now;
}

uint64_t parts_windows(const struct parts *p)
{
    return p->windows;
}

struct run_result parts_result(const struct parts *p)
{
    struct run_result sum = {0};
    for (int i = 0; i < p->n; i++) {
        const struct world *w = p->part[i].world;
        struct engine_stats stats = engine_stats(w->engine);
        sum.events += stats.events;
        sum.fingerprint += stats.fingerprint;
        sum.arrived += w->arrived;
        sum.completed += w->completed;
        sum.failed += w->failed;
    }
    sum.sim_ns = parts_now(p);
    return sum;
}

void parts_join(struct parts *p)
{
    struct world *core = p->core;
    /* Requests that the core has in hand, and those whose last byte is on its way back, end up in
     * their cells, whose rows are then written. */
    for (uint32_t h = core->live_head; h != POOL_NONE; h = world_request(core, h)->live_next) {
        const struct request *r = world_request(core, h);
        bring_home(world_request(p->part[r->home_part].world, r->home), r);
    }
    core->live_head = core->live_tail = POOL_NONE;
    int64_t now = parts_now(p);
    for (int i = 0; i < p->n; i++)
        engine_pass(p->part[i].world->engine, now);
    for (int i = 1; i < p->n; i++) {
        struct world *w = p->part[i].world;
        for (uint32_t h = w->live_head; h != POOL_NONE; h = world_request(w, h)->live_next)
            world_request_rows(w, world_request(w, h));
        if (core->sink != NULL && core->sink_error == 0)
            core->sink_error = row_log_empty(&p->part[i].rows, core->sink);
        w->sink = core->sink; /* their cells' totals go there */
    }
}
