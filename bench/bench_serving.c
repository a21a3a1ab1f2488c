/* bench_serving.c - how fast serving is simulated: the 19 366 requests of the Azure conversation
 * trace on 4 servers, no radio, request rows written to a new store in a temporary folder. Prints
 * requests per wall second, with rows (of requests alone; of requests, UEs and servers, as `run`
 * writes them) and without (what the store costs), and with every decode step as an event of its
 * own (what fast-forwarding saves).
 *
 * Splitwise-sim replays the same trace at 2 440 requests per wall second on a 2-core machine. Each
 * figure is the fastest of REPEATS runs: other work on the machine only adds time; the median shows
 * how much it did. The simulation is one thread and the store's rows are another (datasets/feed.h),
 * so that the wall time may be less than the processor time. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "bench/stored_run.h"
#include "datasets/trace_reader.h"

enum { REPEATS = 7 };

#define SERVER(n)                                                                                  \
    "{\"id\": \"h100-" #n "\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.1-8b\", "               \
    "\"quant\": \"bf16\", \"batching\": {\"kind\": \"continuous\"}}"

/* The trace's requests go to the servers in turn: four phones, each with every fourth request. */
static const char servers_set[] =
    "servers=[" SERVER(0) ", " SERVER(1) ", " SERVER(2) ", " SERVER(3) "]";

/* What is written: nothing, rows of requests, or those of UEs and servers too. */
enum tables { NO_ROWS, REQUESTS, ALL_ROWS };

struct variant {
    const char *name;
    enum tables tables;
    bool fast_forward;
};

static double now_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static int run_once(const struct scenario *sc, const struct trace *trace, const char *db,
                    enum tables tables, struct run_result *result, struct err *e)
{
    struct run_options options = {.seed = (uint64_t)sc->seed, .traces = trace};
    if (tables == NO_ROWS) {
        return run_scenario(sc, &options, result, e);
    }
    return stored_run(sc, &options, db, tables == REQUESTS, result, e);
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
    double wall_s[REPEATS];
    double cpu_s = INFINITY;
    struct run_result result = {0};
    for (int i = 0; rc == 0 && i < REPEATS; i++) {
        unlink(db);
        double start_s = now_s(CLOCK_MONOTONIC);
        double start_cpu_s = now_s(CLOCK_PROCESS_CPUTIME_ID);
        rc = run_once(&sc, trace, db, v->tables, &result, e);
        wall_s[i] = now_s(CLOCK_MONOTONIC) - start_s;
        cpu_s = fmin(cpu_s, now_s(CLOCK_PROCESS_CPUTIME_ID) - start_cpu_s);
    }
    scenario_free(&sc);
    if (rc == 0) {
        qsort(wall_s, REPEATS, sizeof wall_s[0], by_size);
        double completed = (double)result.completed;
        double rows = v->tables == NO_ROWS ? 0 : v->tables == REQUESTS ? completed : 3 * completed;
        printf("%-36s  %8.0f  %9llu  %7.4f  %7.4f  %7.4f  %15.0f  %11.0f\n", v->name, completed,
               (unsigned long long)result.events, wall_s[0], wall_s[REPEATS / 2], cpu_s,
               completed / wall_s[0], rows / wall_s[0]);
    }
    return rc;
}

static int measure_all(const char *scenario, const char *trace_path, const char *db, struct err *e)
{
    static const struct variant variants[] = {
        {"request rows written", REQUESTS, true},
        {"request, UE and server rows written", ALL_ROWS, true},
        {"no rows", NO_ROWS, true},
        {"no rows, every decode step an event", NO_ROWS, false},
    };
    struct trace trace = {0};
    int rc = trace_read(trace_path, TRACE_AZURE, &trace, NULL, e);
    if (rc == 0) {
        printf("Azure conversation trace (2023), 4 servers, no radio, fastest of %d runs\n",
               REPEATS);
        printf("%-36s  %8s  %9s  %7s  %7s  %7s  %15s  %11s\n", "", "requests", "events", "wall s",
               "median", "CPU s", "requests/wall s", "rows/wall s");
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
