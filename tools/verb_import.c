/* verb_import.c - willmsim import: measurements of others into a result file. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/json.h"
#include "base/units.h"
#include "datasets/import.h"
#include "datasets/store.h"
#include "datasets/trace_reader.h"
#include "models/llm.h"
#include "tools/call.h"
#include "tools/import_report.h"
#include "tools/progress.h"
#include "tools/verbs.h"
#include "tools/version.h"

static const struct {
    const char *word;
    enum import_kind kind;
    int format;
} kinds[] = {
    {"willm", IMPORT_WILLM, 0},
    {"oai-csv", IMPORT_OAI_CSV, 0},
    {"influx", IMPORT_INFLUX, 0},
    {"trace-azure", IMPORT_TRACE, TRACE_AZURE},
    {"trace-mooncake", IMPORT_TRACE, TRACE_MOONCAKE},
    {"trace-csv", IMPORT_TRACE, TRACE_CSV},
};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

struct import_call {
    int kind;
    const char *const *files;
    int n_files;
    const char *db, *map;
    bool json, quiet;
    struct import_options options;
};

/* The only state that a signal handler can reach. */
static volatile sig_atomic_t stop_requested;

static void on_signal(int signal_number)
{
    (void)signal_number;
    stop_requested = 1;
}

static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};
    sigemptyset(&action.sa_mask);
    action.sa_flags = (int)SA_RESETHAND; /* a second Ctrl-C ends it at once */
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

static void print_help(void)
{
    printf(
        "usage: willmsim import KIND FILE... --db DB [--strict] [--resume] [--map MAP]\n"
        "                       [--sync-ms MS] [--json] [--quiet]\n"
        "Puts measurements into a result file, as the tables that a run writes.\n"
        "KIND is one of:\n"
        "  willm           CSV of the 58 metrics of the WiLLM data set, in any order and in the\n"
        "                  paper's, the testbed's or our spelling: wide rows (each file a run of\n"
        "                  its own), or a RAN, a UE and a server file of one recording\n"
        "  oai-csv         the CSV that the testbed's gNB writes, with lines of its log in "
        "between\n"
        "  influx          an export of InfluxDB: line protocol or annotated CSV\n"
        "  trace-azure trace-mooncake trace-csv   request traces\n"
        "  --db DB       result file; runs that are in it stay. Files that are in it already are\n"
        "                refused\n"
        "  --strict      stop at the first bad row and leave nothing of its file in DB; else bad\n"
        "                rows are counted and left out\n"
        "  --resume      go on with an import that was stopped or killed\n"
        "  --map MAP     JSON file {\"their header\": \"our column\", \"other\": null} for "
        "headers\n"
        "                that are not understood, or to be left out\n"
        "  --sync-ms MS  the clocks of UE, gNB and server differ by at most this (default: 1)\n"
        "  --json        print the report as one JSON object\n"
        "  --quiet       print no report and no progress\n"
        "Our columns:\n");
    int at = 0;
    for (int i = 0; i < n_columns; i++) {
        if (columns[i].layer == LAYER_SIM) {
            continue;
        }
        int width = (int)strlen(columns[i].name) + 1;
        if (at + width > 90 || at == 0) {
            printf("%s ", at == 0 ? " " : "\n ");
            at = 2;
        }
        printf("%s ", columns[i].name);
        at += width;
    }
    printf("\nWhat is made of a row: docs/records.md.\n");
}

static int read_sync(const char *text, double *ms)
{
    char *end;
    *ms = strtod(text, &end);
    if (end == text || *end != '\0' || !isfinite(*ms) || *ms < 0 || *ms > 1e6) {
        return call_wrong("import", "--sync-ms '%.40s' is no number of milliseconds; write 1",
                          text);
    }
    return 0;
}

