/* slice_control.c - pins D1 to D4 of sim/slice_control.h over whole runs: when changes are seen,
 * that decisions lie within the configured tree and are repeatable, and what of a slice's isolation
 * survives a neighbour that saturates the carrier (scenarios/isolation.json). The programme itself
 * is pinned in tests/sched/separated.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"
#include "sched/separated.h"
#include "tests/sim/rows.h"

#define SERVER                                                                                     \
    "\"servers\":[{\"id\":\"s\",\"gpu\":\"rtx4090\",\"model\":\"llava\",\"engine\":\"ollama\"}],"
#define CLEAN "\"channel_ul\":{\"kind\":\"awgn\"},\"channel_dl\":{\"kind\":\"awgn\"}"

/* --- The schedule ----------------------------------------------------------------------------- */

/* One phone that always has a picture coming down, a row for every slot. Its slice changes at 2 s,
 * where a slot begins, and a quarter of a slot after 2.1 s. */
static const char saturated[] =
    "{\"name\":\"saturated\",\"duration_s\":2.2,\"drain_s\":0,"
    "\"output\":{\"ran_records_ms\":0.5},"
    "\"radio\":{\"policy\":{\"kind\":\"proportional-fair\"}," CLEAN "},"
    "\"cells\":[{\"id\":\"c\"}]," SERVER "\"slices\":{\"tree\":[{\"id\":\"a\",\"max_pct\":80},"
    "{\"id\":\"b\",\"parent\":\"a\",\"max_pct\":60,\"min_pct\":20}],"
    "\"schedule\":[{\"at_s\":2.100125,\"slice\":\"a\",\"max_pct\":40,\"priority\":3},"
    "{\"at_s\":2,\"slice\":\"b\",\"max_pct\":99},"
    "{\"at_s\":2,\"slice\":\"b\",\"max_pct\":70,\"min_pct\":5}]},"
    "\"ues\":[{\"id\":\"u\",\"cell\":\"c\",\"slice\":\"b\",\"server\":\"s\",\"traffic\":"
    "{\"kind\":\"poisson\",\"rate_hz\":20,\"input_tokens\":{\"dist\":\"constant\",\"value\":9},"
    "\"output_tokens\":{\"dist\":\"constant\",\"value\":1},\"overhead_bytes\":900000}}]}";

/* The row at a slot's beginning: what the slot itself was given stands in it. */
static const struct ran_record *row_at(const struct rows *r, int64_t slot)
{
    for (size_t i = 0; i < r->n_ran; i++)
        if (r->ran[i].gnb_timestamp_ms == slot / 2 && r->ran[i].slot_number == slot % 20)
            return &r->ran[i];
    fail_msg("no row at slot %lld", (long long)slot);
    return NULL;
}

static void test_schedule_takes_effect(void **state)
{
    (void)state;
    struct scenario sc;
    struct rows r;
    rows_load(saturated, NULL, 0, &sc);
    rows_run(&sc, NULL, &r);
    /* Slot 4000 begins at 2 s, slot 4200 at 2.1 s: both still see what was; both are downlink. */
    assert_int_equal(row_at(&r, 3999)->dlsch_current_rbs, 63); /* 60 % of 106 */
    assert_int_equal(row_at(&r, 4000)->dlsch_current_rbs, 63);
    assert_int_equal(row_at(&r, 4001)->dlsch_current_rbs, 74); /* 70 % */
    assert_int_equal(row_at(&r, 4200)->dlsch_current_rbs, 74);
    assert_int_equal(row_at(&r, 4201)->dlsch_current_rbs, 42); /* 40 %, of the branch */
    /* Records show the instant's end. */
    assert_true(row_at(&r, 3999)->secondary_slice_max_pct == 60.0);
    assert_true(row_at(&r, 3999)->secondary_slice_min_pct == 20.0);
    assert_true(row_at(&r, 4000)->secondary_slice_max_pct == 70.0);
    assert_true(row_at(&r, 4000)->secondary_slice_min_pct == 5.0);
    assert_true(row_at(&r, 4200)->primary_slice_max_pct == 80.0);
    assert_true(row_at(&r, 4201)->primary_slice_max_pct == 40.0);
    assert_int_equal(r.n_decisions, 0);
    rows_free(&r);
    scenario_free(&sc);
}

