/* separated.c - see separated.h. */
#include "sched/separated.h"

#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "sched/separated_parts.h"

/* Least share of a leaf with demand, which keeps the logarithm finite. Assumed: far below a PRB of
 * the widest carrier (1/275). */
#define SHARE_MIN 1e-4
/* The testbed's own files may have priorities of 0, which would be no part of the programme. */
#define WEIGHT_MIN 1e-6

int separated_init(struct separated *p, int n_slices)
{
    size_t n = (size_t)n_slices + 1;
    *p = (struct separated){.n_slices = n_slices};
    p->leaves = calloc(n, sizeof *p->leaves);
    p->groups = calloc(n, sizeof *p->groups);
    p->x = calloc(n, sizeof *p->x);
    p->low = calloc(n, sizeof *p->low);
    p->high = calloc(n, sizeof *p->high);
    p->unit = calloc(n, sizeof *p->unit);
    p->sums = calloc(2 * n + 1, sizeof *p->sums);
    p->optimum = calloc(n, sizeof *p->optimum);
    if (p->leaves == NULL || p->groups == NULL || p->x == NULL || p->low == NULL ||
        p->high == NULL || p->unit == NULL || p->sums == NULL || p->optimum == NULL) {
        separated_free(p);
        return ERR_MEMORY;
    }
    return 0;
}

void separated_free(struct separated *p)
{
    free(p->leaves);
    free(p->groups);
    free(p->x);
    free(p->low);
    free(p->high);
    free(p->unit);
    free(p->sums);
    free(p->optimum);
    *p = (struct separated){0};
}

/* --- Posing ----------------------------------------------------------------------------------- */

/* Adds a leaf to the group that is being made. A leaf that may have no share stays outside. */
static void add_leaf(struct separated *p, struct separated_group *g, int slice, double weight,
                     double min_ratio, double max_ratio, double demand)
{
    if (!(demand > 0.0) || max_ratio < SHARE_MIN) {
        return;
    }
    double low = fmin(fmax(min_ratio, SHARE_MIN), max_ratio);
    double high = clamp(demand, low, max_ratio);
    p->leaves[p->n_leaves++] = (struct separated_leaf){
        .slice = slice, .weight = fmax(weight, WEIGHT_MIN), .low = low, .high = high};
    g->n++;
    g->sum_low += low;
    g->sum_high += high;
}

/* Lowers the leaves' minima so that they sum to at most `sum`. */
static void fit_minima(struct separated *p, struct separated_group *g, double sum)
{
    if (g->sum_low <= sum) {
        return;
    }
    double factor = sum / g->sum_low;
    g->sum_low = 0.0;
    for (int i = g->first; i < g->first + g->n; i++) {
        p->leaves[i].low *= factor;
        g->sum_low += p->leaves[i].low;
    }
}

/* Ends a group: its bounds from the branch's and from those of its leaves. */
static void close_group(struct separated *p, struct separated_group *g, double min_ratio,
                        double max_ratio)
{
    if (g->n == 0) {
        return;
    }
    fit_minima(p, g, max_ratio);
    g->high = fmin(max_ratio, g->sum_high);
    g->low = fmin(fmax(min_ratio, g->sum_low), g->high);
    p->n_groups++;
}

static struct separated_group *open_group(struct separated *p, int branch)
{
    struct separated_group *g = &p->groups[p->n_groups];
    *g = (struct separated_group){.branch = branch, .first = p->n_leaves};
    return g;
}

static double branch_min(const struct slice_tree *tree, const struct separated_group *g)
{
    return g->branch < 0 ? 0.0 : fmin(tree->slices[g->branch].min_ratio, g->high);
}

/* Minima of fruits may ask for more than the carrier (only the branches' sum to at most the whole):
 * then the branches' come first, and of what the fruits' need beyond those each gets a part. */
