/* Pins: R1 to R6 of sched/radio.h over 1000 random trees and demands for every policy that promises
 * them, and that no policy carries anything from one slot into the next. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/draw.h"
#include "tests/sched/radio_ask.h"

enum { MAX_UES = 40, MAX_SLICES = 12 };

struct dice {
    uint64_t index;
};

static double roll(struct dice *d)
{
    return draw_uniform(7, DRAW_POLICY, 0, d->index++);
}

static int32_t pick(struct dice *d, int32_t from, int32_t to)
{
    return from + (int32_t)(roll(d) * (to - from + 1));
}

struct world {
    struct slice slices[MAX_SLICES];
    struct slice_tree tree;
    struct radio_ue_view ues[MAX_UES];
    struct radio_view view;
};

/* Whole percents whose minima fit. */
static void random_tree(struct dice *d, struct world *w)
{
    int branches = pick(d, 0, 4);
    int n = 0;
    int left = 100;
    for (int b = 0; b < branches; b++) {
        int min = pick(d, 0, left < 50 ? left : 50);
        left -= min;
        w->slices[n] = radio_slice(-1, min / 100.0, pick(d, min, 100) / 100.0);
        w->slices[n++].dedicated_ratio = pick(d, 0, min) / 100.0;
    }
    int room[4] = {100, 100, 100, 100};
    for (int f = 0; branches > 0 && f < pick(d, 0, MAX_SLICES - 4); f++) {
        int parent = pick(d, 0, branches - 1);
        int min = pick(d, 0, room[parent] < 40 ? room[parent] : 40);
        room[parent] -= min;
        w->slices[n] = radio_slice(parent, min / 100.0, pick(d, min, 100) / 100.0);
        w->slices[n++].priority = 0.5 + 1.5 * roll(d);
    }
    w->tree = (struct slice_tree){.slices = w->slices, .n = n};
}

static void random_world(struct dice *d, struct world *w)
{
    random_tree(d, w);
    int32_t carrier = pick(d, 0, 1) == 0 ? 106 : pick(d, 11, 275);
    int32_t n = roll(d) < 0.5 ? pick(d, 1, 6) : pick(d, 1, MAX_UES);
    w->view = (struct radio_view){.direction = pick(d, 0, 1) == 0 ? RADIO_DL : RADIO_UL,
                                  .slot = 1000,
                                  .carrier_prb = carrier,
                                  .n_prb = roll(d) < 0.7 ? carrier : pick(d, 1, carrier),
                                  .min_grant_prb = pick(d, 0, 1) == 0 ? 5 : 10,
                                  .max_grants = roll(d) < 0.5 ? pick(d, 1, 11) : MAX_UES,
                                  .slices = &w->tree,
                                  .ues = w->ues,
                                  .n_ues = n};
    for (int32_t i = 0; i < n; i++) {
        int s = w->tree.n > 0 && roll(d) < 0.9 ? pick(d, 0, w->tree.n - 1) : -1;
        int parent = s >= 0 ? w->slices[s].parent : -1;
        w->ues[i] = radio_ue(parent >= 0 ? parent : s, parent >= 0 ? s : -1, pick(d, 1, carrier),
                             pick(d, 0, 5) == 0 ? 0 : roll(d) * 1000);
        w->ues[i].cqi = pick(d, 1, 15);
        w->ues[i].mcs = pick(d, 0, 28);
        w->ues[i].pf_bytes = 10 + 90 * roll(d);
        w->ues[i].max_prb = roll(d) < 0.8 ? carrier : pick(d, 0, carrier);
        w->ues[i].last_slot = pick(d, -1, 999);
        w->ues[i].server_queue = pick(d, 0, 9);
        w->ues[i].idle_grant = roll(d) < 0.2;
        if (w->ues[i].idle_grant) {
            w->ues[i].prb_for_backlog = 1;
            w->ues[i].backlog_bytes = 0;
        }
    }
}

