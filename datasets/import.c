/* import.c - from files to runs. Invariants I1..I3: see import.h. */
#include "datasets/import.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/import_feed.h"
#include "datasets/import_join.h"
#include "datasets/import_run.h"
#include "datasets/store.h"
#include "datasets/trace_reader.h"

enum { ROWS_PER_LOOK = 4096 }; /* between two looks at the stop flag and the progress bar */

struct importer {
    struct store *store;
    const struct import_options *o;
    struct import_report *report;
    struct join join;
    struct import_feed feeds[IMPORT_FILES];
    int n_feeds;
    int64_t since_look;
    struct err *err;
};

/* --- What belongs together -------------------------------------------------------------------- */

/* The layer that a file of one layer is sorted and joined by. */
static enum column_layer layer_of(const struct import_feed *f)
{
    const bool *has = import_feed_map(f)->has;
    return has[LAYER_RAN] ? LAYER_RAN : has[LAYER_UE] || has[LAYER_SIM] ? LAYER_UE : LAYER_SERVER;
}

/* How many files go into one run: 1 (each is a recording of its own) or all of them. */
static int files_per_run(const struct import_feed *feeds, int n, int *per_run, struct err *e)
{
    int n_ran = 0;
    for (int i = 0; i < n; i++) {
        n_ran += layer_of(&feeds[i]) == LAYER_RAN;
    }
    *per_run = n_ran == n ? 1 : n;
    return n_ran == n || n_ran <= 1
               ? 0
               : err_input(e, feeds[0].path, NULL,
                           "%d of %d files hold RAN rows; import one recording at a time: its RAN "
                           "file with the UE and server files of the same time",
                           n_ran, n);
}

static int feeds_open(struct import_feed *feeds, const char *const *files, int n,
                      const struct import_options *o, struct import_notes *notes, int *n_open,
                      struct err *e)
{
    int rc = 0;
    for (*n_open = 0; *n_open < n && rc == 0; *n_open += rc == 0) {
        rc = import_feed_open(&feeds[*n_open], files[*n_open], o, notes, e);
    }
    return rc;
}

static void feeds_close(struct import_feed *feeds, int n)
{
    for (int i = 0; i < n; i++) {
        import_feed_close(&feeds[i]);
    }
}

int import_check(const char *const *files, int n, const struct import_options *o, struct err *e)
{
    if (n > IMPORT_FILES) {
        return err_input(e, NULL, NULL, "at most %d files at a time", IMPORT_FILES);
    }
    if (o->kind == IMPORT_TRACE || o->kind == IMPORT_INFLUX) {
        return 0; /* they are read whole before anything is written */
    }
    struct import_feed feeds[IMPORT_FILES] = {0};
    struct import_notes notes = {0};
    int n_open = 0, per_run;
    int rc = feeds_open(feeds, files, n, o, &notes, &n_open, e);
    if (rc == 0) {
        rc = files_per_run(feeds, n, &per_run, e);
    }
    feeds_close(feeds, n_open);
    return rc;
}

/* --- Rows ------------------------------------------------------------------------------------- */

static int look(struct importer *im)
{
    if (++im->since_look % ROWS_PER_LOOK != 0) {
        return 0;
    }
    if (im->o->stop != NULL && *im->o->stop != 0) {
        return ERR_INTERRUPTED;
    }
    if (im->o->progress != NULL) {
        struct import_progress p = {.rows = im->report->notes.rows};
        for (int i = 0; i < im->n_feeds; i++) {
            import_feed_bytes(&im->feeds[i], &p.bytes, &p.bytes_all);
        }
        im->o->progress(im->o->progress_self, &p);
    }
    return 0;
}

/* Rows of another simulation have request ids that are taken. */
static int check_label(struct importer *im, const struct import_feed *f, const char *label)
{
    const char *said = import_feed_row(f)->extra.sim_label;
    return said == NULL || strcmp(said, label) == 0
               ? 0
               : err_input(im->err, f->path, NULL,
                           "holds rows of \"%s\" and of \"%s\"; import each from a file of its own",
                           label, said);
}

