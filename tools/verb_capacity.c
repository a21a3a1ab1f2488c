/* verb_capacity.c - willmsim capacity: the largest load, or the cheapest configuration, that meets
 * objectives. */
#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/call.h"
#include "tools/capacity.h"
#include "tools/stop.h"
#include "tools/verbs.h"

enum { REPS = 5, REPS_MAX = 100000, THREADS_MAX = 1024, CHECKS = 2, CHECKS_MAX = 1000 };

struct capacity_call {
    struct sweep_plan plan;
    struct capacity search;
    const char **sets;
    struct arena arena;
    bool json;
    int64_t jobs;
};

static void print_help(void)
{
    printf(
        "usage: willmsim capacity SCENARIO --vary PATH=FIRST:LAST[:STEP] --slo OBJECTIVE\n"
        "                         [--vary PATH=V1,V2,...]... [--slo ...] [--reps N] [--seed N]\n"
        "                         [--confidence P] [--smallest] [--cost GPU=USD]... [--checks N]\n"
        "                         [--set PATH=VALUE]... [--jobs N] [--json] [--quiet]\n"
        "Finds the largest value of the range that meets all objectives, by bisection over\n"
        "replicated runs, and says what breaks first. Values in words (a GPU, a model, a slice's\n"
        "share) make configurations: each is searched, and the cheapest that meets is named.\n"
        "  --slo OBJECTIVE    'p95 e2e <= 2 s', 'mean ttft <= 300 ms', 'completed >= 99 %%':\n"
        "                     mean p50 p90 p95 p99 max of e2e uplink downlink inference queue\n"
        "                     transport ttft ue_ttft tpot, or another metric of 'sweep --help'\n"
        "  --reps N           seeds for each value (default 5), the same everywhere\n"
        "  --confidence P     an objective holds when the one-sided Student t bound of its mean\n"
        "                     over the seeds does, at this confidence (default 0.95)\n"
        "  --smallest         the smallest value that meets, where more of it is better\n"
        "  --cost GPU=USD     dollars per hour of a GPU (default: its profile's)\n"
        "  --checks N         values looked at beyond the search's, to see whether larger ones\n"
        "                     fail too (default 2)\n"
        "  --seed N, --set PATH=VALUE, --jobs N, --json, --quiet  as for 'willmsim sweep'\n"
        "Ends with 1 when nothing meets the objectives.\n");
}

/* --- The call --------------------------------------------------------------------------------- */

static int read_vary(const char *verb, struct capacity_call *call)
{
    struct sweep_plan *plan = &call->plan;
    if (plan->n_varies == SWEEP_VARIES_MAX) {
        return call_wrong(verb, "at most %d --vary", SWEEP_VARIES_MAX);
    }
    struct err e = {0};
    struct vary v;
    if (vary_read(optarg, &v, &call->arena, &e) != 0) {
        return call_fail(&e);
    }
    int last = plan->n_varies - 1;
    if (call->search.has_range && v.is_range) {
        return call_wrong(verb,
                          "--vary: two ranges, '%s' and '%s'; one can be searched, write the "
                          "values of the other with commas",
                          plan->varies[last].path, v.path);
    }
    /* The range stays last. */
    if (call->search.has_range) {
        plan->varies[plan->n_varies] = plan->varies[last];
        plan->varies[last] = v;
    } else {
        plan->varies[plan->n_varies] = v;
        call->search.has_range = v.is_range;
    }
    plan->n_varies++;
    return 0;
}

static int read_slo(const char *verb, struct capacity *c)
{
    struct err e = {0};
    if (c->n_slos == CAPACITY_SLOS_MAX) {
        return call_wrong(verb, "at most %d --slo", CAPACITY_SLOS_MAX);
    }
    int rc = slo_read(optarg, &c->slos[c->n_slos], &e);
    c->n_slos += rc == 0;
    return rc == 0 ? 0 : call_fail(&e);
}

static int read_cost(const char *verb, struct capacity_call *call)
{
    struct capacity *c = &call->search;
    const char *equals = strchr(optarg, '=');
    char *end = NULL;
    double usd = equals == NULL ? NAN : strtod(equals + 1, &end);
    if (equals == NULL || equals == optarg || end == equals + 1 || *end != '\0' || !isfinite(usd) ||
        usd < 0 || c->n_costs == CAPACITY_COSTS_MAX) {
        return call_wrong(verb, "--cost: '%s' is no price; write GPU=USD such as h100-sxm=2.5",
                          optarg);
    }
    char *gpu = arena_strdup(&call->arena, optarg);
    if (gpu == NULL) {
        struct err e;
        err_memory(&e, "the options");
        return call_fail(&e);
    }
    gpu[equals - optarg] = '\0';
    c->costs[c->n_costs++] = (struct capacity_cost){gpu, usd};
    return 0;
}

static int read_confidence(const char *verb, double *out)
{
    char *end = NULL;
    double value = strtod(optarg, &end);
    if (end == optarg || *end != '\0' || !(value >= 0.5 && value < 1)) {
        return call_wrong(verb,
                          "--confidence: '%s' is not a number from 0.5 to below 1, such as "
                          "0.95",
                          optarg);
    }
    *out = value;
    return 0;
}