static int32_t need_of(const struct radio_view *v, int32_t i)
{
    int32_t need = v->ues[i].prb_for_backlog;
    need = need > v->min_grant_prb ? need : v->min_grant_prb;
    need = need < v->ues[i].max_prb ? need : v->ues[i].max_prb;
    return need < v->carrier_prb ? need : v->carrier_prb;
}

static bool in_slice(const struct radio_ue_view *u, int s)
{
    return u->branch == s || u->fruit == s;
}

/* What the UEs of slice s (-1: of branch `of` and no fruit) could use, itself at most `most`. */
static int32_t demand_of(const struct radio_view *v, int of, int s, int32_t most)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < v->n_ues; i++) {
        bool member = s >= 0 ? v->ues[i].fruit == s : v->ues[i].branch == of && v->ues[i].fruit < 0;
        if (member) {
            sum += v->ues[i].idle_grant ? 0 : need_of(v, i);
        }
    }
    return sum < most ? sum : most;
}

static int32_t idle_of(const struct radio_view *v, const int32_t *prb, int s)
{
    int32_t sum = 0;
    for (int32_t i = 0; i < v->n_ues; i++) {
        sum += v->ues[i].idle_grant && in_slice(&v->ues[i], s) ? prb[i] : 0;
    }
    return sum;
}

static int32_t above_0(int32_t x)
{
    return x > 0 ? x : 0;
}

static void check_slices(const char *word, const struct world *w, const int32_t *prb)
{
    const struct radio_view *v = &w->view;
    bool enough = v->max_grants >= v->n_ues && v->n_prb >= v->n_ues * v->min_grant_prb;
    for (int s = 0; s < w->tree.n; s++) {
        int32_t max = slice_prb(w->slices[s].max_ratio, v->n_prb);
        int32_t min = slice_prb(w->slices[s].min_ratio, v->n_prb);
        int32_t idle = idle_of(v, prb, s);
        int32_t all = 0;
        for (int32_t i = 0; i < v->n_ues; i++) {
            all += in_slice(&v->ues[i], s) ? prb[i] : 0;
        }
        if (all > idle && all > max) { /* R4 */
            fail_msg("%s: slice %d has %d PRB, maximum %d", word, s, all, max);
        }
        if (!enough || w->slices[s].parent >= 0) {
            continue;
        }
        int32_t demand = demand_of(v, s, -1, INT32_MAX);
        for (int f = 0; f < w->tree.n; f++) {
            if (w->slices[f].parent == s) {
                int32_t most = slice_prb(w->slices[f].max_ratio, v->n_prb);
                demand += demand_of(v, s, f, above_0(most - idle_of(v, prb, f)));
            }
        }
        demand = demand < above_0(max - idle) ? demand : above_0(max - idle);
        int32_t due = min < demand + idle ? min : demand + idle;
        if (all < due) { /* R5 */
            fail_msg("%s: branch %d has %d PRB, minimum %d, asked %d", word, s, all, min, demand);
        }
    }
}

/* R5 of the fruits, where their branch's minimum covers all of theirs. */
static void check_fruits(const char *word, const struct world *w, const int32_t *prb)
{
    const struct radio_view *v = &w->view;
    if (v->max_grants < v->n_ues || v->n_prb < v->n_ues * v->min_grant_prb) {
        return;
    }
    for (int f = 0; f < w->tree.n; f++) {
        int b = w->slices[f].parent;
        if (b < 0 || idle_of(v, prb, b) > 0) {
            continue;
        }
        int32_t sum = 0;
        for (int g = 0; g < w->tree.n; g++) {
            if (w->slices[g].parent == b) {
                sum += slice_prb(w->slices[g].min_ratio, v->n_prb);
            }
        }
        int32_t due = demand_of(v, b, f, slice_prb(w->slices[f].min_ratio, v->n_prb));
        int32_t got = 0;
        for (int32_t i = 0; i < v->n_ues; i++) {
            got += v->ues[i].fruit == f ? prb[i] : 0;
        }
        if (sum <= slice_prb(w->slices[b].min_ratio, v->n_prb) && got < due) {
            fail_msg("%s: fruit %d has %d PRB of the %d due", word, f, got, due);
        }
    }
}

