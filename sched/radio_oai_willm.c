/* radio_oai_willm.c - policy oai-willm: what the WiLLM testbed's code does with PRB, quirks
 * included.
 *
 * The dataset was recorded with the code, not with the paper's Algorithm 1. Behaviour was read from
 * the published fork (OpenWiLLM/WiLLM, the uplink and downlink schedulers of its gNB); the options
 * switch each departure from the obvious off. docs/models/slicing.md tells them in full.
 *
 * Uplink: idle grants first, in the order of the UEs. Then by PF coefficient, each UE from the
 * first free PRB: T = 90 PRB, trimmed by its power; at most floor(max_ratio T), at least the
 * smallest grant, the maximum winning. No fruit logic: the shares are the tree's
 * ul_min_ratio/ul_max_ratio
 * ("slice2" of rrmPolicy_sub.json) or, without those, the UE's own slice's.
 *
 * Downlink: slices (branches and, for UEs without one, slice 0 with no bounds) by estimated demand,
 * least first. A slice may use M = min(N - minima of the other slices, floor(max_ratio N)); what a
 * served slice used replaces its minimum. PF inside. Then the fruit: (int)(PRB x priority),
 * clamped.
 *
 * Invariants (beside R1 without ul_ignore_taken, R2 before the fruit, R3, R6 of radio.h):
 *   O1 placed grants (all uplink ones) lie within the carrier;
 *   O2 without ul_ignore_taken they cover no taken PRB and not each other;
 *   O3 in the downlink a branch gets at most floor(max_ratio N), one more with dl_one_more, before
 *      the fruit's priority and minimum, which the testbed does not hold against the branch.
 * Where the testbed would go past the carrier's edge or past N in the downlink (there its gNB
 * stops), the grant is cut.
 */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sched/radio_policies.h"
#include "sched/radio_share.h"

struct oai_options {
    bool idle_first;
    bool ul_ignore_taken;
    int64_t ul_window_prb;
    bool ul_min_inert;
    bool dl_last_match;
    bool dl_one_more;
    bool dl_fruit_absolute;
    bool dl_keep_block;
};

#define UL_WINDOW_PRB 90
#define TEXT_OF(x)    #x
#define TEXT(x)       TEXT_OF(x)

static const struct oai_options oai_defaults = {.idle_first = true,
                                                .ul_ignore_taken = true,
                                                .ul_window_prb = UL_WINDOW_PRB,
                                                .ul_min_inert = true,
                                                .dl_last_match = true,
                                                .dl_one_more = true,
                                                .dl_fruit_absolute = true,
                                                .dl_keep_block = true};

#define QUIRK(member, text)                                                                        \
    {                                                                                              \
        .key = #member, .type = JSON_BOOL, .offset = offsetof(struct oai_options, member),         \
        .def = "true", .doc = (text)                                                               \
    }

static const struct json_field oai_fields[] = {
    QUIRK(idle_first, "Idle grants before any data; false: after the data, with what is left."),
    QUIRK(ul_ignore_taken,
          "Uplink grants start at the first free PRB and run on without looking at taken ones; "
          "false: as wide as the free run, as the unmodified scheduler does."),
    {.key = "ul_window_prb",
     .type = JSON_INT,
     .offset = offsetof(struct oai_options, ul_window_prb),
     .min = 1,
     .max = 275,
     .def = TEXT(UL_WINDOW_PRB),
     .doc = "PRB that uplink shares are taken of (T) while ul_ignore_taken. The testbed's code has "
            "90."},
    QUIRK(ul_min_inert, "The uplink minimum is the smallest grant; false: max(smallest grant, "
                        "floor(min_ratio T)), which the testbed's code means and, compiled with "
                        "optimisation, does not do."),
    QUIRK(dl_last_match,
          "Downlink branches of one S-NSSAI (same sst, and same sd where one is given) are one "
          "slice with the shares of the last; false: each branch is a slice."),
    QUIRK(dl_one_more, "A downlink slice gets one PRB more than M; false: M."),
    QUIRK(dl_fruit_absolute,
          "A fruit's percentages are PRB, and a UE without a fruit gets at most 100; false: they "
          "are shares of N."),
    QUIRK(dl_keep_block,
          "The transport block keeps the size that it had before the fruit changed the PRB, so its "
          "code rate changes; false: it is sized for the PRB it gets."),
    {.key = NULL}};

