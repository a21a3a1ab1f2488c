/* ranks_mpi.c - the only file that knows MPI; a module (see ranks.h). MPI 3.0; Open MPI and MPICH.
 *
 * Blocking calls of MPI spin, and do not look at a flag: here everything is started and then asked
 * after, a millisecond apart. */
#include <mpi.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tools/ranks.h"

enum { TAG_ASK = 1, TAG_ANSWER = 2 };

/* False: stopped. The request is then left behind, and with it the whole of MPI. */
static bool wait_for(MPI_Request *request, const volatile sig_atomic_t *stop)
{
    const struct timespec pause = {0, 1000000};
    for (;;) {
        int done = 0;
        MPI_Test(request, &done, MPI_STATUS_IGNORE);
        if (done) {
            return true;
        }
        if (stop != NULL && *stop != 0) {
            return false;
        }
        nanosleep(&pause, NULL);
    }
}

/* The checker of requests knows MPI_Wait alone, and that blocks and spins.
 * NOLINTBEGIN(clang-analyzer-optin.mpi.MPI-Checker) */
static bool share(int64_t *value, const volatile sig_atomic_t *stop)
{
    MPI_Request request;
    MPI_Ibcast(value, 1, MPI_INT64_T, 0, MPI_COMM_WORLD, &request);
    return wait_for(&request, stop);
}

static bool sum(int64_t *value, const volatile sig_atomic_t *stop)
{
    MPI_Request request;
    int64_t mine = *value;
    MPI_Iallreduce(&mine, value, 1, MPI_INT64_T, MPI_SUM, MPI_COMM_WORLD, &request);
    return wait_for(&request, stop);
}

static bool ask(const struct ranks_report *report, int64_t *run, const volatile sig_atomic_t *stop)
{
    MPI_Request request;
    MPI_Isend(report, (int)sizeof *report, MPI_BYTE, 0, TAG_ASK, MPI_COMM_WORLD, &request);
    if (!wait_for(&request, stop)) {
        return false;
    }
    MPI_Irecv(run, 1, MPI_INT64_T, 0, TAG_ANSWER, MPI_COMM_WORLD, &request);
    return wait_for(&request, stop);
}

/* NOLINTEND(clang-analyzer-optin.mpi.MPI-Checker) */

static bool poll_questions(int *from, struct ranks_report *report)
{
    MPI_Status status;
    int there = 0;
    MPI_Iprobe(MPI_ANY_SOURCE, TAG_ASK, MPI_COMM_WORLD, &there, &status);
    if (there) {
        *from = status.MPI_SOURCE;
        MPI_Recv(report, (int)sizeof *report, MPI_BYTE, *from, TAG_ASK, MPI_COMM_WORLD,
                 MPI_STATUS_IGNORE);
    }
    return there != 0;
}

/* The other side waits for it already: a blocking call does not block. */
static void answer(int to, int64_t run)
{
    MPI_Send(&run, 1, MPI_INT64_T, to, TAG_ANSWER, MPI_COMM_WORLD);
}

static void end(void)
{
    MPI_Finalize();
}

/* A launcher may have bound the ranks of a machine to processors of their own, or to none: each
 * processor counts for as many parts as ranks may use it. */
static int processors(void)
{
    enum { PROCESSORS_MAX = CPU_SETSIZE };
    static const cpu_set_t none;
    cpu_set_t set = none;
    int mine[PROCESSORS_MAX], users[PROCESSORS_MAX];
    sched_getaffinity(0, sizeof set, &set);
    for (int i = 0; i < PROCESSORS_MAX; i++) {
        mine[i] = CPU_ISSET((size_t)i, &set) ? 1 : 0;
    }
    MPI_Comm machine;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    MPI_Allreduce(mine, users, PROCESSORS_MAX, MPI_INT, MPI_SUM, machine);
    MPI_Comm_free(&machine);
    double part = 0.0;
    for (int i = 0; i < PROCESSORS_MAX; i++) {
        part += mine[i] != 0 ? 1.0 / users[i] : 0.0;
    }
    return part < 1.0 ? 1 : (int)(part + 0.001); /* thirds add up to less than one */
}

int ranks_open(struct ranks *r);

int ranks_open(struct ranks *r)
{
    int provided = MPI_THREAD_SINGLE;
    if (MPI_Init_thread(NULL, NULL, MPI_THREAD_SERIALIZED, &provided) != MPI_SUCCESS) {
        return -1;
    }
    r->processors = processors();
    MPI_Comm_rank(MPI_COMM_WORLD, &r->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &r->n);
    r->many_threads = provided >= MPI_THREAD_SERIALIZED;
    char library[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(library, &length);
    /* "Open MPI v4.1.4, package: ..." and "MPICH Version:\t4.0.2\n..." */
    snprintf(r->name, sizeof r->name, "%.*s", (int)strcspn(library, ",\n"), library);
    char *tab = strchr(r->name, '\t');
    if (tab != NULL) {
        *tab = ' ';
    }
    r->share = share;
    r->sum = sum;
    r->ask = ask;
    r->poll = poll_questions;
    r->answer = answer;
    r->end = end;
    return 0;
}
