/* radio_dedicated_min_max.c - policy dedicated-min-max: the three shares of 3GPP's RRMPolicyRatio
 * (28.541 4.3.36) on both layers of the tree, proportional fairness inside.
 *
 *   dedicated  kept for the slice even when it has nothing to send: the price of isolation
 *   minimum    given to the slice when it asks, lent to others when it does not
 *   maximum    never exceeded
 */
#include "sched/radio_policies.h"
#include "sched/radio_share.h"

static const struct json_field no_fields[] = {{.key = NULL}};

const struct json_spec radio_dedicated_min_max_spec = {
    .name = "dedicated_min_max",
    .doc = "dedicated-min-max has no options of its own: the shares stand in the slice tree.",
    .size = sizeof(struct radio_rank_options),
    .fields = no_fields};

void *radio_dedicated_min_max_create(const void *options, int32_t carrier_prb,
                                     const struct slice_tree *slices)
{
    (void)options;
    return radio_rank_create(NULL, carrier_prb, slices);
}

void radio_dedicated_min_max_destroy(void *state)
{
    radio_rank_destroy(state);
}

int32_t radio_dedicated_min_max_allocate(void *state, const struct radio_view *view,
                                         struct radio_grant *grants)
{
    struct radio_rank *r = state;
    struct radio_share *s = &r->share;
    struct radio_rule rule = {
        .key = radio_pf_key, .enforce = true, .floor_prb = view->min_grant_prb};
    radio_share_begin(s, view, &rule);
    int32_t n = radio_share_idle(s, view, grants);
    radio_share_pick(s, &rule, view->max_grants - n);
    radio_share_reserve(s);
    radio_share_fill(s, &rule);
    return radio_share_emit(s, grants, n);
}
