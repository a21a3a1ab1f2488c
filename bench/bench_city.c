/* bench_city.c - how cost grows with the size of the world, and what a second thread gains.
 *
 * (a) bench/scenarios/scale.json with 10 to 1 000 UEs, ten to a cell and to a GPU, constant load
 * per UE, one thread: processor time per request, which should stay flat. Building the world is
 * measured apart, as a run of one slot, and taken off; both are printed. So are both ways to run:
 * with the rows in a store, as `willmsim run` leaves them, and with the rows going nowhere. The
 * sizes take turns.
 * (b) scenarios/city.json, 60 simulated seconds, on one and on two threads: wall time, and whether
 * both handled the same events; memory per UE, from the peak of a run with all UEs and of one with
 * a tenth of them. Rows go nowhere.
 *
 * Each figure is the fastest of REPEATS runs, in a process of its own. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "base/units.h"
#include "bench/stored_run.h"

enum { REPEATS = 3, SCALE_REPEATS = 7, SIZES = 5 };

struct figures {
    double wall_s, cpu_s, requests;
    uint64_t events, fingerprint, windows;
    int failed;
    long peak_kib; /* of the process */
};

static double clock_s(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct figures run_here(const char *path, const char *const *sets, int n_sets, int threads,
                               const char *db)
{
    struct figures f = {.failed = 1};
    struct scenario sc;
    struct err e = {0};
    if (scenario_load(path, (const char **)sets, n_sets, &sc, &e) != 0) {
        fprintf(stderr, "bench_city: %s\n", e.text);
        return f;
    }
    struct trace *no_traces = calloc(sc.ues.n, sizeof *no_traces);
    struct run_options options = {
        .seed = (uint64_t)sc.seed, .traces = no_traces, .threads = threads};
    struct run_result result;
    double wall = clock_s(CLOCK_MONOTONIC), cpu = clock_s(CLOCK_PROCESS_CPUTIME_ID);
    int rc = db != NULL ? stored_run(&sc, &options, db, false, &result, &e)
                        : run_scenario(&sc, &options, &result, &e);
    if (rc != 0) {
        fprintf(stderr, "bench_city: %s\n", e.text);
        return f;
    }
    f = (struct figures){.wall_s = clock_s(CLOCK_MONOTONIC) - wall,
                         .cpu_s = clock_s(CLOCK_PROCESS_CPUTIME_ID) - cpu,
                         .requests = (double)result.completed,
                         .events = result.events,
                         .fingerprint = result.fingerprint,
                         .windows = result.windows};
    free(no_traces);
    scenario_free(&sc);
    return f;
}

/* Peak memory is a process's, so that each run has one. */
static struct figures run_apart(const char *path, const char *const *sets, int n_sets, int threads,
                                const char *db)
{
    struct figures f = {.failed = 1};
    int ends[2];
    fflush(stdout);
    if (pipe(ends) != 0) {
        return f;
    }
    pid_t child = fork();
    if (child == 0) {
        struct figures mine = run_here(path, sets, n_sets, threads, db);
        struct rusage use;
        getrusage(RUSAGE_SELF, &use);
        mine.peak_kib = use.ru_maxrss;
        _exit(write(ends[1], &mine, sizeof mine) == (ssize_t)sizeof mine ? 0 : 1);
    }
    close(ends[1]);
    if (child > 0) {
        if (read(ends[0], &f, sizeof f) != (ssize_t)sizeof f) {
            f.failed = 1;
        }
        waitpid(child, NULL, 0);
    }
    close(ends[0]);
    return f;
}

static struct figures fastest(const char *path, const char *const *sets, int n_sets, int threads)
{
    struct figures best = {.failed = 1};
    for (int i = 0; i < REPEATS; i++) {
        struct figures f = run_apart(path, sets, n_sets, threads, NULL);
        if (f.failed != 0) {
            return f;
        }
        if (best.failed != 0 || f.wall_s < best.wall_s) {
            best = f;
        }
    }
    return best;
}

/* [{"id": "PREFIX0"REST}, ...], as a --set. */
static char *list_of(const char *key, char prefix, const char *rest, int n)
{
    size_t room = strlen(key) + 4 + (size_t)n * (strlen(rest) + 32), used;
    char *text = malloc(room);
    if (text == NULL) {
        return NULL;
    }
    used = (size_t)snprintf(text, room, "%s=[", key);
    for (int i = 0; i < n; i++) {
        used += (size_t)snprintf(text + used, room - used, "%s{\"id\": \"%c%d\"%s}",
                                 i > 0 ? "," : "", prefix, i, rest);
    }
    snprintf(text + used, room - used, "]");
    return text;
}

/* `ues` UEs, ten to a cell and to a GPU, for so long. */
static struct figures one_size(const char *path, int ues, const char *duration, const char *db)
{
    char count[32];
    snprintf(count, sizeof count, "ues.0.count=%d", ues);
    char *cells = list_of("cells", 'c', "", ues / 10);
    char *servers = list_of("servers", 'g',
                            ",\"gpu\":\"h100-sxm\",\"model\":\"llama-3.1-8b\",\"quant\":"
                            "\"bf16\",\"engine\":\"vllm\",\"batching\":{\"kind\":"
                            "\"continuous\"}",
                            ues / 10);
    const char *sets[] = {duration, count, cells, servers};
    struct figures f = {.failed = 1};
    if (cells != NULL && servers != NULL) {
        f = run_apart(path, sets, 4, 1, db);
    }
    free(cells);
    free(servers);
    return f;
}

static void keep_least(struct figures *best, const struct figures *f)
{
    if (best->requests == 0 || f->cpu_s < best->cpu_s) {
        *best = *f;
    }
}

/* `db` NULL: rows go nowhere. */
static int scale_way(const char *path, const char *db)
{
    static const int ues[SIZES] = {10, 30, 100, 300, 1000};
    struct figures run[SIZES] = {{0}}, setup[SIZES] = {{0}};
    for (int i = 0; i < SCALE_REPEATS; i++) {
        for (int k = 0; k < SIZES; k++) {
            /* The same number of requests in each: 10 UEs run a hundred times as long as 1 000. */
            char duration[32];
            snprintf(duration, sizeof duration, "duration_s=%d", 100000 / ues[k]);
            struct figures whole = one_size(path, ues[k], duration, db);
            struct figures slot = one_size(path, ues[k], "duration_s=0.0005", db);
            if (whole.failed != 0 || slot.failed != 0) {
                return 1;
            }
            keep_least(&run[k], &whole);
            slot.requests = 1; /* any: it is only a mark that there is a figure */
            keep_least(&setup[k], &slot);
        }
    }
    printf("scale: 10 UEs a cell and a GPU, 0.5 requests a second each, one thread, %s; least of "
           "%d\n",
           db != NULL ? "rows stored" : "rows go nowhere", SCALE_REPEATS);
    printf("%6s  %6s  %9s  %9s  %9s  %12s  %14s\n", "UEs", "cells", "requests", "cpu s", "set-up s",
           "us/request", "events/request");
    double low = INFINITY, high = 0, low_whole = INFINITY, high_whole = 0;
    for (int k = 0; k < SIZES; k++) {
        double whole = run[k].cpu_s / run[k].requests;
        double cost = (run[k].cpu_s - setup[k].cpu_s) / run[k].requests;
        low = fmin(low, cost);
        high = fmax(high, cost);
        low_whole = fmin(low_whole, whole);
        high_whole = fmax(high_whole, whole);
        printf("%6d  %6d  %9.0f  %9.3f  %9.4f  %12.2f  %14.1f\n", ues[k], ues[k] / 10,
               run[k].requests, run[k].cpu_s, setup[k].cpu_s, cost * 1e6,
               (double)run[k].events / run[k].requests);
    }
    printf("cost per request, dearest / cheapest of these sizes: %.2f (set-up included: %.2f)\n\n",
           high / low, high_whole / low_whole);
    return 0;
}

static int scale(const char *path)
{
    char folder[] = "/tmp/willmsim-bench-XXXXXX", db[64];
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "bench_city: cannot make a folder in /tmp\n");
        return 1;
    }
    snprintf(db, sizeof db, "%s/scale.sqlite", folder);
    int rc = scale_way(path, db);
    unlink(db);
    rmdir(folder);
    return rc != 0 ? rc : scale_way(path, NULL);
}

