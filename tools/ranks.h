/* ranks.h - the processes of one sweep: one alone, or those that mpirun or srun started.
 *
 * MPI is a module (build/ranks_mpi.so) that is loaded only when the environment says that a
 * launcher started this process, so that the program runs where there is no MPI.
 *
 * Rank 0 hands out runs: another rank asks (and says how its last run ended), rank 0 answers with
 * the number of a run, or 0: no more. Nobody waits without looking at the stop flag, and nobody
 * waits busily.
 *
 * When a rank dies, the launcher ends the others (mpirun by itself; srun with
 * --kill-on-bad-exit=1): what was finished stands in the shards. */
#ifndef TOOLS_RANKS_H
#define TOOLS_RANKS_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

/* How a run ended, and: give me another. */
struct ranks_report {
    int64_t run_id; /* 0: this is the thread's first question */
    int32_t code;   /* of struct err; 0: the run is complete */
    char text[1024];
};

struct ranks {
    int rank, n;
    int processors;    /* its part of those that it may use: ranks share what both may use */
    bool many_threads; /* more than one thread of this rank may ask */
    char name[64];     /* of the MPI library; "" alone */

    /* All ranks call these together. false: the stop flag was set meanwhile. */
    bool (*share)(int64_t *value, const volatile sig_atomic_t *stop); /* rank 0's, to all */
    bool (*sum)(int64_t *value, const volatile sig_atomic_t *stop);   /* of all, to all */
    /* Ranks above 0, one thread at a time: asks and waits for the answer. */
    bool (*ask)(const struct ranks_report *report, int64_t *run, const volatile sig_atomic_t *stop);
    /* Rank 0: the next question, if there is one; its answer. */
    bool (*poll)(int *from, struct ranks_report *report);
    void (*answer)(int to, int64_t run);
    void (*end)(void); /* nothing after it */
};

#define RANKS_OPEN_NAME "ranks_open"
/* What the module exports; 0, or what MPI said. */
typedef int ranks_open_function(struct ranks *r);

/* Fills `r`: n is 1 where no launcher is. ERR_WORK: a launcher started us and this build has no
 * MPI, or MPI cannot start. */
int ranks_start(struct ranks *r, struct err *e);
void ranks_end(struct ranks *r);

#endif
