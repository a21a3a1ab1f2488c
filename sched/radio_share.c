/* radio_share.c - see radio_share.h.
 *
 * Invariants while a slot is dealt (tests/sched/radio.c pins R1 to R6, which follow from them):
 *   S1 left + sum of what was given + what is reserved = view.n_prb, left >= 0;
 *   S2 for data, node.used <= node.max; an idle grant or a retransmission may lift it above;
 *   S3 an entry's prb <= need;
 *   S4 before the first data grant, left >= the sum over branches of their unmet minima that the
 *      picked entries can use (idle grants and reserves that would break this are not made).
 * S4 holds because the branches' minima sum to at most the whole (slice_tree_check); for a tree
 * that breaks that rule, and beside retransmissions of slices above their minimum, R5 holds in the
 * order of the keys as far as the PRB go.
 */
#include "sched/radio_share.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A limit that never binds, and may be added to itself. */
#define NO_LIMIT (INT32_MAX / 4)

static int32_t at_most(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static int32_t at_least(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

int radio_share_init(struct radio_share *s, int32_t carrier_prb, const struct slice_tree *slices)
{
    *s = (struct radio_share){.slices = slices, .carrier_prb = carrier_prb, .limits_prb = -1};
    s->n_slices = slices == NULL ? 0 : slices->n;
    s->nodes = calloc((size_t)s->n_slices + 2, sizeof *s->nodes);
    s->picked = calloc((size_t)at_least(carrier_prb, 1), sizeof *s->picked);
    if (s->nodes == NULL || s->picked == NULL) {
        radio_share_free(s);
        return ERR_MEMORY;
    }
    return 0;
}

void radio_share_free(struct radio_share *s)
{
    free(s->nodes);
    free(s->picked);
    free(s->entries);
    *s = (struct radio_share){0};
}

static void set_limits(struct radio_share *s, int32_t n_prb)
{
    for (int32_t i = 0; i < s->n_slices; i++) {
        const struct slice *slice = &s->slices->slices[i];
        s->nodes[i].max = slice_prb(slice->max_ratio, n_prb);
        s->nodes[i].min = slice_prb(slice->min_ratio, n_prb);
    }
    for (int32_t i = s->n_slices; i < s->n_slices + 2; i++) {
        s->nodes[i].max = NO_LIMIT;
    }
    s->limits_prb = n_prb;
    s->limits_version = s->slices != NULL ? s->slices->version : 0;
}

static void find_nodes(const struct radio_share *s, const struct radio_ue_view *ue, int32_t *branch,
                       int32_t *fruit)
{
    *branch = s->enforced && ue->branch >= 0 ? ue->branch : s->n_slices;
    *fruit = s->enforced && ue->fruit >= 0 ? ue->fruit : s->n_slices + 1;
}

static int32_t node_room(const struct radio_node *node)
{
    return at_least(node->max - node->used, 0);
}

/* Counts what an entry could use towards its slices; returns that number of PRB. */
static int32_t add_reach(struct radio_share *s, const struct radio_entry *e)
{
    struct radio_node *b = &s->nodes[e->branch];
    struct radio_node *f = &s->nodes[e->fruit];
    int32_t prb = at_most(e->need, at_most(node_room(b) - b->reach, node_room(f) - f->reach));
    prb = at_least(prb, 0);
    b->reach += prb;
    f->reach += prb;
    return prb;
}

static void grow_entries(struct radio_share *s, int32_t n)
{
    int32_t capacity = at_least(n, 2 * s->capacity);
    struct radio_entry *entries = realloc(s->entries, (size_t)capacity * sizeof *entries);
    if (entries != NULL) {
        s->entries = entries;
        s->capacity = capacity;
    }
}

void radio_share_begin(struct radio_share *s, const struct radio_view *view,
                       const struct radio_rule *rule)
{
    s->left = view->n_prb;
    s->n = 0;
    s->n_picked = 0;
    s->enforced = rule->enforce && s->n_slices > 0;
    int32_t whole = radio_share_whole(view);
    if (s->limits_prb != whole || (s->slices != NULL && s->limits_version != s->slices->version)) {
        set_limits(s, whole);
    }
    for (int32_t i = 0; i < s->n_slices + 2; i++) {
        s->nodes[i].used = view->retx_prb != NULL && i < s->n_slices ? view->retx_prb[i] : 0;
        s->nodes[i].reach = 0;
    }
    if (view->n_ues > s->capacity) {
        grow_entries(s, view->n_ues);
    }
    for (int32_t i = 0; i < view->n_ues && s->n < s->capacity; i++) {
        const struct radio_ue_view *ue = &view->ues[i];
        if (ue->idle_grant) {
            continue;
        }
        int32_t need = at_least(ue->prb_for_backlog, view->min_grant_prb);
        need = at_most(need, at_most(ue->max_prb, s->carrier_prb));
        if (need < 1) {
            continue;
        }
        struct radio_entry *e = &s->entries[s->n++];
        *e = (struct radio_entry){.key = rule->key(rule->self, view, ue),
                                  .last_slot = ue->last_slot,
                                  .ue = i,
                                  .need = need,
                                  .want = need};
        find_nodes(s, ue, &e->branch, &e->fruit);
        add_reach(s, e);
    }
}

/* --- Idle grants ------------------------------------------------------------------------------ */

/* PRB that a branch's minimum still asks for, when `used` of them are given. */
static int32_t unmet(const struct radio_node *b, int32_t used)
{
    return at_least(at_most(b->min, b->reach + b->used) - used, 0);
}

static bool is_branch(const struct radio_share *s, int32_t i)
{
    return s->slices->slices[i].parent < 0;
}

static int32_t unmet_minima(const struct radio_share *s)
{
    int32_t sum = 0;
    for (int32_t i = 0; s->enforced && i < s->n_slices; i++) {
        if (is_branch(s, i)) {
            sum += unmet(&s->nodes[i], s->nodes[i].used);
        }
    }
    return sum;
}

/* The idle candidate that waits longest after (last_slot, index), or -1. */
static int32_t next_idle(const struct radio_view *view, int64_t last_slot, int32_t index)
{
    int32_t best = -1;
    for (int32_t i = 0; i < view->n_ues; i++) {
        const struct radio_ue_view *ue = &view->ues[i];
        if (ue->idle_grant &&
            (ue->last_slot > last_slot || (ue->last_slot == last_slot && i > index)) &&
            (best < 0 || ue->last_slot < view->ues[best].last_slot)) {
            best = i;
        }
    }
    return best;
}

/* How many grants may go to idle UEs while data wait: half of them, and what data cannot use. A
 * slot's only grant goes to whoever waited longest, so that neither kind starves the other. */
static int32_t idle_limit(const struct radio_share *s, const struct radio_view *view, int32_t first)
{
    if (s->n == 0) {
        return view->max_grants;
    }
    if (view->max_grants > 1) {
        return at_least(view->max_grants / 2, view->max_grants - s->n);
    }
    for (int32_t i = 0; i < s->n; i++) {
        if (s->entries[i].last_slot < view->ues[first].last_slot) {
            return 0;
        }
    }
    return view->max_grants;
}

struct radio_grant radio_grant_of(int32_t ue, int32_t n_prb)
{
    return (struct radio_grant){.ue = ue, .n_prb = n_prb, .prb_start = -1, .tbs_prb = n_prb};
}

int32_t radio_share_idle(struct radio_share *s, const struct radio_view *view,
                         struct radio_grant *grants)
{
    int32_t n = 0;
    int32_t i = next_idle(view, INT64_MIN, -1);
    if (i < 0) {
        return 0;
    }
    int32_t limit = idle_limit(s, view, i);
    int32_t prb = view->min_grant_prb;
    for (; i >= 0 && n < limit && s->left >= prb; i = next_idle(view, view->ues[i].last_slot, i)) {
        int32_t branch, fruit;
        find_nodes(s, &view->ues[i], &branch, &fruit);
        struct radio_node *b = &s->nodes[branch];
        int32_t credit = unmet(b, b->used) - unmet(b, b->used + prb);
        if (s->left - prb < unmet_minima(s) - credit) {
            continue;
        }
        b->used += prb;
        s->nodes[fruit].used += prb;
        s->left -= prb;
        grants[n++] = radio_grant_of(i, prb);
    }
    return n;
}

/* --- Picking ---------------------------------------------------------------------------------- */

static bool entry_before(const struct radio_entry *a, const struct radio_entry *b,
                         bool oldest_first)
{
    if (a->key != b->key) {
        return a->key > b->key;
    }
    if (oldest_first && a->last_slot != b->last_slot) {
        return a->last_slot < b->last_slot;
    }
    return a->ue < b->ue;
}

enum { RANK_NO_USE = -1, RANK_KEY, RANK_FRUIT, RANK_BRANCH };

/* RANK_BRANCH: the minimum of its branch is not reached by those picked so far, RANK_FRUIT: only
 * that of its fruit, RANK_KEY: neither, RANK_NO_USE: it could not use a PRB. */
static int entry_rank(const struct radio_share *s, const struct radio_entry *e)
{
    const struct radio_node *b = &s->nodes[e->branch];
    const struct radio_node *f = &s->nodes[e->fruit];
    int32_t in_branch = b->used + b->reach;
    int32_t in_fruit = f->used + f->reach;
    if (in_branch >= b->max || in_fruit >= f->max) {
        return RANK_NO_USE;
    }
    return in_branch < b->min ? RANK_BRANCH : in_fruit < f->min ? RANK_FRUIT : RANK_KEY;
}

static bool fruit_lacks(const struct radio_share *s, const struct radio_entry *e)
{
    const struct radio_node *f = &s->nodes[e->fruit];
    return f->used + f->reach < f->min && f->used + f->reach < f->max;
}

/* Who of the entry's branch is picked for the branch's minimum: the best of a fruit below its own
 * minimum, if there is one. Which branch comes first is up to the keys, so that with fewer grants
 * than minima each has its turn. */
static struct radio_entry *within_branch(const struct radio_share *s, const struct radio_rule *rule,
                                         struct radio_entry *e)
{
    struct radio_entry *best = e;
    for (int32_t i = 0; i < s->n; i++) {
        struct radio_entry *other = &s->entries[i];
        if (!other->picked && other->branch == e->branch && fruit_lacks(s, other) &&
            (!fruit_lacks(s, best) || entry_before(other, best, rule->oldest_first))) {
            best = other;
        }
    }
    return best;
}

/* Those before it, who take as much as they ask, leave an entry nothing. */
static bool nothing_left(const struct radio_share *s, const struct radio_rule *rule,
                         const struct radio_entry *e)
{
    int32_t reach = 0;
    for (int32_t i = 0; i < s->n_picked; i++) {
        const struct radio_entry *before = &s->entries[s->picked[i]];
        reach += entry_before(before, e, rule->oldest_first) ? before->reach : 0;
    }
    return reach >= s->left;
}

void radio_share_pick(struct radio_share *s, const struct radio_rule *rule, int32_t n)
{
    for (int32_t i = 0; i < s->n_slices + 2; i++) {
        s->nodes[i].reach = 0;
    }
    n = at_most(n, at_most(s->carrier_prb, s->n));
    if (rule->even && rule->floor_prb > 0) {
        n = at_most(n, at_least(s->left / rule->floor_prb, 1));
    }
    while (s->n_picked < n) {
        struct radio_entry *best = NULL;
        int best_rank = -1;
        for (int32_t i = 0; i < s->n; i++) {
            struct radio_entry *e = &s->entries[i];
            int rank = e->picked ? -1 : s->enforced ? entry_rank(s, e) : 0;
            if (rank >= 0 && (rank > best_rank ||
                              (rank == best_rank && entry_before(e, best, rule->oldest_first)))) {
                best = e;
                best_rank = rank;
            }
        }
        if (best == NULL || (best_rank == 0 && !rule->spread && nothing_left(s, rule, best))) {
            break;
        }
        if (best_rank == RANK_BRANCH) {
            best = within_branch(s, rule, best);
        }
        best->picked = true;
        best->reach = add_reach(s, best);
        int32_t at = s->n_picked++;
        for (; at > 0; at--) {
            if (entry_before(&s->entries[s->picked[at - 1]], best, rule->oldest_first)) {
                break;
            }
            s->picked[at] = s->picked[at - 1];
        }
        s->picked[at] = (int32_t)(best - s->entries);
    }
}

void radio_share_reserve(struct radio_share *s)
{
    int32_t n_prb = s->limits_prb;
    for (int32_t i = 0; s->enforced && i < s->n_slices; i++) {
        const struct slice *slice = &s->slices->slices[i];
        struct radio_node *node = &s->nodes[i];
        if (slice->parent >= 0) {
            continue;
        }
        int32_t own = slice_prb(slice->dedicated_ratio, n_prb) - node->used - node->reach;
        int32_t of_fruits = 0;
        for (int32_t j = 0; j < s->n_slices; j++) {
            const struct slice *fruit = &s->slices->slices[j];
            const struct radio_node *f = &s->nodes[j];
            if (fruit->parent == i) {
                int32_t idle = slice_prb(fruit->dedicated_ratio, n_prb) - f->used - f->reach;
                of_fruits += at_least(idle, 0);
            }
        }
        /* Within the branch no other fruit gets it; outside, no other branch. */
        node->max -= at_most(of_fruits, node->max);
        node->min = at_most(node->min, node->max);
        /* Idle grants may have used what nobody's minimum asked for. */
        int32_t spare = at_least(s->left - unmet_minima(s), 0);
        s->left -= at_most(at_least(own, of_fruits), spare);
    }
    /* The maxima are those of this slot only. */
    s->limits_prb = -1;
}

/* --- Dealing ---------------------------------------------------------------------------------- */

/* PRB that an entry can still get, up to `most` in all. */
static int32_t entry_room(const struct radio_share *s, const struct radio_entry *e, int32_t most)
{
    int32_t room = at_most(node_room(&s->nodes[e->branch]), node_room(&s->nodes[e->fruit]));
    return at_least(at_most(at_most(most - e->prb, room), s->left), 0);
}

static void give(struct radio_share *s, struct radio_entry *e, int32_t prb)
{
    e->prb += prb;
    s->nodes[e->branch].used += prb;
    s->nodes[e->fruit].used += prb;
    s->left -= prb;
}

/* What a node's minimum still lacks. */
static int32_t lack(const struct radio_node *node)
{
    return at_least(node->min - node->used, 0);
}

static void fill_minima(struct radio_share *s, int32_t floor_prb)
{
    /* Branch minima, the fruits' within them first; then fruit minima beyond their branch's. */
    for (int pass = 0; pass < 3; pass++) {
        for (int32_t i = 0; i < s->n_picked; i++) {
            struct radio_entry *e = &s->entries[s->picked[i]];
            int32_t in_branch = lack(&s->nodes[e->branch]);
            int32_t in_fruit = lack(&s->nodes[e->fruit]);
            int32_t due = pass == 0   ? at_most(in_branch, in_fruit)
                          : pass == 1 ? in_branch
                                      : in_fruit;
            give(s, e, at_most(due, entry_room(s, e, e->need)));
        }
    }
    /* A minimum smaller than the smallest grant still gives a whole one. */
    for (int32_t i = 0; i < s->n_picked; i++) {
        struct radio_entry *e = &s->entries[s->picked[i]];
        if (e->prb > 0 && e->prb < floor_prb) {
            give(s, e, entry_room(s, e, at_most(floor_prb, e->need)));
        }
    }
}

static void fill_by_key(struct radio_share *s, int32_t floor_prb)
{
    for (int32_t i = 0; i < s->n_picked; i++) {
        struct radio_entry *e = &s->entries[s->picked[i]];
        int32_t prb = entry_room(s, e, e->want);
        int32_t most = at_most(e->want, at_most(s->nodes[e->branch].max, s->nodes[e->fruit].max));
        /* Crumbs are not worth a grant, unless its slices allow no more. */
        if (e->prb > 0 || prb >= floor_prb || prb == most) {
            give(s, e, prb);
        }
    }
}

static void fill_evenly(struct radio_share *s)
{
    for (;;) {
        int32_t hungry = 0;
        for (int32_t i = 0; i < s->n_picked; i++) {
            const struct radio_entry *e = &s->entries[s->picked[i]];
            hungry += entry_room(s, e, e->want) > 0;
        }
        if (hungry == 0) {
            return;
        }
        int32_t part = at_least(s->left / hungry, 1);
        for (int32_t i = 0; i < s->n_picked; i++) {
            struct radio_entry *e = &s->entries[s->picked[i]];
            give(s, e, at_most(part, entry_room(s, e, e->want)));
        }
    }
}

void radio_share_fill(struct radio_share *s, const struct radio_rule *rule)
{
    if (s->enforced) {
        fill_minima(s, rule->floor_prb);
    }
    if (rule->even) {
        fill_evenly(s);
    } else {
        fill_by_key(s, rule->floor_prb);
    }
}

int32_t radio_share_emit(const struct radio_share *s, struct radio_grant *grants, int32_t n_grants)
{
    for (int32_t i = 0; i < s->n_picked; i++) {
        const struct radio_entry *e = &s->entries[s->picked[i]];
        if (e->prb > 0) {
            grants[n_grants++] = radio_grant_of(e->ue, e->prb);
        }
    }
    return n_grants;
}

int32_t radio_share_run(struct radio_share *s, const struct radio_view *view,
                        const struct radio_rule *rule, struct radio_grant *grants)
{
    radio_share_begin(s, view, rule);
    int32_t n = radio_share_idle(s, view, grants);
    radio_share_pick(s, rule, view->max_grants - n);
    radio_share_fill(s, rule);
    return radio_share_emit(s, grants, n);
}

/* --- For the policies that only rank ---------------------------------------------------------- */

const struct json_field radio_rank_fields[] = {
    {.key = "enforce_slices",
     .type = JSON_BOOL,
     .offset = offsetof(struct radio_rank_options, enforce_slices),
     .def = "true",
     .doc = "Whether the minima and maxima of the slice tree hold; false: slices only label."},
    {.key = NULL}};

void *radio_rank_create(const void *options, int32_t carrier_prb, const struct slice_tree *slices)
{
    struct radio_rank *r = calloc(1, sizeof *r);
    if (r == NULL || radio_share_init(&r->share, carrier_prb, slices) != 0) {
        free(r);
        return NULL;
    }
    r->options.enforce_slices = true;
    if (options != NULL) {
        r->options = *(const struct radio_rank_options *)options;
    }
    return r;
}

void radio_rank_destroy(void *state)
{
    if (state != NULL) {
        radio_share_free(&((struct radio_rank *)state)->share);
        free(state);
    }
}

double radio_pf_key(const void *self, const struct radio_view *view, const struct radio_ue_view *ue)
{
    (void)self;
    (void)view;
    return ue->thr > 0.0 ? ue->pf_bytes / ue->thr : HUGE_VAL;
}
