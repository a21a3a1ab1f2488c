/* ranks.c - is this process one of many? Then the module with MPI is loaded. */
#include "tools/ranks.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The module lies beside the program, or where it was installed. The libraries of MPI look for
 * their own parts by global names. */
static void *load_module(void)
{
    char path[1200];
    ssize_t n = readlink("/proc/self/exe", path, 1024);
    char *slash = n > 0 ? memrchr(path, '/', (size_t)n) : NULL;
    if (slash != NULL) {
        snprintf(slash, 16, "/ranks_mpi.so");
        if (access(path, R_OK) == 0) {
            return dlopen(path, RTLD_NOW | RTLD_GLOBAL);
        }
    }
    return dlopen(WILLMSIM_PREFIX "/lib/willmsim/ranks_mpi.so", RTLD_NOW | RTLD_GLOBAL);
}

int ranks_start(struct ranks *r, struct err *e)
{
    *r = (struct ranks){.n = 1, .on_machine = 1};
    if (!launched()) {
        return 0;
    }
    void *module = load_module();
    if (module == NULL) {
        return err_work(e, "sweep", NULL,
                        "was started by a launcher of many processes, but MPI cannot be loaded "
                        "(%s); install libopenmpi-dev and openmpi-bin (or libmpich-dev and mpich) "
                        "and run make again, or start one process",
                        dlerror());
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
