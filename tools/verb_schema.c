/* verb_schema.c - willmsim schema: the scenario tables as JSON Schema or as Markdown. */
#include <stdbool.h>
#include <stdio.h>

#include "sim/scenario.h"
#include "tools/call.h"
#include "tools/verbs.h"

int verb_schema(int argc, char **argv)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP}, {"markdown", no_argument, NULL, 'm'}, {0}};
    bool markdown = false;
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 'm':
            markdown = true;
            break;
        case CALL_HELP:
            printf("usage: willmsim schema [--markdown]\n"
                   "Prints the JSON Schema of scenario files (for editors), or their reference.\n"
                   "  --markdown  the reference (docs/scenarios.md)\n");
            return 0;
        default:
            return 2;
        }
    }
    if (optind < argc) {
        return call_wrong(argv[0], "unexpected '%s'; it takes no argument", argv[optind]);
    }
    if (markdown) {
        scenario_reference_print(stdout);
    } else {
        scenario_schema_print(stdout);
    }
    return 0;
}
