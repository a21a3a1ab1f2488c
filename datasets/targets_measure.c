/* targets_measure.c - the values that a target speaks of, out of the tables of a store. */
#include "datasets/targets_measure.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/targets_sweep.h"
#include "datasets/values.h"

enum { SLICES_ANY = 1000 }; /* the default of max_slices */

/* Assumed: records farther apart than this on average are too coarse for the rise of a burst, the
 * shortest of which was published as 0.276 s; the published series has a point every 44 ms. */
#define RISE_SPACING_MS 50.0

struct measuring {
    struct store *store;
    sqlite3 *db;
    struct target_cache *cache;
    struct target_result *result;
    const struct target_applies *applies;
    struct arena *arena;
    struct err *err;
    size_t room;
    char runs[2 * SUMMARY_PATTERN_MAX + 128]; /* " AND run_id IN (...)" or "" */
};

static int read_failed(struct measuring *m)
{
    return err_work(m->err, store_path(m->store), NULL, "cannot be read: %s",
                    sqlite3_errmsg(m->db));
}

static int no_memory(struct measuring *m)
{
    return err_memory(m->err, "measuring for a target");
}

__attribute__((format(printf, 2, 3))) static void say_why(struct measuring *m, const char *format,
                                                          ...)
{
    va_list list;
    va_start(list, format);
    vsnprintf(m->result->why, sizeof m->result->why, format, list);
    va_end(list);
}

