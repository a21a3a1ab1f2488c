/* radio_tree_branch_fruit.c - policy tree-branch-fruit: Algorithm 1 of the WiLLM paper (appendix
 * E).
 *
 * Line by line, for the UEs that get a grant in this slot:
 *   1-4   branch and its ratios: in the view and the tree; no branch: 0 and 1
 *   5-6   gamma(u) = TBS(u) / Theta(u): pf_bytes / thr, infinite for a UE that has had nothing
 *   7     r_init = N phi(gamma(u)). The paper leaves phi open. Ours is the share of the sum,
 *         phi(gamma(u)) = gamma(u) / sum of gamma over the UEs of the slot, so that the r_init sum
 *         to N; UEs with infinite gamma share N equally
 *   8     r_branch = max(min(r_init, N alpha_max), N alpha_min)
 *   9-13  fruit priority and bounds, or priority 1 and the branch's bounds
 *   14    R(u) = min(max(pi(u) r_branch, r_min), r_max), rounded down
 *   15    the MCS is link adaptation's, in the view
 * The paper serves one UE. Several share one carrier, so a last step packs (radio_share.h): no UE
 * gets more than it can use, branch and fruit bounds hold over the sum of their UEs, and where the
 * R(u) sum to more than N, minima come first and then higher gamma. Line 14 alone can lift a UE
 * above its branch's maximum (priority > 1) or below its minimum; packing takes that back unless
 * enforce_tree is false.
 */
#include <math.h>
#include <stddef.h>
#include <stdlib.h>

#include "sched/radio_policies.h"
#include "sched/radio_share.h"

struct tbf_options {
    bool enforce_tree;
    bool work_conserving;
};

static const struct tbf_options tbf_defaults = {.enforce_tree = true, .work_conserving = false};

static const struct json_field tbf_fields[] = {
    {.key = "enforce_tree",
     .type = JSON_BOOL,
     .offset = offsetof(struct tbf_options, enforce_tree),
     .def = "true",
     .doc = "Whether branch and fruit bounds hold over the sum of their UEs and after the fruit's "
            "priority; false: line 14 as printed, cut only by the carrier."},
    {.key = "work_conserving",
     .type = JSON_BOOL,
     .offset = offsetof(struct tbf_options, work_conserving),
     .def = "false",
     .doc =
         "Whether PRB beyond every R(u) go to UEs that still ask, highest gamma first. The paper "
         "leaves them unused."},
    {.key = NULL}};

const struct json_spec radio_tree_branch_fruit_spec = {.name = "tree_branch_fruit",
                                                       .doc = "Options of tree-branch-fruit.",
                                                       .size = sizeof(struct tbf_options),
                                                       .fields = tbf_fields};

struct tbf {
    struct radio_share share;
    struct tbf_options options;
};

void *radio_tree_branch_fruit_create(const void *options, int32_t carrier_prb,
                                     const struct slice_tree *slices)
{
    struct tbf *t = calloc(1, sizeof *t);
    if (t == NULL || radio_share_init(&t->share, carrier_prb, slices) != 0) {
        free(t);
        return NULL;
    }
    t->options = options != NULL ? *(const struct tbf_options *)options : tbf_defaults;
    return t;
}

void radio_tree_branch_fruit_destroy(void *state)
{
    if (state != NULL) {
        radio_share_free(&((struct tbf *)state)->share);
        free(state);
    }
}

/* Lines 8 to 14 for one UE: R(u) in PRB. */
static int32_t line_14(const struct slice_tree *tree, const struct radio_ue_view *ue, double n,
                       double r_init)
{
    double alpha_min = 0.0;
    double alpha_max = 1.0;
    if (tree != NULL && ue->branch >= 0) {
        alpha_min = tree->slices[ue->branch].min_ratio;
        alpha_max = tree->slices[ue->branch].max_ratio;
    }
    double r_branch = fmax(fmin(r_init, n * alpha_max), n * alpha_min);
    double priority = 1.0;
    double r_min = n * alpha_min;
    double r_max = n * alpha_max;
    if (tree != NULL && ue->fruit >= 0) {
        const struct slice *fruit = &tree->slices[ue->fruit];
        priority = fruit->priority;
        r_min = n * fruit->min_ratio;
        r_max = n * fruit->max_ratio;
    }
    double r = fmin(fmax(priority * r_branch, r_min), r_max);
    return (int32_t)(fmin(r, n) + 1e-9);
}

static void set_wants(struct tbf *t, const struct radio_view *view)
{
    struct radio_share *s = &t->share;
    double sum = 0.0;
    int32_t infinite = 0;
    for (int32_t i = 0; i < s->n_picked; i++) {
        double gamma = s->entries[s->picked[i]].key;
        if (isinf(gamma)) {
            infinite++;
        } else {
            sum += gamma;
        }
    }
    double n = radio_share_whole(view);
    for (int32_t i = 0; i < s->n_picked; i++) {
        struct radio_entry *e = &s->entries[s->picked[i]];
        double phi;
        if (infinite > 0) {
            phi = isinf(e->key) ? 1.0 / infinite : 0.0;
        } else {
            phi = sum > 0.0 ? e->key / sum : 1.0 / s->n_picked;
        }
        int32_t r = line_14(s->slices, &view->ues[e->ue], n, n * phi);
        e->want = r < e->need ? r : e->need;
    }
}

int32_t radio_tree_branch_fruit_allocate(void *state, const struct radio_view *view,
                                         struct radio_grant *grants)
{
    struct tbf *t = state;
    struct radio_share *s = &t->share;
    struct radio_rule rule = {
        .key = radio_pf_key, .enforce = t->options.enforce_tree, .spread = true};
    radio_share_begin(s, view, &rule);
    int32_t n = radio_share_idle(s, view, grants);
    radio_share_pick(s, &rule, view->max_grants - n);
    set_wants(t, view);
    radio_share_fill(s, &rule);
    if (t->options.work_conserving) {
        for (int32_t i = 0; i < s->n_picked; i++) {
            struct radio_entry *e = &s->entries[s->picked[i]];
            e->want = e->need;
        }
        radio_share_fill(s, &rule);
    }
    return radio_share_emit(s, grants, n);
}
