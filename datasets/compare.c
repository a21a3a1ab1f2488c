/* compare.c - the metrics, shares and series of two stores. */
#include "datasets/compare.h"

#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/bursts.h"
#include "datasets/compare_read.h"
#include "datasets/summary_read.h"
#include "datasets/values.h"

const char *const compare_verdict_words[] = {"alike", "differs", "not comparable", NULL};
const char *const compare_criterion =
    "metric: Kolmogorov-Smirnov distance <= 0.1 or p >= 0.05; share: 95 % interval of the "
    "difference holds 0, or at most 2 points; series: within 4 % of the first";

/* The bootstrap's dice: one seed, so that a comparison is the same whenever it is made. */
enum { BOOTSTRAP_SEED = 1, METRICS_MAX = 128, SERIES_MAX = 8 };

struct comparing {
    struct store *stores[2];
    struct compare *out;
    size_t shares_room;
    struct err *err;
};

static int no_memory(struct comparing *c)
{
    return err_memory(c->err, "comparing two tables");
}

/* --- Metrics ---------------------------------------------------------------------------------- */

/* Sorts both samples in place (or into `spare`, room for as many as the longer has) and adds what
 * comes of them; nothing when both are empty. */
static int metric_add(struct comparing *c, const char *table, const char *name, const char *unit,
                      double *const samples[2], const size_t n[2])
{
    struct compare *out = c->out;
    if ((n[0] == 0 && n[1] == 0) || out->n_metrics == METRICS_MAX) {
        return 0;
    }
    struct compare_metric *m = &out->metrics[out->n_metrics++];
    *m = (struct compare_metric){.table = table, .name = name, .unit = unit};
    double *spare[2] = {NULL, NULL};
    const double *sorted[2] = {NULL, NULL};
    bool memory = true;
    for (int i = 0; i < 2; i++) {
        m->n[i] = (int64_t)n[i];
        spare[i] = malloc((n[i] + 1) * sizeof(double));
        memory = memory && spare[i] != NULL;
        if (spare[i] != NULL && n[i] > 0) {
            sorted[i] = values_sort(samples[i], spare[i], n[i]);
        }
        m->mean[i] = sorted[i] != NULL ? gsl_stats_mean(sorted[i], 1, n[i]) : NAN;
    }
    if (memory) {
        m->apart = two_sample_compare(sorted[0], n[0], sorted[1], n[1]);
        m->verdict = isnan(m->apart.ks) ? COMPARE_NOT_COMPARABLE
                     : m->apart.ks <= COMPARE_DISTANCE || m->apart.p >= COMPARE_P ? COMPARE_ALIKE
                                                                                  : COMPARE_DIFFERS;
        out->counts[m->verdict]++;
    }
    free(spare[0]);
    free(spare[1]);
    return memory ? 0 : no_memory(c);
}

/* Columns of one table, a few at a time. */
static int compare_columns(struct comparing *c, const struct schema_table *t,
                           const struct schema_column *const *columns, size_t n)
{
    int rc = 0;
    for (size_t from = 0; rc == 0 && from < n; from += COLUMNS_AT_ONCE) {
        size_t some = n - from < COLUMNS_AT_ONCE ? n - from : COLUMNS_AT_ONCE;
        struct compare_columns both[2] = {0};
        for (int i = 0; rc == 0 && i < 2; i++) {
            rc = compare_columns_read(c->stores[i], t, columns + from, some, &both[i], c->err);
        }
        for (size_t k = 0; rc == 0 && k < some; k++) {
            const struct schema_column *column = columns[from + k];
            rc = metric_add(c, t->name, column->name, column->unit,
                            (double *[]){both[0].values[k], both[1].values[k]},
                            (size_t[]){both[0].n[k], both[1].n[k]});
        }
        compare_columns_free(&both[0]);
        compare_columns_free(&both[1]);
    }
    return rc;
}

