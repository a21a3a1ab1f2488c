/* Pins: the table of policies; hand-computed slots of each policy; Algorithm 1 line by line. Does
 * not pin R1 to R6 in general (tests/sched/radio_invariants.c), nor oai-willm (radio_oai.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sched/radio_ask.h"

enum { MAX_UES = 8 };

/* Downlink of 100 PRB, so that shares are easy numbers. */
static struct radio_view view_of(const struct slice_tree *tree, const struct radio_ue_view *ues,
                                 int32_t n)
{
    return (struct radio_view){.direction = RADIO_DL,
                               .slot = 1000,
                               .carrier_prb = 100,
                               .n_prb = 100,
                               .min_grant_prb = 5,
                               .max_grants = 4,
                               .slices = tree,
                               .ues = ues,
                               .n_ues = n};
}

static void expect_prb(const char *word, const char *options, const struct radio_view *view,
                       const int32_t *expected)
{
    int32_t prb[MAX_UES];
    radio_ask_prb(word, options, view, prb);
    for (int32_t i = 0; i < view->n_ues; i++) {
        if (prb[i] != expected[i]) {
            fail_msg("%s: UE %d gets %d PRB, not %d", word, i, prb[i], expected[i]);
        }
    }
}

#define EXPECT(word, options, view, ...)                                                           \
    expect_prb(word, options, view, (const int32_t[]){__VA_ARGS__})

/* --- The table -------------------------------------------------------------------------------- */

static void test_table(void **state)
{
    (void)state;
    static const char *const words[] = {
        "round-robin", "proportional-fair", "max-cqi",    "tree-branch-fruit",
        "oai-willm",   "dedicated-min-max", "queue-aware"};
    for (int i = 0; i < 7; i++) {
        assert_string_equal(radio_policies[i]->word, words[i]);
        assert_ptr_equal(radio_policy_find(words[i]), radio_policies[i]);
        assert_string_equal(radio_policy_variants[i].word, words[i]);
        assert_ptr_equal(radio_policy_variants[i].spec, radio_policies[i]->options);
        radio_policies[i]->destroy(NULL);
    }
    assert_null(radio_policies[7]);
    assert_null(radio_policy_variants[7].word);
    assert_null(radio_policy_find("fair"));
}

/* --- Slots by hand ---------------------------------------------------------------------------- */

static void test_proportional_fair(void **state)
{
    (void)state;
    /* Coefficients 1, 2, infinite, infinite: 2 before 3 (equal: lowest index), then 1, then 0. */
    struct radio_ue_view ues[] = {radio_ue(-1, -1, 20, 100), radio_ue(-1, -1, 30, 50),
                                  radio_ue(-1, -1, 40, 0), radio_ue(-1, -1, 20, 0)};
    struct radio_view v = view_of(NULL, ues, 4);
    EXPECT("proportional-fair", NULL, &v, 10, 30, 40, 20);
    v.n_prb = 94; /* 4 left for UE 0: less than the smallest grant */
    EXPECT("proportional-fair", NULL, &v, 0, 30, 40, 20);
    v.n_prb = 95;
    EXPECT("proportional-fair", NULL, &v, 5, 30, 40, 20);
    v.max_grants = 2;
    EXPECT("proportional-fair", NULL, &v, 0, 0, 40, 20);
    v.max_grants = 0;
    EXPECT("proportional-fair", NULL, &v, 0, 0, 0, 0);
    v.max_grants = 4;
    ues[2].max_prb = 12; /* power */
    ues[3].prb_for_backlog = 1;
    EXPECT("proportional-fair", NULL, &v, 20, 30, 12, 5);
}

static void test_round_robin(void **state)
{
    (void)state;
    struct radio_ue_view ues[] = {radio_ue(-1, -1, 100, 1), radio_ue(-1, -1, 100, 1),
                                  radio_ue(-1, -1, 100, 1)};
    ues[0].last_slot = 990;
    ues[1].last_slot = 980;
    ues[2].last_slot = 999;
    struct radio_view v = view_of(NULL, ues, 3);
    EXPECT("round-robin", NULL, &v, 33, 34, 33); /* the odd PRB to who waited longest */
    v.max_grants = 2;
    EXPECT("round-robin", NULL, &v, 50, 50, 0);
    ues[1].prb_for_backlog = 10;
    EXPECT("round-robin", NULL, &v, 90, 10, 0);
    v.max_grants = 4;
    v.n_prb = 12; /* room for two smallest grants of 5 */
    EXPECT("round-robin", NULL, &v, 6, 6, 0);
}

