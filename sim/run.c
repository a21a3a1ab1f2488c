/* run.c - see run.h. */
#include "sim/run.h"

#include <stdlib.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/handover.h"
#include "sim/parts.h"
#include "sim/replay.h"
#include "sim/server.h"
#include "sim/slice_control.h"
#include "sim/ue.h"
#include "sim/world.h"

/* Events between two looks at the sink's error, the stop flag and the progress bar. */
#define RUN_BURST 65536

static int failure(const struct world *w, struct err *e)
{
    if (engine_failed(w->engine))
        return err_memory(e, "pending events");
    if (w->sink_error == ERR_MEMORY)
        return err_memory(e, "the run");
    if (w->sink_error != 0)
        return err_work(e, NULL, NULL, "the results cannot be written; is the disk full?");
    return 0;
}

/* Advances to `until`; returns 0, an error, or ERR_INTERRUPTED. */
static int advance(struct world *w, const struct run_options *o, int64_t until, struct err *e)
{
    bool more = true;
    while (more) {
        more = engine_run(w->engine, until, RUN_BURST);
        int rc = failure(w, e);
        if (rc != 0)
            return rc;
        if (o->stop != NULL && *o->stop != 0)
            return ERR_INTERRUPTED;
        if (o->progress != NULL) {
            struct run_progress p = {.now_ns = world_now(w),
                                     .end_ns = w->end_ns,
                                     .events = engine_stats(w->engine).events,
                                     .requests_done = w->completed + w->failed};
            o->progress(o->progress_self, &p);
        }
    }
    return 0;
}

/* After the last request is born: until all have ended, at most the scenario's drain time. */
static int drain(struct world *w, const struct run_options *o, struct err *e)
{
    int64_t until = w->end_ns + ns_of_s(w->scenario->drain_s);
    uint64_t n = 0;
    while (w->live_head != POOL_NONE && engine_next(w->engine) <= until) {
        engine_run(w->engine, engine_next(w->engine), 1);
        int rc = failure(w, e);
        if (rc != 0)
            return rc;
        if (++n % RUN_BURST == 0 && o->stop != NULL && *o->stop != 0)
            return ERR_INTERRUPTED;
    }
    /* With requests left the run lasts to the end of the drain time, whatever comes last in it. */
    if (w->live_head != POOL_NONE)
        engine_pass(w->engine, until);
    return 0;
}

/* What is watched while parts of the world run on several threads. */
struct watched {
    struct world *world;
    const struct run_options *options;
    struct parts *parts;
    uint64_t windows;
};

static int watch(void *self)
{
    struct watched *o = self;
    if (o->options->stop != NULL && *o->options->stop != 0)
        return ERR_INTERRUPTED;
    if (o->options->progress != NULL && o->windows++ % 256 == 0) {
        struct run_result so_far = parts_result(o->parts);
        struct run_progress p = {.now_ns = so_far.sim_ns,
                                 .end_ns = o->world->end_ns,
                                 .events = so_far.events,
                                 .requests_done = so_far.completed + so_far.failed};
        o->options->progress(o->options->progress_self, &p);
    }
    return 0;
}

static void start(struct world *w)
{
    for (int i = 0; i < w->n_cells; i++)
        cell_start(w->cells[i]);
    for (uint32_t i = 0; i < w->n_ues; i++)
        ue_start(&w->ues[i]);
    if (w->handover != NULL)
        handover_start(w->handover);
    if (w->control != NULL)
        slice_control_start(w->control);
}

/* The whole run in one world, one event after the other. */
static int run_whole(struct world *w, const struct run_options *options, struct run_result *result,
                     struct err *e)
{
    start(w);
    int rc = advance(w, options, w->end_ns, e);
    if (rc == 0)
        rc = drain(w, options, e);
    for (uint32_t h = w->live_head; (rc == 0 || rc == ERR_INTERRUPTED) && h != POOL_NONE;
         h = world_request(w, h)->live_next)
        world_request_rows(w, world_request(w, h));
    struct engine_stats stats = engine_stats(w->engine);
    *result = (struct run_result){.events = stats.events,
                                  .fingerprint = stats.fingerprint,
                                  .sim_ns = world_now(w),
                                  .arrived = w->arrived,
                                  .completed = w->completed,
                                  .failed = w->failed};
    return rc;
}

/* Twice as many parts as threads: cells are not equally busy. */
static int run_parts(struct world *w, const struct run_options *options, struct run_result *result,
                     struct parts **parts, struct err *e)
{
    *parts = parts_split(w, 2 * options->threads, e);
    if (*parts == NULL)
        return ERR_MEMORY;
    start(w);
    struct watched o = {.world = w, .options = options, .parts = *parts};
    int rc = parts_run(*parts, options->threads, w->end_ns,
                       w->end_ns + ns_of_s(w->scenario->drain_s), watch, &o);
    if (rc == 0 || rc == ERR_INTERRUPTED)
        parts_join(*parts);
    else
        failure(w, e);
    *result = parts_result(*parts);
    result->windows = parts_windows(*parts);
    return rc;
}

static int run_once(const struct scenario *sc, const struct run_options *options,
                    struct run_result *result, struct err *e)
{
    struct world w;
    struct parts *parts = NULL;
    *result = (struct run_result){0};
    int rc = world_make(&w, sc, options, e);
    if (rc != 0)
        return rc;
    const char *obstacle = options->threads > 1 ? parts_obstacle(&w) : NULL;
    if (options->threads > 1 && obstacle == NULL)
        rc = run_parts(&w, options, result, &parts, e);
    else
        rc = run_whole(&w, options, result, e);
    if (rc == 0 || rc == ERR_INTERRUPTED) {
        result->complete = rc == 0;
        result->in_flight = result->arrived - result->completed - result->failed;
        for (int i = 0; i < w.n_cells; i++) {
            struct world *its = w.cells[i]->stage.world;
            cell_finish(w.cells[i]);
            w.sink_error = w.sink_error != 0 ? w.sink_error : its->sink_error;
        }
        for (int i = 0; i < w.n_servers; i++)
            server_finish(w.servers[i]);
        rc = failure(&w, e);
    }
    result->obstacle = obstacle;
    for (int i = 0; i < w.n_cells; i++)
        result->slots_visited += w.cells[i]->visited;
    parts_free(parts);
    world_free(&w);
    return rc;
}

int run_scenario(const struct scenario *sc, const struct run_options *options,
                 struct run_result *result, struct err *e)
{
    *result = (struct run_result){0};
    if (options->arms != NULL || replay_arms(sc) == 0)
        return run_once(sc, options, result, e);
    int *arms = calloc(sc->ues.n, sizeof *arms);
    struct run_options chosen = *options;
    chosen.arms = arms;
    int rc = arms == NULL ? err_memory(e, "the replays") : replay_best(sc, options, arms, e);
    if (rc == ERR_INTERRUPTED)
        rc = 0; /* nothing of the run itself was done */
    else if (rc == 0)
        rc = run_once(sc, &chosen, result, e);
    free(arms);
    return rc;
}
