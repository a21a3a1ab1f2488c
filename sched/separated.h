/* separated.h - the decision engine of radio.mode "separated": shares of one carrier for slices,
 * from outside and for a while, instead of slot by slot.
 *
 * The programme. A leaf is whoever competes: a fruit, the UEs of a branch without a fruit, or the
 * UEs without a slice. Over the leaves s that have something to send,
 *
 *     maximise    sum of w_s log(min(x_s, d_s))     w: priority of the slice; x: share of the
 * carrier subject to  x_s >= min_s, x_s <= max_s        isolation: who asks gets its minimum at
 * least L_b <= sum of b's x_s <= max_b    b: branch; L_b its minimum, as far as they ask sum of all
 * x_s <= 1
 *
 * (Proportional fairness: Kelly, "Charging and rate control for elastic traffic", 1997.) rate_s =
 * x_s x what the carrier would carry for s alone, a constant at today's MCS that leaves log as a
 * summand: the programme is about shares. d_s is the share that carries what waits within one
 * period; beyond it a share is worth nothing, so it is cut there (but not below min_s).
 *
 *     separated_pose --> separated_solve     NLopt's answer: what is enforced
 *                    --> separated_optimum   the exact one, by water-filling: what it is held
 * against
 *                    --> separated_gap
 *     separated_enforce   minima and maxima of a tree that make the slot scheduler keep to an
 * answer separated_fluid     what that tree gives to those who ask now
 *
 * Invariants (tests/sched/separated.c):
 *   P1 an answer keeps to every bound of the programme, and no silent leaf has a share;
 *   P2 in a right tree (slice_tree_check) every leaf with demand has min_s, as far as its branch's
 *      maximum and other minima leave it;
 *   P3 NLopt's answer is within SEPARATED_GAP of the optimum;
 *   P4 the enforced tree is right, within the configured maxima and not below configured minima.
 */
#ifndef SCHED_SEPARATED_H
#define SCHED_SEPARATED_H

#include "sched/slice.h"

/* Relative loss that NLopt's answer may have (P3). */
#define SEPARATED_GAP 1e-6

struct separated_leaf {
    int slice; /* of the tree; tree->n: the UEs without a slice */
    double weight;
    double low, high; /* of its share; 0 < low <= high <= 1 */
};

/* Leaves under one roof: a branch, or the UEs without one. */
struct separated_group {
    int branch;               /* slice of the tree, -1: the UEs without a slice */
    int first, n;             /* leaves */
    double low, high;         /* of the sum of their shares */
    double sum_low, sum_high; /* of the leaves' own bounds */
};

struct separated_sum;

/* One programme, and room for its answers. Vectors of shares have n_slices + 1 entries, the last
 * one for the UEs without a slice. */
struct separated {
    int n_slices;
    struct separated_leaf *leaves; /* [n_slices + 1] */
    struct separated_group *groups;
    int n_leaves, n_groups;
    double *x, *low, *high, *unit; /* [n_slices + 1] by leaf: what the solver works on */
    struct separated_sum *sums;    /* its constraints */
    int n_sums;
    double *optimum; /* [n_slices + 1], a vector of shares */
};

/* Returns 0 or ERR_MEMORY. */
int separated_init(struct separated *p, int n_slices);
void separated_free(struct separated *p);

/* Poses the programme for `tree` (n_slices slices). demand[i]: share of the carrier that would
 * carry within one period what the UEs of slice i itself have waiting, [n_slices] the UEs without a
 * slice; 0: silent. */
void separated_pose(struct separated *p, const struct slice_tree *tree, const double *demand);

/* NLopt's answer (SLSQP, analytic gradients). Returns 0 or ERR_MEMORY. NLopt allocates what it
 * works with: this runs once per period, not per slot. Its time grows with the cube of the leaves.
 */
int separated_solve(struct separated *p, double *share);

/* The exact answer. */
void separated_optimum(struct separated *p, double *share);

/* How much smaller the weighted geometric mean of the leaves' rates is with `share` than with the
 * optimum, relatively: 1 - exp((U(share) - U(optimum)) / sum of w). 0 without leaves. */
double separated_gap(struct separated *p, const double *share);

/* Fills the minima and maxima of `out` (n slices of its own) so that the slot scheduler gives out
 * `share`, decided under `tree` or an earlier state of it; `grant` is the share of a smallest
 * grant.
 *   - Who had a share may not exceed it, but for what the answer left over, and not below a
 * smallest grant: less could not be used in any slot.
 *   - Who had none keeps its configured minimum and maximum, so that isolation holds between two
 *     decisions. What these minima need is taken from the guaranteed part of the others' shares.
 *   - A smallest grant is in nobody's minimum, unless configured ones need it: a UE without a grant
 *     could not say what it has. */
void separated_enforce(const struct slice_tree *tree, const double *share, double grant,
                       struct slice_tree *out);

/* What the enforced tree gives to the leaves of the programme posed last, as a fluid: minima, then
 * equal parts of the way up to the maxima. */
void separated_fluid(struct separated *p, const struct slice_tree *enforced, double *share);

#endif
