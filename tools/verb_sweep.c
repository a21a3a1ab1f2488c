/* verb_sweep.c - willmsim sweep: every combination of values x replications, on all threads and
 * ranks.
 *
 * Rank 0 reads the call, tries every combination, lists all runs in the store and says to the
 * others whether to go on; so what is wrong is said once, before the first run. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <omp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "tools/call.h"
#include "tools/ranks.h"
#include "tools/results.h"
#include "tools/stop.h"
#include "tools/sweep_plan.h"
#include "tools/sweep_run.h"
#include "tools/sweep_summary.h"
#include "tools/verbs.h"

enum { SHOWN_MAX = 12, REPS_MAX = 100000, THREADS_MAX = 1024 };

struct sweep_call {
    struct sweep_plan plan;
    const char **sets;
    const char *out, *csv, *figure;
    char path[PATH_MAX]; /* of the store */
    int64_t jobs;        /* 0: not given */
    bool resume, json, quiet;
    int shown[SHOWN_MAX], n_shown;
    struct arena arena;
    int lock; /* file descriptor, -1: none */
    struct ranks ranks;
    const volatile sig_atomic_t *stop;
};

static void print_help(void)
{
    printf(
        "usage: willmsim sweep SCENARIO --vary PATH=V1,V2,... [--vary ...] [--reps N] [--seed N]\n"
        "                      [--set PATH=VALUE]... [--jobs N] [--out DB] [--resume] [--json]\n"
        "                      [--csv FILE] [--figure FILE.svg] [--show METRIC,...] [--quiet]\n"
        "Runs every combination of the varied values with the same seeds, on all cores, and under\n"
        "mpirun or srun on all ranks; stores all runs in one file, and prints means with 95 %%\n"
        "intervals and what the combinations differ from the first.\n"
        "  --vary PATH=V,V   values of one path (as --set takes it); FIRST:LAST[:STEP] for "
        "numbers\n"
        "  --reps N          seeds for each combination (default 1): the first, and on from it\n"
        "  --seed N          the first seed (default: the scenario's)\n"
        "  --set PATH=VALUE  changes a value in all runs\n"
        "  --jobs N          runs at a time, in each process (default: the processors it may use)\n"
        "  --out DB          result file (default: out/NAME-sweep.sqlite)\n"
        "  --resume          keep the finished runs of an earlier call, do the others\n"
        "  --json            print the summary as one JSON object, all metrics\n"
        "  --csv FILE        write the summary as CSV, all metrics\n"
        "  --figure FILE     draw the metrics shown as bars with intervals (SVG; needs gnuplot)\n"
        "  --show METRIC,..  metrics of table and figure (default: e2e.mean,e2e.p95,ttft.mean,\n"
        "                    tpot.mean,completed); e2e uplink downlink inference queue transport\n"
        "                    ttft ue_ttft tpot, each with .mean .p50 .p90 .p95 .p99 .max, and:\n"
        "                   ");
    for (int i = METRIC_QUANTITIES * METRIC_STATISTICS; i < METRICS; i++) {
        printf(" %s%s", metric_name(i).word, i % 9 == 8 ? "\n                   " : "");
    }
    printf(
        "\n  --quiet           print no table and no progress\n"
        "A sweep that is stopped or killed leaves what is finished in DB and DB.rank*; the same\n"
        "call with --resume, with or without ranks, completes it to the same tables.\n");
}

/* --- The call --------------------------------------------------------------------------------- */

static int read_shown(const char *verb, const char *list, struct sweep_call *call)
{
    call->n_shown = 0;
    while (*list != '\0') {
        size_t length = strcspn(list, ",");
        struct metric_name near;
        char word[64];
        snprintf(word, sizeof word, "%.*s", (int)(length < 60 ? length : 60), list);
        int metric = metric_find(word, &near);
        if (metric < 0) {
            return near.word[0] != '\0'
                       ? call_wrong(verb, "--show: unknown metric '%s'; did you mean '%s'?", word,
                                    near.word)
                       : call_wrong(verb,
                                    "--show: unknown metric '%s'; use words such as e2e.mean, "
                                    "ttft.p95, completed ('willmsim sweep --help' has all)",
                                    word);
        }
        if (call->n_shown == SHOWN_MAX) {
            return call_wrong(verb, "--show: at most %d metrics; --json and --csv have all",
                              SHOWN_MAX);
        }
        call->shown[call->n_shown++] = metric;
        list += length + (list[length] == ',');
    }
    return call->n_shown > 0 ? 0 : call_wrong(verb, "--show: no metric given");
}

