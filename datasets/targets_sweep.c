/* targets_sweep.c - see targets_sweep.h. Seeds of a combination count together: a rate is a ratio
 * of sums. */
#include "datasets/targets_sweep.h"

#include <math.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

/* --- Tables ----------------------------------------------------------------------------------- */

static const char *const quantity_words[] = {"completion", "completed_in_x_s", NULL};
static const char *const shape_words[] = {"values", "steps", "peak", NULL};

#define FIELD(object, member, json_type, ...)                                                      \
    {                                                                                              \
        .key = #member, .type = (json_type), .offset = offsetof(struct object, member),            \
        __VA_ARGS__                                                                                \
    }
#define F_END                                                                                      \
    {                                                                                              \
        .key = NULL                                                                                \
    }

static const struct json_field where_fields[] = {
    FIELD(sweep_where, path, JSON_STR, .doc = "Path that the sweep varied."),
    FIELD(sweep_where, value, JSON_STR, .doc = "Its value, as the sweep was told it."),
    F_END,
};
static const struct json_spec where_spec = {
    .name = "sweep_where", .size = sizeof(struct sweep_where), .fields = where_fields};
static const struct json_field sweep_fields[] = {
    FIELD(measure_sweep, x, JSON_STR, .doc = "Path that the sweep varied: a group per value."),
    FIELD(measure_sweep, where, JSON_LIST, .max = 16, .spec = &where_spec, .def = "[]",
          .doc = "Only runs with these values."),
    FIELD(measure_sweep, minus, JSON_LIST, .max = 16, .spec = &where_spec, .def = "[]",
          .doc = "Less the same of the runs with these."),
    FIELD(measure_sweep, quantity, JSON_WORD, .words = quantity_words, .def = "\"completion\"",
          .doc = "completion: completed of arrived requests; completed_in_x_s: completed requests "
                 "in as many seconds as x says."),
    FIELD(measure_sweep, shape, JSON_WORD, .words = shape_words, .def = "\"values\"",
          .doc = "values; steps, from each x to the next; or peak, the x of the largest."),
    FIELD(measure_sweep, x_min, JSON_NUM, .min = -INFINITY, .max = INFINITY, .def = "-1e300",
          .doc = "Only from this x on."),
    FIELD(measure_sweep, x_max, JSON_NUM, .min = -INFINITY, .max = INFINITY, .def = "1e300",
          .doc = "Only up to it."),
    F_END,
};
const struct json_spec measure_sweep_spec = {
    .name = "sweep", .size = sizeof(struct measure_sweep), .fields = sweep_fields};

/* --- Reading ---------------------------------------------------------------------------------- */

struct line {
    struct sweep_value *values;
    size_t n;
};

static int by_x(const void *a, const void *b)
{
    double x = ((const struct sweep_value *)a)->x, y = ((const struct sweep_value *)b)->x;
    return (x > y) - (x < y);
}

/* The statement of a line's points, in text of its own: to be freed with sqlite3_free(). */
static char *line_sql(const struct measure_sweep *m, const struct json_list *where,
                      const char *runs)
{
    char *sql = sqlite3_mprintf(
        "SELECT p.value, sum(arrived), sum(completed), sum(json_extract(scenario_text, "
        "'$.duration_s')) FROM sweep_points p JOIN runs USING (run_id) WHERE p.path = %Q AND "
        "complete = 1%s",
        m->x, runs);
    const struct sweep_where *w = where->items;
    for (size_t i = 0; i < where->n && sql != NULL; i++) {
        char *more = sqlite3_mprintf(
            "%s AND run_id IN (SELECT run_id FROM sweep_points WHERE path = %Q AND value = %Q)",
            sql, w[i].path, w[i].value);
        sqlite3_free(sql);
        sql = more;
    }
    char *whole = sql == NULL ? NULL : sqlite3_mprintf("%s GROUP BY p.value", sql);
    sqlite3_free(sql);
    return whole;
}