/* Returns -1 to go on, else the exit status. */
static int read_call(int argc, char **argv, struct import_call *call)
{
    static const struct option options[] = {{"help", no_argument, NULL, CALL_HELP},
                                            {"db", required_argument, NULL, 'd'},
                                            {"strict", no_argument, NULL, 's'},
                                            {"resume", no_argument, NULL, 'r'},
                                            {"map", required_argument, NULL, 'm'},
                                            {"sync-ms", required_argument, NULL, 'y'},
                                            {"json", no_argument, NULL, 'j'},
                                            {"quiet", no_argument, NULL, 'q'},
                                            {0}};
    int option = 0;
    while ((option = call_option(argc, argv, options)) != CALL_END) {
        switch (option) {
        case 'd':
            call->db = optarg;
            break;
        case 's':
            call->options.strict = true;
            break;
        case 'r':
            call->options.resume = true;
            break;
        case 'm':
            call->map = optarg;
            break;
        case 'y':
            if (read_sync(optarg, &call->options.sync_ms) != 0) {
                return 2;
            }
            break;
        case 'j':
            call->json = true;
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
    }
    if (argc - optind < 2) {
        return call_wrong(argv[0], "it takes a kind and at least one file; write 'willmsim import "
                                   "willm FILE.csv --db DB'");
    }
    const char *words[KINDS];
    for (int i = 0; i < KINDS; i++) {
        words[i] = kinds[i].word;
    }
    call->kind = call_word(argv[0], "kind", argv[optind], words, KINDS);
    if (call->kind < 0) {
        return 2;
    }
    if (call->db == NULL) {
        return call_wrong(argv[0], "no result file given; add --db DB");
    }
    call->options.kind = kinds[call->kind].kind;
    call->options.trace_format = kinds[call->kind].format;
    call->files = (const char *const *)argv + optind + 1;
    call->n_files = argc - optind - 1;
    return -1;
}

/* Parameters of a model card; what has none is not known. */
static double card_parameters(void *self, const char *model)
{
    (void)self;
    struct llm_card card;
    struct err e;
    char name[64];
    size_t n = 0;
    for (; n < sizeof name - 1 && model[n] != '\0'; n++) {
        /* Ollama's tags have a colon: llava:7b */
        name[n] = model[n] == ':' ? '-' : model[n];
    }
    name[n] = '\0';
    struct arena arena = {0};
    double parameters = llm_card_load(NULL, name, &arena, &card, &e) == 0 ? card.parameters : NAN;
    arena_free(&arena);
    return parameters;
}

static void draw_progress(void *self, const struct import_progress *p)
{
    progress_share(self, (double)p->bytes, (double)p->bytes_all, "MB", 1e-6);
}

/* Was the store made for this import alone? Then it goes with it. */
static void remove_store(const char *path)
{
    static const char *const beside[] = {"", "-wal", "-shm"};
    char name[4096];
    for (size_t i = 0; i < sizeof beside / sizeof beside[0]; i++) {
        if (snprintf(name, sizeof name, "%s%s", path, beside[i]) < (int)sizeof name) {
            unlink(name);
        }
    }
}

static int import_into(struct import_call *call, struct import_report *report, struct err *e)
{
    struct stat st;
    bool is_new = stat(call->db, &st) != 0;
    struct store *store = NULL;
    int rc = store_open(call->db, STORE_APPEND, &store, e);
    if (rc != 0) {
        return rc;
    }
    char now[32] = "";
    time_t seconds = time(NULL);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) != NULL) {
        strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", &utc);
    }
    struct progress progress;
    progress_start(&progress, call->quiet || call->json);
    call->options.started_at = now;
    call->options.version = version_text();
    call->options.parameters = card_parameters;
    call->options.stop = &stop_requested;
    call->options.progress = progress.shown ? draw_progress : NULL;
    call->options.progress_self = &progress;
    rc = import_files(store, call->files, call->n_files, &call->options, report, e);
    progress_end(&progress);
    int64_t runs = 0, incomplete = 0;
    struct err ignored = {0}, close_error = {0};
    bool empty = rc != 0 && store_count_runs(store, &runs, &incomplete, &ignored) == 0 && runs == 0;
    int closed = store_close(store, &close_error);
    if (rc == 0 && closed != 0) {
        *e = close_error;
        rc = closed;
    }
    if (empty && is_new) {
        remove_store(call->db);
    }
    return rc;
}

int verb_import(int argc, char **argv)
{
    struct import_call call = {.options.sync_ms = 1};
    struct cJSON *map = NULL;
    struct err e = {0};
    int status = read_call(argc, argv, &call);
    if (status >= 0) {
        return status;
    }
    int rc = call.map != NULL ? json_read_file(call.map, &map, &e) : 0;
    call.options.map = map;
    if (rc == 0) {
        rc = import_check(call.files, call.n_files, &call.options, &e);
    }
    struct import_report *report = calloc(1, sizeof *report);
    if (rc == 0 && report == NULL) {
        rc = err_memory(&e, "an import");
    }
    if (rc == 0) {
        catch_signals();
        rc = import_into(&call, report, &e);
        if (rc == 0 && call.json) {
            import_print_json(report, call.db, kinds[call.kind].word, stdout);
        } else if (rc == 0 && !call.quiet) {
            import_print_text(report, call.db, stdout);
        }
        import_report_free(report);
    }
    free(report);
    json_delete(map);
    return rc == 0 ? 0 : call_fail(&e);
}