static void lower_minima(struct separated *p, const struct slice_tree *tree, double sum)
{
    double sum_branch = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum_branch += branch_min(tree, &p->groups[i]);
    }
    double scale = sum_branch > 1.0 ? 1.0 / sum_branch : 1.0;
    double part = sum_branch < 1.0 ? (1.0 - sum_branch) / (sum - sum_branch) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        struct separated_group *g = &p->groups[i];
        double own = branch_min(tree, g);
        g->low = own * scale + part * (g->low - own);
        fit_minima(p, g, g->low);
    }
}

/* Makes the groups' bounds fit one carrier. */
static void fit_groups(struct separated *p, const struct slice_tree *tree)
{
    double sum = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum += p->groups[i].low;
    }
    if (sum > 1.0) {
        lower_minima(p, tree, sum);
        sum = 1.0;
    }
    for (int i = 0; i < p->n_groups; i++) {
        struct separated_group *g = &p->groups[i];
        g->high = clamp(1.0 - (sum - g->low), g->low, g->high);
    }
}

void separated_pose(struct separated *p, const struct slice_tree *tree, const double *demand)
{
    p->n_leaves = 0;
    p->n_groups = 0;
    for (int b = 0; b < tree->n; b++) {
        const struct slice *branch = &tree->slices[b];
        if (branch->parent >= 0 || branch->max_ratio < SHARE_MIN) {
            continue;
        }
        struct separated_group *g = open_group(p, b);
        add_leaf(p, g, b, branch->priority, 0.0, branch->max_ratio, demand[b]);
        for (int i = 0; i < tree->n; i++) {
            const struct slice *fruit = &tree->slices[i];
            if (fruit->parent == b) {
                add_leaf(p, g, i, fruit->priority, fruit->min_ratio,
                         fmin(fruit->max_ratio, branch->max_ratio), demand[i]);
            }
        }
        close_group(p, g, branch->min_ratio, branch->max_ratio);
    }
    struct separated_group *g = open_group(p, -1);
    add_leaf(p, g, tree->n, 1.0, 0.0, 1.0, demand[tree->n]);
    close_group(p, g, 0.0, 1.0);
    fit_groups(p, tree);
}

void separated_spread(const struct separated *p, const double *x, double *share)
{
    for (int i = 0; i <= p->n_slices; i++) {
        share[i] = 0.0;
    }
    for (int i = 0; i < p->n_leaves && x != NULL; i++) {
        share[p->leaves[i].slice] = x[i];
    }
}

void separated_level(double *v, const double *low, const double *high, int n, double sum)
{
    double sum_low = 0.0;
    double sum_high = 0.0;
    for (int i = 0; i < n; i++) {
        sum_low += low[i];
        sum_high += high[i];
    }
    double room = sum_high - sum_low;
    double part = room > 0.0 ? clamp((sum - sum_low) / room, 0.0, 1.0) : 0.0;
    for (int i = 0; i < n; i++) {
        v[i] = low[i] + part * (high[i] - low[i]);
    }
}

/* --- The exact optimum ------------------------------------------------------------------------
 * KKT: with the price v of the carrier where the leaf stands, x_s = w_s / v, cut to its bounds. In
 * a branch that its own minimum or maximum holds, v is the price at which the branch's leaves sum
 * to that bound; elsewhere it is the price at which all sum to the carrier. Sums fall as prices
 * rise, so prices are found by bisection, to the last bit. */

static double leaf_at(const struct separated_leaf *leaf, double price)
{
    return clamp(leaf->weight / price, leaf->low, leaf->high);
}

static double group_at(const struct separated *p, const struct separated_group *g, double price)
{
    double sum = 0.0;
    for (int i = g->first; i < g->first + g->n; i++) {
        sum += leaf_at(&p->leaves[i], price);
    }
    return sum;
}

static double all_at(const struct separated *p, double price)
{
    double sum = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        sum += clamp(group_at(p, g, price), g->low, g->high);
    }
    return sum;
}

