/* verb_metrics.c - willmsim metrics: LAREI, LSEQ, shares and percentiles of a result file. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "datasets/store.h"
#include "datasets/summary.h"
#include "tools/call.h"
#include "tools/results.h"
#include "tools/verbs.h"

struct metrics_call {
    enum summary_by by;
    struct summary_options options;
    bool json;
};

static const char *const log_words[] = {"e", "2", "10"};      /* enum summary_log */
static const char *const resource_words[] = {"bytes", "prb"}; /* enum summary_resources */
static const char *const error_words[] = {"ue", "slice"};     /* enum summary_error_rate */

static void print_help(void)
{
    printf("usage: willmsim metrics DB [--by slice|model|scenario|resolution] [--json]\n"
           "                        [--log e|2|10] [--resources bytes|prb] [--err ue|slice]\n"
           "                        [--omega X] [--delta X]\n"
           "Prints LAREI and LSEQ, latency shares and percentiles of completed requests, over\n"
           "measured and simulated tables alike. The definition used stands in the output.\n"
           "  --by KEY     a group per value of the key (default: all requests together)\n"
           "  --json       one JSON object\n"
           "  --log B      base of LAREI's logarithm (default e)\n"
           "  --resources  what a request used: scheduled uplink bytes (default) or PRB x slots\n"
           "  --err        uplink block error rate: of the UE (default) or of the slice\n"
           "  --omega X, --delta X  scenario weights of LAREI and LSEQ (default 1)\n");
}

static int read_weight(const char *verb, const char *option, double *out)
{
    char *end = NULL;
    double value = strtod(optarg, &end);
    if (end == optarg || *end != '\0' || !isfinite(value) || value <= 0) {
        return call_wrong(verb, "%s: '%s' is not a number above 0", option, optarg);
    }
    *out = value;
    return 0;
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct metrics_call *call)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"by", required_argument, NULL, 'b'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"log", required_argument, NULL, 'l'},
                                            {"resources", required_argument, NULL, 'r'},
                                            {"err", required_argument, NULL, 'e'},
                                            {"omega", required_argument, NULL, 'w'},
                                            {"delta", required_argument, NULL, 'd'},
                                            {0}};
    int n_by = 0;
    while (summary_by_words[n_by] != NULL) {
        n_by++;
    }
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int word = 0;
        switch (option) {
        case 'b':
            word = call_word(argv[0], "--by", optarg, summary_by_words, n_by);
            call->by = (enum summary_by)(word + SUMMARY_BY_SLICE);
            break;
        case 'l':
            word = call_word(argv[0], "--log", optarg, log_words, 3);
            call->options.log = (enum summary_log)word;
            break;
        case 'r':
            word = call_word(argv[0], "--resources", optarg, resource_words, 2);
            call->options.resources = (enum summary_resources)word;
            break;
        case 'e':
            word = call_word(argv[0], "--err", optarg, error_words, 2);
            call->options.error_rate = (enum summary_error_rate)word;
            break;
        case 'w':
            if (read_weight(argv[0], "--omega", &call->options.omega) != 0) {
                return 2;
            }
            break;
        case 'd':
            if (read_weight(argv[0], "--delta", &call->options.delta) != 0) {
                return 2;
            }
            break;
        case 'j':
            call->json = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
        if (word < 0) {
            return 2;
        }
    }
    if (optind != argc - 1) {
        return call_wrong(argv[0], "it takes one result file; write 'willmsim metrics DB'");
    }
    return -1;
}

int verb_metrics(int argc, char **argv)
{
    struct metrics_call call = {.by = SUMMARY_BY_ALL, .options = summary_defaults()};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    struct store *store = NULL;
    struct summary_groups groups;
    struct err e = {0};
    int rc = store_open(argv[optind], STORE_READ, &store, &e);
    if (rc == 0) {
        rc = summary_by(store, call.by, &call.options, &groups, &e);
        store_close(store, NULL);
    }
    if (rc != 0) {
        return call_fail(&e);
    }
    results_warn(argv[optind], groups.incomplete_runs);
    if (call.json) {
        summary_groups_print_json(&groups, stdout);
    } else {
        summary_groups_print_table(&groups, stdout);
    }
    summary_groups_free(&groups);
    return 0;
}
