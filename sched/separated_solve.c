/* separated_solve.c - the programme of separated.h through NLopt (SLSQP, Kraft 1988, with analytic
 * gradients). */
#include <math.h>
#include <nlopt.h>
#include <stdbool.h>

#include "base/err.h"
#include "sched/separated_parts.h"

/* Where NLopt stops: well below SEPARATED_GAP. A constraint may be missed by SOLVER_TOL (repair()
 * takes it back); without that SLSQP's steps along a constraint would count as infeasible. */
#define SOLVER_FTOL  1e-13
#define SOLVER_XTOL  1e-11
#define SOLVER_TOL   1e-9
#define SOLVER_EVALS 200
/* Most that a share is multiplied or divided by in one run, and most runs. */
#define REACH 3.0
#define RUNS  50
/* A constraint that binds by no more than this is left out. */
#define IMPLIED 1e-12

/* A point within all bounds: all groups, and in them all leaves, equally far on the way from their
 * minimum to their maximum. */
static void start_point(struct separated *p)
{
    double low = 0.0;
    double high = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        low += p->groups[i].low;
        high += p->groups[i].high;
    }
    double part = high > low ? clamp((1.0 - low) / (high - low), 0.0, 1.0) : 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        separated_level(&p->x[g->first], &p->low[g->first], &p->high[g->first], g->n,
                        g->low + part * (g->high - g->low));
    }
}

/* What a solver may miss by a rounding: pulls its answer back within the bounds. */
static void repair(struct separated *p)
{
    double all = 0.0;
    double least = 0.0;
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        double *x = &p->x[g->first];
        for (int k = 0; k < g->n; k++) {
            x[k] = clamp(x[k], p->low[g->first + k], p->high[g->first + k]);
        }
        double sum = sum_of(x, g->n);
        if (sum > g->high) {
            separated_level(x, &p->low[g->first], x, g->n, g->high);
        } else if (sum < g->low) {
            separated_level(x, x, &p->high[g->first], g->n, g->low);
        }
        all += clamp(sum, g->low, g->high);
        least += g->low;
    }
    double part = all > least ? clamp((1.0 - least) / (all - least), 0.0, 1.0) : 1.0;
    for (int i = 0; i < p->n_groups && part < 1.0; i++) {
        const struct separated_group *g = &p->groups[i];
        double *x = &p->x[g->first];
        double sum = sum_of(x, g->n);
        separated_level(x, &p->low[g->first], x, g->n, g->low + part * (sum - g->low));
    }
}

/* Shares run over orders of magnitude, and with them the curvature of their logarithms: SLSQP then
 * stops early or runs in circles. So the solver sees z = x / (where it started), and in one run no
 * leaf moves by more than a factor; runs follow each other until nothing more is won. */

/* U / sum of w: the same maximum, and a gradient whose size does not hang on the weights. */
static double objective(unsigned n, const double *z, double *gradient, void *data)
{
    const struct separated *p = data;
    double weight = 0.0;
    double value = 0.0;
    for (unsigned i = 0; i < n; i++) {
        weight += p->leaves[i].weight;
    }
    for (unsigned i = 0; i < n; i++) {
        double w = p->leaves[i].weight / weight;
        value += w * log(z[i]);
        if (gradient != NULL) {
            gradient[i] = w / z[i];
        }
    }
    return value;
}

static double sum_within(unsigned n, const double *z, double *gradient, void *data)
{
    const struct separated_sum *s = data;
    double sum = 0.0;
    for (int i = 0; i < (int)n; i++) {
        double unit = i >= s->first && i < s->first + s->n ? s->unit[i] : 0.0;
        sum += unit * z[i];
        if (gradient != NULL) {
            gradient[i] = s->sign * unit / s->bound;
        }
    }
    return s->sign * (sum - s->bound) / s->bound;
}

static nlopt_result add_sum(struct separated *p, nlopt_opt opt, int first, int n, double sign,
                            double bound)
{
    struct separated_sum *s = &p->sums[p->n_sums++];
    *s = (struct separated_sum){
        .unit = p->unit, .first = first, .n = n, .sign = sign, .bound = bound};
    return nlopt_add_inequality_constraint(opt, sum_within, s, SOLVER_TOL);
}

