/* Pins: the rules of slice_tree_check(), the reading of the testbed's policy files (every published
 * one, strict and not), the messages' places. Does not pin what policies make of a tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sched/slice.h"

static struct slice branch(const char *id, double min, double max)
{
    return (struct slice){.id = id,
                          .parent = -1,
                          .min_ratio = min,
                          .max_ratio = max,
                          .priority = 1.0,
                          .sst = 1,
                          .sd = -1,
                          .service = ""};
}

static struct slice fruit(const char *id, int parent, double min, double max)
{
    struct slice s = branch(id, min, max);
    s.parent = parent;
    return s;
}

static void expect_error(struct slice *slices, int n, const char *part)
{
    struct slice_tree tree = {.slices = slices, .n = n};
    struct err e = {0};
    assert_int_equal(slice_tree_check(&tree, "f.json", "slices.tree", &e), ERR_INPUT);
    if (strstr(e.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", e.text, part);
    }
}

static void test_tree_rules(void **state)
{
    (void)state;
    struct slice good[] = {branch("a", 0.3, 0.5), branch("b", 0.7, 1.0), fruit("a.1", 0, 0.4, 0.4),
                           fruit("a.2", 0, 0.6, 0.6)};
    struct slice_tree tree = {.slices = good, .n = 4};
    assert_int_equal(slice_tree_check(&tree, "f", "t", NULL), 0);
    assert_int_equal(slice_find(&tree, "a.2"), 3);
    assert_int_equal(slice_find(&tree, "c"), -1);
    tree.n = 0;
    assert_int_equal(slice_tree_check(&tree, "f", "t", NULL), 0);

    struct slice twice[] = {branch("a", 0, 1), branch("a", 0, 1)};
    expect_error(twice, 2, "f.json: slices.tree[1]: slice \"a\" is there twice");
    struct slice nameless[] = {branch("", 0, 1)};
    expect_error(nameless, 1, "no id");
    struct slice own[] = {fruit("a", 0, 0, 1)};
    expect_error(own, 1, "slices.tree[0]: the parent of slice \"a\" is no branch");
    struct slice beyond[] = {fruit("a", 1, 0, 1)};
    expect_error(beyond, 1, "is no branch");
    struct slice deep[] = {branch("a", 0, 1), fruit("b", 0, 0, 1), fruit("c", 1, 0, 1)};
    expect_error(deep, 3, "slices.tree[2]: the parent of slice \"c\" is no branch");
    struct slice crossed[] = {branch("a", 0.7, 0.5)};
    expect_error(crossed, 1, "a minimum of 70 % and a maximum of 50 %");
    struct slice large[] = {branch("a", 0, 1.01)};
    expect_error(large, 1, "maximum of 101 %");
    struct slice negative[] = {branch("a", -0.1, 1)};
    expect_error(negative, 1, "minimum of -10 %");
    struct slice dedicated[] = {branch("a", 0.2, 1)};
    dedicated[0].dedicated_ratio = 0.3;
    expect_error(dedicated, 1, "dedicated share of 30 %");
    struct slice lazy[] = {branch("a", 0.2, 1)};
    lazy[0].priority = 0;
    expect_error(lazy, 1, "priority 0");
    struct slice many[] = {branch("a", 0.6, 1), branch("b", 0.5, 1)};
    expect_error(many, 2, "slices.tree: the minima of the branches sum to 110 %");
    struct slice fruits[] = {branch("a", 0, 1), fruit("x", 0, 0.6, 1), fruit("y", 0, 0.5, 1)};
    expect_error(fruits, 3, "the minima of the fruits of \"a\" sum to 110 %");
}

static void test_prb_of_share(void **state)
{
    (void)state;
    assert_int_equal(slice_prb(0.29, 100), 29); /* 28.999999999999996 in binary */
    assert_int_equal(slice_prb(0.7, 106), 74);
    assert_int_equal(slice_prb(0.0, 106), 0);
    assert_int_equal(slice_prb(1.0, 106), 106);
    for (int pct = 0; pct <= 100; pct++) {
        for (int n = 1; n <= 275; n++) {
            assert_int_equal(slice_prb(pct / 100.0, n), pct * n / 100);
        }
    }
}

/* --- Policy files ----------------------------------------------------------------------------- */