/* --- Mode separated --------------------------------------------------------------------------- */

#define BURSTS                                                                                     \
    "\"server\":\"s\",\"traffic\":{\"kind\":\"poisson\","                                          \
    "\"input_tokens\":{\"dist\":\"constant\",\"value\":9},"                                        \
    "\"output_tokens\":{\"dist\":\"constant\",\"value\":1},"

/* Two branches, fruits, UEs of a branch without a fruit, UEs without a slice, a cycle, a schedule,
 * two cells. */
static const char mixed[] =
    "{\"name\":\"mixed\",\"duration_s\":8,\"drain_s\":1,\"output\":{\"ran_records_ms\":20},"
    "\"radio\":{\"mode\":\"separated\",\"policy\":{\"kind\":\"tree-branch-fruit\"}},"
    "\"cells\":[{\"id\":\"c\"},{\"id\":\"d\"}]," SERVER
    "\"slices\":{\"tree\":[{\"id\":\"v\",\"min_pct\":30,\"max_pct\":80},"
    "{\"id\":\"g\",\"parent\":\"v\",\"min_pct\":10,\"max_pct\":60,\"priority\":2},"
    "{\"id\":\"r\",\"parent\":\"v\",\"min_pct\":10},{\"id\":\"t\",\"min_pct\":10}],"
    "\"schedule\":[{\"at_s\":3,\"slice\":\"g\",\"max_pct\":20},"
    "{\"at_s\":5.05,\"slice\":\"v\",\"min_pct\":50,\"max_pct\":60}]},"
    "\"ues\":["
    "{\"id\":\"g\",\"count\":6,\"cell\":\"*\",\"slice\":\"g\"," BURSTS
    "\"rate_hz\":6,\"overhead_bytes\":70000}},"
    "{\"id\":\"r\",\"count\":4,\"cell\":\"*\",\"slice_cycle\":[\"r\",\"v\",\"t\"],"
    "\"slice_cycle_s\":1.7," BURSTS "\"rate_hz\":6,\"overhead_bytes\":60000}},"
    "{\"id\":\"n\",\"count\":2,\"cell\":\"c\"," BURSTS "\"rate_hz\":8,\"overhead_bytes\":9000}}]}";

/* D4, and the same run twice. */
static void test_repeatable(void **state)
{
    (void)state;
    const char *sets[] = {"engine.skip_idle_slots=false"};
    struct scenario sc, visiting;
    struct rows a, b, c;
    rows_load(mixed, NULL, 0, &sc);
    rows_load(mixed, sets, 1, &visiting);
    rows_run(&sc, NULL, &a);
    rows_run(&sc, NULL, &b);
    rows_run(&visiting, NULL, &c);
    assert_true(a.n_decisions > 200);
    rows_same(&a, &b);
    rows_same(&a, &c);
    assert_true(a.result.fingerprint == b.result.fingerprint);
    assert_true(c.result.slots_visited > a.result.slots_visited);
    rows_free(&a);
    rows_free(&b);
    rows_free(&c);
    scenario_free(&sc);
    scenario_free(&visiting);
}

/* The configured tree at a time, in percent. */
static void configured(const char *slice, int64_t t_ns, double *min_pct, double *max_pct)
{
    bool first = t_ns > ns_of_s(3.0);
    bool second = t_ns > ns_of_s(5.05);
    *min_pct = 0.0;
    *max_pct = 100.0;
    if (slice != NULL && strcmp(slice, "v") == 0) {
        *min_pct = second ? 50.0 : 30.0;
        *max_pct = second ? 60.0 : 80.0;
    } else if (slice != NULL && strcmp(slice, "g") == 0) {
        *min_pct = 10.0;
        *max_pct = first ? 20.0 : 60.0;
    } else if (slice != NULL) {
        *min_pct = 10.0;
    }
}

