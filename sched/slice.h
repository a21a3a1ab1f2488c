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
    double priority;             /* pi(u) of Algorithm 1; 1 for a branch */
    int sst, sd;                 /* S-NSSAI; sd -1: none */
    const char *service;         /* LLM service id, "" when none */
};

struct slice_tree {
    struct slice *slices;
    int n;
};

/* Which slices a UE of the testbed's ueSliceMapping belongs to. */
struct slice_mapping {
    uint32_t rnti;
    int branch, fruit; /* indices into the tree, -1: none */
};

struct slice_rrm {
    struct slice_tree tree;
    struct slice_mapping *mappings;
    int n_mappings;
    /* rrmPolicy_sub.json's "slice2", which the testbed's uplink applies to every UE (FACTS 2);
     * negative when absent. Ratios 0..1. */
    double ul_min_ratio, ul_max_ratio;
};

/* Checks a tree: ids unique, parents are branches (no circle), 0 <= min <= max <= 1, the minima of
 * the branches and of the fruits of a branch sum to at most 1. `file` and `place` for the message
 * ("slices.tree"). */
int slice_tree_check(const struct slice_tree *tree, const char *file, const char *place,
                     struct err *e);

/* Reads the testbed's rrmPolicy.json (rrmPolicyRatio, subSlicePolicy, ueSliceMapping). `sub_path`
 * (may be NULL) is rrmPolicy_sub.json, whose fruits and mappings take precedence. Entries with
 * min > max, which the testbed's own files have, are read as they are unless `strict`. */
int slice_rrm_load(const char *path, const char *sub_path, bool strict, struct arena *a,
                   struct slice_rrm *out, struct err *e);

#endif