/* Loads `text` as rrmPolicy.json. */
static int load_text(const char *text, bool strict, struct arena *a, struct slice_rrm *rrm,
                     struct err *e)
{
    char path[] = "/tmp/willmsim-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    int rc = slice_rrm_load(path, NULL, strict, a, rrm, e);
    unlink(path);
    return rc;
}

static const char head[] =
    "{\"rrmPolicyRatio\": ["
    "{\"sST\": 1, \"sD_flag\": 0, \"sD\": 1, \"min_ratio\": 20, \"max_ratio\": 50},"
    "{\"sST\": 1, \"sD_flag\": 0, \"sD\": 2, \"min_ratio\": 70, \"max_ratio\": 50},"
    "{\"sST\": 1, \"sD_flag\": 1, \"sD\": 3, \"min_ratio\": 30, \"max_ratio\": 70}],"
    "\"subSlicePolicy\": {\"enabled\": true, \"subSlices\": ["
    "{\"sub_slice_id\": 1, \"parent_slice\": 1, \"min_ratio\": 0, \"max_ratio\": 50, "
    "\"priority\": 1.2},"
    "{\"sub_slice_id\": 2, \"parent_slice\": 1, \"min_ratio\": 20, \"max_ratio\": 80, "
    "\"priority\": 1}]},"
    "\"ueSliceMapping\": {"
    "\"0x1234\": {\"target_slice\": 1, \"target_sub_slice\": 1, \"force_slice\": true},"
    "\"0x48F9\": {\"target_slice\": 2, \"target_sub_slice\": 2, \"force_slice\": true}},"
    "\"slice2\": {\"min_ratio\": 30, \"max_ratio\": 40}}";

static void test_policy_file(void **state)
{
    (void)state;
    struct arena a = {0};
    struct slice_rrm rrm;
    struct err e = {0};
    assert_int_equal(load_text(head, false, &a, &rrm, &e), 0);
    const struct slice *s = rrm.tree.slices;
    assert_int_equal(rrm.tree.n, 5);
    assert_string_equal(s[0].id, "1");
    assert_string_equal(s[2].id, "3");
    assert_string_equal(s[3].id, "1.1");
    assert_string_equal(s[4].id, "1.2");
    assert_int_equal(s[1].parent, -1);
    assert_float_equal(s[1].min_ratio, 0.7, 0); /* above its maximum: read as it is */
    assert_float_equal(s[1].max_ratio, 0.5, 0);
    assert_int_equal(s[1].sd, -1); /* sD_flag 0: no slice differentiator */
    assert_int_equal(s[2].sd, 3);
    assert_int_equal(s[3].parent, 0);
    assert_int_equal(s[3].sst, 1);
    assert_float_equal(s[3].priority, 1.2, 0);
    assert_float_equal(s[4].min_ratio, 0.2, 0);
    assert_int_equal(rrm.n_mappings, 2);
    assert_int_equal(rrm.mappings[0].rnti, 0x1234);
    assert_int_equal(rrm.mappings[0].branch, 0);
    assert_int_equal(rrm.mappings[0].fruit, 3);
    assert_int_equal(rrm.mappings[1].rnti, 0x48f9);
    assert_int_equal(rrm.mappings[1].branch, 1);
    assert_int_equal(rrm.mappings[1].fruit, -1); /* slice 2 has no sub-slice 2 */
    assert_float_equal(rrm.tree.ul_min_ratio, 0.3, 0);
    assert_float_equal(rrm.tree.ul_max_ratio, 0.4, 0);
    arena_free(&a);
    assert_int_equal(load_text(head, true, &a, &rrm, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "rrmPolicyRatio[1].min_ratio: the minimum of 70 %"));
    arena_free(&a);
}

static void expect_refused(const char *text, const char *part)
{
    struct arena a = {0};
    struct slice_rrm rrm;
    struct err e = {0};
    assert_int_equal(load_text(text, false, &a, &rrm, &e), ERR_INPUT);
    if (strstr(e.text, part) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", e.text, part);
    }
    arena_free(&a);
}

#define BRANCH   "{\"sST\":1,\"sD_flag\":0,\"min_ratio\":20,\"max_ratio\":50}"
#define BRANCHES "\"rrmPolicyRatio\":[" BRANCH "]"