/* Returns 0 to go on, 2 after a wrong value, -1: not one of these. */
static int read_value(const char *verb, int option, struct capacity_call *call)
{
    struct capacity *c = &call->search;
    int64_t checks = 0;
    int rc = 0;
    switch (option) {
    case 'v':
        return read_vary(verb, call);
    case 'l':
        return read_slo(verb, c);
    case 'C':
        return read_cost(verb, call);
    case 'p':
        return read_confidence(verb, &c->confidence);
    case 'r':
        return call_int(verb, "--reps", optarg, 1, REPS_MAX, &call->plan.reps);
    case 'n':
        return call_int(verb, "--seed", optarg, 0, INT64_MAX, &call->plan.seed);
    case 'J':
        return call_int(verb, "--jobs", optarg, 1, THREADS_MAX, &call->jobs);
    case 'k':
        rc = call_int(verb, "--checks", optarg, 0, CHECKS_MAX, &checks);
        c->checks = (int)checks;
        return rc;
    default:
        return -1;
    }
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct capacity_call *call)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP},   {"vary", required_argument, NULL, 'v'},
        {"slo", required_argument, NULL, 'l'},    {"reps", required_argument, NULL, 'r'},
        {"seed", required_argument, NULL, 'n'},   {"confidence", required_argument, NULL, 'p'},
        {"smallest", no_argument, NULL, 'm'},     {"cost", required_argument, NULL, 'C'},
        {"checks", required_argument, NULL, 'k'}, {"set", required_argument, NULL, 's'},
        {"jobs", required_argument, NULL, 'J'},   {"json", no_argument, NULL, 'j'},
        {"quiet", no_argument, NULL, 'q'},        {0}};
    struct capacity *c = &call->search;
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int rc = read_value(argv[0], option, call);
        if (rc > 0) {
            return rc;
        }
        if (rc == 0) {
            continue;
        }
        switch (option) {
        case 's':
            call->sets[call->plan.n_sets++] = optarg;
            break;
        case 'm':
            c->smallest = true;
            break;
        case 'j':
            call->json = true;
            break;
        case 'q':
            c->quiet = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc - 1) {
        return optind == argc
                   ? call_wrong(argv[0], "no scenario given; write 'willmsim capacity SCENARIO "
                                         "--vary ues.count=1:100 --slo 'p95 e2e <= 2 s''")
                   : call_wrong(argv[0], "unexpected '%s'; one scenario at a time",
                                argv[optind + 1]);
    }
    call->plan.scenario = argv[optind];
    call->plan.sets = call->sets;
    if (call->plan.n_varies == 0) {
        return call_wrong(argv[0], "nothing is varied; give --vary PATH=FIRST:LAST, such as "
                                   "ues.count=1:100, or --vary PATH=V1,V2");
    }
    if (c->n_slos == 0) {
        return call_wrong(argv[0], "no objective given; write --slo 'p95 e2e <= 2 s'");
    }
    if (c->smallest && !c->has_range) {
        return call_wrong(argv[0], "--smallest needs a range; write --vary PATH=FIRST:LAST");
    }
    return -1;
}

/* --- The verb ----------------------------------------------------------------------------------*/

static int search(struct capacity_call *call, struct err *e)
{
    struct capacity *c = &call->search;
    c->plan = &call->plan;
    int rc = sweep_plan_make(&call->plan, e);
    if (rc != 0) {
        return rc;
    }
    c->stop = stop_catch();
    c->threads = call->jobs > 0 ? (int)call->jobs : omp_get_num_procs();
    rc = capacity_search(c, e);
    if (rc == ERR_INTERRUPTED) {
        err_work(e, call->plan.scenario, NULL, "stopped by a signal; nothing was kept");
        return e->code = ERR_INTERRUPTED;
    }
    if (rc != 0) {
        return rc;
    }
    if (call->json) {
        capacity_print_json(c, stdout);
    } else if (!c->quiet || c->choice >= 0) {
        capacity_print_table(c, stdout);
    }
    if (c->choice < 0) {
        err_work(e, call->plan.scenario, NULL,
                 "nothing meets the objectives; vary more, or ask for less");
        return e->code = ERR_CHECK;
    }
    return 0;
}

int verb_capacity(int argc, char **argv)
{
    struct capacity_call call = {.plan = {.reps = REPS, .seed = -1},
                                 .search = {.confidence = 0.95, .checks = CHECKS, .choice = -1},
                                 .sets = calloc((size_t)argc + 1, sizeof(char *))};
    struct err e = {0};
    if (call.sets == NULL) {
        err_memory(&e, "the options");
        return call_fail(&e);
    }
    int status = read_call(argc, argv, &call);
    if (status < 0) {
        status = search(&call, &e) == 0 ? 0 : call_fail(&e);
        capacity_free(&call.search);
    }
    sweep_plan_free(&call.plan);
    arena_free(&call.arena);
    free(call.sets);
    return status;
}
