/* verb_validate.c - willmsim validate: does a result file meet published numbers, or another file?
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/data_dir.h"
#include "datasets/compare.h"
#include "datasets/store.h"
#include "datasets/targets.h"
#include "tools/call.h"
#include "tools/progress.h"
#include "tools/results.h"
#include "tools/verbs.h"

#define PUBLISHED "datasets/published_targets.json"

struct validate_call {
    const char *path, *against, *targets;
    bool json;
};

static void print_help(void)
{
    printf("usage: willmsim validate DB [--targets FILE] [--json]\n"
           "       willmsim validate DB --against DB2 [--json]\n"
           "Compares a result file, measured or simulated, with published numbers: each holds,\n"
           "misses by how much, or is not comparable and why. Exit status 1 when one misses.\n"
           "  --against DB2   compare with another result file instead: distances between the\n"
           "                  distributions of every metric, differences of shares with 95 %%\n"
           "                  intervals, bursts; each alike or differs. Exit status 1 when one\n"
           "                  differs\n"
           "  --targets FILE  one's own numbers (format: docs/validation.md) instead of\n"
           "                  " PUBLISHED "\n"
           "  --json          one JSON object\n");
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct validate_call *call)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"against", required_argument, NULL, 'a'},
                                            {"targets", required_argument, NULL, 't'},
                                            {"json", no_argument, NULL, 'j'},
                                            {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 'a':
            call->against = optarg;
            break;
        case 't':
            call->targets = optarg;
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
    }
    if (optind != argc - 1) {
        return call_wrong(argv[0], "it takes one result file; write 'willmsim validate DB'");
    }
    if (call->against != NULL && call->targets != NULL) {
        return call_wrong(argv[0], "--against compares with a table, --targets with published "
                                   "numbers; give one of them");
    }
    call->path = argv[optind];
    return -1;
}

/* --- Published numbers ------------------------------------------------------------------------ */

/* The line for the person, in the order of the file; the exit status. */
static int targets_status(const struct targets_report *report, const char *path)
{
    if (report->counts[TARGET_MISSES] > 0) {
        fprintf(stderr, "willmsim: %s: misses", path);
        const char *before = " ";
        for (size_t i = 0; i < report->n; i++) {
            if (report->items[i].verdict == TARGET_MISSES) {
                fprintf(stderr, "%s%s", before, report->items[i].target->id);
                before = ", ";
            }
        }
        fputc('\n', stderr);
        return 1;
    }
    if (report->counts[TARGET_HOLDS] == 0) {
        fprintf(stderr,
                "willmsim: %s: no target of '%s' can be compared with it; give a table of what "
                "the targets speak of, or --targets FILE\n",
                path, report->targets);
        return 1;
    }
    return 0;
}

static void draw(void *self, double done, double all)
{
    progress_share(self, done, all, "million records", 1e-6);
}

/* With a bar on a terminal while the tables are read. */
static int judge(struct store *store, const struct targets *targets, struct targets_report *report,
                 struct err *e)
{
    struct progress bar;
    progress_start(&bar, false);
    const struct targets_watch watch = {.step = draw, .self = &bar};
    int rc = targets_judge(store, targets, bar.shown ? &watch : NULL, report, e);
    progress_end(&bar);
    return rc;
}

static int validate_targets(const struct validate_call *call)
{
    char published[PATH_MAX];
    const char *file = call->targets;
    struct err e = {0};
    if (file == NULL) {
        if (data_dir_path(PUBLISHED, published, sizeof published) != 0) {
            err_work(&e, PUBLISHED, NULL,
                     "this file of the program is nowhere; set WILLMSIM_HOME to the folder that "
                     "holds it, or give --targets FILE");
            return call_fail(&e);
        }
        file = published;
    }
    struct targets targets;
    struct targets_report report = {0};
    struct store *store = NULL;
    int rc = targets_load(file, &targets, &e);
    rc = rc != 0 ? rc : store_open(call->path, STORE_READ, &store, &e);
    if (rc == 0) {
        rc = judge(store, &targets, &report, &e);
        store_close(store, NULL);
    }
    int status = 0;
    if (rc != 0) {
        status = call_fail(&e);
    } else {
        results_warn(call->path, report.incomplete_runs);
        if (call->json) {
            targets_print_json(&report, call->path, stdout);
        } else {
            targets_print_table(&report, call->path, stdout);
        }
        status = targets_status(&report, call->path);
    }
    targets_report_free(&report);
    targets_free(&targets);
    return status;
}

/* --- Another file ----------------------------------------------------------------------------- */

static void differs_name(const char **before, const char *first, const char *second)
{
    fprintf(stderr, "%s%s%s%s", *before, first, second[0] != '\0' ? "." : "", second);
    *before = ", ";
}

static int compare_status(const struct compare *c, const struct validate_call *call)
{
    if (c->counts[COMPARE_DIFFERS] == 0 && c->counts[COMPARE_ALIKE] > 0) {
        return 0;
    }
    if (c->counts[COMPARE_DIFFERS] == 0) {
        fprintf(stderr, "willmsim: %s: has nothing in common with %s; give tables of one kind\n",
                call->path, call->against);
        return 1;
    }
    fprintf(stderr, "willmsim: %s: differs from %s in", call->path, call->against);
    const char *before = " ";
    for (size_t i = 0; i < c->n_metrics; i++) {
        if (c->metrics[i].verdict == COMPARE_DIFFERS) {
            differs_name(&before, c->metrics[i].table, c->metrics[i].name);
        }
    }
    for (size_t i = 0; i < c->n_shares; i++) {
        if (c->shares[i].verdict == COMPARE_DIFFERS) {
            fprintf(stderr, "%s%s share of %s %s", before, c->shares[i].part, c->shares[i].by,
                    c->shares[i].key);
            before = ", ";
        }
    }
    for (size_t i = 0; i < c->n_series; i++) {
        if (c->series[i].verdict == COMPARE_DIFFERS) {
            differs_name(&before, "UL_THR", c->series[i].name);
        }
    }
    fputc('\n', stderr);
    return 1;
}

static int validate_against(const struct validate_call *call)
{
    struct store *a = NULL, *b = NULL;
    struct compare compare = {0};
    struct err e = {0};
    int rc = store_open(call->path, STORE_READ, &a, &e);
    rc = rc != 0 ? rc : store_open(call->against, STORE_READ, &b, &e);
    rc = rc != 0 ? rc : compare_stores(a, b, &compare, &e);
    store_close(a, NULL);
    store_close(b, NULL);
    int status = 0;
    if (rc != 0) {
        status = call_fail(&e);
    } else {
        results_warn(call->path, compare.incomplete_runs[0]);
        results_warn(call->against, compare.incomplete_runs[1]);
        if (call->json) {
            compare_print_json(&compare, call->path, call->against, stdout);
        } else {
            compare_print_table(&compare, call->path, call->against, stdout);
        }
        status = compare_status(&compare, call);
    }
    compare_free(&compare);
    return status;
}

int verb_validate(int argc, char **argv)
{
    struct validate_call call = {0};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    return call.against != NULL ? validate_against(&call) : validate_targets(&call);
}