static void test_max_cqi(void **state)
{
    (void)state;
    struct radio_ue_view ues[] = {radio_ue(-1, -1, 60, 1), radio_ue(-1, -1, 60, 1),
                                  radio_ue(-1, -1, 60, 1), radio_ue(-1, -1, 60, 1)};
    ues[1].cqi = 12;
    ues[2].mcs = 11;
    ues[3].mcs = 11;
    ues[3].last_slot = -5;
    struct radio_view v = view_of(NULL, ues, 4);
    EXPECT("max-cqi", NULL, &v, 0, 60, 0, 40);
}

static void test_slice_limits(void **state)
{
    (void)state;
    struct slice s[] = {radio_slice(-1, 0.3, 0.5), radio_slice(-1, 0.2, 1), radio_slice(0, 0, 0.1)};
    struct slice_tree tree = {.slices = s, .n = 3};
    /* UE 1 has the better coefficient; it leaves branch 0 its 30. */
    struct radio_ue_view ues[] = {radio_ue(0, -1, 100, 100), radio_ue(1, -1, 100, 1),
                                  radio_ue(0, 2, 100, 50)};
    struct radio_view v = view_of(&tree, ues, 2);
    EXPECT("proportional-fair", NULL, &v, 30, 70);
    EXPECT("proportional-fair", "{\"enforce_slices\": false}", &v, 0, 100);
    /* Alone, branch 0 stops at its maximum. */
    v.n_ues = 1;
    EXPECT("proportional-fair", NULL, &v, 50);
    /* The fruit's UE comes first, up to its 10 PRB. */
    v.n_ues = 3;
    EXPECT("proportional-fair", NULL, &v, 20, 70, 10);
    /* One grant only: a minimum that cannot be served keeps nothing back. */
    v.max_grants = 1;
    EXPECT("proportional-fair", NULL, &v, 0, 100, 0);
    s[1].min_ratio = 0; /* and a minimum goes before a better coefficient */
    EXPECT("proportional-fair", NULL, &v, 0, 0, 10);
    s[1].min_ratio = 0.2;
    /* A minimum that is not asked for is lent. */
    ues[0].prb_for_backlog = 8;
    v.n_ues = 2;
    v.max_grants = 4;
    EXPECT("proportional-fair", NULL, &v, 8, 92);
    /* Minimum above maximum (the testbed's files): the maximum holds. */
    s[0].min_ratio = 0.7;
    ues[0].prb_for_backlog = 100;
    EXPECT("proportional-fair", NULL, &v, 50, 50);
    /* A maximum below the smallest grant still is a grant. */
    s[0] = radio_slice(-1, 0, 0.03);
    ues[1].prb_for_backlog = 50;
    EXPECT("proportional-fair", NULL, &v, 3, 50);
    /* A minimum below it, too. */
    s[0] = radio_slice(-1, 0.02, 1);
    ues[1].prb_for_backlog = 100;
    EXPECT("proportional-fair", NULL, &v, 5, 95);
    /* A fruit's minimum beyond its branch's, which has none. */
    s[0] = radio_slice(-1, 0, 1);
    s[2] = radio_slice(0, 0.4, 1);
    v.n_ues = 3;
    EXPECT("proportional-fair", NULL, &v, 0, 60, 40);
    /* UE 1, picked first for its minimum, is not in the way of UE 2. */
    s[0] = radio_slice(-1, 0, 0.1);
    s[2] = radio_slice(0, 0, 0.1);
    v.max_grants = 2;
    ues[0].thr = 0.2;
    ues[1].thr = 1000;
    ues[2].thr = 0.1;
    EXPECT("proportional-fair", NULL, &v, 0, 90, 10);
    s[1].min_ratio = 0; /* no grant for UE 0: branch 0 is full with UE 2 */
    EXPECT("proportional-fair", NULL, &v, 0, 90, 10);
}

static void test_idle_grants(void **state)
{
    (void)state;
    struct radio_ue_view ues[6];
    for (int i = 0; i < 6; i++) {
        ues[i] = radio_ue(-1, -1, 100, i + 1);
        ues[i].idle_grant = i >= 2;
        ues[i].backlog_bytes = i >= 2 ? 0 : 2000;
        ues[i].last_slot = 900 - i;
    }
    struct radio_view v = view_of(NULL, ues, 6);
    v.direction = RADIO_UL;
    v.min_grant_prb = 10;
    /* Half of the four grants, to those that waited longest. */
    EXPECT("proportional-fair", NULL, &v, 80, 0, 0, 0, 10, 10);
    v.max_grants = 1; /* UE 5 waited longest of all */
    EXPECT("proportional-fair", NULL, &v, 0, 0, 0, 0, 0, 10);
    ues[0].last_slot = 1;
    EXPECT("proportional-fair", NULL, &v, 100, 0, 0, 0, 0, 0);
    v.max_grants = 4;
    v.ues = ues + 2; /* no data: all of them */
    v.n_ues = 4;
    EXPECT("max-cqi", NULL, &v, 10, 10, 10, 10);
    v.n_prb = 25;
    EXPECT("max-cqi", NULL, &v, 0, 0, 10, 10);
    /* An idle grant counts for its slice, and may not eat another's minimum. */
    struct slice s[] = {radio_slice(-1, 0.6, 0.6), radio_slice(-1, 0.4, 0.4)};
    struct slice_tree tree = {.slices = s, .n = 2};
    struct radio_ue_view two[] = {radio_ue(0, -1, 100, 1), radio_ue(1, -1, 100, 1),
                                  radio_ue(1, -1, 1, 1)};
    two[2].idle_grant = true;
    struct radio_view w = view_of(&tree, two, 3);
    w.min_grant_prb = 10;
    EXPECT("proportional-fair", NULL, &w, 60, 30, 10);
    two[2].branch = -1;
    EXPECT("proportional-fair", NULL, &w, 60, 40, 0);
}

