/* radio.h - radio policies: who gets which PRB in one slot.
 *
 * A policy reads a view, fills grants and owns only its own state. It computes no physics: what a
 * PRB carries for a UE stands in the view. HARQ retransmissions are served by the cell before the
 * policy is asked (the testbed does the same), so a view's PRB are what is left. One table of
 * functions per policy; a scenario names it by its word. A new policy is one new file and one line
 * in radio_policies.h.
 *
 * Every policy but oai-willm (which does what the testbed does) keeps, with S the PRB of a share of
 * view.n_prb (of carrier_prb, where retransmissions count) rounded down (docs/models/slicing.md):
 *   R1 the grants sum to at most view.n_prb;
 *   R2 a UE gets at most max(prb_for_backlog, min_grant_prb) and at most max_prb;
 *   R3 an idle grant is exactly min_grant_prb, and counts as use of the UE's slice;
 *   R4 data grants leave no slice above its maximum;
 *   R5 a slice whose UEs ask for its minimum gets it, as far as max_grants reaches and its maxima
 *      (its own, its branch's) allow;
 *   R6 the same view gives the same grants.
 */
#ifndef SCHED_RADIO_H
#define SCHED_RADIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/json.h"
#include "sched/slice.h"

enum radio_direction { RADIO_DL, RADIO_UL };

/* One UE that has something to send in this direction now. */
struct radio_ue_view {
    uint32_t ue;             /* world-wide index; candidates come in increasing order */
    int fruit, branch;       /* indices into the slice tree, -1: none */
    int64_t backlog_bytes;   /* what the scheduler believes is waiting; 0: an idle grant is due */
    bool idle_grant;         /* asks for the smallest grant only */
    int mcs;                 /* link adaptation's choice */
    int cqi;                 /* DL: of the last report; UL: of the SNR of its last block */
    double thr;              /* EWMA of bytes per opportunity (the testbed's UL_THR, DL_THR) */
    double pf_bytes;         /* TBS of 1 PRB x 10 symbols without DMRS at this MCS, in bytes */
    int32_t prb_for_backlog; /* fewest PRB whose transport block holds the backlog, capped at the
                               carrier */
    int32_t max_prb;         /* most PRB the UE's power allows (carrier size when not limited) */
    int64_t last_slot;       /* when it was last given PRB in this direction, -1: never */
    const char *service;     /* LLM service id of its slice, "" when none */
    int64_t server_queue;    /* requests waiting at the server of its slice (cross-layer) */
};

struct radio_view {
    enum radio_direction direction;
    int64_t slot;
    int32_t carrier_prb;     /* whole carrier */
    int32_t n_prb;           /* left after retransmissions */
    const uint64_t *taken;   /* bit p set: PRB p of the carrier is not free (PUCCH, PRACH,
                                retransmissions); NULL: the first carrier_prb - n_prb are taken */
    int32_t min_grant_prb;   /* UL: the testbed's floor of 10 PRB; DL: 5 */
    int32_t max_grants;      /* UEs a slot may still serve (bandwidth/24 rule, PDCCH) */
    const int32_t *retx_prb; /* [slices] PRB that retransmissions of their UEs took (a branch: its
                                fruits' too): they count as used, and shares are of carrier_prb.
                                NULL: retransmissions are outside of slices, shares are of n_prb */
    const struct slice_tree *slices;
    const struct radio_ue_view *ues;
    int32_t n_ues;
};

struct radio_grant {
    int32_t ue;        /* index into view.ues */
    int32_t n_prb;     /* > 0 */
    int32_t prb_start; /* first PRB, -1: the cell places it where it is free */
    int32_t tbs_prb;   /* PRB that the transport block is sized for: n_prb, but for the testbed's
                          downlink, which changes the grant and keeps the block (oai-willm) */
};

struct radio_policy {
    const char *word;
    const char *doc;
    const char *keeps_tree; /* the yes/no option that makes it keep to the slices' shares (R4, R5);
                               "": it always does, NULL: it never does */
    const struct json_spec *options; /* NULL: none */
    bool sees_servers;               /* it reads server_queue in the views */
    /* State for one direction of all cells of one tree, which are asked about in any order (R6);
     * NULL: out of memory. `options` NULL: all defaults. `slices` (may be NULL) must be the tree of
     * every view and outlive the state. */
    void *(*create)(const void *options, int32_t carrier_prb, const struct slice_tree *slices);
    void (*destroy)(void *state);
    /* Fills grants[0..view->max_grants) and returns how many. A UE appears at most once. The sum of
     * n_prb does not exceed view->n_prb unless the grants are placed (prb_start >= 0): placed
     * grants lie within the carrier, but may cover taken PRB and each other. Nothing is allocated
     * while view->n_ues stays at or below its highest so far; when memory runs out, candidates
     * beyond that number wait for a later slot. */
    int32_t (*allocate)(void *state, const struct radio_view *view, struct radio_grant *grants);
};

/* All policies; NULL-terminated. */
extern const struct radio_policy *const radio_policies[];

const struct radio_policy *radio_policy_find(const char *word);

/* Whether a policy with these options (NULL: all defaults) keeps to the slices' shares. */
bool radio_policy_keeps_tree(const struct radio_policy *p, const void *options);

/* For the scenario loader: one variant per policy, ended by word NULL, in the order of
 * radio_policies. */
extern const struct json_variant radio_policy_variants[];

#endif
