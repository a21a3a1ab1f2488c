/* data_dir.h - where the files that come with the program lie: model cards, GPU profiles,
 * scenarios. A checkout is used in place; an installed program finds its share folder. */
#ifndef BASE_DATA_DIR_H
#define BASE_DATA_DIR_H

#include <stddef.h>

/* Writes the path of the shipped file or folder `relative` ("models/cards") into out[0..bytes).
 * The first of these that exists: $WILLMSIM_HOME/relative (and nothing else when the variable is
 * set), then one, two and three folders above the executable's own (build/willmsim,
 * build/sanitize/willmsim, build/sanitize/tests/test_sim), ../share/willmsim beside it (an
 * installed tree that was moved), then PREFIX/share/willmsim/relative.
 * Returns 0, or -1 when it is nowhere or the path does not fit; `out` is then empty. */
int data_dir_path(const char *relative, char *out, size_t bytes);

/* The same for a module that the program loads when it is asked for (`ranks_mpi.so`): beside the
 * executable, in the folder above (benchmarks), ../lib/willmsim (an installed tree, moved or not),
 * then PREFIX/lib/willmsim. */
int data_dir_module(const char *name, char *out, size_t bytes);

#endif