/* The rows of one wide file. Its first row is at hand. */
static int rows_of_one(struct importer *im, const char *label)
{
    struct import_feed *f = &im->feeds[0];
    const bool *has = import_feed_map(f)->has;
    int rc = f->ended ? 0 : 1;
    while (rc == 1) {
        bool changed = import_feed_changed(f);
        rc = changed ? check_label(im, f, label) : 0;
        rc = rc == 0 ? join_wide(&im->join, import_feed_row(f), has, changed) : rc;
        rc = rc == 0 ? look(im) : rc;
        rc = rc == 0 ? import_feed_next(f, im->err) : rc;
    }
    return rc;
}

static int row_joined(struct importer *im, struct import_feed *f)
{
    struct join *j = &im->join;
    const struct import_row *row = import_feed_row(f);
    enum column_layer layer = layer_of(f);
    return layer == LAYER_RAN  ? join_wide(j, row, import_feed_map(f)->has, import_feed_changed(f))
           : layer == LAYER_UE ? join_ue_row(j, row)
                               : join_server_row(j, row);
}

/* The rows of several files, merged by time. At one time: the server's, then the phone's, then the
 * gNB's, so that a request finds what it is joined with. */
static int rows_of_several(struct importer *im)
{
    static const int rank[LAYERS] = {[LAYER_SERVER] = 0, [LAYER_UE] = 1, [LAYER_RAN] = 2};
    for (;;) {
        struct import_feed *first = NULL;
        for (int i = 0; i < im->n_feeds; i++) {
            struct import_feed *f = &im->feeds[i];
            if (f->ended) {
                continue;
            }
            f->time_ns = join_time_ns(import_feed_row(f), layer_of(f));
            if (first == NULL || f->time_ns < first->time_ns ||
                (f->time_ns == first->time_ns && rank[layer_of(f)] < rank[layer_of(first)])) {
                first = f;
            }
        }
        if (first == NULL) {
            return 0;
        }
        int rc = row_joined(im, first);
        rc = rc == 0 ? look(im) : rc;
        rc = rc == 0 ? import_feed_next(first, im->err) : rc;
        if (rc < 0) {
            return rc;
        }
    }
}

/* --- A run ------------------------------------------------------------------------------------ */

/* Percent that no header announced: seen only when a value was above 1. What is there is turned
 * into fractions in one transaction, and never twice (I1). */
static int rates_rescale(struct importer *im, int64_t run_id)
{
    const struct import_feed *f = &im->feeds[0];
    for (int i = 0; i < im->n_feeds; i++) {
        f = layer_of(&im->feeds[i]) == LAYER_RAN ? &im->feeds[i] : f;
    }
    if (import_feed_rate_max(f) <= 1) {
        return 0;
    }
    bool dl = false, ul = false;
    const struct column_map *map = import_feed_map(f);
    for (int i = 0; i < map->n_fields; i++) {
        int column = map->column_of[i];
        bool plain = column >= 0 && column_reading(column) == READ_RATE && !map->percent[i];
        dl = dl || (plain && strcmp(columns[column].name, "dl_bler") == 0);
        ul = ul || (plain && strcmp(columns[column].name, "ul_bler") == 0);
    }
    return import_run_percent(im->store, run_id, dl, ul, im->err);
}

static int run_finish(struct importer *im, int64_t run_id)
{
    struct join *j = &im->join;
    int rc = join_finish(j);
    if (rc == 0) {
        rc = store_flush(im->store, im->err);
    }
    if (rc == 0) {
        rc = rates_rescale(im, run_id);
    }
    if (rc != 0) {
        return rc;
    }
    uint64_t arrived = 0;
    for (size_t i = 0; i < j->n_ues; i++) {
        arrived += join_requests_of(j, i);
    }
    struct store_run_totals totals = {
        .complete = true,
        .sim_ns = j->first_ns <= j->last_ns ? j->last_ns - j->first_ns : 0,
        .arrived = arrived,
        .completed = j->completed,
        .failed = j->failed,
        .in_flight = arrived - j->completed - j->failed,
    };
    return store_end_run(im->store, &totals, im->err);
}