/* The least price at which `g` (NULL: all groups, within their bounds) takes at most `sum`. */
static double price_of(const struct separated *p, const struct separated_group *g, double sum)
{
    const struct separated_leaf *leaves = g == NULL ? p->leaves : &p->leaves[g->first];
    int n = g == NULL ? p->n_leaves : g->n;
    double low = HUGE_VAL; /* here every leaf is at its maximum, at `high` at its minimum */
    double high = 0.0;
    for (int i = 0; i < n; i++) {
        low = fmin(low, leaves[i].weight / leaves[i].high);
        high = fmax(high, leaves[i].weight / leaves[i].low);
    }
    for (;;) {
        double middle = sqrt(low) * sqrt(high);
        if (!(middle > low && middle < high)) {
            return high;
        }
        double taken = g == NULL ? all_at(p, middle) : group_at(p, g, middle);
        if (taken > sum) {
            low = middle;
        } else {
            high = middle;
        }
    }
}

void separated_optimum(struct separated *p, double *share)
{
    double sum_high = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        sum_high += p->groups[i].high;
    }
    double price = p->n_leaves > 0 && sum_high > 1.0 ? price_of(p, NULL, 1.0) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        double at = price;
        double taken = price > 0.0 ? group_at(p, g, price) : g->sum_high;
        if (taken > g->high) {
            at = price_of(p, g, g->high);
        } else if (taken < g->low) {
            at = price_of(p, g, g->low);
        }
        for (int k = g->first; k < g->first + g->n; k++) {
            p->x[k] = at > 0.0 ? leaf_at(&p->leaves[k], at) : p->leaves[k].high;
        }
    }
    separated_spread(p, p->x, share);
}

/* --- Against the optimum ---------------------------------------------------------------------- */

double separated_gap(struct separated *p, const double *share)
{
    separated_optimum(p, p->optimum);
    double weight = 0.0;
    double loss = 0.0;
    for (int i = 0; i < p->n_leaves; i++) {
        const struct separated_leaf *leaf = &p->leaves[i];
        /* Beyond its demand a share is worth nothing. */
        double x = fmin(share[leaf->slice], leaf->high);
        weight += leaf->weight;
        loss += leaf->weight * log(x / p->optimum[leaf->slice]);
    }
    return weight > 0.0 ? -expm1(loss / weight) : 0.0;
}

/* --- Enforcing -------------------------------------------------------------------------------- */

/* What the leaves of a branch have together. */
static double branch_share(const struct slice_tree *tree, int b, const double *share)
{
    double sum = share[b];
    for (int i = 0; i < tree->n; i++) {
        sum += tree->slices[i].parent == b ? share[i] : 0.0;
    }
    return sum;
}

static double over(double x, double min_ratio)
{
    return fmax(x - min_ratio, 0.0);
}

/* Maximum of a slice with share x (0: silent), when `spare` is left over. A share below the
 * smallest grant could not be used in any slot. */
static double enforced_max(const struct slice *s, double x, double grant, double spare)
{
    double most = fmax(fmax(x, s->min_ratio), grant) + spare;
    return x > 0.0 ? fmin(most, s->max_ratio) : s->max_ratio;
}

static void enforce_fruits(const struct slice_tree *tree, int b, const double *share, double grant,
                           struct slice_tree *out)
{
    double sum = share[b];
    double minima = 0.0;
    double wanted = share[b];
    for (int i = 0; i < tree->n; i++) {
        if (tree->slices[i].parent == b) {
            sum += share[i];
            minima += tree->slices[i].min_ratio;
            wanted += over(share[i], tree->slices[i].min_ratio);
        }
    }
    double room = fmax(out->slices[b].min_ratio - minima, 0.0);
    double part = wanted > 0.0 ? fmin(room / wanted, 1.0) : 0.0;
    double spare = fmax(out->slices[b].max_ratio - sum, 0.0);
    for (int i = 0; i < tree->n; i++) {
        const struct slice *from = &tree->slices[i];
        struct slice *to = &out->slices[i];
        if (from->parent == b) {
            to->max_ratio = enforced_max(from, share[i], grant, spare);
            to->min_ratio = from->min_ratio + part * over(share[i], from->min_ratio);
            to->min_ratio = fmax(fmin(to->min_ratio, to->max_ratio), from->min_ratio);
        }
    }
}

