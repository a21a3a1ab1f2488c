/* main.c - finds the verb and calls it. A new verb is one file and one line in the table. */
#include <errno.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>

#include "tools/call.h"
#include "tools/verbs.h"
#include "tools/version.h"

struct verb {
    const char *word;
    int (*run)(int argc, char **argv);
    const char *doc;
};

static const struct verb verbs[] = {
    {"run", verb_run, "run one scenario, store and print its results"},
    {"check", verb_check, "check scenarios without running them"},
    {"sweep", verb_sweep, "run combinations of values x seeds, on many cores and machines"},
    {"capacity", verb_capacity,
     "find the largest load, or the cheapest way, that meets objectives"},
    {"list", verb_list, "print the words that a scenario may use"},
    {"schema", verb_schema, "print what a scenario file may hold"},
    {"import", verb_import, "put measurements into a result file"},
    {"export", verb_export, "print a table of a result file"},
    {"metrics", verb_metrics, "print LAREI, LSEQ, shares and percentiles of a result file"},
    {"figures", verb_figures, "draw the papers' figures from a result file"},
    {"validate", verb_validate, "compare a result file with published numbers or another file"},
    {"estimate", verb_estimate, "time and memory of one inference operating point"},
    {"calibrate", verb_calibrate, "measure this machine's processor, fit a profile"},
    {"phy", verb_phy, "numbers of the radio model"},
    {"slice", verb_slice, "share out one slot's PRB under a policy file"},
    {"solve", verb_solve, "solve scheduling problems given as data"},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

static void print_help(FILE *out)
{
    fprintf(out, "usage: willmsim VERB [ARGUMENT]...\n"
                 "Simulates a wireless LLM service: 5G radio, core network, GPU serving.\n\n");
    for (int i = 0; i < VERBS; i++) {
        fprintf(out, "  %-9s %s\n", verbs[i].word, verbs[i].doc);
    }
    fprintf(out,
            "\n'willmsim VERB --help' tells a verb's options; 'willmsim --version' the build.\n"
            "Exit status: 0 done, 1 the work failed or a check did not hold, 2 a wrong call\n"
            "or input.\n");
}

/* Results that could not be written are a failure, not a success without output. */
static int flush_output(int status)
{
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "willmsim: cannot write to standard output: %s\n", strerror(errno));
        return status == 0 ? 1 : status;
    }
    return status;
}

int main(int argc, char **argv)
{
    /* Numbers are read and written with a point whatever the user's language. */
    setlocale(LC_ALL, "C");
    if (argc < 2) {
        print_help(stderr);
        return 2;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        print_help(stdout);
        return flush_output(0);
    }
    if (strcmp(argv[1], "--version") == 0) {
        version_print(stdout);
        return flush_output(0);
    }
    const char *words[VERBS];
    for (int i = 0; i < VERBS; i++) {
        words[i] = verbs[i].word;
        if (strcmp(argv[1], words[i]) == 0) {
            return flush_output(verbs[i].run(argc - 1, argv + 1));
        }
    }
    call_word(NULL, argv[1][0] == '-' ? "option" : "verb", argv[1], words, VERBS);
    return 2;
}