/* Rows of one decision of one carrier: [first, end). */
static size_t decision_end(const struct rows *r, size_t first)
{
    size_t end = first + 1;
    while (end < r->n_decisions && r->decisions[end].time_ns == r->decisions[first].time_ns &&
           r->decisions[end].age_ns == r->decisions[first].age_ns &&
           strcmp(r->decisions[end].cell, r->decisions[first].cell) == 0 &&
           strcmp(r->decisions[end].direction, r->decisions[first].direction) == 0)
        end++;
    return end;
}

static bool is_fruit(const char *slice)
{
    return slice != NULL && (strcmp(slice, "g") == 0 || strcmp(slice, "r") == 0);
}

static void check_decision(const struct rows *r, size_t first, size_t end)
{
    double sum = 0.0;
    double optimum = 0.0;
    double branch = 0.0;
    double least, most;
    const struct decision_record *d = &r->decisions[first];
    /* Of the state at 100 ms, 200 ms, ...: in force 10 ms later, for 100 ms. */
    assert_true(d->age_ns == 10 * NS_PER_MS || d->age_ns == 100 * NS_PER_MS);
    assert_int_equal((d->time_ns - d->age_ns) % (100 * NS_PER_MS), 0);
    for (size_t i = first; i < end; i++) {
        d = &r->decisions[i];
        configured(d->slice_id, d->time_ns, &least, &most);
        assert_true(100.0 * d->share <= most + 1e-7);
        assert_true(100.0 * d->optimal_share <= most + 1e-7);
        assert_true(d->demand_bytes > 0 || d->decided_share > 0.0);
        assert_true(d->demand_bytes > 0 ? d->optimal_share > 0.0 : d->share == 0.0);
        assert_true(d->rate <= (double)d->demand_bytes / 0.1 + 1e-6);
        /* A share below the minimum carries all that waits. ("v" itself: its UEs without fruit
         * have no minimum beside its fruits.) */
        bool own = d->slice_id != NULL && strcmp(d->slice_id, "v") == 0;
        if (!own && 100.0 * d->share < least - 1e-7)
            assert_true(d->rate >= (double)d->demand_bytes / 0.1 - 1e-6);
        assert_true(fabs(d->solver_gap) < SEPARATED_GAP);
        assert_true(isnan(d->gap) || (d->gap > -1e-9 && d->gap <= 1.0));
        assert_true(isnan(d->gap) ? isnan(r->decisions[first].gap)
                                  : d->gap == r->decisions[first].gap);
        sum += d->share;
        optimum += d->optimal_share;
        branch += own || is_fruit(d->slice_id) ? d->share : 0.0;
    }
    configured("v", d->time_ns, &least, &most);
    assert_true(100.0 * branch <= most + 1e-7);
    assert_true(sum <= 1.0 + 1e-9);
    assert_true(optimum <= 1.0 + 1e-9);
}

static void test_shares_keep_to_the_tree(void **state)
{
    (void)state;
    struct scenario sc;
    struct rows r;
    rows_load(mixed, NULL, 0, &sc);
    rows_run(&sc, NULL, &r);
    int crowded = 0;
    for (size_t i = 0; i < r.n_decisions;) {
        size_t end = decision_end(&r, i);
        check_decision(&r, i, end);
        crowded += end - i > 2;
        i = end;
    }
    assert_true(crowded > 20);
    /* D3, in what RAN records show: the uplink's tree. */
    int narrowed = 0;
    for (size_t i = 0; i < r.n_ran; i++) {
        const struct ran_record *row = &r.ran[i];
        /* The row of a change's own instant shows what is new. */
        int64_t t_ns = row->gnb_timestamp_ms * NS_PER_MS + 1;
        double least, most;
        if (!is_fruit(row->slice_id))
            continue;
        configured(row->slice_id, t_ns, &least, &most);
        assert_true(row->secondary_slice_max_pct <= most + 1e-7);
        assert_true(row->secondary_slice_min_pct >= least - 1e-7);
        narrowed += row->secondary_slice_max_pct < most - 1.0;
        configured("v", t_ns, &least, &most);
        assert_true(row->primary_slice_max_pct <= most + 1e-7);
        assert_true(row->primary_slice_min_pct >= least - 1e-7);
    }
    assert_true(narrowed > 100);
    rows_free(&r);
    scenario_free(&sc);
}