/* The bounds of the groups and of the carrier, where those of the leaves do not imply them. */
static nlopt_result constrain(struct separated *p, nlopt_opt opt)
{
    nlopt_result rc = NLOPT_SUCCESS;
    double all = 0.0;
    p->n_sums = 0;
    for (int i = 0; i < p->n_groups && rc > 0; i++) {
        const struct separated_group *g = &p->groups[i];
        double least = sum_of(&p->low[g->first], g->n);
        double most = sum_of(&p->high[g->first], g->n);
        all += fmin(most, g->high);
        if (g->high < most - IMPLIED) {
            rc = add_sum(p, opt, g->first, g->n, 1.0, g->high);
        }
        /* Every share is worth something: a group without play is at its maximum by itself. */
        if (rc > 0 && g->low > least + IMPLIED && g->low < g->high - IMPLIED) {
            rc = add_sum(p, opt, g->first, g->n, -1.0, g->low);
        }
    }
    if (rc > 0 && all > 1.0 + IMPLIED) {
        rc = add_sum(p, opt, 0, p->n_leaves, 1.0, 1.0);
    }
    return rc;
}

static nlopt_result set_up(struct separated *p, nlopt_opt opt)
{
    nlopt_result rc = constrain(p, opt);
    for (int i = 0; i < p->n_leaves; i++) {
        p->unit[i] = p->x[i];
        p->low[i] = fmin(fmax(p->low[i] / p->unit[i], 1.0 / REACH), 1.0);
        p->high[i] = fmax(fmin(p->high[i] / p->unit[i], REACH), 1.0);
        p->x[i] = 1.0;
    }
    rc = rc > 0 ? nlopt_set_max_objective(opt, objective, p) : rc;
    rc = rc > 0 ? nlopt_set_lower_bounds(opt, p->low) : rc;
    rc = rc > 0 ? nlopt_set_upper_bounds(opt, p->high) : rc;
    rc = rc > 0 ? nlopt_set_ftol_abs(opt, SOLVER_FTOL) : rc;
    rc = rc > 0 ? nlopt_set_xtol_rel(opt, SOLVER_XTOL) : rc;
    return rc > 0 ? nlopt_set_maxeval(opt, SOLVER_EVALS) : rc;
}

/* Bounds of the leaves as the solver sees them: tightened by what their group's bounds leave them,
 * so that a group without play has leaves without play, which NLopt takes out. */
static void tighten(struct separated *p)
{
    for (int i = 0; i < p->n_groups; i++) {
        const struct separated_group *g = &p->groups[i];
        for (int k = g->first; k < g->first + g->n; k++) {
            const struct separated_leaf *leaf = &p->leaves[k];
            double low = g->low - (g->sum_high - leaf->high);
            double high = g->high - (g->sum_low - leaf->low);
            p->low[k] = clamp(low, leaf->low, leaf->high);
            p->high[k] = clamp(high, p->low[k], leaf->high);
        }
    }
}

/* One run of the solver from p->x; the answer is within all bounds. */
static int solve_near(struct separated *p)
{
    nlopt_opt opt = nlopt_create(NLOPT_LD_SLSQP, (unsigned)p->n_leaves);
    if (opt == NULL) {
        return ERR_MEMORY;
    }
    double value;
    tighten(p);
    nlopt_result result = set_up(p, opt);
    result = result > 0 ? nlopt_optimize(opt, p->x, &value) : result;
    nlopt_destroy(opt);
    for (int i = 0; i < p->n_leaves; i++) {
        p->x[i] *= p->unit[i];
    }
    tighten(p);
    repair(p);
    /* Whatever else it says, its point is the best it saw. */
    return result == NLOPT_OUT_OF_MEMORY ? ERR_MEMORY : 0;
}

static double utility(const struct separated *p, const double *x)
{
    double weight = 0.0;
    double value = 0.0;
    for (int i = 0; i < p->n_leaves; i++) {
        weight += p->leaves[i].weight;
        value += p->leaves[i].weight * log(x[i]);
    }
    return value / weight;
}

int separated_solve(struct separated *p, double *share)
{
    if (p->n_leaves > 0) {
        tighten(p);
        start_point(p);
    }
    double won = p->n_leaves > 0 ? HUGE_VAL : 0.0;
    for (int i = 0; i < RUNS && won > SEPARATED_GAP / 1000.0; i++) {
        double before = utility(p, p->x);
        int rc = solve_near(p);
        if (rc != 0) {
            return rc;
        }
        won = utility(p, p->x) - before;
    }
    separated_spread(p, p->x, share);
    return 0;
}