const struct json_spec radio_oai_willm_spec = {
    .name = "oai_willm",
    .doc = "Options of oai-willm: every one true is what the testbed does.",
    .size = sizeof(struct oai_options),
    .fields = oai_fields};

/* A downlink slice of the testbed. Group 0 is its slice 0: UEs without a branch. */
struct group {
    double min_ratio, max_ratio;
    int32_t demand;  /* estimated, PRB */
    int32_t n_ues;   /* that the estimate looked at */
    int32_t min_prb; /* its minimum, then what it used */
};

struct oai {
    struct radio_share share; /* candidates with their keys */
    struct oai_options options;
    struct group *groups;
    int32_t n_groups;
    unsigned groups_version; /* of the tree that they were made from */
    int32_t *group_of;       /* [slices]: group of a branch */
    int32_t *order;          /* [groups] */
    uint64_t *taken;         /* [(carrier + 63) / 64] */
    int32_t words;
};

void radio_oai_willm_destroy(void *state)
{
    struct oai *o = state;
    if (o == NULL) {
        return;
    }
    radio_share_free(&o->share);
    free(o->groups);
    free(o->group_of);
    free(o->order);
    free(o->taken);
    free(o);
}

static bool same_nssai(const struct slice *a, const struct slice *b)
{
    return a->sst == b->sst && a->sd == b->sd;
}

static void make_groups(struct oai *o, const struct slice_tree *slices)
{
    o->groups[0] = (struct group){.min_ratio = 0.0, .max_ratio = 1.0};
    o->n_groups = 1;
    o->groups_version = slices == NULL ? 0 : slices->version;
    for (int i = 0; slices != NULL && i < slices->n; i++) {
        const struct slice *s = &slices->slices[i];
        if (s->parent >= 0) {
            continue;
        }
        int32_t g = o->n_groups;
        for (int j = 0; o->options.dl_last_match && j < i; j++) {
            if (slices->slices[j].parent < 0 && same_nssai(&slices->slices[j], s)) {
                g = o->group_of[j];
                break;
            }
        }
        if (g == o->n_groups) {
            o->n_groups++;
        }
        o->group_of[i] = g;
        o->groups[g].min_ratio = s->min_ratio;
        o->groups[g].max_ratio = s->max_ratio;
    }
}

void *radio_oai_willm_create(const void *options, int32_t carrier_prb,
                             const struct slice_tree *slices)
{
    struct oai *o = calloc(1, sizeof *o);
    if (o == NULL) {
        return NULL;
    }
    size_t n = slices == NULL ? 0 : (size_t)slices->n;
    o->words = (carrier_prb + 63) / 64;
    o->groups = calloc(n + 1, sizeof *o->groups);
    o->group_of = calloc(n + 1, sizeof *o->group_of);
    o->order = calloc(n + 1, sizeof *o->order);
    o->taken = calloc((size_t)o->words + 1, sizeof *o->taken);
    if (radio_share_init(&o->share, carrier_prb, slices) != 0 || o->groups == NULL ||
        o->group_of == NULL || o->order == NULL || o->taken == NULL) {
        radio_oai_willm_destroy(o);
        return NULL;
    }
    o->options = options != NULL ? *(const struct oai_options *)options : oai_defaults;
    make_groups(o, slices);
    return o;
}

/* --- Which PRB -------------------------------------------------------------------------------- */

static void set_taken(struct oai *o, const struct radio_view *view)
{
    if (view->taken != NULL) {
        memcpy(o->taken, view->taken, (size_t)o->words * sizeof *o->taken);
        return;
    }
    memset(o->taken, 0, (size_t)o->words * sizeof *o->taken);
    for (int32_t p = 0; p < view->carrier_prb - view->n_prb; p++) {
        o->taken[p / 64] |= 1ULL << (p % 64);
    }
}

static bool is_taken(const struct oai *o, int32_t p)
{
    return (o->taken[p / 64] >> (p % 64) & 1) != 0;
}

/* Where a grant of at least `least` PRB starts, or -1; *room is how wide it may be. */
static int32_t place(const struct oai *o, const struct radio_view *view, int32_t least,
                     int32_t *room)
{
    int32_t size = view->carrier_prb;
    for (int32_t p = 0; p < size; p++) {
        if (is_taken(o, p)) {
            continue;
        }
        if (o->options.ul_ignore_taken) {
            /* The testbed refuses a start that leaves just the smallest grant, too. */
            *room = size - p;
            return p + least >= size ? -1 : p;
        }
        int32_t end = p + 1;
        while (end < size && !is_taken(o, end)) {
            end++;
        }
        if (end - p >= least) {
            *room = end - p;
            return p;
        }
        p = end;
    }
    return -1;
}