static int line_step(const struct measure_sweep *m, sqlite3_stmt *q, struct arena *a,
                     struct line *l, size_t *room, struct err *e)
{
    const char *key = (const char *)sqlite3_column_text(q, 0);
    /* A list of one number counts as the number. */
    double x = strtod(key + (key[0] == '[' ? 1 : 0), NULL);
    if (x < m->x_min || x > m->x_max) {
        return 0;
    }
    if (l->values == NULL || l->n == *room) {
        *room = *room == 0 ? 16 : 2 * *room;
        struct sweep_value *grown = arena_array(a, *room, sizeof *grown);
        if (grown == NULL) {
            return err_memory(e, "measuring a sweep");
        }
        if (l->n > 0) {
            memcpy(grown, l->values, l->n * sizeof *grown);
        }
        l->values = grown;
    }
    double arrived = (double)sqlite3_column_int64(q, 1);
    double completed = (double)sqlite3_column_int64(q, 2);
    double of = m->quantity == SWEEP_COMPLETED ? sqlite3_column_double(q, 3) / x : arrived;
    struct sweep_value v = {.x = x,
                            .value = of > 0 ? completed / of : NAN,
                            .n = (int64_t)arrived,
                            .key = arena_strdup(a, key)};
    if (v.key == NULL) {
        return err_memory(e, "measuring a sweep");
    }
    l->values[l->n++] = v;
    return 0;
}

static int line_read(struct store *s, const struct measure_sweep *m, const struct json_list *where,
                     const char *runs, struct arena *a, struct line *l, struct err *e)
{
    sqlite3 *db = store_db(s);
    sqlite3_stmt *q = NULL;
    char *sql = line_sql(m, where, runs);
    size_t room = 0;
    int rc = sql == NULL ? err_memory(e, "measuring a sweep") : 0;
    if (rc == 0 && sqlite3_prepare_v2(db, sql, -1, &q, NULL) != SQLITE_OK) {
        rc = err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
    }
    int step = SQLITE_DONE;
    while (rc == 0 && (step = sqlite3_step(q)) == SQLITE_ROW) {
        rc = line_step(m, q, a, l, &room, e);
    }
    if (rc == 0 && step != SQLITE_DONE) {
        rc = err_work(e, store_path(s), NULL, "cannot be read: %s", sqlite3_errmsg(db));
    }
    sqlite3_finalize(q);
    sqlite3_free(sql);
    if (rc == 0 && l->n > 1) {
        qsort(l->values, l->n, sizeof *l->values, by_x);
    }
    return rc;
}

/* --- Shapes ----------------------------------------------------------------------------------- */

/* What both lines have. */
static void take_off(struct line *l, const struct line *other)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        for (size_t k = 0; k < other->n; k++) {
            if (other->values[k].x == l->values[i].x) {
                l->values[n] = l->values[i];
                l->values[n++].value -= other->values[k].value;
                break;
            }
        }
    }
    l->n = n;
}

static int to_steps(struct line *l, struct arena *a, struct err *e)
{
    for (size_t i = 0; i + 1 < l->n; i++) {
        struct text key = {0};
        text_add(&key, "%s to %s", l->values[i].key, l->values[i + 1].key);
        l->values[i].value = l->values[i + 1].value - l->values[i].value;
        l->values[i].key = arena_strdup(a, key.chars);
        if (l->values[i].key == NULL) {
            return err_memory(e, "measuring a sweep");
        }
    }
    l->n -= l->n > 0 ? 1 : 0;
    return 0;
}

static void to_peak(struct line *l)
{
    size_t best = 0;
    if (l->n == 0) {
        return;
    }
    for (size_t i = 1; i < l->n; i++) {
        best = l->values[i].value > l->values[best].value ? i : best;
    }
    l->values[0] = l->values[best];
    l->values[0].value = l->values[0].x;
    l->n = 1;
}

int sweep_values(struct store *s, const struct measure_sweep *m, const char *runs, struct arena *a,
                 struct sweep_value **values, size_t *n, struct err *e)
{
    struct line line = {0}, other = {0};
    int rc = line_read(s, m, &m->where, runs, a, &line, e);
    if (rc == 0 && m->minus.n > 0) {
        rc = line_read(s, m, &m->minus, runs, a, &other, e);
        take_off(&line, &other);
    }
    if (rc == 0 && m->shape == SWEEP_STEPS) {
        rc = to_steps(&line, a, e);
    } else if (rc == 0 && m->shape == SWEEP_PEAK) {
        to_peak(&line);
    }
    *values = line.values;
    *n = rc == 0 ? line.n : 0;
    return rc;
}
