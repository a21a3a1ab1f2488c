/* slice_slot.h - one slot for `willmsim slice`: a policy file and a demand file, read and served.
 */
#ifndef TOOLS_SLICE_SLOT_H
#define TOOLS_SLICE_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/json.h"
#include "sched/radio.h"
#include "sched/slice.h"

enum { SLOT_PRB_MAX = 275 }; /* 38.331 maxNrofPhysicalResourceBlocks */

/* --- A demand file --- */

struct demand_ue {
    int64_t ue, backlog_bytes, mcs, cqi, max_prb, last_slot, server_queue;
    double thr;
    bool idle;
    const char *slice, *rnti;
};

struct demand {
    int64_t n_prb, max_grants, min_grant_prb, mcs_table, symbols, dmrs_re, overhead_bytes;
    int direction; /* enum radio_direction */
    struct json_list taken, ues;
};

extern const struct json_spec demand_spec;
extern const char *const demand_directions[]; /* by enum radio_direction */

/* Fills in what the file leaves to the direction and the carrier. */
void demand_complete(struct demand *d);

/* Transport block of this UE on n_prb PRB, in bytes. */
int32_t demand_block_bytes(const struct demand *d, const struct demand_ue *ue, int32_t n_prb);

/* --- A policy file --- */

struct policy_file {
    const struct radio_policy *policy;
    void *options; /* NULL: defaults */
    struct slice_rrm rrm;
};

/* `sub` (NULL: none) is the testbed's rrmPolicy_sub.json; `strict` as in slice_rrm_load(). */
int policy_file_read(struct policy_file *p, const char *file, const char *sub, bool strict,
                     struct arena *a, struct err *e);

/* --- The slot --- */

struct slot {
    const struct demand *demand;
    const struct slice_tree *tree;
    int *slice; /* [ues] index of its slice, -1: none */
    int *ue_of; /* [candidates] which UE */
    struct radio_ue_view *views;
    uint64_t taken[SLOT_PRB_MAX / 64 + 1];
    struct radio_view view;
    struct radio_grant grants[SLOT_PRB_MAX];
    int32_t n_grants;
};

/* Makes the slot of a complete demand (`file` for messages) and asks the policy. */
int slot_serve(struct slot *s, const struct policy_file *p, const struct demand *d,
               const char *file, struct arena *a, struct err *e);

#endif