static struct radio_grant take(struct oai *o, int32_t ue, int32_t start, int32_t n_prb)
{
    for (int32_t p = start; p < start + n_prb; p++) {
        o->taken[p / 64] |= 1ULL << (p % 64);
    }
    o->share.left -= n_prb;
    return (struct radio_grant){.ue = ue, .n_prb = n_prb, .prb_start = start, .tbs_prb = n_prb};
}

/* --- Both directions -------------------------------------------------------------------------- */

/* Idle grants in the order of the UEs, from grants[n..]; returns the new number. */
static int32_t grant_idle(struct oai *o, const struct radio_view *view, struct radio_grant *grants,
                          int32_t n)
{
    int32_t prb = view->min_grant_prb;
    for (int32_t i = 0; i < view->n_ues; i++) {
        if (!view->ues[i].idle_grant) {
            continue;
        }
        if (n >= view->max_grants || o->share.left < prb) {
            break;
        }
        if (view->direction == RADIO_DL) {
            grants[n++] = radio_grant_of(i, prb);
            o->share.left -= prb;
            continue;
        }
        int32_t room = 0;
        int32_t start = place(o, view, prb, &room);
        if (start < 0) {
            break;
        }
        grants[n++] = take(o, i, start, prb);
    }
    return n;
}

static int32_t group_of(const struct oai *o, const struct radio_view *view,
                        const struct radio_entry *e)
{
    int branch = view->ues[e->ue].branch;
    return branch >= 0 ? o->group_of[branch] : 0;
}

/* The unserved candidate with the highest coefficient, of one group (-1: any); NULL: none. */
static struct radio_entry *next_entry(const struct oai *o, const struct radio_view *view,
                                      int32_t group)
{
    struct radio_entry *best = NULL;
    for (int32_t i = 0; i < o->share.n; i++) {
        struct radio_entry *e = &o->share.entries[i];
        if (!e->picked && (group < 0 || group_of(o, view, e) == group) &&
            (best == NULL || e->key > best->key)) {
            best = e;
        }
    }
    return best;
}

/* --- Uplink ----------------------------------------------------------------------------------- */

static void ul_ratios(const struct slice_tree *tree, const struct radio_ue_view *ue,
                      double *min_ratio, double *max_ratio)
{
    int slice = ue->fruit >= 0 ? ue->fruit : ue->branch;
    *min_ratio = 0.0;
    *max_ratio = 1.0;
    if (tree != NULL && tree->ul_max_ratio > 0.0) {
        *min_ratio = tree->ul_min_ratio;
        *max_ratio = tree->ul_max_ratio;
    } else if (tree != NULL && slice >= 0) {
        *min_ratio = tree->slices[slice].min_ratio;
        *max_ratio = tree->slices[slice].max_ratio;
    }
}

static int32_t grant_ul(struct oai *o, const struct radio_view *view, struct radio_grant *grants,
                        int32_t n)
{
    int32_t least = view->min_grant_prb;
    while (n < view->max_grants && o->share.left >= least) {
        struct radio_entry *e = next_entry(o, view, -1);
        int32_t room = 0;
        int32_t start = e == NULL ? -1 : place(o, view, least, &room);
        if (start < 0) {
            break;
        }
        e->picked = true;
        const struct radio_ue_view *ue = &view->ues[e->ue];
        int32_t window = o->options.ul_ignore_taken ? (int32_t)o->options.ul_window_prb : room;
        window = window < ue->max_prb ? window : ue->max_prb;
        double min_ratio, max_ratio;
        ul_ratios(o->share.slices, ue, &min_ratio, &max_ratio);
        int32_t most = slice_prb(max_ratio, window);
        int32_t prb = ue->prb_for_backlog > least ? ue->prb_for_backlog : least;
        if (!o->options.ul_min_inert && prb < slice_prb(min_ratio, window)) {
            prb = slice_prb(min_ratio, window);
        }
        prb = prb < most ? prb : most;
        prb = prb < room ? prb : room;
        if (prb > 0) {
            grants[n++] = take(o, e->ue, start, prb);
        }
    }
    return n;
}

/* --- Downlink --------------------------------------------------------------------------------- */

