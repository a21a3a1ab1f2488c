/* rows.h - for the tests of this room: runs a scenario that is written as JSON text, and
 * keeps every row that it makes, as structs and as text to be compared byte by byte. */
#ifndef TESTS_SIM_ROWS_H
#define TESTS_SIM_ROWS_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "sim/run.h"
#include "sim/scenario.h"

/* --- Rows ------------------------------------------------------------------------------------- */

enum { ROWS_TABLES = 7 };

struct rows {
    struct arena arena; /* the rows' text */
    struct request_record *requests;
    struct ue_record *ues;
    struct ran_record *ran;
    struct server_record *servers;
    struct cell_record *cells;
    struct gpu_record *gpus;
    struct decision_record *decisions;
    size_t n_requests, n_ues, n_ran, n_servers, n_cells, n_gpus, n_decisions;
    FILE *lines[ROWS_TABLES]; /* the same rows, a line each, by table */
    char *text[ROWS_TABLES];
    size_t text_bytes[ROWS_TABLES];
    struct run_result result;
};

#define ROWS_KEEP(items, n, row)                                                                   \
    do {                                                                                           \
        if (((n) & ((n)-1)) == 0) {                                                                \
            (items) = realloc((items), ((n) == 0 ? 1 : 2 * (n)) * sizeof *(items));                \
            if ((items) == NULL)                                                                   \
                abort();                                                                           \
        }                                                                                          \
        (items)[(n)++] = *(row);                                                                   \
    } while (0)

/* Every field with all its bits: a double in hexadecimal. */
#define ROWS_TEXT_INT(file, name, value)  fprintf(file, " %s=%lld", name, (long long)(value))
#define ROWS_TEXT_REAL(file, name, value) fprintf(file, " %s=%a", name, value)
#define ROWS_TEXT_TEXT(file, name, value)                                                          \
    fprintf(file, " %s=%s", name, (value) == NULL ? "-" : (value))
#define ROWS_FIELD(type, name, paper, unit) ROWS_TEXT_##type(file, #name, row->name);

/* Text of a row belongs to whoever made it until the sink returns. */
#define ROWS_OWN_INT(r, value)  (void)(value)
#define ROWS_OWN_REAL(r, value) (void)(value)
#define ROWS_OWN_TEXT(r, value)                                                                    \
    (value) = (value) == NULL ? NULL : arena_strdup(&(r)->arena, (value))
#define ROWS_OWN(type, name, paper, unit) ROWS_OWN_##type(r, kept.name);

#define ROWS_TAKE(function, type, table, items, n, FIELDS, MORE)                                   \
    static inline int function(void *self, const struct type *row)                                 \
    {                                                                                              \
        struct rows *r = self;                                                                     \
        FILE *file = r->lines[table];                                                              \
        struct type kept = *row;                                                                   \
        FIELDS(ROWS_FIELD)                                                                         \
        MORE(ROWS_FIELD)                                                                           \
        fputc('\n', file);                                                                         \
        FIELDS(ROWS_OWN)                                                                           \
        MORE(ROWS_OWN)                                                                             \
        ROWS_KEEP(r->items, r->n, &kept);                                                          \
        return 0;                                                                                  \
    }
#define ROWS_NO_MORE(X)
#define ROWS_UE_MORE(X) X(INT, request_id, "", "")
#define ROWS_SERVER_MORE(X)                                                                        \
    X(INT, request_id, "", "") X(TEXT, server, "", "") X(INT, timestamp_ms, "", "")
#define ROWS_RAN_MORE(X) RECORD_RAN_EXTRA_FIELDS(X) X(TEXT, cell, "", "")
ROWS_TAKE(rows_request, request_record, 0, requests, n_requests, RECORD_REQUEST_FIELDS,
          ROWS_NO_MORE)
