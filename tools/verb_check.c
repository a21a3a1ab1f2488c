/* verb_check.c - willmsim check: are these scenarios good? Runs and writes nothing. */
#include <stdio.h>

#include "tools/call.h"
#include "tools/load.h"
#include "tools/verbs.h"

int verb_check(int argc, char **argv)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP}, {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        if (option == CALL_WRONG) {
            return 2;
        }
        printf("usage: willmsim check SCENARIO...\n"
               "Reads each scenario and all that it names (traces, cards, profiles, policies) and\n"
               "prints 'FILE: ok', or what is wrong with it and where. Runs nothing.\n");
        return 0;
    }
    if (optind == argc) {
        return call_wrong(argv[0], "no scenario given; write 'willmsim check SCENARIO...'");
    }
    int status = 0;
    for (int i = optind; i < argc; i++) {
        struct load load;
        struct err e = {0};
        if (load_read(argv[i], NULL, 0, &load, &e) == 0) {
            printf("%s: ok\n", argv[i]);
            load_free(&load);
        } else {
            int one = call_fail(&e);
            status = one > status ? one : status;
        }
    }
    return status;
}
