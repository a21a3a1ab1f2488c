/* targets_judge.c - holds, misses by how much, or not comparable and why. */
#include <gsl/gsl_statistics_double.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/targets.h"
#include "datasets/targets_measure.h"

/* No group farther than the tolerance from the published interval. */
static void judge_interval(struct target_result *r, double lo, double hi, double tolerance)
{
    r->lo = lo;
    r->hi = hi;
    r->value = r->groups[0].value;
    for (size_t i = 0; i < r->n_groups; i++) {
        double v = r->groups[i].value;
        double distance = fmax(lo - v, v - hi);
        if (distance > tolerance && distance > r->misses_by) {
            r->misses_by = distance;
            r->worst = r->groups[i].key;
            r->value = v;
        }
    }
}

/* `sign` is 1 for rising, -1 for falling. */
static int judge_order(struct target_result *r, double sign, bool strict, struct err *e)
{
    size_t n = r->n_groups;
    if (n < 2) {
        r->verdict = TARGET_NOT_COMPARABLE;
        snprintf(r->why, sizeof r->why, "one group has no order");
        return 0;
    }
    double *numbers = malloc(4 * n * sizeof *numbers);
    if (numbers == NULL) {
        return err_memory(e, "judging a target");
    }
    double *values = numbers + n, *work = numbers + 2 * n, worst = INFINITY;
    for (size_t i = 0; i < n; i++) {
        numbers[i] = (double)i;
        values[i] = r->groups[i].value;
        if (i > 0 && sign * (values[i] - values[i - 1]) < worst) {
            worst = sign * (values[i] - values[i - 1]);
            r->worst = r->groups[i].key;
        }
    }
    /* All values alike have no ranks: 0, neither rising nor falling. */
    double rho = r->least == r->most ? 0 : gsl_stats_spearman(numbers, 1, values, 1, n, work);
    free(numbers);
    double what = strict ? worst : sign * rho;
    r->value = strict ? sign * worst : rho;
    r->miss_unit = strict ? r->target->unit : "of rank correlation";
    bool holds = what > 0;
    r->misses_by = holds ? 0 : -what;
    r->verdict = holds ? TARGET_HOLDS : TARGET_MISSES;
    r->worst = holds || !strict ? NULL : r->worst;
    return 0;
}

static void judge_largest(struct target_result *r, int part)
{
    r->value = r->groups[0].value;
    for (size_t i = 0; i < r->n_groups; i++) {
        const struct target_group *g = &r->groups[i];
        for (int other = 0; other < PARTS; other++) {
            double lead = g->parts[other] - g->parts[part];
            if (other != part && lead >= 0 && (r->worst == NULL || lead > r->misses_by)) {
                r->misses_by = lead;
                r->worst = g->key;
                r->value = g->value;
            }
        }
    }
    r->verdict = r->worst == NULL ? TARGET_HOLDS : TARGET_MISSES;
    r->miss_unit = "points";
}

static void judge_flips(struct target_result *r, int part, int against)
{
    double most = -INFINITY, least = INFINITY;
    for (size_t i = 0; i < r->n_groups; i++) {
        double lead = r->groups[i].parts[part] - r->groups[i].parts[against];
        most = fmax(most, lead);
        least = fmin(least, lead);
    }
    bool holds = most > 0 && least < 0;
    r->value = most;
    r->misses_by = holds ? 0 : fmax(-most, least);
    r->verdict = holds ? TARGET_HOLDS : TARGET_MISSES;
    r->miss_unit = "points";
}

static int judge(struct target_result *r, struct err *e)
{
    const struct target *t = r->target;
    const struct expect_range *range = t->expect.options;
    const struct expect_value *value = t->expect.options;
    const struct expect_order *order = t->expect.options;
    const struct expect_flips *flips = t->expect.options;
    const struct measure_share *share = t->measure.options;
    for (size_t i = 0; i < r->n_groups; i++) {
        r->least = fmin(r->least, r->groups[i].value); /* of a NAN and a number the number */
        r->most = fmax(r->most, r->groups[i].value);
    }
    switch ((enum target_expect)t->expect.index) {
    case TARGET_RANGE:
        judge_interval(r, range->lo, range->hi, range->tolerance);
        break;
    case TARGET_VALUE:
        judge_interval(r, value->value, value->value, value->tolerance);
        break;
    case TARGET_AT_MOST:
        judge_interval(r, -INFINITY, value->value, value->tolerance);
        break;
    case TARGET_AT_LEAST:
        judge_interval(r, value->value, INFINITY, value->tolerance);
        break;
    case TARGET_RISING:
        return judge_order(r, 1, order->strict, e);
    case TARGET_FALLING:
        return judge_order(r, -1, order->strict, e);
    case TARGET_LARGEST:
        judge_largest(r, share->part);
        return 0;
    case TARGET_FLIPS:
        judge_flips(r, share->part, flips->against);
        return 0;
    }
    r->verdict = r->misses_by > 0 ? TARGET_MISSES : TARGET_HOLDS;
    return 0;
}

int targets_judge(struct store *s, const struct targets *t, const struct targets_watch *watch,
                  struct targets_report *report, struct err *e)
{
    *report = (struct targets_report){.targets = t->name, .n = t->list.n};
    const struct target *items = t->list.items;
    report->items = arena_array(&report->arena, t->list.n, sizeof *report->items);
    if (report->items == NULL) {
        return err_memory(e, "judging targets");
    }
    struct target_cache cache = {.targets = t, .watch = watch};
    int rc = store_count_runs(s, &report->runs, &report->incomplete_runs, e);
    for (size_t i = 0; rc == 0 && i < t->list.n; i++) {
        struct target_result *r = &report->items[i];
        *r = (struct target_result){.target = &items[i],
                                    .least = NAN,
                                    .most = NAN,
                                    .value = NAN,
                                    .lo = -INFINITY,
                                    .hi = INFINITY,
                                    .miss_unit = items[i].unit};
        rc = target_measure(s, &cache, r, &report->arena, e);
        if (rc == 0 && r->why[0] != '\0') {
            r->verdict = TARGET_NOT_COMPARABLE;
        } else if (rc == 0) {
            rc = judge(r, e);
        }
        report->counts[r->verdict]++;
    }
    target_cache_free(&cache);
    return rc;
}

void targets_report_free(struct targets_report *report)
{
    arena_free(&report->arena);
    *report = (struct targets_report){0};
}