ROWS_TAKE(rows_ue, ue_record, 1, ues, n_ues, RECORD_UE_FIELDS, ROWS_UE_MORE)
ROWS_TAKE(rows_ran, ran_record, 2, ran, n_ran, RECORD_RAN_FIELDS, ROWS_RAN_MORE)
ROWS_TAKE(rows_server, server_record, 3, servers, n_servers, RECORD_SERVER_FIELDS, ROWS_SERVER_MORE)
ROWS_TAKE(rows_cell, cell_record, 4, cells, n_cells, RECORD_CELL_FIELDS, ROWS_NO_MORE)
ROWS_TAKE(rows_gpu, gpu_record, 5, gpus, n_gpus, RECORD_GPU_FIELDS, ROWS_NO_MORE)
ROWS_TAKE(rows_decision, decision_record, 6, decisions, n_decisions, RECORD_DECISION_FIELDS,
          ROWS_NO_MORE)

static inline void rows_free(struct rows *r)
{
    free(r->requests);
    free(r->ues);
    free(r->ran);
    free(r->servers);
    free(r->cells);
    free(r->gpus);
    free(r->decisions);
    for (int i = 0; i < ROWS_TABLES; i++)
        free(r->text[i]);
    arena_free(&r->arena);
    memset(r, 0, sizeof *r);
}

/* --- Running ---------------------------------------------------------------------------------- */

/* Loads JSON text as a scenario; fails the test when it is refused. */
static inline void rows_load(const char *json, const char *const *sets, int n_sets,
                             struct scenario *sc)
{
    char path[] = "/tmp/willmsim-sim-XXXXXX";
    int fd = mkstemp(path);
    struct err e = {0};
    if (fd < 0 || write(fd, json, strlen(json)) != (ssize_t)strlen(json))
        abort();
    close(fd);
    setenv("WILLMSIM_HOME", ".", 0);
    int rc = scenario_load(path, sets, n_sets, sc, &e);
    unlink(path);
    if (rc != 0)
        fail_msg("%s", e.text);
}

/* Begins and ends the taking of rows, and what takes them. */
static inline void rows_open(struct rows *r)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < ROWS_TABLES; i++) {
        r->lines[i] = open_memstream(&r->text[i], &r->text_bytes[i]);
        if (r->lines[i] == NULL)
            abort();
    }
}

static inline void rows_close(struct rows *r)
{
    for (int i = 0; i < ROWS_TABLES; i++)
        fclose(r->lines[i]);
}

static inline struct record_sink rows_sink(struct rows *r)
{
    return (struct record_sink){.self = r,
                                .request = rows_request,
                                .ue = rows_ue,
                                .ran = rows_ran,
                                .server = rows_server,
                                .cell = rows_cell,
                                .gpu = rows_gpu,
                                .decision = rows_decision};
}

/* Runs it on so many threads; `trace` (may be NULL) is every UE group's. */
static inline void rows_run_on(int threads, const struct scenario *sc, const struct trace *trace,
                               struct rows *r)
{
    rows_open(r);
    struct record_sink sink = rows_sink(r);
    struct trace *traces = calloc(sc->ues.n, sizeof *traces);
    if (traces == NULL)
        abort();
    for (size_t i = 0; trace != NULL && i < sc->ues.n; i++)
        traces[i] = *trace;
    struct run_options options = {
        .seed = (uint64_t)sc->seed, .traces = traces, .sink = &sink, .threads = threads};
    struct err e = {0};
    int rc = run_scenario(sc, &options, &r->result, &e);
    free(traces);
    rows_close(r);
    if (rc != 0)
        fail_msg("%s", e.text);
}

static inline void rows_run(const struct scenario *sc, const struct trace *trace, struct rows *r)
{
    rows_run_on(1, sc, trace, r);
}

/* Fails the test when a table of the two runs differs, and shows the first line that does. */
static inline void rows_same(const struct rows *a, const struct rows *b)
{
    static const char *const tables[ROWS_TABLES] = {"requests",       "ue_records",  "ran_records",
                                                    "server_records", "cell totals", "GPU totals",
                                                    "slice decisions"};
    for (int i = 0; i < ROWS_TABLES; i++) {
        const char *x = a->text[i];
        const char *y = b->text[i];
        if (strcmp(x, y) == 0)
            continue;
        size_t line = 0;
        size_t n = 0;
        for (; x[n] != '\0' && x[n] == y[n]; n++)
            line = x[n] == '\n' ? n + 1 : line;
        fail_msg("%s differ:\n%.*s\n%.*s", tables[i], (int)strcspn(x + line, "\n"), x + line,
                 (int)strcspn(y + line, "\n"), y + line);
    }
}

#endif
