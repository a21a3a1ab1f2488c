/* bench_serving.c - how fast serving is simulated: the 19 366 requests of the Azure conversation
 * trace on 4 servers, no radio, request rows written to a store in a temporary folder. Prints
 * requests per wall second, with rows and without (what the store costs), and with every decode
 * step as an event of its own (what fast-forwarding saves).
 *
 * Splitwise-sim replays the same trace at 2 440 requests per wall second on a 2-core machine. Each
 * figure is the fastest of REPEATS runs: other work on the machine only adds time. The run is one
 * thread; its processor time shows how busy the machine was. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "datasets/store.h"
#include "datasets/trace_reader.h"
#include "sim/run.h"

enum { REPEATS = 5 };

#define SERVER(n)                                                                                  \
    "{\"id\": \"h100-" #n "\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.1-8b\", "               \
    "\"quant\": \"bf16\", \"batching\": {\"kind\": \"continuous\"}}"

/* The trace's requests go to the servers in turn: four phones, each with every fourth request. */
static const char servers_set[] =
    "servers=[" SERVER(0) ", " SERVER(1) ", " SERVER(2) ", " SERVER(3) "]";

struct variant {
    const char *name;
    bool rows, fast_forward;
};

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_once(const struct scenario *sc, const struct trace *trace, const char *db,
                    struct run_result *result, struct err *e)
{
    struct run_options options = {.seed = (uint64_t)sc->seed, .traces = trace};
    if (db == NULL) {
        return run_scenario(sc, &options, result, e);
    }
    struct store *store = NULL;
    struct store_run run = {.scenario = sc->name, .scenario_text = sc->text, .version = "bench"};
    int64_t run_id = 0;
    int rc = store_open(db, STORE_CREATE, &store, e);
    if (rc == 0) {
        rc = store_begin_run(store, &run, &run_id, e);
    }
    if (rc == 0) {
        struct record_sink sink = store_sink(store);
        sink.ue = NULL; /* the row of requests is the one that is counted */
        sink.server = NULL;
        options.sink = &sink;
        rc = run_scenario(sc, &options, result, e);
    }
    if (rc == 0) {
        struct store_run_totals totals = {.complete = result->complete, .sim_ns = result->sim_ns};
        rc = store_end_run(store, &totals, e);
    }
    int closed = store_close(store, rc == 0 ? e : NULL);
    return rc != 0 ? rc : closed;
}

static int measure(const char *scenario, const struct trace *trace, const char *db,
                   const struct variant *v, struct err *e)
{
    const char *sets[] = {servers_set, "ues.0.count=4", "ues.0.streaming=false",
                          v->fast_forward ? "engine.fast_forward_decode=true"
                                          : "engine.fast_forward_decode=false"};
    struct scenario sc;
    int rc = scenario_load(scenario, sets, 4, &sc, e);
    if (rc != 0) {
        return rc;
    }
    double wall_s = INFINITY;
    double cpu_s = INFINITY;
    struct run_result result = {0};
    for (int i = 0; rc == 0 && i < REPEATS; i++) {
        double start_s = now_s(CLOCK_MONOTONIC);
        double start_cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID);
        rc = run_once(&sc, trace, v->rows ? db : NULL, &result, e);
        double this_s = now_s(CLOCK_MONOTONIC) - start_s;
        double this_cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_s;
        cpu_s = this_cpu_s < cpu_s ? this_cpu_s : cpu_s;
        wall_s = this_s < wall_s ? this_s : wall_s;
    }
    scenario_free(&sc);
    if (rc == 0) {
        printf("%-36s  %8llu  %9llu  %7.4f  %7.4f  %15.0f\n", v->name,
               (unsigned long long)result.completed, (unsigned long long)result.events, wall_s,
               cpu_s, (double)result.completed / wall_s);
    }
    return rc;
}

static int measure_all(const char *scenario, const char *trace_path, const char *db, struct err *e)
{
    static const struct variant variants[] = {
        {"request rows written", true, true},
        {"no rows", false, true},
        {"no rows, every decode step an event", false, false},
    };
    struct trace trace = {0};
    int rc = trace_read(trace_path, TRACE_AZURE, &trace, NULL, e);
    if (rc == 0) {
        printf("Azure conversation trace (2023), 4 servers, no radio, fastest of %d runs\n",
               REPEATS);
        printf("%-36s  %8s  %9s  %7s  %7s  %15s\n", "", "requests", "events", "wall s", "CPU s",
               "requests/wall s");
    }
    for (size_t i = 0; rc == 0 && i < sizeof variants / sizeof variants[0]; i++) {
        rc = measure(scenario, &trace, db, &variants[i], e);
    }
    trace_free(&trace);
    return rc;
}

int main(void)
{
    struct err e = {0};
    char scenario[PATH_MAX], trace[PATH_MAX], folder[PATH_MAX], db[PATH_MAX + 16];
    const char *tmp = getenv("TMPDIR");
    const char *data = getenv("WILLMSIM_DATA");
    snprintf(trace, sizeof trace, "%s/traces/azure2023_conv.csv",
             data != NULL && data[0] != '\0' ? data : "../shared/data");
    if (access(trace, R_OK) != 0) {
        printf("no Azure trace at %s; set WILLMSIM_DATA to the folder of the measurements\n",
               trace);
        return 0;
    }
    snprintf(folder, sizeof folder, "%s/willmsim-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (data_dir_path("scenarios/azure-conversation.json", scenario, sizeof scenario) != 0) {
        fprintf(stderr, "bench_serving: no scenarios folder; set WILLMSIM_HOME\n");
        return 1;
    }
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "bench_serving: cannot make a folder in '%s'\n",
                tmp != NULL ? tmp : "/tmp");
        return 1;
    }
    snprintf(db, sizeof db, "%s/serving.sqlite", folder);
    int rc = measure_all(scenario, trace, db, &e);
    if (rc != 0) {
        fprintf(stderr, "bench_serving: %s\n", e.text);
    }
    unlink(db);
    rmdir(folder);
    return err_exit_status(rc);
}