static void test_policy_file_errors(void **state)
{
    (void)state;
    expect_refused("{}", "no slices; add a list \"rrmPolicyRatio\"");
    expect_refused("[]", "must be an object");
    expect_refused("{\"rrmPolicyRatio\":{}}", "rrmPolicyRatio: must be a list");
    expect_refused("{\"rrmPolicyRatios\":[]}", "did you mean \"rrmPolicyRatio\"?");
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1,\"sD_flag\":0,\"min_ration\":2,"
                   "\"max_ratio\":50}]}",
                   "rrmPolicyRatio[0]: unknown key \"min_ration\"; did you mean \"min_ratio\"?");
    expect_refused("{\"rrmPolicyRatio\":[" BRANCH ",{\"sST\":1,\"sD_flag\":0,\"max_ratio\":5}]}",
                   "rrmPolicyRatio[1]: missing key \"min_ratio\"");
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1,\"sD_flag\":1,\"min_ratio\":2,"
                   "\"max_ratio\":50}]}",
                   "missing key \"sD\"");
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1.5,\"sD_flag\":0,\"min_ratio\":2,"
                   "\"max_ratio\":50}]}",
                   "rrmPolicyRatio[0].sST: must be an integer");
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1,\"sD_flag\":0,\"min_ratio\":\"2\","
                   "\"max_ratio\":50}]}",
                   "rrmPolicyRatio[0].min_ratio: must be a number");
    expect_refused("{\"rrmPolicyRatio\":[{\"slice_id\":1,\"min_ratio\":2,\"max_ratio\":101}]}",
                   "rrmPolicyRatio[0].max_ratio: must be a number; write one of 0 to 100");
    expect_refused("{\"rrmPolicyRatio\":[{\"slice_id\":1,\"min_ratio\":2,\"max_ratio\":10},"
                   "{\"slice_id\":1,\"min_ratio\":2,\"max_ratio\":10}]}",
                   "slice 1 is there twice");
    expect_refused("{" BRANCHES ",\"subSlicePolicy\":{\"enabled\":1}}",
                   "subSlicePolicy.enabled: must be true or false");
    expect_refused("{" BRANCHES ",\"subSlicePolicy\":{\"subSlices\":[{\"sub_slice_id\":1,"
                   "\"parent_slice\":2,\"min_ratio\":0,\"max_ratio\":5}]}}",
                   "subSlicePolicy.subSlices[0]: there is no slice 2");
    expect_refused("{" BRANCHES ",\"ueSliceMapping\":{\"1234\":{\"target_slice\":1}}}",
                   "ueSliceMapping.1234: must be an RNTI in hexadecimal");
    expect_refused("{" BRANCHES ",\"ueSliceMapping\":{\"0x1\":{\"target_slice\":1},"
                   "\"0x01\":{\"target_slice\":1}}}",
                   "ueSliceMapping.0x01: this RNTI is there twice");
    expect_refused("{" BRANCHES ",\"slice2\":{\"min_ratio\":0,\"max_ratio\":0}}",
                   "slice2.max_ratio: a maximum of 0 % stops the uplink");
    /* What the testbed applies is the last entry of an S-NSSAI: 60 and 50 here, its gNB stops. */
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1,\"sD_flag\":0,\"min_ratio\":60,"
                   "\"max_ratio\":100},{\"sST\":2,\"sD_flag\":0,\"min_ratio\":50,"
                   "\"max_ratio\":100}]}",
                   "rrmPolicyRatio: the minima of the slices sum to 110 %");
    expect_refused("{\"rrmPolicyRatio\":[{\"sST\":1,\"sD_flag\":0,\"min_ratio\":60,"
                   "\"max_ratio\":100},{\"sST\":2,\"sD_flag\":0,\"min_ratio\":50,"
                   "\"max_ratio\":100}],\"subSlicePolicy\":{\"subSlices\":[{\"sub_slice_id\":1,"
                   "\"parent_slice\":1,\"min_ratio\":0,\"max_ratio\":5}]}}",
                   "rrmPolicyRatio: the minima of the slices sum to 110 %");
}

/* --- The published files ---------------------------------------------------------------------- */

