/* run.c - see run.h. */
#include "sim/run.h"

#include "base/units.h"
#include "sim/cell.h"
#include "sim/handover.h"
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
    return 0;
}

int run_scenario(const struct scenario *sc, const struct run_options *options,
                 struct run_result *result, struct err *e)
{
    struct world w;
    *result = (struct run_result){0};
    int rc = world_make(&w, sc, options, e);
    if (rc != 0)
        return rc;
    for (int i = 0; i < w.n_cells; i++)
        cell_start(w.cells[i]);
    for (uint32_t i = 0; i < w.n_ues; i++)
        ue_start(w.ues[i]);
    if (w.handover != NULL)
        handover_start(w.handover);
    if (w.control != NULL)
        slice_control_start(w.control);

    rc = advance(&w, options, w.end_ns, e);
    if (rc == 0)
        rc = drain(&w, options, e);
    if (rc == 0 || rc == ERR_INTERRUPTED) {
        result->complete = rc == 0;
        result->in_flight = w.arrived - w.completed - w.failed;
        for (uint32_t h = w.live_head; h != POOL_NONE; h = world_request(&w, h)->live_next)
            world_request_rows(&w, world_request(&w, h));
        for (int i = 0; i < w.n_cells; i++)
            cell_finish(w.cells[i]);
        for (int i = 0; i < w.n_servers; i++)
            server_finish(w.servers[i]);
        rc = failure(&w, e);
    }
    struct engine_stats stats = engine_stats(w.engine);
    result->events = stats.events;
    result->fingerprint = stats.fingerprint;
    result->sim_ns = world_now(&w);
    result->arrived = w.arrived;
    result->completed = w.completed;
    result->failed = w.failed;
    for (int i = 0; i < w.n_cells; i++)
        result->slots_visited += w.cells[i]->visited;
    world_free(&w);
    return rc;
}