static void run_label(const struct importer *im, char label[160])
{
    const char *said = import_feed_row(&im->feeds[0])->extra.sim_label;
    const char *slash = strrchr(im->feeds[0].path, '/');
    if (said != NULL) {
        snprintf(label, 160, "%s", said);
    } else {
        snprintf(label, 160, "measured: %s", slash != NULL ? slash + 1 : im->feeds[0].path);
    }
}

/* Begins the run of the feeds' files, or goes on with it. `*done`: it is there already. */
static int run_begin(struct importer *im, int64_t *run_id, bool *done)
{
    const char *files[IMPORT_FILES];
    char label[160];
    for (int i = 0; i < im->n_feeds; i++) {
        files[i] = im->feeds[i].path;
    }
    run_label(im, label);
    struct import_run run = {.label = label,
                             .started_at = im->o->started_at,
                             .version = im->o->version,
                             .resume = im->o->resume};
    int rc = import_run_begin(im->store, files, im->n_feeds, im->o, &run, im->err);
    *run_id = run.run_id;
    *done = run.was_complete;
    struct import_report *report = im->report;
    report->resumed = report->resumed || run.resumed;
    for (int i = 0; i < SCHEMA_TABLES && run.resumed; i++) {
        im->join.leave_out[i] = run.rows[i];
        report->kept += run.rows[i];
    }
    for (int i = 0; i < im->n_feeds && rc == 0; i++) {
        struct import_file *file = &report->files[report->n_files++];
        file->path = im->feeds[i].path;
        file->run_id = run.run_id;
        snprintf(file->label, sizeof file->label, "%s", label);
        rc = columns_map_copy(&file->map, import_feed_map(&im->feeds[i]), im->err);
    }
    return rc;
}

static int run_rows(struct importer *im)
{
    int rc = 0;
    for (int i = 0; i < im->n_feeds && rc >= 0; i++) {
        rc = import_feed_next(&im->feeds[i], im->err);
    }
    if (rc < 0) {
        return rc;
    }
    int64_t run_id = 0;
    bool done = false;
    rc = run_begin(im, &run_id, &done);
    if (rc != 0 || done) {
        im->report->was_complete = im->report->was_complete || done;
        return rc;
    }
    for (int i = 0; i < im->n_feeds && im->n_feeds > 1; i++) {
        im->join.has_server_file |= layer_of(&im->feeds[i]) == LAYER_SERVER;
        im->join.has_ran_file |= layer_of(&im->feeds[i]) == LAYER_RAN;
    }
    const char *label = im->report->files[im->report->n_files - 1].label;
    rc = im->n_feeds == 1 ? rows_of_one(im, label) : rows_of_several(im);
    rc = rc == 0 ? run_finish(im, run_id) : rc;
    im->report->runs++;
    im->report->first_run = im->report->first_run == 0 ? run_id : im->report->first_run;
    if (rc == ERR_INTERRUPTED) {
        struct err ignored;
        store_flush(im->store, &ignored);
        err_work(im->err, store_path(im->store), NULL,
                 "stopped by a signal; what is there is marked incomplete, and --resume goes on");
        im->err->code = ERR_INTERRUPTED;
    } else if (rc == ERR_INPUT) { /* strict */
        struct err ignored;
        store_drop_run(im->store, &ignored);
    } else if (rc != 0 && store_error(im->store)->code != 0) {
        *im->err = *store_error(im->store);
    }
    return rc;
}

/* One run of files[0..n). */
static int run_import(struct importer *im, const char *const *files, int n)
{
    struct import_notes *notes = &im->report->notes;
    struct import_notes before = *notes;
    int64_t runs = im->report->runs;
    int rc = feeds_open(im->feeds, files, n, im->o, notes, &im->n_feeds, im->err);
    if (rc == 0) {
        rc = join_open(&im->join, im->o, notes, store_sink(im->store), im->err);
        rc = rc == 0 ? run_rows(im) : rc;
        join_close(&im->join);
    }
    if (rc == 0 &&
        im->report->runs == runs) { /* there already: nothing was read but its first row */
        *notes = before;
    }
    feeds_close(im->feeds, im->n_feeds);
    return rc;
}

