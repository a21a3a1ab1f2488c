/* verb_export.c - willmsim export: a table out of a result file. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "datasets/export.h"
#include "datasets/export_records.h"
#include "datasets/store.h"
#include "tools/call.h"
#include "tools/results.h"
#include "tools/verbs.h"

static void print_help(void)
{
    struct text tables = {0};
    for (const char *const *name = export_names; *name != NULL; name++) {
        text_add(&tables, " %s", *name);
    }
    printf("usage: willmsim export DB TABLE [--csv] [--out FILE]\n"
           "       willmsim export DB records --csv --spelling willm [--label TEXT] [--out FILE]\n"
           "Prints a table of a result file, in the order of its key. Tables:%s.\n"
           "`records` has the 58 metrics of the WiLLM data set in one row per RAN record: with it\n"
           "stand those of the last request that its phone had completed by then.\n"
           "  --csv             comma-separated (RFC 4180), numbers to the last digit; NULL is\n"
           "                    empty. Without it, columns aligned for reading.\n"
           "  --spelling willm  records under the names of the released data set, with what\n"
           "                    'willmsim import willm' needs to give the same requests back\n"
           "  --label TEXT      its column sim_label (default: simulated: SCENARIO)\n"
           "  --out FILE        write there instead\n",
           tables.chars);
}

struct export_call {
    const char *db, *table, *out;
    enum export_format format;
    bool released; /* in the released data set's spelling */
    const char *label;
};

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct export_call *call)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP},     {"csv", no_argument, NULL, 'c'},
        {"spelling", required_argument, NULL, 's'}, {"label", required_argument, NULL, 'l'},
        {"out", required_argument, NULL, 'o'},      {0}};
    static const char *const spellings[] = {"ours", "willm"};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int word = 0;
        switch (option) {
        case 'c':
            call->format = EXPORT_CSV;
            break;
        case 's':
            word = call_word(argv[0], "spelling", optarg, spellings, 2);
            if (word < 0) {
                return 2;
            }
            call->released = word == 1;
            break;
        case 'l':
            call->label = optarg;
            break;
        case 'o':
            call->out = optarg;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
    }
    if (optind != argc - 2) {
        return call_wrong(argv[0], "it takes a result file and a table; write 'willmsim export DB "
                                   "requests --csv'");
    }
    call->db = argv[optind];
    call->table = argv[optind + 1];
    if (call->released && (strcmp(call->table, "records") != 0 || call->format != EXPORT_CSV)) {
        return call_wrong(argv[0], "--spelling willm is for 'records --csv'");
    }
    if (call->label != NULL && !call->released) {
        return call_wrong(argv[0], "--label goes with --spelling willm");
    }
    return -1;
}

/* To a file by another name first, so that nothing half-written has the name that was asked for. */
static int export_to(const struct export_call *call, struct store *store,
                     struct export_result *result, struct err *e)
{
    char part[4096] = "";
    FILE *out = stdout;
    if (call->out != NULL) {
        if (snprintf(part, sizeof part, "%s.part", call->out) >= (int)sizeof part) {
            return err_input(e, "export", "--out", "the path is too long");
        }
        out = fopen(part, "we");
        if (out == NULL) {
            return err_input(e, call->out, NULL, "cannot be written: %s", strerror(errno));
        }
    }
    int64_t runs;
    int rc = call->released ? export_records(store, call->label, out, &result->rows, e)
                            : export_table(store, call->table, call->format, out, result, e);
    if (rc == 0 && call->released) {
        rc = store_count_runs(store, &runs, &result->incomplete_runs, e);
    }
    if (call->out != NULL) {
        if (fclose(out) != 0 && rc == 0) {
            rc = err_work(e, call->out, NULL, "cannot be written: %s", strerror(errno));
        }
        if (rc == 0 && rename(part, call->out) != 0) {
            rc = err_work(e, call->out, NULL, "cannot be written: %s", strerror(errno));
        }
        if (rc != 0) {
            remove(part);
        }
    }
    return rc;
}

int verb_export(int argc, char **argv)
{
    struct export_call call = {.format = EXPORT_TEXT};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    struct store *store = NULL;
    struct err e = {0};
    struct export_result result = {0};
    int rc = store_open(call.db, STORE_READ, &store, &e);
    if (rc == 0) {
        rc = export_to(&call, store, &result, &e);
        store_close(store, NULL);
    }
    if (rc != 0) {
        return call_fail(&e);
    }
    results_warn(call.db, result.incomplete_runs);
    return 0;
}
