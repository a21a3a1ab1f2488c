/* radio_max_cqi.c - policy max-cqi: best CQI first, then highest MCS, then who waited longest; each
 * UE as much as it asks. The upper bound of a cell's bytes and the lower bound of fairness. */
#include "sched/radio_policies.h"
#include "sched/radio_share.h"

/* MCS indices are below this (38.214 5.1.3.1: at most 28, five bits). */
#define MCS_STEPS 32

const struct json_spec radio_max_cqi_spec = {.name = "max_cqi",
                                             .doc = "Options of max-cqi.",
                                             .size = sizeof(struct radio_rank_options),
                                             .fields = radio_rank_fields};

static double channel_key(const void *self, const struct radio_view *view,
                          const struct radio_ue_view *ue)
{
    (void)self;
    (void)view;
    return ue->cqi * MCS_STEPS + ue->mcs;
}

void *radio_max_cqi_create(const void *options, int32_t carrier_prb,
                           const struct slice_tree *slices)
{
    return radio_rank_create(options, carrier_prb, slices);
}

void radio_max_cqi_destroy(void *state)
{
    radio_rank_destroy(state);
}

int32_t radio_max_cqi_allocate(void *state, const struct radio_view *view,
                               struct radio_grant *grants)
{
    struct radio_rank *r = state;
    struct radio_rule rule = {.key = channel_key,
                              .oldest_first = true,
                              .enforce = r->options.enforce_slices,
                              .floor_prb = view->min_grant_prb};
    return radio_share_run(&r->share, view, &rule, grants);
}
