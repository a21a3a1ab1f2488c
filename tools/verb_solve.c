/* verb_solve.c - willmsim solve: a scheduling problem given as data, without a simulation. */
#include <stdio.h>

#include "sched/ot.h"
#include "tools/call.h"
#include "tools/solve.h"
#include "tools/verbs.h"

static const char *const kinds[] = {"ot"};
static int (*const solvers[])(const struct solve_call *, struct err *) = {solve_ot};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

static const char *const searches[] = {"paper", "unpruned", "fast"};

static void print_help(void)
{
    printf("usage: willmsim solve ot FILE [--search paper|unpruned|fast] [--budget N] [--json]\n"
           "Solves the instances in a file and prints one result each, in order.\n"
           "  ot         which requests each edge node batches (OT; GAH over several nodes)\n"
           "  --search   paper: with its pruning (default); unpruned: the same tree without;\n"
           "             fast: bounds and bisection as well, the same count\n"
           "  --budget N stop after N tree nodes; the answer then says \"stopped\"\n"
           "  --json     one JSON object\n");
}

int verb_solve(int argc, char **argv)
{
    enum { SEARCH = 1000, BUDGET, JSON };
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"search", required_argument, NULL, SEARCH},
                                            {"budget", required_argument, NULL, BUDGET},
                                            {"json", no_argument, NULL, JSON},
                                            {0}};
    static const struct ot_search *const by_word[] = {&ot_paper, &ot_unpruned, &ot_fast};
    struct solve_call call = {.search = &ot_paper};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int word = 0;
        int64_t number = 0;
        switch (option) {
        case SEARCH:
            word = call_word(argv[0], "--search", optarg, searches, 3);
            if (word < 0) {
                return 2;
            }
            call.search = by_word[word];
            break;
        case BUDGET:
            if (call_int(argv[0], "--budget", optarg, 1, INT64_MAX, &number) != 0) {
                return 2;
            }
            call.budget = (uint64_t)number;
            break;
        case JSON:
            call.json = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (argc - optind != 2) {
        return call_wrong(argv[0], "wants what to solve and a file: willmsim solve ot FILE");
    }
    int kind = call_word(argv[0], "problem", argv[optind], kinds, KINDS);
    if (kind < 0) {
        return 2;
    }
    call.file = argv[optind + 1];
    struct err e = {0};
    int rc = solvers[kind](&call, &e);
    return rc != 0 ? call_fail(&e) : 0;
}
