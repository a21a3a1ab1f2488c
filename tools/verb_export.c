/* verb_export.c - willmsim export: a table out of a result file. */
#include <stdbool.h>
#include <stdio.h>

#include "base/text.h"
#include "datasets/export.h"
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
    printf("usage: willmsim export DB TABLE [--csv]\n"
           "Prints a table of a result file, in the order of its key. Tables:%s.\n"
           "`records` has the 58 metrics of the WiLLM data set in one row per RAN record: with it\n"
           "stand those of the last request that its phone had completed by then.\n"
           "  --csv  comma-separated (RFC 4180), numbers to the last digit; NULL is empty.\n"
           "         Without it, columns aligned for reading.\n",
           tables.chars);
}

int verb_export(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP}, {"csv", no_argument, NULL, 'c'}, {0}};
    enum export_format format = EXPORT_TEXT;
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 'c':
            format = EXPORT_CSV;
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
    struct store *store = NULL;
    struct err e = {0};
    struct export_result result = {0};
    int rc = store_open(argv[optind], STORE_READ, &store, &e);
    if (rc == 0) {
        rc = export_table(store, argv[optind + 1], format, stdout, &result, &e);
        store_close(store, NULL);
    }
    if (rc != 0) {
        return call_fail(&e);
    }
    results_warn(argv[optind], result.incomplete_runs);
    return 0;
}