static int compare_tables(struct comparing *c)
{
    static const enum schema_table_id tables[] = {SCHEMA_UE_RECORDS, SCHEMA_SERVER_RECORDS,
                                                  SCHEMA_RAN_RECORDS};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof tables / sizeof tables[0]; i++) {
        const struct schema_table *t = &schema_tables[tables[i]];
        const struct schema_column *columns[METRICS_MAX];
        size_t n = 0;
        for (size_t k = 0; k < t->n_columns && n < METRICS_MAX; k++) {
            if (compare_column_counts(&t->columns[k])) {
                columns[n++] = &t->columns[k];
            }
        }
        rc = compare_columns(c, t, columns, n);
    }
    return rc;
}

/* --- Requests --------------------------------------------------------------------------------- */

static size_t values_known(double *values, size_t n)
{
    size_t known = 0;
    for (size_t i = 0; i < n; i++) {
        if (!isnan(values[i])) {
            values[known++] = values[i];
        }
    }
    return known;
}

/* Changes the readings' values: the last that is done with them. */
static int compare_quantities(struct comparing *c, struct reading r[2])
{
    int rc = 0;
    for (int q = 0; rc == 0 && q < QUANTITIES; q++) {
        size_t n[2] = {values_known(r[0].values[q], r[0].n), values_known(r[1].values[q], r[1].n)};
        rc = metric_add(c, "requests", reading_quantity_words[q],
                        q == Q_LAREI || q == Q_LSEQ ? "" : "ms",
                        (double *[]){r[0].values[q], r[1].values[q]}, n);
    }
    return rc;
}

static int share_add(struct comparing *c, enum summary_by by, const char *key,
                     const struct share_sample samples[2])
{
    static const char *const parts[SHARE_PARTS] = {"uplink", "downlink", "inference"};
    struct compare *out = c->out;
    if (out->n_shares + SHARE_PARTS > c->shares_room) {
        size_t room = c->shares_room == 0 ? 64 : 2 * c->shares_room;
        struct compare_share *grown = arena_array(&out->arena, room, sizeof *grown);
        if (grown == NULL) {
            return no_memory(c);
        }
        if (out->n_shares > 0) {
            memcpy(grown, out->shares, out->n_shares * sizeof *grown);
        }
        out->shares = grown;
        c->shares_room = room;
    }
    const char *copy = arena_strdup(&out->arena, key);
    struct share_difference of[SHARE_PARTS] = {0};
    int rc = copy == NULL ? no_memory(c)
                          : share_compare(&samples[0], &samples[1], BOOTSTRAP_SEED, of, c->err);
    for (int p = 0; rc == 0 && p < SHARE_PARTS; p++) {
        struct compare_share *s = &out->shares[out->n_shares++];
        bool same = fabs(of[p].difference) <= COMPARE_POINTS || (of[p].lo <= 0 && of[p].hi >= 0);
        *s = (struct compare_share){
            .by = by == SUMMARY_BY_ALL ? "all" : summary_by_words[by - SUMMARY_BY_SLICE],
            .key = copy,
            .part = parts[p],
            .n = {(int64_t)samples[0].n, (int64_t)samples[1].n},
            .of = of[p],
            .verdict = isnan(of[p].difference) ? COMPARE_NOT_COMPARABLE
                       : same                  ? COMPARE_ALIKE
                                               : COMPARE_DIFFERS};
        out->counts[s->verdict]++;
    }
    return rc;
}

/* The parts of the requests of one group, in order; the arrays have room for all requests. */
static void sample_fill(const struct reading *r, int32_t group, double *parts[SHARE_PARTS],
                        struct share_sample *sample)
{
    static const enum quantity quantities[SHARE_PARTS] = {Q_UPLINK, Q_DOWNLINK, Q_INFERENCE};
    sample->n = 0;
    for (size_t i = 0; i < r->n; i++) {
        double sum = r->values[Q_UPLINK][i] + r->values[Q_DOWNLINK][i] + r->values[Q_INFERENCE][i];
        if (r->group[BY_CHOICE][i] == group && !isnan(sum)) {
            for (int p = 0; p < SHARE_PARTS; p++) {
                parts[p][sample->n] = r->values[quantities[p]][i];
            }
            sample->n++;
        }
    }
    for (int p = 0; p < SHARE_PARTS; p++) {
        sample->parts[p] = parts[p];
    }
}