static void check_grants(const char *word, const struct world *w, const int32_t *prb, int32_t n)
{
    const struct radio_view *v = &w->view;
    int64_t sum = 0;
    int32_t served = 0;
    for (int32_t i = 0; i < v->n_ues; i++) {
        sum += prb[i];
        served += prb[i] > 0;
        if (v->ues[i].idle_grant) {
            assert_true(prb[i] == 0 || prb[i] == v->min_grant_prb); /* R3 */
        } else {
            assert_in_range(prb[i], 0, need_of(v, i)); /* R2 */
        }
    }
    assert_int_equal(served, n);
    assert_true(n <= v->max_grants);
    assert_true(sum <= v->n_prb); /* R1 */
    check_slices(word, w, prb);
    check_fruits(word, w, prb);
}

static void test_invariants(void **state)
{
    (void)state;
    static const char *const words[] = {"round-robin",       "proportional-fair", "max-cqi",
                                        "tree-branch-fruit", "dedicated-min-max", "queue-aware"};
    static struct world w;
    for (int p = 0; p < 6; p++) {
        struct dice d = {0};
        int64_t given = 0;
        for (int round = 0; round < 1000; round++) {
            random_world(&d, &w);
            int32_t prb[MAX_UES];
            int32_t again[MAX_UES];
            int32_t n = radio_ask_prb(words[p], NULL, &w.view, prb);
            check_grants(words[p], &w, prb, n);
            radio_ask_prb(words[p], NULL, &w.view, again);
            assert_memory_equal(prb, again, (size_t)w.view.n_ues * sizeof prb[0]); /* R6 */
            given += n;
        }
        assert_true(given > 3000); /* the worlds are not empty */
    }
}

/* One state through many slots gives what fresh states give: nothing leaks between slots. */
static void test_state_between_slots(void **state)
{
    (void)state;
    static struct world w, base;
    for (const struct radio_policy *const *p = radio_policies; *p != NULL; p++) {
        struct dice d = {0};
        do {
            random_tree(&d, &base);
        } while (base.tree.n < 5);
        /* Dedicated shares on the second layer, which change a branch's limits for one slot. */
        for (int i = 0; i < base.tree.n; i++) {
            base.slices[i].dedicated_ratio = base.slices[i].min_ratio;
        }
        void *kept = (*p)->create(NULL, 275, &base.tree);
        for (int round = 0; round < 300; round++) {
            random_world(&d, &w);
            w.view.slices = &base.tree;
            w.view.carrier_prb = 275;
            w.view.n_prb = round % 10 == 0 ? 200 : 106;
            for (int32_t i = 0; i < w.view.n_ues; i++) {
                int s = pick(&d, 0, base.tree.n - 1);
                int parent = base.slices[s].parent;
                w.ues[i].branch = parent >= 0 ? parent : s;
                w.ues[i].fruit = parent >= 0 ? s : -1;
            }
            struct radio_grant a[MAX_UES];
            struct radio_grant b[MAX_UES];
            void *fresh = (*p)->create(NULL, 275, &base.tree);
            int32_t n = (*p)->allocate(kept, &w.view, a);
            assert_int_equal((*p)->allocate(fresh, &w.view, b), n);
            assert_memory_equal(a, b, (size_t)n * sizeof a[0]);
            (*p)->destroy(fresh);
        }
        (*p)->destroy(kept);
    }
}

int test_radio_invariants(void);

int test_radio_invariants(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_state_between_slots),
    };
    return cmocka_run_group_tests_name("radio_invariants", tests, NULL, NULL);
}