/* What each group would use if it were alone, and the order of serving: least first. */
static void estimate(struct oai *o, const struct radio_view *view, int32_t n_prb)
{
    for (int32_t g = 0; g < o->n_groups; g++) {
        o->groups[g].demand = 0;
        o->groups[g].n_ues = 0;
        o->groups[g].min_prb = slice_prb(o->groups[g].min_ratio, n_prb);
    }
    for (int32_t i = 0; i < o->share.n; i++) {
        const struct radio_entry *e = &o->share.entries[i];
        struct group *g = &o->groups[group_of(o, view, e)];
        int32_t rest = n_prb - g->demand;
        if (rest >= view->min_grant_prb && g->n_ues < view->max_grants) {
            g->demand += e->need < rest ? e->need : rest;
            g->n_ues++;
        }
    }
    for (int32_t i = 0; i < o->n_groups; i++) {
        int32_t at = i;
        for (; at > 0 && o->groups[o->order[at - 1]].demand > o->groups[i].demand; at--) {
            o->order[at] = o->order[at - 1];
        }
        o->order[at] = i;
    }
}

/* PRB after the fruit's priority and clamp. The testbed computes in float. */
static int32_t fruit_prb(const struct oai *o, const struct radio_view *view,
                         const struct radio_ue_view *ue, int32_t prb, int32_t n_prb)
{
    double min_ratio = 0.0;
    double max_ratio = 1.0;
    float priority = 1.0F;
    if (ue->fruit >= 0) {
        const struct slice *fruit = &view->slices->slices[ue->fruit];
        min_ratio = fruit->min_ratio;
        max_ratio = fruit->max_ratio;
        priority = (float)fruit->priority;
    }
    int32_t whole = o->options.dl_fruit_absolute ? 100 : n_prb;
    int32_t least = slice_prb(min_ratio, whole);
    int32_t most = slice_prb(max_ratio, whole);
    int32_t adjusted = (int32_t)((float)prb * priority);
    if (adjusted < least) {
        return least;
    }
    return adjusted > most ? most : adjusted;
}

static int32_t grant_group(struct oai *o, const struct radio_view *view, int32_t g, int32_t n_prb,
                           struct radio_grant *grants, int32_t n)
{
    int32_t limit = n_prb;
    for (int32_t j = 0; j < o->n_groups; j++) {
        limit -= j == g ? 0 : o->groups[j].min_prb;
    }
    int32_t most = slice_prb(o->groups[g].max_ratio, n_prb);
    limit = limit < most ? limit : most;
    int32_t used = 0;
    while (n < view->max_grants && limit - used >= view->min_grant_prb && o->share.left > 0) {
        struct radio_entry *e = next_entry(o, view, g);
        if (e == NULL) {
            break;
        }
        e->picked = true;
        int32_t room = limit - used + (o->options.dl_one_more ? 1 : 0);
        room = room < o->share.left ? room : o->share.left;
        int32_t prb = e->need < room ? e->need : room;
        int32_t final = fruit_prb(o, view, &view->ues[e->ue], prb, n_prb);
        final = final < o->share.left ? final : o->share.left;
        if (final > 0) {
            grants[n] = radio_grant_of(e->ue, final);
            grants[n].tbs_prb = o->options.dl_keep_block ? prb : final;
            n++;
            used += final;
            o->share.left -= final;
        }
    }
    o->groups[g].min_prb = used;
    return n;
}

static int32_t grant_dl(struct oai *o, const struct radio_view *view, struct radio_grant *grants,
                        int32_t n)
{
    int32_t n_prb = o->share.left;
    estimate(o, view, n_prb);
    for (int32_t i = 0; i < o->n_groups; i++) {
        n = grant_group(o, view, o->order[i], n_prb, grants, n);
    }
    return n;
}

int32_t radio_oai_willm_allocate(void *state, const struct radio_view *view,
                                 struct radio_grant *grants)
{
    struct oai *o = state;
    struct radio_rule rule = {.key = radio_pf_key};
    radio_share_begin(&o->share, view, &rule);
    const struct slice_tree *slices = o->share.slices;
    if (slices != NULL && slices->version != o->groups_version) {
        make_groups(o, slices);
    }
    if (view->direction == RADIO_UL) {
        set_taken(o, view);
    }
    int32_t n = 0;
    if (o->options.idle_first) {
        n = grant_idle(o, view, grants, n);
    }
    n = view->direction == RADIO_UL ? grant_ul(o, view, grants, n) : grant_dl(o, view, grants, n);
    if (!o->options.idle_first) {
        n = grant_idle(o, view, grants, n);
    }
    return n;
}