void separated_enforce(const struct slice_tree *tree, const double *share, double grant,
                       struct slice_tree *out)
{
    double sum = share[tree->n];
    double minima = 0.0;
    double wanted = share[tree->n];
    for (int b = 0; b < tree->n; b++) {
        out->slices[b] = tree->slices[b];
        if (tree->slices[b].parent >= 0) {
            continue;
        }
        double x = branch_share(tree, b, share);
        sum += x;
        minima += tree->slices[b].min_ratio;
        wanted += over(x, tree->slices[b].min_ratio);
    }
    double room = fmax(1.0 - grant - minima, 0.0);
    double part = wanted > 0.0 ? fmin(room / wanted, 1.0) : 0.0;
    double spare = fmax(1.0 - sum, 0.0);
    for (int b = 0; b < tree->n; b++) {
        const struct slice *from = &tree->slices[b];
        struct slice *to = &out->slices[b];
        if (from->parent >= 0) {
            continue;
        }
        double x = branch_share(tree, b, share);
        to->max_ratio = enforced_max(from, x, grant, spare);
        to->min_ratio = from->min_ratio + part * over(x, from->min_ratio);
        to->min_ratio = fmax(fmin(to->min_ratio, to->max_ratio), from->min_ratio);
        enforce_fruits(tree, b, share, grant, out);
    }
    out->version++;
}

/* What the enforced tree lets a group take: its bounds, and those of its leaves in p->low and
 * p->high. */
static void fluid_bounds(struct separated *p, const struct separated_group *g,
                         const struct slice_tree *enforced, double *low, double *high)
{
    const struct slice *branch = g->branch >= 0 ? &enforced->slices[g->branch] : NULL;
    double most = branch != NULL ? branch->max_ratio : 1.0;
    double sum = 0.0;
    for (int i = g->first; i < g->first + g->n; i++) {
        const struct separated_leaf *leaf = &p->leaves[i];
        bool fruit = branch != NULL && leaf->slice != g->branch;
        const struct slice *s = fruit ? &enforced->slices[leaf->slice] : NULL;
        p->high[i] = fmin(s != NULL ? s->max_ratio : most, leaf->high);
        p->low[i] = fmin(s != NULL ? s->min_ratio : 0.0, p->high[i]);
        sum += p->high[i];
    }
    *high = fmin(most, sum);
    *low = fmin(branch != NULL ? branch->min_ratio : 0.0, *high);
}

void separated_fluid(struct separated *p, const struct slice_tree *enforced, double *share)
{
    double sum_low = 0.0;
    double sum_high = 0.0;
    double low;
    double high;
    for (int i = 0; i < p->n_groups; i++) {
        fluid_bounds(p, &p->groups[i], enforced, &low, &high);
        sum_low += low;
        sum_high += high;
    }
    double room = sum_high - sum_low;
    double part = room > 0.0 ? clamp((1.0 - sum_low) / room, 0.0, 1.0) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        fluid_bounds(p, g, enforced, &low, &high);
        double sum = low + part * (high - low);
        /* Fruits' minima beyond their branch's share: each gets a part. */
        double minima = sum_of(&p->low[g->first], g->n);
        for (int k = g->first; k < g->first + g->n && minima > sum; k++) {
            p->low[k] *= sum / minima;
        }
        separated_level(&p->x[g->first], &p->low[g->first], &p->high[g->first], g->n, sum);
    }
    separated_spread(p, p->x, share);
}