static int read_vary(const char *verb, const char *text, struct sweep_call *call)
{
    if (call->plan.n_varies == SWEEP_VARIES_MAX) {
        return call_wrong(verb, "at most %d --vary", SWEEP_VARIES_MAX);
    }
    struct err e = {0};
    int rc = vary_read(text, &call->plan.varies[call->plan.n_varies], &call->arena, &e);
    call->plan.n_varies += rc == 0;
    return rc == 0 ? 0 : call_fail(&e);
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct sweep_call *call)
{
    static const struct option options[] = {
        {"help", no_argument, NULL, CALL_HELP},   {"vary", required_argument, NULL, 'v'},
        {"reps", required_argument, NULL, 'r'},   {"seed", required_argument, NULL, 'n'},
        {"set", required_argument, NULL, 's'},    {"jobs", required_argument, NULL, 'J'},
        {"out", required_argument, NULL, 'o'},    {"resume", no_argument, NULL, 'R'},
        {"json", no_argument, NULL, 'j'},         {"csv", required_argument, NULL, 'c'},
        {"figure", required_argument, NULL, 'f'}, {"show", required_argument, NULL, 'w'},
        {"quiet", no_argument, NULL, 'q'},        {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        int rc = 0;
        switch (option) {
        case 'v':
            rc = read_vary(argv[0], optarg, call);
            break;
        case 'r':
            rc = call_int(argv[0], "--reps", optarg, 1, REPS_MAX, &call->plan.reps);
            break;
        case 'n':
            rc = call_int(argv[0], "--seed", optarg, 0, INT64_MAX, &call->plan.seed);
            break;
        case 's':
            call->sets[call->plan.n_sets++] = optarg;
            break;
        case 'J':
            rc = call_int(argv[0], "--jobs", optarg, 1, THREADS_MAX, &call->jobs);
            break;
        case 'o':
            call->out = optarg;
            break;
        case 'R':
            call->resume = true;
            break;
        case 'j':
            call->json = true;
            break;
        case 'c':
            call->csv = optarg;
            break;
        case 'f':
            call->figure = optarg;
            break;
        case 'w':
            rc = read_shown(argv[0], optarg, call);
            break;
        case 'q':
            call->quiet = true;
            break;
        case CALL_HELP:
            print_help();
            return 0;
        default:
            return 2;
        }
        if (rc != 0) {
            return rc;
        }
    }
    if (optind != argc - 1) {
        return optind == argc
                   ? call_wrong(argv[0], "no scenario given; write 'willmsim sweep SCENARIO --vary "
                                         "PATH=V1,V2'")
                   : call_wrong(argv[0], "unexpected '%s'; one scenario at a time",
                                argv[optind + 1]);
    }
    call->plan.scenario = argv[optind];
    call->plan.sets = call->sets;
    if (call->plan.n_varies == 0 && call->plan.reps == 1) {
        return call_wrong(argv[0], "nothing is varied; give --vary PATH=V1,V2 or --reps N, or use "
                                   "'willmsim run'");
    }
    return -1;
}

/* --- Before the first run ----------------------------------------------------------------------*/

/* Two sweeps must not write one store: the later would take the shards of the other. The lock goes
 * with the process, however that ends. */
static int take_lock(struct sweep_call *call, struct err *e)
{
    char name[PATH_MAX + 8];
    snprintf(name, sizeof name, "%s.lock", call->path);
    call->lock = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (call->lock < 0) {
        return err_input(e, name, NULL, "cannot be made: %s", strerror(errno));
    }
    /* A holder that ends removes the file: then we may have locked one that has no name any more.
     */
    struct stat mine, named;
    bool busy = flock(call->lock, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    busy = busy || fstat(call->lock, &mine) != 0 || stat(name, &named) != 0 ||
           mine.st_ino != named.st_ino;
    if (busy) {
        close(call->lock);
        call->lock = -1;
        return err_input(e, call->path, NULL,
                         "another sweep is writing to it; wait for its end or name another file");
    }
    return 0;
}

static void release_lock(struct sweep_call *call)
{
    if (call->lock >= 0) {
        char name[PATH_MAX + 8];
        snprintf(name, sizeof name, "%s.lock", call->path);
        unlink(name);
        close(call->lock);
        call->lock = -1;
    }
}

static int choose_path(struct sweep_call *call, struct err *e)
{
    if (call->out != NULL) {
        snprintf(call->path, sizeof call->path, "%s", call->out);
        return results_check_folder(call->out, e);
    }
    struct load load;
    bool made = false;
    int rc = sweep_plan_load(&call->plan, 1, false, &load, e);
    if (rc == 0) {
        rc = results_default_path(&load.scenario, "sweep", call->path, &made, e);
        load_free(&load);
    }
    return rc;
}

/* The list of runs as the store has it from now on; what is finished of it. */
static int prepare_store(struct sweep_call *call, struct err *e)
{
    struct sweep_rows state;
    if (call->resume && access(call->path, F_OK) == 0) {
        struct sweep_source source = sweep_plan_rows(&call->plan, true, &state);
        int64_t merged;
        int rc = sweep_check(call->path, &source, e);
        sweep_rows_free(&state);
        return rc != 0 ? rc : sweep_merge(call->path, &merged, e);
    }
    int rc = sweep_plan_try(&call->plan, e);
    if (rc == 0) {
        struct sweep_source source = sweep_plan_rows(&call->plan, false, &state);
        rc = sweep_create(call->path, &source, e);
        sweep_rows_free(&state);
    }
    if (rc != 0) {
        return rc;
    }
    /* Shards whose file is gone are still of use, if they are of this sweep. */
    int64_t merged;
    return call->resume ? sweep_merge(call->path, &merged, e) : sweep_shards_remove(call->path, e);
}

/* Rank 0. */
static int prepare(struct sweep_call *call, struct sweep_work *work, struct err *e)
{
    int rc = call->figure != NULL ? sweep_figure_check(call->figure, e) : 0;
    rc = rc == 0 && call->csv != NULL ? results_check_folder(call->csv, e) : rc;
    rc = rc == 0 ? sweep_plan_make(&call->plan, e) : rc;
    rc = rc == 0 ? choose_path(call, e) : rc;
    rc = rc == 0 ? take_lock(call, e) : rc;
    rc = rc == 0 ? prepare_store(call, e) : rc;
    return rc == 0 ? sweep_missing(call->path, &call->arena, &work->todo, &work->n_todo, e) : rc;
}

/* --- After the last --------------------------------------------------------------------------- */

static int write_csv(const struct sweep_summary *s, const char *path, struct err *e)
{
    FILE *out = fopen(path, "w");
    if (out == NULL) {
        return err_work(e, path, NULL, "cannot be written: %s", strerror(errno));
    }
    sweep_print_csv(s, out);
    bool failed = ferror(out) != 0;
    failed = fclose(out) != 0 || failed;
    return failed ? err_work(e, path, NULL, "cannot be written: %s", strerror(errno)) : 0;
}

static int report(const struct sweep_call *call, struct err *e)
{
    struct sweep_summary s;
    int rc = sweep_summary_make(call->path, &call->plan, 0.95, &s, e);
    if (rc != 0) {
        return rc;
    }
    if (call->json) {
        sweep_print_json(&s, call->path, stdout);
    } else if (!call->quiet) {
        sweep_print_table(&s, call->shown, call->n_shown, stdout);
        printf("\nresults: %s\n", call->path);
    }
    if (call->csv != NULL) {
        rc = write_csv(&s, call->csv, e);
    }
    if (rc == 0 && call->figure != NULL) {
        rc = sweep_figure(&s, call->shown, call->n_shown, call->figure, e);
    }
    sweep_summary_free(&s);
    return rc;
}

/* Says what is there and how to go on; `failed` is what stopped it. */
static int unfinished(const struct sweep_call *call, const struct err *failed, struct err *e)
{
    struct arena arena = {0};
    const int64_t *missing;
    int64_t n = call->plan.n_runs;
    struct err ignored;
    sweep_missing(call->path, &arena, &missing, &n, &ignored);
    arena_free(&arena);
    struct text left = {0};
    text_add(&left,
             "%lld of %lld runs are in the file, which is marked incomplete; the same call "
             "with --resume does the others",
             (long long)(call->plan.n_runs - n), (long long)call->plan.n_runs);
    if (failed->code == ERR_INTERRUPTED) {
        err_work(e, call->path, NULL, "stopped by a signal; %s", left.chars);
        return e->code = ERR_INTERRUPTED;
    }
    err_work(e, NULL, NULL, "%.600s (%s: %s)", failed->text, call->path, left.chars);
    return e->code = failed->code;
}

/* With MPI a signal most often means that another rank died, and the launcher kills us in a
 * moment: what is finished stands in the shards, and nothing can be said to the others. */
static void leave_at_once(const struct sweep_call *call)
{
    /* Either of the two outlives the death of the other. */
    if (call->ranks.rank <= 1) {
        fprintf(stderr,
                "willmsim: %s: rank %d was told to stop, as when another rank dies; the file is "
                "marked incomplete, what is finished is in %s.rank*; the same call with --resume "
                "does the others\n",
                call->path, call->ranks.rank, call->path);
    }
    _exit(1);
}

/* --- The verb ----------------------------------------------------------------------------------*/

static int threads_of(const struct sweep_call *call)
{
    int own = call->ranks.n > 1 ? call->ranks.processors : omp_get_num_procs();
    int threads = call->jobs > 0 ? (int)call->jobs : own;
    return threads < 1 || (call->ranks.rank > 0 && !call->ranks.many_threads) ? 1 : threads;
}

static int sweep(struct sweep_call *call, struct sweep_work *work)
{
    struct err failed = {0}, e = {0};
    int rc = sweep_run(work, &failed);
    if (rc == ERR_INTERRUPTED && call->ranks.n > 1) {
        leave_at_once(call);
    }
    bool alone = call->ranks.n == 1;
    if (!alone) {
        ranks_end(&call->ranks);
    }
    if (call->ranks.rank > 0) {
        return 0;
    }
    int64_t merged = 0;
    int merge_rc = sweep_merge(call->path, &merged, &e);
    if (rc != 0 && merge_rc == 0) {
        rc = unfinished(call, &failed, &e);
    } else {
        rc = merge_rc;
    }
    rc = rc == 0 ? report(call, &e) : rc;
    return rc == 0 ? 0 : call_fail(&e);
}

/* What the ranks agree on before the first run: -1 to go on, or the exit status. */
static int begin(int argc, char **argv, struct sweep_call *call, struct sweep_work *work)
{
    int64_t status = 0;
    struct err e = {0};
    if (call->ranks.rank == 0) {
        status = read_call(argc, argv, call);
        if (status < 0 && prepare(call, work, &e) != 0) {
            status = call_fail(&e);
        }
    }
    if (call->ranks.n > 1 && !call->ranks.share(&status, call->stop)) {
        return 1;
    }
    if (status < 0 && call->ranks.rank > 0) {
        status = read_call(argc, argv, call);
        int rc = sweep_plan_make(&call->plan, &e);
        rc = rc == 0 ? choose_path(call, &e) : rc;
        status = rc == 0 ? status : call_fail(&e);
    }
    /* A rank that cannot read what rank 0 could. */
    int64_t cannot = status >= 0;
    if (call->ranks.n > 1 && call->ranks.sum(&cannot, call->stop) && cannot > 0 && status < 0) {
        status = 1;
    }
    return (int)status;
}

int verb_sweep(int argc, char **argv)
{
    struct sweep_call call = {.plan = {.reps = 1, .seed = -1},
                              .sets = calloc((size_t)argc + 1, sizeof(char *)),
                              .lock = -1};
    struct err e = {0};
    if (call.sets == NULL) {
        err_memory(&e, "the options");
        return call_fail(&e);
    }
    static const char *const standard[] = {"e2e.mean", "e2e.p95", "ttft.mean", "tpot.mean",
                                           "completed"};
    for (int i = 0; i < 5; i++) {
        call.shown[call.n_shown++] = metric_find(standard[i], NULL);
    }
    struct sweep_work work = {.plan = &call.plan, .out = call.path, .ranks = &call.ranks};
    int status = 1;
    if (ranks_start(&call.ranks, &e) != 0) {
        status = call_fail(&e);
    } else {
        call.stop = stop_catch();
        status = begin(argc, argv, &call, &work);
        if (status < 0) {
            work.threads = threads_of(&call);
            work.stop = call.stop;
            work.quiet = call.quiet;
            status = sweep(&call, &work);
        } else {
            ranks_end(&call.ranks);
        }
    }
    release_lock(&call);
    sweep_plan_free(&call.plan);
    arena_free(&call.arena);
    free(call.sets);
    return status;
}