static void test_dedicated(void **state)
{
    (void)state;
    struct slice s[] = {radio_slice(-1, 0.4, 0.8), radio_slice(-1, 0.2, 1),
                        radio_slice(0, 0.3, 0.5), radio_slice(0, 0, 0.8)};
    s[0].dedicated_ratio = 0.25;
    struct slice_tree tree = {.slices = s, .n = 4};
    /* Branch 0 silent: 25 PRB stay unused, the rest of its minimum is lent. */
    struct radio_ue_view ues[] = {radio_ue(1, -1, 100, 1), radio_ue(0, 3, 100, 9),
                                  radio_ue(0, 2, 100, 99)};
    struct radio_view v = view_of(&tree, ues, 1);
    EXPECT("dedicated-min-max", NULL, &v, 75);
    /* It asks: its minimum is 40. */
    v.n_ues = 2;
    EXPECT("dedicated-min-max", NULL, &v, 60, 40);
    /* It asks for less than its dedicated share: the rest of that stays unused. */
    ues[1].prb_for_backlog = 7;
    EXPECT("dedicated-min-max", NULL, &v, 75, 7);
    /* Second layer: fruit 2 keeps 10 for itself though only fruit 3 asks. */
    ues[1].prb_for_backlog = 100;
    s[2].dedicated_ratio = 0.1;
    s[1] = radio_slice(-1, 0, 0.1);
    EXPECT("dedicated-min-max", NULL, &v, 10, 70);
    /* And with both asking, fruit 2 has its minimum of 30. */
    v.n_ues = 3;
    EXPECT("dedicated-min-max", NULL, &v, 10, 50, 30);
}

static void test_queue_aware(void **state)
{
    (void)state;
    struct radio_ue_view ues[] = {radio_ue(-1, -1, 100, 10), radio_ue(-1, -1, 100, 11)};
    ues[0].server_queue = 1;
    struct radio_view v = view_of(NULL, ues, 2);
    v.direction = RADIO_UL;
    EXPECT("queue-aware", NULL, &v, 0, 100);
    EXPECT("queue-aware", "{\"queue_weight\": 0}", &v, 100, 0);
    ues[1].thr = 21; /* the queue of one counts as half, less than the coefficient does */
    EXPECT("queue-aware", NULL, &v, 100, 0);
    v.direction = RADIO_DL;
    ues[1].thr = 11;
    EXPECT("queue-aware", NULL, &v, 100, 0);
    ues[0].backlog_bytes = 200000; /* a third against 0.98 */
    EXPECT("queue-aware", NULL, &v, 0, 100);
    EXPECT("queue-aware", "{\"backlog_bytes\": 1e9}", &v, 100, 0);
    v.direction = RADIO_UL;
    ues[0].thr = ues[1].thr = 0; /* newcomers are told apart, too */
    ues[0].backlog_bytes = ues[1].backlog_bytes;
    EXPECT("queue-aware", NULL, &v, 0, 100);
}

/* --- Algorithm 1 ------------------------------------------------------------------------------ */