static const char *policy_path(const char *name)
{
    static char path[1024];
    const char *data = getenv("WILLMSIM_DATA");
    snprintf(path, sizeof path, "%s/willm/policies/%s", data != NULL ? data : "../shared/data",
             name);
    return path;
}

static void test_published_files(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int branches, fruits, mappings;
        double ul_max; /* 0: none */
        bool strict;   /* whether it loads strictly */
    } files[] = {
        {"HEAD_rrmPolicy.json", 3, 2, 2, 0, false},
        {"HEAD_rrmPolicy_sub.json", 3, 2, 20, 0.4, true},
        {"hist_rrmPolicy_20250116160440.json", 3, 0, 0, 0, false},
        {"hist_rrmPolicy_20250221020546.json", 1, 2, 3, 0, true},
        {"hist_rrmPolicy_20250221151750.json", 1, 2, 3, 0, true},
        {"hist_rrmPolicy_20250221161921.json", 3, 2, 10, 0, false},
        {"hist_rrmPolicy_20250224173720.json", 3, 2, 2, 0, false},
        {"hist_rrmPolicy_sub_20250221203856.json", 3, 2, -1, 0, true},
        {"hist_rrmPolicy_sub_20250221220023.json", 3, 2, -1, 0, true},
        {"hist_rrmPolicy_sub_20250225222702.json", 3, 2, -1, 0.6, true},
        {"hist_rrmPolicy_sub_20250225225302.json", 3, 2, -1, 0.55, true},
        {"hist_rrmPolicy_sub_20250225230605.json", 3, 2, -1, 0.5, true},
    };
    if (access(policy_path(files[0].name), R_OK) != 0) {
        skip();
    }
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        struct arena a = {0};
        struct slice_rrm rrm;
        struct err e = {0};
        const char *path = policy_path(files[i].name);
        if (slice_rrm_load(path, NULL, false, &a, &rrm, &e) != 0) {
            fail_msg("%s", e.text);
        }
        int branches = 0;
        for (int j = 0; j < rrm.tree.n; j++) {
            branches += rrm.tree.slices[j].parent < 0;
        }
        assert_int_equal(branches, files[i].branches);
        assert_int_equal(rrm.tree.n - branches, files[i].fruits);
        if (files[i].mappings >= 0) {
            assert_int_equal(rrm.n_mappings, files[i].mappings);
        }
        assert_float_equal(rrm.tree.ul_max_ratio, files[i].ul_max, 1e-12);
        int rc = slice_rrm_load(path, NULL, true, &a, &rrm, &e);
        assert_int_equal(rc, files[i].strict ? 0 : ERR_INPUT);
        arena_free(&a);
    }
}

static void test_two_files(void **state)
{
    (void)state;
    char path[1024];
    snprintf(path, sizeof path, "%s", policy_path("HEAD_rrmPolicy.json"));
    if (access(path, R_OK) != 0) {
        skip();
    }
    struct arena a = {0};
    struct slice_rrm rrm;
    struct err e = {0};
    const char *sub = policy_path("HEAD_rrmPolicy_sub.json");
    assert_int_equal(slice_rrm_load(path, sub, false, &a, &rrm, &e), 0);
    assert_int_equal(rrm.tree.n, 5);
    assert_float_equal(rrm.tree.slices[1].min_ratio, 0.7, 0); /* branches of rrmPolicy.json */
    assert_float_equal(rrm.tree.slices[4].min_ratio, 0.0, 0); /* fruits of the other (20 there) */
    assert_int_equal(rrm.n_mappings, 20);
    assert_float_equal(rrm.tree.ul_max_ratio, 0.4, 0);
    arena_free(&a);
    assert_int_equal(slice_rrm_load("/nowhere.json", NULL, false, &a, &rrm, &e), ERR_INPUT);
    assert_int_equal(slice_rrm_load(path, "/nowhere.json", false, &a, &rrm, &e), ERR_INPUT);
    arena_free(&a);
}

int test_slice(void);

int test_slice(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tree_rules),      cmocka_unit_test(test_prb_of_share),
        cmocka_unit_test(test_policy_file),     cmocka_unit_test(test_policy_file_errors),
        cmocka_unit_test(test_published_files), cmocka_unit_test(test_two_files),
    };
    return cmocka_run_group_tests_name("slice", tests, NULL, NULL);
}
