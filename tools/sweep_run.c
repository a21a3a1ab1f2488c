/* sweep_run.c - the threads that run, and who gives them what.
 *
 * A worker is a thread with a shard of its own. It asks for the number of a run, loads it, runs it
 * into its shard and asks again. Numbers are given out rising, so those of a shard rise (W4 needs
 * it). On rank 0 one more thread answers the other ranks; only it calls MPI there.
 *
 * Memory: a worker holds one world and one store; the traces are held once per process. */
#include "tools/sweep_run.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/units.h"
#include "tools/progress.h"
#include "tools/run_one.h"

struct pool {
    struct sweep_work *work;
    struct progress progress;
    /* Under the lock `sweep_pool`: */
    int64_t next;      /* into work->todo */
    int64_t remote;    /* threads of other ranks that have not heard "no more" */
    int local;         /* workers of this rank that are not done */
    struct err failed; /* the first */
};

static bool stopped(const struct pool *p)
{
    return p->work->stop != NULL && *p->work->stop != 0;
}

/* Notes how a run ended and gives the next; 0: no more. Rank 0 and a process alone. */
static int64_t hand_out(struct pool *p, const struct ranks_report *last)
{
    int64_t run = 0;
#pragma omp critical(sweep_pool)
    {
        if (last->code != 0 && p->failed.code == 0) {
            p->failed.code = last->code;
            memcpy(p->failed.text, last->text, sizeof p->failed.text);
        }
        p->work->done += last->run_id != 0 && last->code == 0;
        if (p->failed.code == 0 && !stopped(p) && p->next < p->work->n_todo) {
            run = p->work->todo[p->next++];
        }
        progress_count(&p->progress, p->work->done, p->work->n_todo);
    }
    return run;
}

static int64_t next_run(struct pool *p, const struct ranks_report *last)
{
    struct ranks *ranks = p->work->ranks;
    if (ranks->rank == 0) {
        return hand_out(p, last);
    }
    int64_t run = 0;
#pragma omp critical(sweep_ask)
    if (!ranks->ask(last, &run, p->work->stop)) {
        run = 0;
    }
    return run;
}

static int open_shard(const struct sweep_work *w, int thread, struct store **shard, struct err *e)
{
    struct arena arena = {0};
    const char *path = sweep_shard_path(&arena, w->out, w->ranks->rank, thread);
    int rc = path == NULL ? err_memory(e, "the shard of a sweep")
                          : store_open(path, STORE_CREATE, shard, e);
    arena_free(&arena);
    return rc;
}

/* The run's progress is nobody's business but that time passes. */
static void tick(void *self, const struct run_progress *step)
{
    (void)step;
    struct pool *p = self;
#pragma omp critical(sweep_pool)
    progress_count(&p->progress, p->work->done, p->work->n_todo);
}

static int do_run(struct pool *p, int64_t run_id, int thread, struct store **shard, struct err *e)
{
    struct sweep_work *w = p->work;
    struct load load;
    int rc = *shard == NULL ? open_shard(w, thread, shard, e) : 0;
    rc = rc != 0 ? rc : sweep_plan_load(w->plan, run_id, false, &load, e);
    if (rc != 0) {
        return rc;
    }
    struct run_one run = {
        .store = *shard,
        .run_id = run_id,
        .sink = store_sink(*shard),
        .progress = p->progress.shown ? tick : NULL,
        .progress_self = p,
        .stop = w->stop,
    };
    struct run_result result;
    rc = run_one(&run, &load, &result, e);
    load_free(&load);
    if (rc == 0 && !result.complete) {
        rc = e->code = ERR_INTERRUPTED;
    }
    return rc;
}

static void worker(struct pool *p, int thread)
{
    struct store *shard = NULL;
    struct ranks_report report = {0};
    int64_t run;
    while ((run = next_run(p, &report)) != 0) {
        struct err e = {0};
        report.run_id = run;
        report.code = do_run(p, run, thread, &shard, &e);
        memcpy(report.text, e.text, sizeof report.text);
        if (report.code == 0) {
            /* On the disk before anybody counts it as done. */
            report.code = store_flush(shard, &e);
            memcpy(report.text, e.text, sizeof report.text);
        }
    }
    store_close(shard, NULL);
#pragma omp critical(sweep_pool)
    p->local--;
}

/* Rank 0: answers the others until every thread of theirs, and every worker here, is done. */
static void serve(struct pool *p)
{
    const struct timespec pause = {0, 1000000};
    for (;;) {
        int from;
        struct ranks_report report;
        while (p->work->ranks->poll(&from, &report)) {
            int64_t run = hand_out(p, &report);
            p->work->ranks->answer(from, run);
            p->remote -= run == 0;
        }
        bool over;
#pragma omp critical(sweep_pool)
        {
            over = (p->remote == 0 && p->local == 0) || (stopped(p) && p->local == 0);
            progress_count(&p->progress, p->work->done, p->work->n_todo);
        }
        if (over) {
            return;
        }
        nanosleep(&pause, NULL);
    }
}

int sweep_run(struct sweep_work *work, struct err *e)
{
    struct ranks *ranks = work->ranks;
    struct pool pool = {.work = work};
    int limit = omp_get_thread_limit() - 1;
    work->threads = work->threads < limit ? work->threads : limit > 1 ? limit : 1;
    work->done = 0;
    if (ranks->n > 1) {
        int64_t threads = ranks->rank > 0 ? work->threads : 0;
        if (!ranks->sum(&threads, work->stop)) {
            return e->code = ERR_INTERRUPTED;
        }
        pool.remote = threads;
    }
    bool serves = ranks->n > 1 && ranks->rank == 0;
    progress_start(&pool.progress, work->quiet || ranks->rank > 0);
#pragma omp parallel num_threads(work->threads + (serves ? 1 : 0)) default(shared)
    {
        /* The system may have given fewer threads than were asked for. */
#pragma omp single
        pool.local = omp_get_num_threads() - (serves ? 1 : 0);
        int thread = omp_get_thread_num();
        if (serves && thread == 0) {
            serve(&pool);
        } else {
            worker(&pool, thread - (serves ? 1 : 0));
        }
    }
    progress_end(&pool.progress);
    int64_t closed = 1;
    if (ranks->n > 1 && !stopped(&pool) && !ranks->sum(&closed, work->stop)) {
        return e->code = ERR_INTERRUPTED;
    }
    if (stopped(&pool)) {
        return e->code = ERR_INTERRUPTED;
    }
    if (pool.failed.code != 0) {
        *e = pool.failed;
    }
    return pool.failed.code;
}
