/* version.c - the only file that sees the git revision, so that a commit rebuilds one object. */
#include "tools/version.h"

#include <cjson/cJSON.h>
#include <gsl/gsl_version.h>
#include <nlopt.h>
#include <sqlite3.h>

static const char *yes_no(int with)
{
    return with ? "yes" : "no";
}

const char *version_text(void)
{
    /* sizeof counts the terminator: an empty revision is 1. */
    return sizeof WILLMSIM_REVISION > 1 ? WILLMSIM_VERSION "+" WILLMSIM_REVISION : WILLMSIM_VERSION;
}

void version_print(FILE *out)
{
    fprintf(out, "willmsim %s\n", WILLMSIM_VERSION);
    fprintf(out, "revision: %s\n", sizeof WILLMSIM_REVISION > 1 ? WILLMSIM_REVISION : "unknown");
    fprintf(out, "CUDA: %s\nMPI: %s\ngnuplot: %s\n", yes_no(WITH_CUDA), yes_no(WITH_MPI),
            yes_no(WITH_GNUPLOT));
    int major, minor, patch;
    nlopt_version(&major, &minor, &patch);
    fprintf(out, "GSL: %s\nSQLite: %s\ncJSON: %s\nNLopt: %d.%d.%d\n", gsl_version,
            sqlite3_libversion(), cJSON_Version(), major, minor, patch);
}