/* Groups that both have. One group alone on both sides was compared already as "all". */
static int compare_groups(struct comparing *c, enum summary_by by, const struct reading r[2])
{
    const struct keys *a = &r[0].keys[BY_CHOICE], *b = &r[1].keys[BY_CHOICE];
    if (by != SUMMARY_BY_ALL && a->n == 1 && b->n == 1) {
        return 0;
    }
    double *room = calloc((r[0].n + r[1].n + 1) * SHARE_PARTS, sizeof *room);
    if (room == NULL) {
        return no_memory(c);
    }
    double *parts[2][SHARE_PARTS];
    for (size_t p = 0; p < SHARE_PARTS; p++) {
        parts[0][p] = room + p * r[0].n;
        parts[1][p] = room + SHARE_PARTS * r[0].n + p * r[1].n;
    }
    int rc = 0;
    for (int32_t i = 0, k = 0; rc == 0 && i < a->n && k < b->n;) {
        int order = strverscmp(a->sorted[i].text, b->sorted[k].text);
        if (order == 0) {
            struct share_sample samples[2];
            sample_fill(&r[0], a->sorted[i].number, parts[0], &samples[0]);
            sample_fill(&r[1], b->sorted[k].number, parts[1], &samples[1]);
            rc = share_add(c, by, a->sorted[i].text, samples);
        }
        i += order <= 0;
        k += order >= 0;
    }
    free(room);
    return rc;
}

static int compare_requests_by(struct comparing *c, enum summary_by by)
{
    struct summary_options o = summary_defaults();
    struct arena arena = {0};
    struct reading r[2];
    int rc = 0;
    for (int i = 0; i < 2; i++) {
        r[i] = reading_of(c->stores[i], &o, &arena, c->err);
        rc = rc != 0 ? rc : reading_radio(&r[i]);
        rc = rc != 0 ? rc : reading_requests(&r[i], reading_choice_sql(by));
    }
    rc = rc != 0 ? rc : compare_groups(c, by, r);
    if (rc == 0 && by == SUMMARY_BY_ALL) {
        rc = compare_quantities(c, r);
    }
    reading_free(&r[0]);
    reading_free(&r[1]);
    arena_free(&arena);
    return rc;
}

static int compare_requests(struct comparing *c)
{
    static const enum summary_by groupings[] = {SUMMARY_BY_ALL, SUMMARY_BY_MODE, SUMMARY_BY_MODEL,
                                                SUMMARY_BY_RESOLUTION, SUMMARY_BY_SLICE};
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < sizeof groupings / sizeof groupings[0]; i++) {
        rc = compare_requests_by(c, groupings[i]);
    }
    return rc;
}

/* --- Series ----------------------------------------------------------------------------------- */

static double median_of(double *values, size_t n)
{
    n = values_known(values, n);
    return n > 0 ? gsl_stats_median(values, 1, n) : NAN;
}

static int series_add(struct comparing *c, const char *name, const char *unit, const double v[2])
{
    struct compare *out = c->out;
    if (isnan(v[0]) && isnan(v[1])) {
        return 0;
    }
    struct compare_series *s = &out->series[out->n_series++];
    *s = (struct compare_series){.name = name, .unit = unit, .value = {v[0], v[1]}};
    s->verdict = isnan(v[0] + v[1])                                 ? COMPARE_NOT_COMPARABLE
                 : fabs(v[1] - v[0]) <= COMPARE_SERIES * fabs(v[0]) ? COMPARE_ALIKE
                                                                    : COMPARE_DIFFERS;
    out->counts[s->verdict]++;
    return 0;
}

/* Rise, jump, trough and peak of every burst of a table, as columns. */
static bool bursts_columns(const struct bursts_table *t, struct compare_columns *out)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t k = 0; k < t->items[i].bursts.n; k++) {
            const struct burst *b = &t->items[i].bursts.items[k];
            if (!compare_column_add(out, 0, b->peak_s - b->start_s) ||
                !compare_column_add(out, 1, b->peak - b->trough) ||
                !compare_column_add(out, 2, b->trough) || !compare_column_add(out, 3, b->peak)) {
                return false;
            }
        }
    }
    return true;
}

