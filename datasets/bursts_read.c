/* bursts_read.c - the throughput series of a store, for bursts.c. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/bursts.h"
#include "datasets/store.h"

static const char rows_sql[] =
    "SELECT run_id, ue_id, gnb_timestamp_ms, ul_throughput, frame_number, slot_number, slice_id"
    " FROM ran_records WHERE gnb_timestamp_ms IS NOT NULL AND ul_throughput IS NOT NULL";

struct bursts_row {
    int64_t ue, t_ms;
    double value;
    int32_t run, frame, slot;
    int32_t slice; /* index into slices, -1: none */
};

/* Index of a slice's name, that of the row before if it is the same; -1: no memory. Slices are few.
 */
static int32_t slice_index(struct bursts_points *p, const char *name, int32_t like)
{
    if (like >= 0 && strcmp(p->slices[like], name) == 0) {
        return like;
    }
    for (size_t i = 0; i < p->n_slices; i++) {
        if (strcmp(p->slices[i], name) == 0) {
            return (int32_t)i;
        }
    }
    if (p->n_slices == p->slices_room) {
        size_t room = p->slices_room == 0 ? 8 : 2 * p->slices_room;
        const char **grown = arena_array(&p->arena, room, sizeof *grown);
        if (grown == NULL) {
            return -1;
        }
        if (p->n_slices > 0) {
            memcpy(grown, p->slices, p->n_slices * sizeof *grown);
        }
        p->slices = grown;
        p->slices_room = room;
    }
    p->slices[p->n_slices] = arena_strdup(&p->arena, name);
    return p->slices[p->n_slices] == NULL ? -1 : (int32_t)p->n_slices++;
}

static bool row_add(struct bursts_points *p, sqlite3_stmt *q)
{
    if (p->n == p->room) {
        size_t more = p->room == 0 ? 4096 : 2 * p->room;
        struct bursts_row *grown = realloc(p->rows, more * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        p->rows = grown;
        p->room = more;
    }
    struct bursts_row *r = &p->rows[p->n];
    *r = (struct bursts_row){.run = sqlite3_column_int(q, 0),
                             .ue = sqlite3_column_int64(q, 1),
                             .t_ms = sqlite3_column_int64(q, 2),
                             .value = sqlite3_column_double(q, 3),
                             .frame = sqlite3_column_int(q, 4),
                             .slot = sqlite3_column_int(q, 5),
                             .slice = -1};
    const char *slice = (const char *)sqlite3_column_text(q, 6);
    if (slice != NULL) {
        r->slice = slice_index(p, slice, p->n > 0 ? p->rows[p->n - 1].slice : -1);
        if (r->slice < 0) {
            return false;
        }
    }
    p->n++;
    return true;
}

#define ORDER(x, y) (((x) > (y)) - ((x) < (y)))

static int row_order(const void *left, const void *right)
{
    const struct bursts_row *a = left, *b = right;
    int order = ORDER(a->run, b->run);
    order = order != 0 ? order : ORDER(a->ue, b->ue);
    order = order != 0 ? order : ORDER(a->t_ms, b->t_ms);
    order = order != 0 ? order : ORDER(a->frame, b->frame);
    order = order != 0 ? order : ORDER(a->slot, b->slot);
    /* Two records of one slot: some order that does not hang on that of writing. */
    return order != 0 ? order : ORDER(a->value, b->value);
}

/* The order makes a series' rows neighbours, and does not hang on the order of writing. */
static void rows_order(struct bursts_row *rows, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (row_order(&rows[i - 1], &rows[i]) > 0) {
            qsort(rows, n, sizeof *rows, row_order);
            return;
        }
    }
}

