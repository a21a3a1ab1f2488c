/* slice.h - the slice tree: gNB (tree) -> branches (S-NSSAI) -> fruits (LLM services).
 *
 * A branch has a share of the carrier [min, max]; a fruit a share within the same carrier
 * [min, max] and a priority factor, as Algorithm 1 of the WiLLM paper has them. The testbed's own
 * rrmPolicy.json and rrmPolicy_sub.json load into the same tree.
 */
#ifndef SCHED_SLICE_H
#define SCHED_SLICE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct slice {
    const char *id;
    int parent;                  /* index of its branch, -1: it is a branch */
    double min_ratio, max_ratio; /* 0..1 of the carrier */
    double dedicated_ratio;      /* part of min_ratio that stays unused when the slice has no
                                    demand (28.541 rRMPolicyDedicatedRatio); 0: none */
    double priority;             /* pi(u) of Algorithm 1; 1 for a branch */
    int sst, sd;                 /* S-NSSAI; sd -1: none */
    const char *service;         /* LLM service id, "" when none */
};

struct slice_tree {
    struct slice *slices;
    int n;
    /* The testbed's "slice2": its uplink applies this share to every UE, whatever the UE's own
     * slice (policy oai-willm). ul_max_ratio 0: not given, the UE's own slice counts. */
    double ul_min_ratio, ul_max_ratio;
    /* Counts changes of the slices' numbers: who keeps something that was computed from them
     * computes it anew when this has changed. */
    unsigned version;
};

/* PRB that a share of n PRB is, rounded down. The margin is for shares such as 0.29 of 100, whose
 * product in binary is a little less than 29. */
static inline int32_t slice_prb(double ratio, int32_t n)
{
    return (int32_t)(ratio * (double)n + 1e-9);
}

/* Which slices a UE of the testbed's ueSliceMapping belongs to. */
struct slice_mapping {
    uint32_t rnti;
    int branch, fruit; /* indices into the tree, -1: none */
};

struct slice_rrm {
    struct slice_tree tree;
    struct slice_mapping *mappings;
    int n_mappings;
};

/* Checks a tree: ids unique and not empty, parents are branches (no circle), 0 <= dedicated <= min
 * <= max <= 1, priority > 0, the minima of the branches and of the fruits of a branch sum to at
 * most 1. `file` and `place` for the message ("slices.tree"). */
int slice_tree_check(const struct slice_tree *tree, const char *file, const char *place,
                     struct err *e);

/* Index of the slice with this id, or -1. */
int slice_find(const struct slice_tree *tree, const char *id);

/* Reads the testbed's rrmPolicy.json (rrmPolicyRatio, subSlicePolicy, ueSliceMapping). `sub_path`
 * (may be NULL) is rrmPolicy_sub.json, whose fruits, mappings and uplink share take precedence
 * over those of `path`; branches always come from `path`.
 *
 * Branch i (from 1) of rrmPolicyRatio has the id "i", or its "slice_id" where the entry has one
 * (the older form); the fruit j of parent i has the id "i.j". sd is -1 unless sD_flag is set.
 * `enabled` and `force_slice` are checked and have no effect, as in the testbed.
 *
 * Entries with min > max, several entries for one S-NSSAI and mappings to slices that do not
 * exist, all of which the testbed's own files have, are read as they are unless `strict`, which
 * also asks for what slice_tree_check() asks. Minima above 100 % in what the testbed would apply
 * (the last entry of each S-NSSAI) are always an error: the testbed stops there. */
int slice_rrm_load(const char *path, const char *sub_path, bool strict, struct arena *a,
                   struct slice_rrm *out, struct err *e);

#endif
