/* bench_import.c - willmsim import beside `sqlite3 .import` of the same CSV into a plain table.
 *
 * The CSV has as many rows as the released WiLLM data set, 1 649 996 of 79 columns: its category
 * "dynamic UE, dynamic gNB" (scenarios/willm-dataset), simulated for so long; a tenth of it shows
 * whether memory hangs on the length. Rounds of both alternate, so that a busy machine does to one
 * what it does to the other; of each the best round counts. willmsim maps, types, checks and joins;
 * sqlite3 copies text. Aim: 1.5 times as fast, peak memory of the whole at most 1.2 times that of a
 * tenth.
 *
 * usage: bench_import [DIVISOR]   of the records, 1 when left out
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 3, PATH_BYTES = 4096 };

struct cost {
    double wall_s, cpu_s, peak_mib;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec * 1e-6;
}

/* Runs a program to its end; false when it failed. */
static bool spend(char *const argv[], struct cost *cost)
{
    fflush(stdout);
    double start = now_s();
    pid_t child = fork();
    if (child == 0) {
        execvp(argv[0], argv);
        _exit(127);
    }
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        return false;
    }
    cost->wall_s = now_s() - start;
    cost->cpu_s = seconds(usage.ru_utime) + seconds(usage.ru_stime);
    cost->peak_mib = (double)usage.ru_maxrss / 1024;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static bool better(struct cost *best, const struct cost *c, int round)
{
    bool is = round == 0 || c->wall_s < best->wall_s;
    *best = is ? *c : *best;
    return is;
}

/* Imports FOLDER/NAME.csv by both, ROUNDS times. */
static bool race(const char *willmsim, const char *folder, const char *name, struct cost *ours,
                 struct cost *theirs)
{
    char csv[PATH_BYTES], db[PATH_BYTES], plain[PATH_BYTES], dot[PATH_BYTES + 32];
    snprintf(csv, sizeof csv, "%s/%s.csv", folder, name);
    snprintf(db, sizeof db, "%s/ours.sqlite", folder);
    snprintf(plain, sizeof plain, "%s/plain.sqlite", folder);
    snprintf(dot, sizeof dot, ".import --csv %s plain", csv);
    char *const import[] = {(char *)willmsim, "import",   "willm", csv, "--db", db,
                            "--quiet",        "--strict", NULL};
    char *const sqlite[] = {"sqlite3", plain, dot, NULL};
    for (int round = 0; round < ROUNDS; round++) {
        struct cost cost;
        unlink(db);
        unlink(plain);
        if (!spend(import, &cost)) {
            return false;
        }
        better(ours, &cost, round);
        if (!spend(sqlite, &cost)) {
            return false;
        }
        better(theirs, &cost, round);
    }
    unlink(db);
    unlink(plain);
    return true;
}

static void print_cost(const char *who, const struct cost *c, double rows)
{
    printf("  %-16s %6.2f s wall, %6.2f s processor, %7.0f rows/s, peak %5.1f MiB\n", who,
           c->wall_s, c->cpu_s, rows / c->wall_s, c->peak_mib);
}

int main(int argc, char **argv)
{
    const char *build = getenv("BUILD") != NULL ? getenv("BUILD") : "build";
    int divisor = argc > 1 ? atoi(argv[1]) : 1;
    char folder[] = "/tmp/willmsim-bench-XXXXXX";
    char willmsim[PATH_BYTES], command[4 * PATH_BYTES];
    snprintf(willmsim, sizeof willmsim, "%s/willmsim", build);
    if (divisor < 1 || mkdtemp(folder) == NULL) {
        return 1;
    }
    int records = 1649996 / divisor;
    snprintf(command, sizeof command,
             "%s run scenarios/willm-dataset/dynamic-dynamic.json --quiet --out %s/run.sqlite "
             "--set duration_s=%d.%03d --set ues.0.ask_until_s=%d && "
             "%s export %s/run.sqlite records --csv --out %s/whole.csv && rm %s/run.sqlite && "
             "head -n %d %s/whole.csv > %s/tenth.csv",
             willmsim, folder, records / 1000, records % 1000, records / 1000 - 10, willmsim,
             folder, folder, folder, records / 10 + 1, folder, folder);
    double rows = records;
    bool ok = system(command) == 0;
    struct cost ours = {0}, theirs = {0}, ours_tenth = {0}, theirs_tenth = {0};
    ok = ok && race(willmsim, folder, "tenth", &ours_tenth, &theirs_tenth) &&
         race(willmsim, folder, "whole", &ours, &theirs);
    if (ok) {
        printf("import of the twin, %.0f rows, best of %d rounds in turn\n", rows, ROUNDS);
        print_cost("willmsim import", &ours, rows);
        print_cost("sqlite3 .import", &theirs, rows);
        printf("  a tenth of it\n");
        print_cost("willmsim import", &ours_tenth, rows / 10);
        print_cost("sqlite3 .import", &theirs_tenth, rows / 10);
        printf("ratio of wall time, sqlite3 / willmsim: %.2f (aim 1.5)\n",
               theirs.wall_s / ours.wall_s);
        printf("ratio of peak memory, whole / tenth: %.2f (aim at most 1.2)\n",
               ours.peak_mib / ours_tenth.peak_mib);
    }
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) == 0 && ok ? 0 : 1;
}