/* Directions are carriers of their own: pictures that come down narrow the downlink's tree, and
 * leave the uplink's, which RAN records show, as it is configured. */
static void test_directions_apart(void **state)
{
    (void)state;
    const char *sets[] = {"radio.mode=separated", "duration_s=4",
                          "slices={\"tree\":[{\"id\":\"b\",\"max_pct\":60}]}",
                          "ues.0.traffic={\"kind\":\"willm-client\",\"mode\":\"text_request\","
                          "\"display_encoding\":\"raw\",\"period_s\":0.1,\"start_spread_s\":0.1}"};
    struct scenario sc;
    struct rows r;
    rows_load(saturated, sets, 4, &sc);
    rows_run(&sc, NULL, &r);
    int down = 0;
    for (size_t i = 0; i < r.n_decisions; i++)
        down += strcmp(r.decisions[i].direction, "dl") == 0 && r.decisions[i].share > 0.5;
    assert_true(down > 3);
    size_t narrowed = 0;
    for (size_t i = 0; i < r.n_ran; i++)
        narrowed += r.ran[i].primary_slice_min_pct > 0.0;
    assert_true(narrowed == 0);
    rows_free(&r);
    scenario_free(&sc);
}

/* What a share of the carrier is said to carry is what its blocks carry: 400 full uplink slots and
 * 200 special ones in a second, each with its own DMRS. */
static void test_rate_of_a_share(void **state)
{
    (void)state;
    const char *sets[] = {"radio.mode=separated",       "radio.separated_period_ms=10",
                          "radio.separated_delay_ms=1", "slices={\"tree\":[{\"id\":\"b\"}]}",
                          "radio.start_mcs=28",         "duration_s=1"};
    struct scenario sc;
    struct rows r;
    rows_load(saturated, sets, 6, &sc);
    rows_run(&sc, NULL, &r);
    struct nr_mcs mcs = nr_mcs(1, 28);
    struct nr_tbs_input full = {mcs.qm, mcs.r_x10240, 106, 13, 18, 0, 0, 1};
    struct nr_tbs_input special = {mcs.qm, mcs.r_x10240, 106, 3, 6, 0, 0, 1};
    double bytes_per_s = (400.0 * nr_tbs_bits(&full) + 200.0 * nr_tbs_bits(&special)) / 8.0;
    int seen = 0;
    for (size_t i = 0; i < r.n_decisions; i++) {
        const struct decision_record *d = &r.decisions[i];
        if (strcmp(d->direction, "ul") != 0 || d->share < 0.9 || d->demand_bytes < 100000)
            continue;
        assert_true(fabs(d->rate / (d->share * bytes_per_s) - 1.0) < 0.005);
        seen++;
    }
    assert_true(seen > 100);
    rows_free(&r);
    scenario_free(&sc);
}

/* Over the rows whose answer is of a state of this age. */
static double mean_gap(const char *delay, int64_t age_ns)
{
    const char *sets[] = {delay};
    struct scenario sc;
    struct rows r;
    rows_load(mixed, sets, 1, &sc);
    rows_run(&sc, NULL, &r);
    double sum = 0.0;
    int n = 0;
    for (size_t i = 0; i < r.n_decisions; i = decision_end(&r, i))
        if (!isnan(r.decisions[i].gap) && r.decisions[i].age_ns == age_ns) {
            sum += r.decisions[i].gap;
            n++;
        }
    rows_free(&r);
    scenario_free(&sc);
    assert_true(n > 50);
    return sum / n;
}

