/* radio_proportional_fair.c - policy proportional-fair: the coefficient of the testbed's scheduler
 * (TBS of 1 PRB over the EWMA of bytes), highest first, each UE as much as it asks while at
 * least the smallest grant is left. Equal coefficients: lowest UE index. */
#include "sched/radio_policies.h"
#include "sched/radio_share.h"

const struct json_spec radio_proportional_fair_spec = {.name = "proportional_fair",
                                                       .doc = "Options of proportional-fair.",
                                                       .size = sizeof(struct radio_rank_options),
                                                       .fields = radio_rank_fields};

void *radio_proportional_fair_create(const void *options, int32_t carrier_prb,
                                     const struct slice_tree *slices)
{
    return radio_rank_create(options, carrier_prb, slices);
}

void radio_proportional_fair_destroy(void *state)
{
    radio_rank_destroy(state);
}

int32_t radio_proportional_fair_allocate(void *state, const struct radio_view *view,
                                         struct radio_grant *grants)
{
    struct radio_rank *r = state;
    struct radio_rule rule = {.key = radio_pf_key,
                              .enforce = r->options.enforce_slices,
                              .floor_prb = view->min_grant_prb};
    return radio_share_run(&r->share, view, &rule, grants);
}
