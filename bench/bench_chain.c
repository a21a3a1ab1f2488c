/* bench_chain.c - how fast the whole chain is: wall seconds per simulated second of the scenario
 * smart-glasses-uplink with 1, 10 and 50 UEs, without RAN records and with one per UE and
 * millisecond (the testbed's rate), rows written to a store in a temporary folder.
 *
 * Each figure is the fastest of REPEATS runs: other work on the machine only adds time. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/data_dir.h"
#include "base/units.h"
#include "bench/stored_run.h"

enum { REPEATS = 3 };

static const int ue_counts[] = {1, 10, 50};
enum { COUNTS = sizeof ue_counts / sizeof ue_counts[0] };

static const double ran_records_ms[] = {0, 1};
enum { RATES = sizeof ran_records_ms / sizeof ran_records_ms[0] };

struct measurement {
    double wall_s; /* fastest run, opening and closing the store included */
    struct run_result result;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int run_once(const struct scenario *sc, const char *db, struct run_result *result,
                    struct err *e)
{
    struct trace no_trace = {0};
    struct run_options options = {.seed = (uint64_t)sc->seed, .traces = &no_trace};
    return stored_run(sc, &options, db, false, result, e);
}

static int measure(const char *scenario, const char *db, int ues, double ran_ms,
                   struct measurement *m, struct err *e)
{
    char count[32], rate[48], duration[32];
    /* The more UEs, the shorter: each figure takes seconds, not minutes. */
    snprintf(duration, sizeof duration, "duration_s=%d", ues >= 50 ? 30 : ues >= 10 ? 60 : 300);
    snprintf(count, sizeof count, "ues.0.count=%d", ues);
    snprintf(rate, sizeof rate, "output.ran_records_ms=%g", ran_ms);
    /* No drain: every simulated second has its load. */
    const char *sets[] = {duration, count, rate, "drain_s=0"};
    struct scenario sc;
    int rc = scenario_load(scenario, sets, 4, &sc, e);
    if (rc != 0) {
        return rc;
    }
    m->wall_s = INFINITY;
    for (int i = 0; rc == 0 && i < REPEATS; i++) {
        double start_s = now_s();
        rc = run_once(&sc, db, &m->result, e);
        double wall_s = now_s() - start_s;
        m->wall_s = wall_s < m->wall_s ? wall_s : m->wall_s;
    }
    scenario_free(&sc);
    return rc;
}

static double per_sim_s(const struct measurement *m)
{
    return m->wall_s / s_of_ns(m->result.sim_ns);
}

static int measure_all(const char *scenario, const char *db, struct err *e)
{
    struct measurement all[RATES][COUNTS];
    printf("smart-glasses-uplink, fastest of %d runs, store included\n", REPEATS);
    printf("%5s  %11s  %9s  %9s  %13s  %12s  %9s\n", "UEs", "RAN records", "sim s", "wall s",
           "wall/sim s", "events/wall s", "requests");
    for (int r = 0; r < RATES; r++) {
        for (int c = 0; c < COUNTS; c++) {
            struct measurement *m = &all[r][c];
            int rc = measure(scenario, db, ue_counts[c], ran_records_ms[r], m, e);
            if (rc != 0) {
                return rc;
            }
            printf("%5d  %11s  %9.1f  %9.3f  %13.6f  %12.0f  %9llu\n", ue_counts[c],
                   ran_records_ms[r] > 0 ? "1 ms" : "off", s_of_ns(m->result.sim_ns), m->wall_s,
                   per_sim_s(m), (double)m->result.events / m->wall_s,
                   (unsigned long long)m->result.arrived);
        }
    }
    printf("requests: asked so far; with many UEs the one GPU is the bottleneck and a phone waits "
           "for\n"
           "its answer before it asks again, so that most of the radio's work is idle grants\n");
    for (int r = 0; r < RATES; r++) {
        printf("50 UEs / 1 UE, records %s: %.1f\n", ran_records_ms[r] > 0 ? "1 ms" : "off",
               per_sim_s(&all[r][COUNTS - 1]) / per_sim_s(&all[r][0]));
    }
    for (int c = 0; c < COUNTS; c++) {
        printf("records 1 ms / off, %d UEs: %.2f\n", ue_counts[c],
               per_sim_s(&all[1][c]) / per_sim_s(&all[0][c]));
    }
    return 0;
}

int main(void)
{
    struct err e = {0};
    char scenario[PATH_MAX], folder[PATH_MAX], db[PATH_MAX + 16];
    const char *tmp = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/willmsim-bench-XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (data_dir_path("scenarios/smart-glasses-uplink.json", scenario, sizeof scenario) != 0) {
        fprintf(stderr, "bench_chain: no scenarios folder; set WILLMSIM_HOME\n");
        return 1;
    }
    if (mkdtemp(folder) == NULL) {
        fprintf(stderr, "bench_chain: cannot make a folder in '%s'\n", tmp != NULL ? tmp : "/tmp");
        return 1;
    }
    snprintf(db, sizeof db, "%s/chain.sqlite", folder);
    int rc = measure_all(scenario, db, &e);
    if (rc != 0) {
        fprintf(stderr, "bench_chain: %s\n", e.text);
    }
    unlink(db);
    rmdir(folder);
    return err_exit_status(rc);
}