static int bursts_compare(struct comparing *c, const struct bursts_table t[2])
{
    static const char *const names[] = {"rise_s", "jump", "trough", "peak"};
    static const char *const units[] = {"s", "bytes per opportunity", "bytes per opportunity",
                                        "bytes per opportunity"};
    struct compare_columns both[2] = {0};
    size_t n_max = t[0].n > t[1].n ? t[0].n : t[1].n;
    double *values = calloc(n_max + 1, sizeof *values);
    bool memory =
        values != NULL && bursts_columns(&t[0], &both[0]) && bursts_columns(&t[1], &both[1]);
    int rc = memory ? 0 : no_memory(c);
    for (size_t k = 0; rc == 0 && k < sizeof names / sizeof names[0]; k++) {
        rc = metric_add(c, "bursts", names[k], units[k],
                        (double *[]){both[0].values[k], both[1].values[k]},
                        (size_t[]){both[0].n[k], both[1].n[k]});
    }
    double period[2], decay[2], floors[2];
    for (int i = 0; rc == 0 && i < 2; i++) {
        for (size_t k = 0; k < t[i].n; k++) {
            values[k] = t[i].items[k].bursts.autocorrelation_s;
        }
        period[i] = median_of(values, t[i].n);
        for (size_t k = 0; k < t[i].n; k++) {
            values[k] = t[i].items[k].bursts.tau_s;
        }
        decay[i] = median_of(values, t[i].n);
        for (size_t k = 0; k < t[i].n; k++) {
            values[k] = t[i].items[k].bursts.floor.median;
        }
        floors[i] = median_of(values, t[i].n);
    }
    rc = rc != 0 ? rc : series_add(c, "autocorrelation_s", "s", period);
    rc = rc != 0 ? rc : series_add(c, "decay_s", "s", decay);
    rc = rc != 0 ? rc : series_add(c, "floor", "bytes per opportunity", floors);
    free(values);
    compare_columns_free(&both[0]);
    compare_columns_free(&both[1]);
    return rc;
}

/* A store without throughput in its ran_records has no bursts: an empty table. */
static int bursts_read(struct store *s, struct bursts_table *t, struct err *e)
{
    struct bursts_options o = bursts_defaults();
    int rc = bursts_of_store(s, false, &o, t, e);
    if (rc == ERR_INPUT && t->n == 0) {
        *e = (struct err){0};
        return 0;
    }
    return rc;
}

static int compare_bursts(struct comparing *c)
{
    struct bursts_table t[2] = {0};
    int rc = bursts_read(c->stores[0], &t[0], c->err);
    rc = rc != 0 ? rc : bursts_read(c->stores[1], &t[1], c->err);
    rc = rc != 0 ? rc : bursts_compare(c, t);
    bursts_table_free(&t[0]);
    bursts_table_free(&t[1]);
    return rc;
}

/* --- The whole -------------------------------------------------------------------------------- */

int compare_stores(struct store *a, struct store *b, struct compare *out, struct err *e)
{
    *out = (struct compare){0};
    struct err own = {0};
    struct comparing c = {.stores = {a, b}, .out = out, .err = e != NULL ? e : &own};
    out->metrics = arena_array(&out->arena, METRICS_MAX, sizeof *out->metrics);
    out->series = arena_array(&out->arena, SERIES_MAX, sizeof *out->series);
    if (out->metrics == NULL || out->series == NULL) {
        return no_memory(&c);
    }
    int rc = 0;
    for (int i = 0; rc == 0 && i < 2; i++) {
        rc = store_count_runs(c.stores[i], &out->runs[i], &out->incomplete_runs[i], c.err);
    }
    rc = rc != 0 ? rc : compare_requests(&c);
    rc = rc != 0 ? rc : compare_tables(&c);
    return rc != 0 ? rc : compare_bursts(&c);
}

void compare_free(struct compare *c)
{
    arena_free(&c->arena);
    *c = (struct compare){0};
}
