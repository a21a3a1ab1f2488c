/* results.c - an incomplete run must not pass for a complete one. */
#include "tools/results.h"

#include <stdio.h>

void results_warn(const char *path, int64_t incomplete_runs)
{
    if (incomplete_runs == 1) {
        fprintf(stderr, "willmsim: %s: incomplete: a run in this file was stopped before its end\n",
                path);
    } else if (incomplete_runs > 1) {
        fprintf(stderr,
                "willmsim: %s: incomplete: %lld runs in this file were stopped before their end\n",
                path, (long long)incomplete_runs);
    }
}