static void test_algorithm_1(void **state)
{
    (void)state;
    const char *tbf = "tree-branch-fruit";
    const char *printed = "{\"enforce_tree\": false}";
    struct slice s[] = {radio_slice(-1, 0.3, 0.5), radio_slice(0, 0, 0.8),
                        radio_slice(0, 0.45, 0.9)};
    s[1].priority = 1.2;
    s[2].priority = 0.8;
    struct slice_tree tree = {.slices = s, .n = 3};

    /* Lines 6 and 7: gamma 3 and 1, no slices. */
    struct radio_ue_view ues[] = {radio_ue(-1, -1, 100, 20), radio_ue(-1, -1, 100, 60)};
    struct radio_view v = view_of(&tree, ues, 2);
    EXPECT(tbf, NULL, &v, 75, 25);
    /* Line 6: a UE that has had nothing has it all; two of them share equally. */
    ues[1].thr = 0;
    EXPECT(tbf, NULL, &v, 0, 100);
    ues[1].branch = 0; /* up to 50; the other 50 are nobody's */
    EXPECT(tbf, NULL, &v, 0, 50);
    ues[1].branch = -1;
    ues[0].thr = 0;
    EXPECT(tbf, NULL, &v, 50, 50);

    /* Line 8, upper: r_init = 100. Line 12: no fruit. */
    ues[0] = radio_ue(0, -1, 100, 20);
    v.n_ues = 1;
    EXPECT(tbf, NULL, &v, 50);
    /* Line 8, lower: gamma 9 and 1, so r_init = 10 for UE 1 and its branch's minimum is 30; the
     * R(u) sum to 120 and packing takes it from UE 0, which has no minimum. */
    ues[0] = radio_ue(-1, -1, 100, 10);
    ues[1] = radio_ue(0, -1, 100, 90);
    v.n_ues = 2;
    EXPECT(tbf, NULL, &v, 70, 30);
    EXPECT(tbf, printed, &v, 90, 10); /* only cut by the carrier, highest gamma first */
    /* The same with room beside UE 0: R of UE 1 is the 30 of line 8, in fruit 2, whose minimum is
     * lower, 0.8 x 30 (lines 10 and 14). */
    ues[0].prb_for_backlog = 20;
    EXPECT(tbf, printed, &v, 20, 30);
    s[2].min_ratio = 0.1;
    ues[1].fruit = 2;
    EXPECT(tbf, printed, &v, 20, 24);
    s[2].min_ratio = 0.45;

    /* Lines 10 and 14: 1.2 x 50 = 60, within [0, 80]; the branch's maximum of 50 holds when it is
     * enforced. */
    ues[0] = radio_ue(0, 1, 100, 20);
    v.n_ues = 1;
    EXPECT(tbf, printed, &v, 60);
    EXPECT(tbf, NULL, &v, 50);
    /* Line 14, r_max: 1.2 x 50 against 55. */
    s[1].max_ratio = 0.55;
    EXPECT(tbf, printed, &v, 55);
    s[1].max_ratio = 0.8;
    /* Line 14, r_min: 0.8 x 50 = 40 against 45. */
    ues[0].fruit = 2;
    EXPECT(tbf, printed, &v, 45);
    s[2].min_ratio = 0.1;
    EXPECT(tbf, printed, &v, 40);
    /* Rounded down: 1.198 x 50 = 59.9. */
    s[2].priority = 1.198;
    EXPECT(tbf, printed, &v, 59);
    s[2].priority = 0.8;
    /* Below the branch's minimum of 30: 0.8 x 30 = 24 for a UE of small gamma. */
    ues[1] = ues[0];
    ues[1].thr = 2000;
    ues[0] = radio_ue(-1, -1, 100, 20);
    v.n_ues = 2;
    EXPECT(tbf, "{\"enforce_tree\": false, \"work_conserving\": false}", &v, 99, 1);
    EXPECT(tbf, NULL, &v, 70, 30);
    v.n_ues = 1;
    v.ues = ues + 1;
    ues[1].prb_for_backlog = 17; /* no more than it asks */
    EXPECT(tbf, NULL, &v, 17);

    /* Two UEs of one branch: bounds hold over their sum. */
    struct radio_ue_view both[] = {radio_ue(0, -1, 100, 20), radio_ue(0, -1, 100, 20)};
    struct radio_view w = view_of(&tree, both, 2);
    EXPECT(tbf, printed, &w, 50, 50);
    EXPECT(tbf, NULL, &w, 50, 0);
    /* What UE 0 cannot use stays unused, as in the paper, or goes to UE 1. */
    struct radio_ue_view free_ues[] = {radio_ue(-1, -1, 6, 20), radio_ue(-1, -1, 100, 20)};
    w.ues = free_ues;
    EXPECT(tbf, NULL, &w, 6, 50);
    EXPECT(tbf, "{\"work_conserving\": true}", &w, 6, 94);
}

int test_radio(void);

int test_radio(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),        cmocka_unit_test(test_proportional_fair),
        cmocka_unit_test(test_round_robin),  cmocka_unit_test(test_max_cqi),
        cmocka_unit_test(test_slice_limits), cmocka_unit_test(test_idle_grants),
        cmocka_unit_test(test_dedicated),    cmocka_unit_test(test_queue_aware),
        cmocka_unit_test(test_algorithm_1),
    };
    return cmocka_run_group_tests_name("radio", tests, NULL, NULL);
}