/* D2: the older the state, the worse the answer fits. */
static void test_gap_grows_with_age(void **state)
{
    (void)state;
    double none = mean_gap("radio.separated_delay_ms=0", 0);
    double little = mean_gap("radio.separated_delay_ms=10", 10 * NS_PER_MS);
    double old = mean_gap("radio.separated_delay_ms=10", 100 * NS_PER_MS);
    print_message("mean gap by age of the state: %.4f at once, %.4f after 10 ms, %.4f after "
                  "100 ms\n",
                  none, little, old);
    assert_true(none < 0.005);
    assert_true(little > none);
    assert_true(old > 1.2 * little);
}

/* --- Isolation -------------------------------------------------------------------------------- */

static int ascending(const void *a, const void *b)
{
    const double *x = a;
    const double *y = b;
    return (*x > *y) - (*x < *y);
}

/* 95 % of the victims' uploads are through by so many ms. */
static double uplink_p95_ms(const char *const *sets, int n_sets)
{
    struct scenario sc;
    struct rows r;
    struct err e = {0};
    setenv("WILLMSIM_HOME", ".", 0);
    if (scenario_load("scenarios/isolation.json", sets, n_sets, &sc, &e) != 0)
        fail_msg("%s", e.text);
    rows_run(&sc, NULL, &r);
    double *ms = calloc(r.n_requests, sizeof *ms);
    size_t n = 0;
    for (size_t i = 0; i < r.n_requests && ms != NULL; i++)
        if (strcmp(r.requests[i].ue_group, "victims") == 0 &&
            strcmp(r.requests[i].status, "completed") == 0)
            ms[n++] = ms_of_ns(r.requests[i].server_in_ns - r.requests[i].born_ns);
    assert_true(n > 1000);
    qsort(ms, n, sizeof *ms, ascending);
    double p95 = ms[n * 95 / 100];
    free(ms);
    rows_free(&r);
    scenario_free(&sc);
    return p95;
}

/* How much longer the victims' p95 is with the aggressor than without it. */
static double harm(const char *policy, const char *mode)
{
    const char *sets[] = {policy, mode, "ues.1.traffic.rate_hz=1e-9"};
    double alone = uplink_p95_ms(sets, 3);
    double beside = uplink_p95_ms(sets, 2);
    print_message("%s, %s: p95 %.1f ms alone, %.1f ms beside the aggressor, %+.1f %%\n", policy,
                  mode, alone, beside, 100.0 * (beside / alone - 1.0));
    return beside / alone - 1.0;
}

/* Within its minimum, a slice does not feel a neighbour that takes all it can get; without slices
 * the same policy starves it. */
static void test_isolation(void **state)
{
    (void)state;
    static const char *const policies[] = {"radio.policy.kind=dedicated-min-max",
                                           "radio.policy.kind=tree-branch-fruit",
                                           "radio.policy={\"kind\":\"max-cqi\"}"};
    for (int p = 0; p < 3; p++) {
        assert_true(fabs(harm(policies[p], "radio.mode=embedded")) < 0.05);
        assert_true(fabs(harm(policies[p], "radio.mode=separated")) < 0.05);
    }
    assert_true(harm("radio.policy={\"kind\":\"max-cqi\",\"enforce_slices\":false}",
                     "radio.mode=embedded") > 1.0);
}

/* --- Refused ---------------------------------------------------------------------------------- */

static void refused(const char *json, const char *const *sets, int n_sets, const char *place,
                    const char *what)
{
    char path[] = "/tmp/willmsim-slices-XXXXXX";
    int fd = mkstemp(path);
    struct err e = {0};
    struct scenario sc;
    assert_true(fd >= 0);
    assert_true(write(fd, json, strlen(json)) == (ssize_t)strlen(json));
    close(fd);
    setenv("WILLMSIM_HOME", ".", 0);
    int rc = scenario_load(path, sets, n_sets, &sc, &e);
    unlink(path);
    if (rc != ERR_INPUT || strstr(e.text, place) == NULL || strstr(e.text, what) == NULL)
        fail_msg("%d, \"%s\": not \"%s\", \"%s\"", rc, e.text, place, what);
}