/* The next group of the result, to be filled; NULL: no memory. Those of too few stay out. */
static struct target_group *group_add(struct measuring *m, const char *key, int64_t n)
{
    struct target_result *r = m->result;
    if (r->n_groups == m->room) {
        size_t room = m->room == 0 ? 8 : 2 * m->room;
        struct target_group *grown = arena_array(m->arena, room, sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        if (r->n_groups > 0) {
            memcpy(grown, r->groups, r->n_groups * sizeof *grown);
        }
        r->groups = grown;
        m->room = room;
    }
    struct target_group *g = &r->groups[r->n_groups];
    *g = (struct target_group){.key = arena_strdup(m->arena, key), .n = n, .value = NAN};
    if (g->key == NULL) {
        return NULL;
    }
    r->n_groups++;
    return g;
}

/* Whether a group is one that the target speaks of. */
static bool group_wanted(const struct measuring *m, const char *key, int64_t n)
{
    return n >= m->applies->min_n &&
           (m->applies->group == NULL || strcmp(m->applies->group, key) == 0);
}

/* The integer that a query yields, -1 when it cannot be read. */
static int64_t query_int(struct measuring *m, const char *sql)
{
    sqlite3_stmt *q = NULL;
    int64_t value = -1;
    if (sqlite3_prepare_v2(m->db, sql, -1, &q, NULL) == SQLITE_OK &&
        sqlite3_step(q) == SQLITE_ROW) {
        value = sqlite3_column_int64(q, 0);
    }
    sqlite3_finalize(q);
    return value;
}

static bool same_text(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* --- What a target applies to ----------------------------------------------------------------- */

/* How many slices the ran_records of these runs name. */
static int slices_count(struct measuring *m, int64_t *slices)
{
    const struct target_rows *rows = NULL;
    struct target_runs ids = {0};
    int rc = target_rows_of(m->store, m->cache, RAN_RECORDS, &rows, m->err);
    rc = rc == 0 && m->runs[0] != '\0' ? target_runs_read(m->store, m->runs, &ids, m->err) : rc;
    if (rc != 0) {
        free(ids.items);
        return rc;
    }
    const struct target_column *slice = target_column_of(rows, "slice_id");
    *slices = (int64_t)slice->n_texts;
    if (m->runs[0] != '\0') {
        const double *runs = target_column_of(rows, "run_id")->numbers;
        bool *named = calloc(slice->n_texts + 1, sizeof *named);
        *slices = 0;
        for (size_t i = 0; named != NULL && i < rows->n; i++) {
            if (slice->words[i] >= 0 && !named[slice->words[i]] &&
                target_runs_have(&ids, (int64_t)runs[i])) {
                named[slice->words[i]] = true;
                ++*slices;
            }
        }
        rc = named == NULL ? no_memory(m) : 0;
        free(named);
    }
    free(ids.items);
    return rc;
}

static int applies(struct measuring *m)
{
    const struct target_applies *a = m->applies;
    char sql[4 * SUMMARY_PATTERN_MAX + 512];
    if (a->scenario != NULL) {
        sqlite3_snprintf(sizeof m->runs, m->runs,
                         " AND run_id IN (SELECT run_id FROM runs WHERE scenario GLOB %Q)",
                         a->scenario);
        sqlite3_snprintf(sizeof sql, sql, "SELECT count(*) FROM runs WHERE scenario GLOB %Q",
                         a->scenario);
        int64_t n = query_int(m, sql);
        if (n <= 0) {
            say_why(m, "no run of a scenario '%s'", a->scenario);
            return n < 0 ? read_failed(m) : 0;
        }
    }
    if (a->min_slices > 0 || a->max_slices < SLICES_ANY) {
        int64_t slices = 0;
        int rc = slices_count(m, &slices);
        if (rc != 0) {
            return rc;
        }
        if (slices < a->min_slices || slices > a->max_slices) {
            say_why(m, "speaks of %s %lld slices; ran_records name %lld",
                    slices < a->min_slices ? "at least" : "at most",
                    (long long)(slices < a->min_slices ? a->min_slices : a->max_slices),
                    (long long)slices);
            return 0;
        }
    }
    if (a->tx_image != NULL) {
        sqlite3_snprintf(sizeof sql, sql,
                         "SELECT count(*) FROM requests WHERE status = 'completed' AND tx_image IS "
                         "NOT NULL AND tx_image <> %Q%s",
                         a->tx_image, m->runs);
        int64_t others = query_int(m, sql);
        if (others != 0) {
            say_why(m, "%lld pictures are not %s", (long long)others, a->tx_image);
            return others < 0 ? read_failed(m) : 0;
        }
    }
    return 0;
}

/* --- Requests --------------------------------------------------------------------------------- */

/* The groups of the summary, read once for all targets that ask alike; NULL: see `rc`. */
static const struct summary_groups *summary_groups_of(struct measuring *m, enum summary_by by,
                                                      int *rc)
{
    const struct target_applies *a = m->applies;
    for (const struct target_summaries *s = m->cache->summaries; s != NULL; s = s->next) {
        if (s->groups.by == by && same_text(s->scenario, a->scenario) &&
            same_text(s->mode, a->mode)) {
            return &s->groups;
        }
    }
    struct target_summaries *s = calloc(1, sizeof *s);
    if (s == NULL) {
        *rc = no_memory(m);
        return NULL;
    }
    struct summary_options o = summary_defaults();
    o.scenario = s->scenario = a->scenario;
    o.mode = s->mode = a->mode;
    *rc = summary_by(m->store, by, &o, &s->groups, m->err);
    if (*rc != 0) {
        free(s);
        return NULL;
    }
    s->next = m->cache->summaries;
    m->cache->summaries = s;
    return &s->groups;
}

static double stat_value(const struct summary_stat *s, int statistic)
{
    /* in the order of request_statistic_words */
    const double values[] = {s->mean, s->p50, s->p95, s->p99, s->max};
    return values[statistic];
}

/* In the order of reading_quantity_words. */
static const struct summary_stat *stat_of(const struct summary_group *g, int quantity)
{
    const struct summary_stat *const stats[] = {&g->latency_ms.e2e,
                                                &g->latency_ms.uplink,
                                                &g->latency_ms.downlink,
                                                &g->latency_ms.inference,
                                                &g->latency_ms.queue,
                                                &g->latency_ms.transport,
                                                &g->ttft_ms,
                                                &g->ue_ttft_ms,
                                                &g->tpot_ms,
                                                &g->larei,
                                                &g->lseq};
    return stats[quantity];
}

/* A part's share, or with `is_share` false a statistic of a quantity. */
struct of_requests {
    bool is_share;
    int by, part, quantity, statistic;
};

static int measure_requests(struct measuring *m, const struct of_requests *of)
{
    int rc = 0;
    const struct summary_groups *groups = summary_groups_of(m, (enum summary_by)of->by, &rc);
    if (groups == NULL) {
        return rc;
    }
    for (size_t i = 0; i < groups->n_groups; i++) {
        const struct summary_group *g = &groups->groups[i];
        const struct summary_stat *stat = stat_of(g, of->quantity);
        int64_t n = of->is_share ? g->n : stat->n;
        if (!group_wanted(m, g->key, n)) {
            continue;
        }
        struct target_group *out = group_add(m, g->key, n);
        if (out == NULL) {
            return no_memory(m);
        }
        out->parts[PART_UPLINK] = g->share_pct.uplink;
        out->parts[PART_DOWNLINK] = g->share_pct.downlink;
        out->parts[PART_INFERENCE] = g->share_pct.inference;
        out->value = of->is_share ? out->parts[of->part] : stat_value(stat, of->statistic);
    }
    if (groups->n_groups == 0) {
        say_why(m, "no completed request%s%s", m->applies->mode != NULL ? " of mode " : "",
                m->applies->mode != NULL ? m->applies->mode : "");
    }
    return 0;
}

/* --- Records ---------------------------------------------------------------------------------- */

/* Of sorted values. */
static double column_statistic(const double *sorted, size_t n, const struct measure_record *r)
{
    static const double quantiles[] = {
        [STATISTIC_MIN] = 0,    [STATISTIC_P05] = 0.05, [STATISTIC_P25] = 0.25,
        [STATISTIC_P50] = 0.5,  [STATISTIC_P75] = 0.75, [STATISTIC_P95] = 0.95,
        [STATISTIC_P99] = 0.99, [STATISTIC_MAX] = 1};
    size_t multiples = 0;
    switch (r->statistic) {
    case STATISTIC_MEAN:
        return gsl_stats_mean(sorted, 1, n);
    case STATISTIC_STD:
        return n > 1 ? gsl_stats_sd(sorted, 1, n) : NAN;
    case STATISTIC_COUNT:
        return (double)n;
    case STATISTIC_MULTIPLES:
        for (size_t i = 0; i < n; i++) {
            multiples += fmod(sorted[i], r->of) == 0;
        }
        return 100.0 * (double)multiples / (double)n;
    default:
        return gsl_stats_quantile_from_sorted_data(sorted, 1, n, quantiles[r->statistic]);
    }
}

static int group_measure(struct measuring *m, const struct measure_record *r, const char *key,
                         double *values, double *spare, size_t n)
{
    if (n == 0 || !group_wanted(m, key, (int64_t)n)) {
        return 0;
    }
    struct target_group *g = group_add(m, key, (int64_t)n);
    if (g == NULL) {
        return no_memory(m);
    }
    g->value = column_statistic(values_sort(values, spare, n), n, r);
    return 0;
}

static int choose_rows(struct measuring *m, const struct measure_record *r,
                       const struct target_rows *rows, struct target_choice *c)
{
    *c = (struct target_choice){.values = target_column_of(rows, r->column)->numbers};
    if (r->by != NULL) {
        c->by = target_column_of(rows, r->by)->words;
    }
    if (r->where != NULL) {
        c->where = target_column_of(rows, r->where->column)->numbers;
        c->equals = r->where->equals;
    }
    /* Only some tables know a request's mode. */
    const char *mode = target_mode_column(r->table);
    if (m->applies->mode != NULL && mode != NULL) {
        const struct target_column *modes = target_column_of(rows, mode);
        c->modes = modes->words;
        c->mode = target_text_find(modes, m->applies->mode);
    }
    if (m->runs[0] != '\0') {
        c->runs = target_column_of(rows, "run_id")->numbers;
        return target_runs_read(m->store, m->runs, &c->ids, m->err);
    }
    return 0;
}

static int group_order(const void *a, const void *b)
{
    return strverscmp(((const struct target_group *)a)->key, ((const struct target_group *)b)->key);
}

static int measure_groups(struct measuring *m, const struct measure_record *r,
                          const struct target_rows *rows)
{
    struct target_choice c;
    int rc = choose_rows(m, r, rows, &c);
    const struct target_column *by = r->by != NULL ? target_column_of(rows, r->by) : NULL;
    size_t n_groups = by != NULL ? by->n_texts : 1;
    size_t *sizes = calloc(n_groups + 1, sizeof *sizes);
    double *values = malloc((2 * rows->n + 1) * sizeof *values);
    if (rc == 0 && (sizes == NULL || values == NULL)) {
        rc = no_memory(m);
    }
    if (rc == 0 && sizes != NULL) {
        target_choice_gather(&c, rows->n, sizes, n_groups, values);
    }
    size_t at = 0;
    for (size_t g = 0; rc == 0 && sizes != NULL && g < n_groups; g++) {
        rc = group_measure(m, r, by != NULL ? by->texts[g] : "all", values + at, values + rows->n,
                           sizes[g]);
        at += sizes[g];
    }
    free(sizes);
    free(values);
    free(c.ids.items);
    return rc;
}

static int measure_record(struct measuring *m, const struct measure_record *r)
{
    const char *table = target_table_words[r->table];
    const struct target_rows *rows = NULL;
    int rc = target_rows_of(m->store, m->cache, r->table, &rows, m->err);
    rc = rc == 0 ? measure_groups(m, r, rows) : rc;
    if (rc == 0 && m->result->n_groups == 0) {
        char where[128] = "";
        if (r->where != NULL) {
            sqlite3_snprintf(sizeof where, where, " where %s = %!.17g", r->where->column,
                             r->where->equals);
        }
        say_why(m, "no %s in %s%s", r->column, table, where);
    }
    if (m->result->n_groups > 1) {
        qsort(m->result->groups, m->result->n_groups, sizeof m->result->groups[0], group_order);
    }
    return rc;
}

/* --- Bursts ----------------------------------------------------------------------------------- */

enum { FIGURE_RISE }; /* the first of target_figure_words */

/* In their order. */
static double figure_value(const struct bursts *b, int figure)
{
    const double values[] = {b->rise_s.median, b->jump.median,  b->period_s.median,
                             b->trough.median, b->peak.median,  b->autocorrelation_s,
                             b->tau_s,         b->floor.median, b->mean,
                             b->std,           b->min,          b->max};
    return values[figure];
}

/* The series of the store; none is no error. */
static int bursts_read(struct measuring *m, bool by_slice, const struct bursts_table **out)
{
    struct target_cache *c = m->cache;
    *out = &c->bursts[by_slice];
    struct bursts_options o = bursts_defaults();
    int rc = c->has_points ? 0 : bursts_points_read(m->store, &c->points, m->err);
    c->has_points = rc == 0;
    if (rc == 0 && !c->has_bursts[by_slice]) {
        rc = bursts_of_points(&c->points, by_slice, &o, &c->bursts[by_slice], m->err);
        c->has_bursts[by_slice] = rc == 0;
    }
    return rc;
}

static int series_add(struct measuring *m, const struct bursts_series *s, bool many_runs,
                      int figure)
{
    char key[160];
    int at = many_runs ? snprintf(key, sizeof key, "run %lld ", (long long)s->run_id) : 0;
    if (s->slice_id != NULL) {
        snprintf(key + at, sizeof key - (size_t)at, "%.100s", s->slice_id);
    } else {
        snprintf(key + at, sizeof key - (size_t)at, "UE %lld", (long long)s->ue_id);
    }
    const char *slice = s->slice_id != NULL ? s->slice_id : key;
    int64_t n = (int64_t)s->bursts.n;
    if (!group_wanted(m, slice, n)) {
        return 0;
    }
    struct target_group *g = group_add(m, key, n);
    if (g == NULL) {
        return no_memory(m);
    }
    g->value = figure_value(&s->bursts, figure);
    return 0;
}

/* Mean time between two records, of the series where it is longest; -1: there is no series. */
static int64_t spacing_ms(const struct bursts_table *t, const struct target_runs *ids)
{
    int64_t longest = -1;
    for (size_t i = 0; i < t->n; i++) {
        const struct bursts_series *s = &t->items[i];
        if (target_runs_have(ids, s->run_id)) {
            int64_t n = (int64_t)s->bursts.n_points - 1;
            int64_t spacing = n > 0 ? (s->last_ms - s->first_ms) / n : 0;
            longest = spacing > longest ? spacing : longest;
        }
    }
    return longest;
}

static int measure_bursts(struct measuring *m, const struct measure_bursts *b)
{
    const struct bursts_table *whole = NULL, *t = NULL;
    struct target_runs ids = {0};
    int rc = target_runs_read(m->store, m->runs, &ids, m->err);
    rc = rc == 0 ? bursts_read(m, false, &whole) : rc;
    rc = rc == 0 && b->by_slice ? bursts_read(m, true, &t) : rc;
    if (rc == 0) {
        t = b->by_slice ? t : whole;
        int64_t spacing = spacing_ms(whole, &ids);
        if (spacing < 0) {
            say_why(m, "no ul_throughput in ran_records");
        } else if (b->figure == FIGURE_RISE && (double)spacing > RISE_SPACING_MS) {
            say_why(m, "a record every %lld ms is too coarse for a rise", (long long)spacing);
        }
    }
    if (rc != 0 || m->result->why[0] != '\0') {
        free(ids.items);
        return rc;
    }
    for (size_t i = 0; rc == 0 && i < t->n; i++) {
        if (target_runs_have(&ids, t->items[i].run_id)) {
            rc = series_add(m, &t->items[i], m->cache->points.runs > 1, b->figure);
        }
    }
    free(ids.items);
    if (rc == 0 && m->result->n_groups == 0) {
        say_why(m, "no series of at least %lld bursts%s%s", (long long)m->applies->min_n,
                m->applies->group != NULL ? " in " : "",
                m->applies->group != NULL ? m->applies->group : "");
    }
    return rc;
}

/* --- Sweeps ----------------------------------------------------------------------------------- */

static int measure_sweep(struct measuring *m, const struct measure_sweep *of)
{
    struct sweep_value *values = NULL;
    size_t n = 0;
    int rc = sweep_values(m->store, of, m->runs, m->arena, &values, &n, m->err);
    for (size_t i = 0; i < n && rc == 0; i++) {
        if (!group_wanted(m, values[i].key, values[i].n)) {
            continue;
        }
        struct target_group *g = group_add(m, values[i].key, values[i].n);
        if (g == NULL) {
            return no_memory(m);
        }
        g->value = values[i].value;
    }
    if (rc == 0 && n == 0) {
        say_why(m, "no sweep over %.80s with these values", of->x);
    }
    return rc;
}

/* --- The whole -------------------------------------------------------------------------------- */

/* Leaves out groups whose value is not known. */
static void groups_known(struct target_result *r)
{
    size_t known = 0;
    for (size_t i = 0; i < r->n_groups; i++) {
        if (!isnan(r->groups[i].value)) {
            r->groups[known++] = r->groups[i];
        }
    }
    r->n_groups = known;
}

int target_measure(struct store *s, struct target_cache *c, struct target_result *r,
                   struct arena *a, struct err *e)
{
    const struct target *t = r->target;
    struct measuring m = {.store = s,
                          .db = store_db(s),
                          .cache = c,
                          .result = r,
                          .applies = &t->applies_to,
                          .arena = a,
                          .err = e};
    int rc = applies(&m);
    if (rc != 0 || r->why[0] != '\0') {
        return rc;
    }
    const struct measure_share *share = t->measure.options;
    const struct measure_request *request = t->measure.options;
    struct of_requests of = {.is_share = t->measure.index == TARGET_SHARE};
    switch ((enum target_measure)t->measure.index) {
    case TARGET_SHARE:
        of.by = share->by;
        of.part = share->part;
        rc = measure_requests(&m, &of);
        break;
    case TARGET_REQUEST:
        of.by = request->by;
        of.quantity = request->quantity;
        of.statistic = request->statistic;
        rc = measure_requests(&m, &of);
        break;
    case TARGET_RECORD:
        rc = measure_record(&m, t->measure.options);
        break;
    case TARGET_BURSTS:
        rc = measure_bursts(&m, t->measure.options);
        break;
    case TARGET_SWEEP:
        rc = measure_sweep(&m, t->measure.options);
        break;
    }
    groups_known(r);
    if (rc == 0 && r->why[0] == '\0' && (int64_t)r->n_groups < t->applies_to.min_groups) {
        if (t->applies_to.group != NULL) {
            say_why(&m, "no group '%.60s' with a value", t->applies_to.group);
        } else if (r->n_groups == 0) {
            say_why(&m, "no group of at least %lld with a value", (long long)t->applies_to.min_n);
        } else {
            say_why(&m, "%zu group%s of at least %lld, %lld needed", r->n_groups,
                    r->n_groups == 1 ? "" : "s", (long long)t->applies_to.min_n,
                    (long long)t->applies_to.min_groups);
        }
    }
    return rc;
}

void target_cache_free(struct target_cache *c)
{
    for (struct target_summaries *s = c->summaries; s != NULL;) {
        struct target_summaries *next = s->next;
        summary_groups_free(&s->groups);
        free(s);
        s = next;
    }
    for (int i = 0; i < TABLES_MAX; i++) {
        target_rows_free(&c->rows[i]);
    }
    bursts_points_free(&c->points);
    bursts_table_free(&c->bursts[0]);
    bursts_table_free(&c->bursts[1]);
    *c = (struct target_cache){0};
}
