/* verb_run.c - willmsim run: one scenario from file to results.
 *
 * Everything that can be wrong with the input is found before anything is written: scenario,
 * traces and world first, then the place of the results, then the store. */
#include <limits.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/units.h"
#include "datasets/store.h"
#include "datasets/summary.h"
#include "sim/run.h"
#include "tools/call.h"
#include "tools/load.h"
#include "tools/progress.h"
#include "tools/results.h"
#include "tools/run_one.h"
#include "tools/stop.h"
#include "tools/verbs.h"

struct run_call {
    const char *scenario, *out; /* out NULL: out/NAME-SEED.sqlite */
    const char **sets;
    int n_sets;
    bool json, quiet;
    char seed[32]; /* "seed=N", the last of the sets, or empty */
};

static void print_help(void)
{
    printf("usage: willmsim run SCENARIO [--set PATH=VALUE]... [--seed N] [--out DB]\n"
           "                    [--json] [--quiet]\n"
           "Runs one scenario, stores its results and prints a summary.\n"
           "  --set PATH=VALUE  change a value of the scenario: duration_s=60, ues.0.count=4,\n"
           "                    radio.policy.kind=round-robin; may be repeated\n"
           "  --seed N          seed of all random draws (default: the scenario's)\n"
           "  --out DB          result file (default: out/NAME-SEED.sqlite); a result file of\n"
           "                    that name is replaced, anything else is not\n"
           "  --json            print the summary as one JSON object\n"
           "  --quiet           print no summary table and no progress\n"
           "Ctrl-C stops cleanly: what was done is stored and marked incomplete.\n");
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct run_call *call)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"set", required_argument, NULL, 's'},
                                            {"seed", required_argument, NULL, 'n'},
                                            {"out", required_argument, NULL, 'o'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {0}};
    int64_t seed = 0;
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 's':
            call->sets[call->n_sets++] = optarg;
            break;
        case 'n':
            if (call_int(argv[0], "--seed", optarg, 0, INT64_MAX, &seed) != 0) {
                return 2;
            }
            snprintf(call->seed, sizeof call->seed, "seed=%lld", (long long)seed);
            break;
        case 'o':
            call->out = optarg;
            break;
        case 'j':
            call->json = true;
            break;
        case 'q':
            call->quiet = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        return optind == argc ? call_wrong(argv[0], "no scenario given; write 'willmsim run "
                                                    "SCENARIO'")
                              : call_wrong(argv[0], "unexpected '%s'; one scenario at a time",
                                           argv[optind + 1]);
    }
    call->scenario = argv[optind];
    /* A --set like any other, so that the stored scenario is the one that ran. */
    if (call->seed[0] != '\0') {
        call->sets[call->n_sets++] = call->seed;
    }
    return -1;
}

/* --- The run ----------------------------------------------------------------------------------*/

static int run_shown(struct store *store, const struct load *load, bool quiet,
                     const volatile sig_atomic_t *stop, struct run_result *result, struct err *e)
{
    struct progress progress;
    progress_start(&progress, quiet);
    struct run_one run = {
        .store = store,
        .sink = store_sink(store),
        .progress = progress.shown ? progress_step : NULL,
        .progress_self = &progress,
        .stop = stop,
        .threads = omp_get_max_threads(),
    };
    int rc = run_one(&run, load, result, e);
    progress_end(&progress);
    return rc;
}

/* How many threads had a part in it, where more than one could. Never in the JSON, which is the
 * same for any number. */
static void print_threads(const struct scenario *sc, const struct run_result *result)
{
    int most = omp_get_max_threads();
    if (result->windows > 0) {
        printf("threads: %d, %llu windows\n", most, (unsigned long long)result->windows);
    } else if (result->obstacle != NULL && sc->cells.n > 1) {
        printf("threads: 1 of %d (%s)\n", most, result->obstacle);
    }
}

static int print_summary(struct store *store, const struct run_call *call, const char *path,
                         const struct scenario *sc, const struct run_result *result, struct err *e)
{
    if (call->quiet && !call->json) {
        return 0;
    }
    struct summary_options options = summary_defaults();
    struct summary summary;
    int rc = summary_compute(store, &options, &summary, e);
    if (rc != 0) {
        return rc;
    }
    if (call->json) {
        summary_print_json(&summary, stdout);
    } else {
        summary_print_table(&summary, stdout);
        printf("\n");
        print_threads(sc, result);
        printf("results: %s\n", path);
    }
    summary_free(&summary);
    return 0;
}

static int run_and_store(const struct load *load, const struct run_call *call, struct err *e)
{
    const volatile sig_atomic_t *stop = stop_catch();
    char path[PATH_MAX];
    bool made_folder = false;
    int rc = 0;
    if (call->out == NULL) {
        char suffix[32];
        snprintf(suffix, sizeof suffix, "%lld", (long long)load->scenario.seed);
        rc = results_default_path(&load->scenario, suffix, path, &made_folder, e);
    } else {
        rc = results_check_folder(call->out, e);
        snprintf(path, sizeof path, "%s", call->out);
    }
    struct store *store = NULL;
    if (rc == 0) {
        rc = store_open(path, STORE_CREATE, &store, e);
        if (rc != 0 && made_folder) {
            rmdir("out");
        }
    }
    if (rc != 0) {
        return rc;
    }
    struct run_result result = {0};
    rc = run_shown(store, load, call->quiet, stop, &result, e);
    if (rc == 0) {
        rc = print_summary(store, call, path, &load->scenario, &result, e);
    }
    struct err close_error = {0};
    int closed = store_close(store, &close_error);
    if (rc == 0 && closed != 0) {
        *e = close_error;
        rc = closed;
    }
    if (rc == 0 && !result.complete) {
        err_work(e, path, NULL,
                 "stopped by a signal after %.3f s of simulated time; the rows so far are stored "
                 "and marked incomplete",
                 s_of_ns(result.sim_ns));
        rc = e->code = ERR_INTERRUPTED;
    }
    return rc;
}

int verb_run(int argc, char **argv)
{
    struct run_call call = {.sets = calloc((size_t)argc + 1, sizeof(char *))};
    struct err e = {0};
    if (call.sets == NULL) {
        err_memory(&e, "the options");
        return call_fail(&e);
    }
    int status = read_call(argc, argv, &call);
    if (status < 0) {
        struct load load;
        int rc = load_read(call.scenario, call.sets, call.n_sets, &load, &e);
        if (rc == 0) {
            rc = run_and_store(&load, &call, &e);
            load_free(&load);
        }
        status = rc == 0 ? 0 : call_fail(&e);
    }
    free(call.sets);
    return status;
}
