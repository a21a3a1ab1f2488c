/* verb_metrics.c - willmsim metrics: LAREI, LSEQ, shares and percentiles of a result file, or the
 * bursts in its throughput series. */
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "datasets/bursts.h"
#include "datasets/store.h"
#include "datasets/summary.h"
#include "tools/call.h"
#include "tools/results.h"
#include "tools/verbs.h"

struct metrics_call {
    enum summary_by by[SUMMARY_KEYS_MAX];
    size_t n_by;
    struct summary_options options;
    bool json, bursts;
};

static const char *const log_words[] = {"e", "2", "10"};      /* enum summary_log */
static const char *const resource_words[] = {"bytes", "prb"}; /* enum summary_resources */
static const char *const error_words[] = {"ue", "slice"};     /* enum summary_error_rate */

static void print_help(void)
{
    printf("usage: willmsim metrics DB [--by slice|model|scenario|resolution|mode[,...]] [--json]\n"
           "                        [--log e|2|10] [--resources bytes|prb] [--err ue|slice]\n"
           "                        [--omega X] [--delta X]\n"
           "       willmsim metrics DB --bursts [--by slice] [--json]\n"
           "Prints LAREI and LSEQ, latency shares and percentiles of completed requests, over\n"
           "measured and simulated tables alike. The definition used stands in the output.\n"
           "  --by KEY     a group per value of the key (default: all requests together); several\n"
           "               keys with commas, as slice,resolution: a group per combination\n"
           "  --json       one JSON object\n"
           "  --log B      base of LAREI's logarithm (default e)\n"
           "  --resources  what a request used: scheduled uplink bytes (default) or PRB x slots\n"
           "  --err        uplink block error rate: of the UE (default) or of the slice\n"
           "  --omega X, --delta X  scenario weights of LAREI and LSEQ (default 1)\n"
           "  --bursts     instead: the bursts in every UE's UL_THR (ran_records): rise, jump,\n"
           "               period, and the decay between them; with --by slice per slice\n");
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

/* Keys with commas between them, none twice. Returns 0, or 2 with the line printed. */
static int read_keys(const char *verb, const char *text, struct metrics_call *call)
{
    int known = 0;
    while (summary_by_words[known] != NULL) {
        known++;
    }
    call->n_by = 0;
    for (const char *at = text;; at++) {
        char word[64];
        size_t length = strcspn(at, ",");
        snprintf(word, sizeof word, "%.*s", length < sizeof word ? (int)length : 63, at);
        int found = call_word(verb, "--by", word, summary_by_words, known);
        if (found < 0) {
            return 2;
        }
        enum summary_by by = (enum summary_by)(found + SUMMARY_BY_SLICE);
        for (size_t i = 0; i < call->n_by; i++) {
            if (call->by[i] == by) {
                return call_wrong(verb, "--by names '%s' twice; name a key once", word);
            }
        }
        call->by[call->n_by++] = by;
        at += length;
        if (*at == '\0') {
            return 0;
        }
    }
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
                                            {"bursts", no_argument, NULL, 'B'},
                                            {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int word = 0;
        switch (option) {
        case 'b':
            if (read_keys(argv[0], optarg, call) != 0) {
                return 2;
            }
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
        case 'B':
            call->bursts = true;
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
    if (call->bursts &&
        (call->n_by > 1 || (call->by[0] != SUMMARY_BY_ALL && call->by[0] != SUMMARY_BY_SLICE))) {
        return call_wrong(argv[0], "--bursts goes by UE, or with --by slice by UE and slice");
    }
    return -1;
}

/* --- Bursts ----------------------------------------------------------------------------------- */

static void quartiles_json(const char *key, const struct bursts_quartiles *q)
{
    printf(", \"%s\": {\"q1\": ", key);
    json_print_number(stdout, q->q1);
    printf(", \"median\": ");
    json_print_number(stdout, q->median);
    printf(", \"q3\": ");
    json_print_number(stdout, q->q3);
    printf("}");
}

static void number_json(const char *key, double value)
{
    printf(", \"%s\": ", key);
    json_print_number(stdout, value);
}

static void bursts_json(const struct bursts_table *t, const struct bursts_options *o)
{
    printf("{\"threshold\": %g, \"settle_s\": %g, \"gap_s\": %g, \"series\": [", o->threshold,
           o->settle_s, o->gap_s);
    for (size_t i = 0; i < t->n; i++) {
        const struct bursts_series *s = &t->items[i];
        const struct bursts *b = &s->bursts;
        printf("%s{\"run\": %lld, \"ue\": %lld, \"slice\": ", i > 0 ? ", " : "",
               (long long)s->run_id, (long long)s->ue_id);
        if (s->slice_id != NULL) {
            json_print_string(stdout, s->slice_id);
        } else {
            printf("null");
        }
        printf(", \"points\": %zu, \"bursts\": %zu", b->n_points, b->n);
        quartiles_json("rise_s", &b->rise_s);
        quartiles_json("jump", &b->jump);
        quartiles_json("period_s", &b->period_s);
        quartiles_json("trough", &b->trough);
        quartiles_json("peak", &b->peak);
        number_json("autocorrelation_s", b->autocorrelation_s);
        number_json("decay_s", b->tau_s);
        quartiles_json("floor", &b->floor);
        printf(", \"decays\": %zu", b->n_decays);
        number_json("mean", b->mean);
        number_json("std", b->std);
        number_json("min", b->min);
        number_json("max", b->max);
        printf("}");
    }
    printf("]}\n");
}

static void quartiles_row(const char *label, const struct bursts_quartiles *q, int decimals)
{
    printf("  %-28s %10.*f %10.*f %10.*f\n", label, decimals, q->q1, decimals, q->median, decimals,
           q->q3);
}

static void bursts_text(const struct bursts_table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct bursts_series *s = &t->items[i];
        const struct bursts *b = &s->bursts;
        printf("%srun %lld, UE %lld%s%s: %zu bursts in %zu records\n", i > 0 ? "\n" : "",
               (long long)s->run_id, (long long)s->ue_id, s->slice_id != NULL ? ", slice " : "",
               s->slice_id != NULL ? s->slice_id : "", b->n, b->n_points);
        printf("  %-28s %10s %10s %10s\n", "", "q1", "median", "q3");
        quartiles_row("rise, s", &b->rise_s, 3);
        quartiles_row("jump, bytes/opportunity", &b->jump, 1);
        quartiles_row("trough", &b->trough, 1);
        quartiles_row("peak", &b->peak, 1);
        quartiles_row("period, s", &b->period_s, 3);
        printf("  %-28s %10s %10.2f\n", "period by autocorrelation, s", "", b->autocorrelation_s);
        printf("  %-28s %10s %10.2f %10s over %zu gaps\n", "decay constant, s", "", b->tau_s, "",
               b->n_decays);
        quartiles_row("floor of the decay", &b->floor, 1);
    }
}

static int show_bursts(const char *path, const struct metrics_call *call)
{
    struct store *store = NULL;
    struct bursts_table table = {0};
    struct bursts_options options = bursts_defaults();
    struct err e = {0};
    int rc = store_open(path, STORE_READ, &store, &e);
    if (rc == 0) {
        rc = bursts_of_store(store, call->by[0] == SUMMARY_BY_SLICE, &options, &table, &e);
        store_close(store, NULL);
    }
    if (rc == 0) {
        results_warn(path, table.incomplete_runs);
        if (call->json) {
            bursts_json(&table, &options);
        } else {
            bursts_text(&table);
        }
    }
    bursts_table_free(&table);
    return rc == 0 ? 0 : call_fail(&e);
}

int verb_metrics(int argc, char **argv)
{
    struct metrics_call call = {.by = {SUMMARY_BY_ALL}, .n_by = 1, .options = summary_defaults()};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    if (call.bursts) {
        return show_bursts(argv[optind], &call);
    }
    struct store *store = NULL;
    struct summary_groups groups;
    struct err e = {0};
    int rc = store_open(argv[optind], STORE_READ, &store, &e);
    if (rc == 0) {
        rc = summary_by_keys(store, call.by, call.n_by, &call.options, &groups, &e);
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
