/* solve.h - willmsim solve: one reader and solver per kind of problem. */
#ifndef TOOLS_SOLVE_H
#define TOOLS_SOLVE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct ot_search;

struct solve_call {
    const char *file;
    bool json;
    const struct ot_search *search; /* ot */
    uint64_t budget;                /* ot: tree nodes; 0: no limit */
};

/* Reads all instances of the file, then prints an answer each. */
int solve_ot(const struct solve_call *call, struct err *e);

#endif
