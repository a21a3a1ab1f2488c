/* radio_share.h - what the radio policies share: who is served in a slot, and how the PRB are dealt
 * so that the slice tree holds (R1 to R6 of radio.h).
 *
 * A policy ranks the candidates with a key; the steps of one slot are
 *
 *   radio_share_begin    limits of the slices for this slot's PRB; the data candidates, keyed
 *   radio_share_idle     idle grants (control: who has no grant cannot report its buffer)
 *   radio_share_pick     which candidates get the grants that are left: those that a slice's
 *                        unmet minimum asks for, then by key
 *   radio_share_reserve  (policies with dedicated shares) PRB that stay unused
 *   radio_share_fill     minima first, then the rest by key or in equal parts
 *   radio_share_emit     the grants
 *
 * and radio_share_run() does them all. A policy that has its own idea of how much a UE should get
 * lowers `want` of the picked entries between pick and fill; the minima still count up to `need`.
 */
#ifndef SCHED_RADIO_SHARE_H
#define SCHED_RADIO_SHARE_H

#include "sched/radio.h"

/* A slice in this slot; PRB. Entries without a branch or fruit have nodes of their own. */
struct radio_node {
    int32_t min, max;
    int32_t used;
    int32_t reach; /* what its UEs could use: in begin all candidates, from pick on the picked */
};

struct radio_entry {
    double key;            /* higher first */
    int64_t last_slot;     /* breaks ties where the policy says so */
    int32_t ue;            /* index into view.ues; breaks all ties, lowest first */
    int32_t branch, fruit; /* indices of nodes */
    int32_t need;          /* most PRB it can use: backlog (not below the floor), power, carrier */
    int32_t want;          /* most PRB the policy wants it to have, <= need */
    int32_t prb;           /* what it gets */
    int32_t reach;         /* when picked: what its slices let it use */
    bool picked;
};

struct radio_share {
    const struct slice_tree *slices;
    int32_t carrier_prb;
    struct radio_node *nodes; /* [slices + 2]: the slices, no branch, no fruit */
    int32_t n_slices;
    int32_t limits_prb;      /* PRB that min and max were computed for; -1: never */
    unsigned limits_version; /* of the tree that they were computed from */
    struct radio_entry *entries;
    int32_t capacity, n;
    int32_t *picked; /* [carrier_prb] entries served in this slot, best first */
    int32_t n_picked;
    int32_t left;  /* PRB not given yet */
    bool enforced; /* the tree's limits apply in this slot */
};

/* How a policy ranks and deals. */
struct radio_rule {
    double (*key)(const void *self, const struct radio_view *view, const struct radio_ue_view *ue);
    const void *self;  /* first argument of key() */
    bool oldest_first; /* equal keys: lowest last_slot first, then lowest index */
    bool enforce;      /* the slices' minima and maxima hold */
    bool even;         /* equal parts instead of as much as it asks */
    bool spread;       /* serve as many UEs as there are grants, though the first few could use
                          every PRB */
    int32_t floor_prb; /* no data grant below this but for a slice's limits; 0: none */
};

/* Options of the policies that only rank. */
struct radio_rank_options {
    bool enforce_slices;
};
extern const struct json_field radio_rank_fields[];

/* State of the policies that only rank. */
struct radio_rank {
    struct radio_share share;
    struct radio_rank_options options;
};
void *radio_rank_create(const void *options, int32_t carrier_prb, const struct slice_tree *slices);
void radio_rank_destroy(void *state);

/* The PRB that the slices' shares are shares of. */
static inline int32_t radio_share_whole(const struct radio_view *view)
{
    return view->retx_prb != NULL ? view->carrier_prb : view->n_prb;
}

/* Returns 0 or ERR_MEMORY. */
int radio_share_init(struct radio_share *s, int32_t carrier_prb, const struct slice_tree *slices);
void radio_share_free(struct radio_share *s);

void radio_share_begin(struct radio_share *s, const struct radio_view *view,
                       const struct radio_rule *rule);
/* Writes the idle grants to grants[0..] and returns how many. */
int32_t radio_share_idle(struct radio_share *s, const struct radio_view *view,
                         struct radio_grant *grants);
/* Picks at most n entries. */
void radio_share_pick(struct radio_share *s, const struct radio_rule *rule, int32_t n);
void radio_share_reserve(struct radio_share *s);
void radio_share_fill(struct radio_share *s, const struct radio_rule *rule);
/* Appends the data grants to grants[n_grants..] and returns the new number. */
int32_t radio_share_emit(const struct radio_share *s, struct radio_grant *grants, int32_t n_grants);

int32_t radio_share_run(struct radio_share *s, const struct radio_view *view,
                        const struct radio_rule *rule, struct radio_grant *grants);

/* Proportional fairness: pf_bytes / thr, infinite for a UE that has had nothing yet. */
double radio_pf_key(const void *self, const struct radio_view *view,
                    const struct radio_ue_view *ue);

/* A grant that the cell places. */
struct radio_grant radio_grant_of(int32_t ue, int32_t n_prb);

#endif