int bursts_points_read(struct store *s, struct bursts_points *p, struct err *e)
{
    memset(p, 0, sizeof *p);
    int rc = store_count_runs(s, &p->runs, &p->incomplete_runs, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3 *db = store_db(s);
    sqlite3_stmt *q = NULL;
    bool good = true;
    int step = sqlite3_prepare_v2(db, rows_sql, -1, &q, NULL);
    while (good && (step == SQLITE_OK || step == SQLITE_ROW)) {
        step = sqlite3_step(q);
        good = step != SQLITE_ROW || row_add(p, q);
    }
    sqlite3_finalize(q);
    if (!good) {
        return err_memory(e, "the series of a store");
    }
    if (step != SQLITE_DONE) {
        return err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
    }
    rows_order(p->rows, p->n);
    return 0;
}

void bursts_points_free(struct bursts_points *p)
{
    arena_free(&p->arena);
    free(p->rows);
    memset(p, 0, sizeof *p);
}

/* --- Series ----------------------------------------------------------------------------------- */

/* A new series at the end of the table; NULL: no memory. The array doubles at powers of two. */
static struct bursts_series *series_new(struct bursts_table *t, int64_t run, int64_t ue,
                                        const char *slice)
{
    if ((t->n & (t->n - 1)) == 0) {
        size_t room = t->n == 0 ? 1 : 2 * t->n;
        struct bursts_series *grown = arena_array(&t->arena, room, sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        if (t->n > 0) {
            memcpy(grown, t->items, t->n * sizeof *grown);
        }
        t->items = grown;
    }
    struct bursts_series *s = &t->items[t->n];
    *s = (struct bursts_series){.run_id = run, .ue_id = ue};
    if (slice != NULL && (s->slice_id = arena_strdup(&t->arena, slice)) == NULL) {
        return NULL;
    }
    t->n++;
    return s;
}

/* The series of the points gathered, of the UE of `row`. */
static int series_end(const struct bursts_row *row, const char *slice,
                      const struct bursts_point *points, size_t n, const struct bursts_options *o,
                      struct bursts_table *out, struct err *e)
{
    struct bursts_series *series = series_new(out, row->run, row->ue, slice);
    if (series == NULL) {
        return err_memory(e, "the series of a store");
    }
    series->first_ms = llround(points[0].t_s * 1000.0);
    series->last_ms = llround(points[n - 1].t_s * 1000.0);
    return bursts_find(points, n, o, &out->arena, &series->bursts, e);
}

/* One UE's rows, of one slice (an index into slices, or SLICE_NONE) or of all. */
enum { SLICE_NONE = -1, SLICE_ANY = -2 };

static int series_of(const struct bursts_points *p, size_t begin, size_t end, int32_t slice,
                     struct bursts_point *points, const struct bursts_options *o,
                     struct bursts_table *out, struct err *e)
{
    size_t n = 0;
    for (size_t i = begin; i < end; i++) {
        const struct bursts_row *r = &p->rows[i];
        if (slice == SLICE_ANY || r->slice == slice) {
            points[n++] = (struct bursts_point){.t_s = (double)r->t_ms / 1000.0, .value = r->value};
        }
    }
    return n == 0 ? 0
                  : series_end(&p->rows[begin], slice >= 0 ? p->slices[slice] : NULL, points, n, o,
                               out, e);
}

static int name_order(const void *a, const void *b, void *slices)
{
    const char *const *names = slices;
    return strcmp(names[*(const int32_t *)a], names[*(const int32_t *)b]);
}

static size_t ue_end(const struct bursts_points *p, size_t begin)
{
    size_t end = begin + 1;
    while (end < p->n && p->rows[end].run == p->rows[begin].run &&
           p->rows[end].ue == p->rows[begin].ue) {
        end++;
    }
    return end;
}

int bursts_of_points(const struct bursts_points *p, int by_slice, const struct bursts_options *o,
                     struct bursts_table *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    out->runs = p->runs;
    out->incomplete_runs = p->incomplete_runs;
    struct bursts_point *points = malloc((p->n + 1) * sizeof *points);
    int32_t *order = malloc((p->n_slices + 1) * sizeof *order);
    int rc = points == NULL || order == NULL ? err_memory(e, "the series of a store") : 0;
    for (size_t i = 0; order != NULL && i < p->n_slices; i++) {
        order[i] = (int32_t)i;
    }
    if (order != NULL && p->n_slices > 0) {
        qsort_r(order, p->n_slices, sizeof *order, name_order, p->slices);
    }
    size_t end = 0;
    for (size_t i = 0; rc == 0 && i < p->n; i = end) {
        end = ue_end(p, i);
        rc = series_of(p, i, end, by_slice ? SLICE_NONE : SLICE_ANY, points, o, out, e);
        for (size_t k = 0; rc == 0 && by_slice && order != NULL && k < p->n_slices; k++) {
            rc = series_of(p, i, end, order[k], points, o, out, e);
        }
    }
    free(points);
    free(order);
    return rc;
}

int bursts_of_store(struct store *s, int by_slice, const struct bursts_options *o,
                    struct bursts_table *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    struct bursts_points p;
    int rc = bursts_points_read(s, &p, e);
    rc = rc == 0 ? bursts_of_points(&p, by_slice, o, out, e) : rc;
    bursts_points_free(&p);
    if (rc == 0 && out->n == 0) {
        rc = err_input(e, store_path(s), "ran_records",
                       "has no rows with a throughput; run the scenario with "
                       "output.ran_records_ms above 0");
    }
    return rc;
}

void bursts_table_free(struct bursts_table *t)
{
    arena_free(&t->arena);
    memset(t, 0, sizeof *t);
}
