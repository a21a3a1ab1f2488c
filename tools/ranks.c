/* ranks.c - is this process one of many? Then the module with MPI is loaded. */
#include "tools/ranks.h"

#include <dlfcn.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/data_dir.h"

/* Does a launcher say that there are more of us? Open MPI and PRRTE, MPICH's hydra (PMI), srun
 * (a step of several tasks). */
static bool launched(void)
{
    static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "PMIX_SIZE",
                                        "MPI_LOCALNRANKS", "SLURM_STEP_NUM_TASKS"};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        const char *size = getenv(sizes[i]);
        if (size != NULL && atoi(size) > 1) {
            return true;
        }
    }
    return false;
}

int ranks_start(struct ranks *r, struct err *e)
{
    *r = (struct ranks){.n = 1};
    if (!launched()) {
        return 0;
    }
    /* The libraries of MPI look for their own parts by global names. */
    char path[PATH_MAX];
    bool there = data_dir_module("ranks_mpi.so", path, sizeof path) == 0;
    void *module = there ? dlopen(path, RTLD_NOW | RTLD_GLOBAL) : NULL;
    if (module == NULL) {
        return err_work(e, "sweep", NULL,
                        "was started by a launcher of many processes, but MPI cannot be loaded "
                        "(%s); install libopenmpi-dev and openmpi-bin (or libmpich-dev and mpich) "
                        "and run make again, or start one process",
                        there ? dlerror() : "this build has no ranks_mpi.so");
    }
    ranks_open_function *open_ranks = NULL;
    void *symbol = dlsym(module, RANKS_OPEN_NAME);
    memcpy(&open_ranks, &symbol, sizeof open_ranks); /* POSIX's way from object to function */
    if (open_ranks == NULL || open_ranks(r) != 0) {
        return err_work(e, "sweep", NULL, "MPI cannot start; see what it printed");
    }
    if (r->n == 1) {
        /* Each would take itself for the only one and write the same file. */
        ranks_end(r);
        return err_work(e, "sweep", NULL,
                        "the launcher started many processes, but MPI (%s) knows of one; use the "
                        "mpirun of that MPI, or srun --mpi=pmix (Open MPI) or --mpi=pmi2 (MPICH)",
                        r->name);
    }
    return 0;
}

void ranks_end(struct ranks *r)
{
    if (r->end != NULL) {
        r->end();
    }
    r->end = NULL;
    r->n = 1;
}
