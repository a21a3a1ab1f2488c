/* radio_in_force.c - pins how the radio policies treat the slice tree that is in force: which of
 * them keep to it, that they see it change, that with fewer grants than minima each slice has its
 * turn, and retransmissions that count as use of their slice (radio_view.retx_prb). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/sched/radio_ask.h"

static struct slice slice_of(const char *id, int parent, double least, double most, double priority)
{
    return (struct slice){.id = id,
                          .parent = parent,
                          .min_ratio = least,
                          .max_ratio = most,
                          .priority = priority,
                          .service = ""};
}

static void test_which_policies_keep_to_the_tree(void **state)
{
    (void)state;
    static const char *const keep[] = {"round-robin",       "proportional-fair", "max-cqi",
                                       "tree-branch-fruit", "dedicated-min-max", "queue-aware"};
    for (size_t i = 0; i < sizeof keep / sizeof keep[0]; i++) {
        assert_true(radio_policy_keeps_tree(radio_policy_find(keep[i]), NULL));
    }
    assert_false(radio_policy_keeps_tree(radio_policy_find("oai-willm"), NULL));
    for (const struct radio_policy *const *p = radio_policies; *p != NULL; p++) {
        if ((*p)->keeps_tree == NULL || (*p)->keeps_tree[0] == '\0') {
            continue;
        }
        /* Its option, off. */
        _Alignas(max_align_t) char options[256] = {0};
        assert_true((*p)->options->size <= sizeof options);
        assert_false(radio_policy_keeps_tree(*p, options));
        for (const struct json_field *f = (*p)->options->fields; f->key != NULL; f++) {
            if (strcmp(f->key, (*p)->keeps_tree) == 0) {
                *(bool *)(options + f->offset) = true;
            }
        }
        assert_true(radio_policy_keeps_tree(*p, options));
    }
}

static int32_t prb_of_first(const struct radio_policy *p, void *policy,
                            const struct radio_view *view)
{
    struct radio_grant grants[8];
    int32_t n = p->allocate(policy, view, grants);
    for (int32_t i = 0; i < n; i++) {
        if (grants[i].ue == 0) {
            return grants[i].n_prb;
        }
    }
    return 0;
}

static void test_changes_are_seen(void **state)
{
    (void)state;
    for (const struct radio_policy *const *p = radio_policies; *p != NULL; p++) {
        struct slice slices[] = {slice_of("A", -1, 0.0, 0.5, 1.0)};
        struct slice_tree tree = {.slices = slices, .n = 1};
        struct radio_ue_view ue = radio_ue(0, -1, 100, 0.0);
        struct radio_view view = {.direction = RADIO_DL,
                                  .carrier_prb = 100,
                                  .n_prb = 100,
                                  .min_grant_prb = 5,
                                  .max_grants = 4,
                                  .slices = &tree,
                                  .ues = &ue,
                                  .n_ues = 1};
        void *policy = (*p)->create(NULL, 100, &tree);
        assert_non_null(policy);
        int32_t more = (*p)->keeps_tree == NULL ? 1 : 0; /* the testbed's loop */
        assert_int_equal(prb_of_first(*p, policy, &view), 50 + more);
        slices[0].max_ratio = 0.2;
        tree.version++;
        assert_int_equal(prb_of_first(*p, policy, &view), 20 + more);
        (*p)->destroy(policy);
    }
}

/* Two grants, three slices below their minima: the starved one has its turn, though the other two
 * have fruits below their minima as well. */
static void test_each_minimum_has_its_turn(void **state)
{
    (void)state;
    struct slice slices[] = {slice_of("A", -1, 0.6, 1.0, 1.0), slice_of("A1", 0, 0.3, 1.0, 1.0),
                             slice_of("A2", 0, 0.3, 1.0, 1.0), slice_of("B", -1, 0.2, 1.0, 1.0)};
    struct slice_tree tree = {.slices = slices, .n = 4};
    struct radio_ue_view ues[] = {radio_ue(0, 1, 30, 50.0), radio_ue(0, 2, 30, 50.0),
                                  radio_ue(3, -1, 30, 1.0)};
    struct radio_view view = {.direction = RADIO_UL,
                              .carrier_prb = 100,
                              .n_prb = 100,
                              .min_grant_prb = 10,
                              .max_grants = 2,
                              .slices = &tree,
                              .ues = ues,
                              .n_ues = 3};
    int32_t prb[3];
    radio_ask_prb("proportional-fair", NULL, &view, prb);
    assert_true(prb[2] >= 20);
    assert_int_equal((prb[0] > 0) + (prb[1] > 0), 1);
    /* Within a branch the fruit below its minimum comes first, whatever the keys. */
    slices[1].min_ratio = 0.0;
    ues[0].thr = 2.0;
    radio_ask_prb("proportional-fair", NULL, &view, prb);
    assert_int_equal(prb[0], 0);
    assert_true(prb[1] >= 30 && prb[2] >= 20);
}

/* Retransmissions as use of their slice: shares are of the carrier, and what a slice's
 * retransmissions took is taken from its own. */
static void test_retransmissions_in_slices(void **state)
{
    (void)state;
    struct slice slices[] = {slice_of("A", -1, 0.4, 0.4, 1.0), slice_of("B", -1, 0.0, 0.6, 1.0)};
    struct slice_tree tree = {.slices = slices, .n = 2};
    struct radio_ue_view ues[] = {radio_ue(0, -1, 100, 50.0), radio_ue(1, -1, 100, 1.0)};
    struct radio_view view = {.direction = RADIO_DL,
                              .carrier_prb = 100,
                              .n_prb = 50,
                              .min_grant_prb = 5,
                              .max_grants = 4,
                              .slices = &tree,
                              .ues = ues,
                              .n_ues = 2};
    static const char *const words[] = {"proportional-fair", "round-robin", "tree-branch-fruit",
                                        "dedicated-min-max"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        int32_t prb[2];
        view.retx_prb = NULL;
        radio_ask_prb(words[i], NULL, &view, prb);
        assert_int_equal(prb[0], 20); /* 40 % of what is left */
        view.retx_prb = (const int32_t[]){0, 50};
        radio_ask_prb(words[i], NULL, &view, prb);
        assert_int_equal(prb[0], 40);
        assert_true(prb[1] <= 10);
        view.retx_prb = (const int32_t[]){30, 20};
        radio_ask_prb(words[i], NULL, &view, prb);
        assert_int_equal(prb[0], 10);
        assert_true(prb[1] <= 40);
    }
}

int test_radio_in_force(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_which_policies_keep_to_the_tree),
        cmocka_unit_test(test_changes_are_seen),
        cmocka_unit_test(test_each_minimum_has_its_turn),
        cmocka_unit_test(test_retransmissions_in_slices),
    };
    return cmocka_run_group_tests_name("radio_in_force", tests, NULL, NULL);
}