static void test_bad_input(void **state)
{
    (void)state;
    static const struct {
        const char *sets[2];
        const char *place, *what;
    } cases[] = {
        {{"slices.schedule.1.slice=bb"}, "slices.schedule[1].slice: ", "did you mean \"b\"?"},
        {{"slices.schedule.1.slice=other"}, "slices.schedule[1].slice: ", "no slice \"other\""},
        {{"slices.schedule.0.min_pct=41"}, "slices.schedule[0]: ", "minimum of 41 %"},
        {{"slices.schedule.2.max_pct=4"}, "slices.schedule[2]: ", "maximum of 4 %"},
        {{"slices.schedule.0.max_pct=-0.5"}, "slices.schedule[0].max_pct: ", "is no share"},
        {{"slices.schedule.0.priority=0"}, "slices.schedule[0].priority: ", "is no factor"},
        {{"slices.schedule.1.max_pct=-1"}, "slices.schedule[1].slice: ", "nothing changes"},
        {{"slices.tree.0.dedicated_pct=1"}, "slices.tree[0].dedicated_pct: ", "part of min_pct"},
        {{"radio.mode=separated", "radio.policy.kind=oai-willm"},
         "radio.mode: ",
         "oai-willm does not"},
        {{"radio.mode=separated", "radio.separated_delay_ms=101"},
         "radio.separated_delay_ms: ",
         "longer than separated_period_ms 100"},
        {{"radio.mode=separated", "radio.policy={\"kind\":\"max-cqi\",\"enforce_slices\":false}"},
         "radio.policy.enforce_slices: ",
         "must keep"},
        {{"radio.mode=apart"}, "radio.mode: ", "separated"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int n = cases[i].sets[1] != NULL ? 2 : 1;
        refused(saturated, cases[i].sets, n, cases[i].place, cases[i].what);
    }
    static const char bare[] =
        "{\"name\":\"bare\",\"duration_s\":1,"
        "\"radio\":{\"mode\":\"separated\"},\"cells\":[{\"id\":\"c\"}]," SERVER
        "\"ues\":[{\"id\":\"u\",\"cell\":\"c\",\"server\":\"s\",\"traffic\":"
        "{\"kind\":\"willm-client\"}}]}";
    refused(bare, NULL, 0, "radio.mode: ", "add slices.tree");
    /* The order of time counts, not that of the file: minima of 60 and 50 % meet for a second. */
    const char *late[] = {"slices.tree=[{\"id\":\"a\",\"min_pct\":50},{\"id\":\"b\"}]",
                          "slices.schedule=[{\"at_s\":2,\"slice\":\"a\",\"min_pct\":0},"
                          "{\"at_s\":1,\"slice\":\"b\",\"min_pct\":60}]"};
    refused(saturated, late, 2, "slices.schedule[1]: ", "sum to 110 %");
    const char *early[] = {late[0], "slices.schedule=[{\"at_s\":2,\"slice\":\"b\",\"min_pct\":60},"
                                    "{\"at_s\":1,\"slice\":\"a\",\"min_pct\":0}]"};
    struct scenario sc;
    rows_load(saturated, early, 2, &sc);
    scenario_free(&sc);
}

int test_slice_control(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_schedule_takes_effect),
        cmocka_unit_test(test_repeatable),
        cmocka_unit_test(test_shares_keep_to_the_tree),
        cmocka_unit_test(test_directions_apart),
        cmocka_unit_test(test_rate_of_a_share),
        cmocka_unit_test(test_gap_grows_with_age),
        cmocka_unit_test(test_isolation),
        cmocka_unit_test(test_bad_input),
    };
    return cmocka_run_group_tests_name("slice_control", tests, NULL, NULL);
}
