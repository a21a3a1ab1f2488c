/* radio.h - radio policies: who gets which PRB in one slot.
 *
 * A policy reads a view, fills grants and owns only its own state. It computes no physics: what a
 * PRB carries for a UE stands in the view. HARQ retransmissions are served by the cell before the
 * policy is asked (the testbed does the same), so a view's PRB are what is left. One table of
 * functions per policy; a scenario names it by its word. A new policy is one new file and one line
 * in radio_policy.c.
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
    uint32_t ue;           /* world-wide index; candidates come in increasing order */
    int fruit, branch;     /* indices into the slice tree, -1: none */
    int64_t backlog_bytes; /* what the scheduler believes is waiting; 0: an idle grant is due */
    bool idle_grant;       /* asks for the smallest grant only */
    int mcs;               /* link adaptation's choice */
    int cqi;
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
    int32_t carrier_prb;   /* whole carrier */
    int32_t n_prb;         /* left after retransmissions */
    int32_t min_grant_prb; /* UL: the testbed's floor of 10 PRB; DL: 5 */
    int32_t max_grants;    /* UEs a slot may still serve (bandwidth/24 rule, PDCCH) */
    const struct slice_tree *slices;
    const struct radio_ue_view *ues;
    int32_t n_ues;
};

struct radio_grant {
    int32_t ue;    /* index into view.ues */
    int32_t n_prb; /* > 0 */
};

struct radio_policy {
    const char *word;
    const char *doc;
    const struct json_spec *options; /* NULL: none */
    /* State for one cell and one direction; NULL when it needs none. `options` may be NULL. */
    void *(*create)(const void *options, int32_t carrier_prb, const struct slice_tree *slices);
    void (*destroy)(void *state);
    /* Fills grants[0..view->max_grants) and returns how many. The sum of n_prb must not exceed
     * view->n_prb and a UE appears at most once; the cell asserts both. */
    int32_t (*allocate)(void *state, const struct radio_view *view, struct radio_grant *grants);
};

/* All policies; NULL-terminated. */
extern const struct radio_policy *const radio_policies[];

const struct radio_policy *radio_policy_find(const char *word);

/* For the scenario loader: one variant per policy, ended by word NULL, in the order of
 * radio_policies. */
extern const struct json_variant radio_policy_variants[];

#endif