static int city(const char *path)
{
    const char *whole[] = {"duration_s=60", "drain_s=0"};
    const char *tenth[] = {"duration_s=60", "drain_s=0", "ues.0.count=100", "ues.1.count=300"};
    struct figures one = fastest(path, whole, 2, 1);
    struct figures two = fastest(path, whole, 2, 2);
    struct figures few = run_apart(path, tenth, 4, 1, NULL);
    if (one.failed != 0 || two.failed != 0 || few.failed != 0) {
        return 1;
    }
    printf("city: 200 cells, 4 000 UEs, 8 GPU servers, 60 simulated seconds\n");
    printf("1 thread   %8.3f wall s  %10.0f events/wall s\n", one.wall_s,
           (double)one.events / one.wall_s);
    printf("2 threads  %8.3f wall s  %10.0f events/wall s  %llu windows\n", two.wall_s,
           (double)two.events / two.wall_s, (unsigned long long)two.windows);
    printf("speed-up of the second thread: %.2f\n", one.wall_s / two.wall_s);
    printf("same events: %s\n",
           one.events == two.events && one.fingerprint == two.fingerprint ? "yes" : "NO");
    printf("memory per UE: %.1f kB (peak %ld KiB with 4 000, %ld KiB with 400)\n",
           (double)(one.peak_kib - few.peak_kib) * 1.024 / 3600.0, one.peak_kib, few.peak_kib);
    return one.fingerprint == two.fingerprint ? 0 : 1;
}

/* bench_city [scale|city]: one of the two alone. */
int main(int argc, char **argv)
{
    const char *only = argc > 1 ? argv[1] : "";
    char scale_path[PATH_MAX], city_path[PATH_MAX];
    if (data_dir_path("bench/scenarios/scale.json", scale_path, sizeof scale_path) != 0 ||
        data_dir_path("scenarios/city.json", city_path, sizeof city_path) != 0) {
        fprintf(stderr, "bench_city: no scenarios folder; set WILLMSIM_HOME\n");
        return 1;
    }
    int rc = strcmp(only, "city") != 0 ? scale(scale_path) : 0;
    return rc != 0 || strcmp(only, "scale") == 0 ? rc : city(city_path);
}