/* A trace says when was asked for how much, and nothing of what became of it. */
static int trace_import(struct importer *im, const char *file)
{
    struct trace trace;
    struct import_report *report = im->report;
    struct import_notes *notes = &report->notes;
    int rc = trace_read(file, (enum trace_format)im->o->trace_format, &trace, NULL, im->err);
    if (rc != 0) {
        return rc;
    }
    char label[160];
    const char *slash = strrchr(file, '/');
    snprintf(label, sizeof label, "trace: %s", slash != NULL ? slash + 1 : file);
    struct import_run run = {.label = label,
                             .started_at = im->o->started_at,
                             .version = im->o->version,
                             .resume = im->o->resume};
    rc = import_run_begin(im->store, &file, 1, im->o, &run, im->err);
    report->was_complete = rc == 0 && run.was_complete;
    report->resumed = report->resumed || run.resumed;
    report->kept += run.rows[SCHEMA_REQUESTS];
    report->first_run = report->first_run == 0 ? run.run_id : report->first_run;
    if (rc == 0 && !run.was_complete) {
        report->runs++;
        struct record_sink sink = store_sink(im->store);
        rc = join_open(&im->join, im->o, notes, sink, im->err);
        im->join.leave_out[SCHEMA_REQUESTS] = run.rows[SCHEMA_REQUESTS];
        for (size_t i = 0; i < trace.n && rc == 0; i++) {
            rc = join_trace_item(&im->join, &trace.items[i], (int64_t)i);
            rc = rc == 0 ? look(im) : rc;
        }
        join_close(&im->join);
        struct store_run_totals totals = {.complete = true,
                                          .sim_ns = trace.items[trace.n - 1].arrival_ns,
                                          .arrived = trace.n,
                                          .in_flight = trace.n};
        rc = rc == 0 ? store_end_run(im->store, &totals, im->err) : rc;
        notes->rows += (int64_t)trace.n;
    }
    trace_free(&trace);
    return rc;
}

static int runs_import(struct importer *im, const char *const *files, int n)
{
    if (im->o->kind == IMPORT_TRACE) {
        int failed = 0;
        for (int i = 0; i < n && failed == 0; i++) {
            failed = trace_import(im, files[i]);
        }
        return failed;
    }
    struct import_feed feeds[IMPORT_FILES] = {0};
    struct import_notes ignored = {0};
    int n_open = 0, per_run = 1;
    int rc = 0;
    if (n > 1 && im->o->kind != IMPORT_INFLUX) { /* which belong together */
        rc = feeds_open(feeds, files, n, im->o, &ignored, &n_open, im->err);
        rc = rc == 0 ? files_per_run(feeds, n, &per_run, im->err) : rc;
        feeds_close(feeds, n_open);
    }
    for (int i = 0; i < n && rc == 0; i += per_run) {
        rc = run_import(im, files + i, per_run);
    }
    return rc;
}

int import_files(struct store *s, const char *const *files, int n, const struct import_options *o,
                 struct import_report *report, struct err *e)
{
    *report = (struct import_report){.notes.strict = o->strict};
    if (n > IMPORT_FILES) {
        return err_input(e, NULL, NULL, "at most %d files at a time", IMPORT_FILES);
    }
    struct importer *im = calloc(1, sizeof *im);
    if (im == NULL) {
        return err_memory(e, "an import");
    }
    *im = (struct importer){.store = s, .o = o, .report = report, .err = e};
    int rc = runs_import(im, files, n);
    report->was_complete = report->was_complete && report->runs == 0;
    free(im);
    return rc;
}

void import_report_free(struct import_report *report)
{
    for (int i = 0; i < report->n_files; i++) {
        columns_map_free(&report->files[i].map);
    }
    report->n_files = 0;
}
