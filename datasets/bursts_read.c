/* bursts_read.c - the throughput series of a store, for bursts.c. */
#include <math.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "datasets/bursts.h"
#include "datasets/store.h"

/* The order makes a series' rows neighbours, and does not hang on the order of writing. */
static const char all_sql[] =
    "SELECT run_id, ue_id, NULL, gnb_timestamp_ms, ul_throughput FROM ran_records"
    " WHERE gnb_timestamp_ms IS NOT NULL AND ul_throughput IS NOT NULL"
    " ORDER BY run_id, ue_id, gnb_timestamp_ms, frame_number, slot_number";
static const char by_slice_sql[] =
    "SELECT run_id, ue_id, slice_id, gnb_timestamp_ms, ul_throughput FROM ran_records"
    " WHERE gnb_timestamp_ms IS NOT NULL AND ul_throughput IS NOT NULL"
    " ORDER BY run_id, ue_id, slice_id, gnb_timestamp_ms, frame_number, slot_number";

struct points {
    struct bursts_point *items;
    size_t n, room;
};

static bool points_add(struct points *p, struct bursts_point point)
{
    if (p->n == p->room) {
        size_t more = p->room == 0 ? 4096 : 2 * p->room;
        struct bursts_point *grown = realloc(p->items, more * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        p->items = grown;
        p->room = more;
    }
    p->items[p->n++] = point;
    return true;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

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

static int read_rows(sqlite3_stmt *q, const char *path, sqlite3 *db, const struct bursts_options *o,
                     struct points *points, struct bursts_table *out, struct err *e)
{
    struct bursts_series *series = NULL;
    for (;;) {
        int step = sqlite3_step(q);
        if (step != SQLITE_ROW && step != SQLITE_DONE) {
            return err_work(e, path, NULL, "cannot be read: %s", sqlite3_errmsg(db));
        }
        int64_t run = step == SQLITE_ROW ? sqlite3_column_int64(q, 0) : 0;
        int64_t ue = step == SQLITE_ROW ? sqlite3_column_int64(q, 1) : 0;
        const char *slice = step == SQLITE_ROW ? (const char *)sqlite3_column_text(q, 2) : NULL;
        bool other = step == SQLITE_DONE || series == NULL || series->run_id != run ||
                     series->ue_id != ue || !same_text(series->slice_id, slice);
        if (other && series != NULL) {
            int rc = bursts_find(points->items, points->n, o, &out->arena, &series->bursts, e);
            if (rc != 0) {
                return rc;
            }
        }
        if (step == SQLITE_DONE) {
            return 0;
        }
        if (other) {
            points->n = 0;
            series = series_new(out, run, ue, slice);
            if (series == NULL) {
                return err_memory(e, "the series of a store");
            }
        }
        struct bursts_point point = {.t_s = (double)sqlite3_column_int64(q, 3) / 1000.0,
                                     .value = sqlite3_column_double(q, 4)};
        if (!points_add(points, point)) {
            return err_memory(e, "the series of a store");
        }
    }
}

int bursts_of_store(struct store *s, int by_slice, const struct bursts_options *o,
                    struct bursts_table *out, struct err *e)
{
    memset(out, 0, sizeof *out);
    int rc = store_count_runs(s, &out->runs, &out->incomplete_runs, e);
    if (rc != 0) {
        return rc;
    }
    sqlite3 *db = store_db(s);
    sqlite3_stmt *q = NULL;
    struct points points = {0};
    if (sqlite3_prepare_v2(db, by_slice ? by_slice_sql : all_sql, -1, &q, NULL) != SQLITE_OK) {
        rc = err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
    } else {
        rc = read_rows(q, store_path(s), db, o, &points, out, e);
    }
    sqlite3_finalize(q);
    free(points.items);
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
