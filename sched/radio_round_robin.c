/* radio_round_robin.c - policy round-robin: who waited longest first, PRB in equal parts.
 *
 * The order is that of the last grant, which is the turn in a ring without keeping one: a UE that
 * comes or goes moves nobody else. As many UEs share a slot as get at least the smallest grant. */
#include "sched/radio_policies.h"
#include "sched/radio_share.h"

const struct json_spec radio_round_robin_spec = {.name = "round_robin",
                                                 .doc = "Options of round-robin.",
                                                 .size = sizeof(struct radio_rank_options),
                                                 .fields = radio_rank_fields};

static double waiting_key(const void *self, const struct radio_view *view,
                          const struct radio_ue_view *ue)
{
    (void)self;
    return (double)(view->slot - ue->last_slot);
}

void *radio_round_robin_create(const void *options, int32_t carrier_prb,
                               const struct slice_tree *slices)
{
    return radio_rank_create(options, carrier_prb, slices);
}

void radio_round_robin_destroy(void *state)
{
    radio_rank_destroy(state);
}

int32_t radio_round_robin_allocate(void *state, const struct radio_view *view,
                                   struct radio_grant *grants)
{
    struct radio_rank *r = state;
    struct radio_rule rule = {.key = waiting_key,
                              .enforce = r->options.enforce_slices,
                              .even = true,
                              .spread = true,
                              .floor_prb = view->min_grant_prb};
    return radio_share_run(&r->share, view, &rule, grants);
}
