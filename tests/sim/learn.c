/* learn.c - phones that learn their slice, end to end: the slice in the RAN rows is the one that
 * was chosen; `offline` runs with the slice that is best by hand; who chooses what leaves
 * everybody's luck alone. What the policies choose is tests/sched/choice.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

#include "base/units.h"
#include "sched/choice.h"

enum { ARMS = 3 };

/* Pictures through slices of very different width. */
static const char glasses[] =
    "{\"name\": \"learn\", \"duration_s\": 60, \"output\": {\"ran_records_ms\": 20},"
    " \"radio\": {\"policy\": {\"kind\": \"tree-branch-fruit\"}},"
    " \"cells\": [{\"id\": \"c\"}],"
    " \"slices\": {\"tree\": [{\"id\": \"b\"},"
    "  {\"id\": \"wide\", \"parent\": \"b\", \"max_pct\": 80},"
    "  {\"id\": \"middle\", \"parent\": \"b\", \"max_pct\": 6},"
    "  {\"id\": \"narrow\", \"parent\": \"b\", \"max_pct\": 3}]},"
    " \"transport\": {\"protocol\": \"udp\"}, \"core\": {},"
    " \"servers\": [{\"id\": \"g\", \"gpu\": \"rtx4090\", \"model\": \"llava\", \"engine\": "
    "\"ollama\","
    "  \"batching\": {\"kind\": \"parallel-slots\"}}],"
    " \"ues\": [{\"id\": \"p\", \"cell\": \"c\", \"server\": \"g\","
    "  \"slice_choice\": {\"kind\": \"ucb1\"}, \"slice_arms\": [\"wide\", \"middle\", \"narrow\"],"
    "  \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"image_request\", \"period_s\": 3,"
    "   \"coefficients\": [1.0], \"word_counts\": [40]}}]}";

static void run(const char *const *sets, int n_sets, struct rows *r)
{
    struct scenario sc;
    rows_load(glasses, sets, n_sets, &sc);
    rows_run(&sc, NULL, r);
    scenario_free(&sc);
}

static void run_static(int arm, struct rows *r)
{
    char set[64];
    snprintf(set, sizeof set, "ues.0.slice_choice={\"kind\": \"static\", \"arm\": %d}", arm);
    run((const char *[]){set}, 1, r);
}

static double mean_reward(const struct rows *r, double target_s)
{
    double sum = 0.0;
    for (size_t i = 0; i < r->n_requests; i++) {
        const struct request_record *q = &r->requests[i];
        if (strcmp(q->status, "completed") == 0)
            sum += choice_reward(s_of_ns(q->done_ns - q->born_ns), target_s);
    }
    return sum / (double)r->n_requests;
}

/* Every RAN row shows the slice of the request that was born last before it. */
static void test_slice_follows(void **state)
{
    (void)state;
    struct rows r;
    run(NULL, 0, &r);
    assert_true(r.n_requests >= 15);
    size_t changes = 0, compared = 0;
    for (size_t i = 1; i < r.n_requests; i++)
        changes += strcmp(r.requests[i].slice_id, r.requests[i - 1].slice_id) != 0;
    assert_true(changes >= 3);
    for (size_t k = 0; k < r.n_ran; k++) {
        int64_t at_ns = (r.ran[k].gnb_timestamp_ms - RECORD_EPOCH_MS) * NS_PER_MS;
        const struct request_record *last = NULL;
        for (size_t i = 0; i < r.n_requests && r.requests[i].born_ns < at_ns; i++)
            last = &r.requests[i];
        if (last == NULL)
            continue;
        assert_string_equal(r.ran[k].slice_id, last->slice_id);
        compared++;
    }
    assert_true(compared > 2000);
    rows_free(&r);
}

/* The rows of `offline` are those of the best slice alone, also when no request is stored; which
 * one is best hangs on the target. */
static void test_offline(void **state)
{
    (void)state;
    static const char *const target[] = {"ues.0.slice_target_s=2", "ues.0.slice_target_s=0.5"};
    int chosen[2];
    for (int t = 0; t < 2; t++) {
        struct rows fixed[ARMS], offline, bare;
        int best = 0;
        double means[ARMS];
        for (int arm = 0; arm < ARMS; arm++) {
            run_static(arm, &fixed[arm]);
            means[arm] = mean_reward(&fixed[arm], t == 0 ? 2.0 : 0.5);
            best = means[arm] > means[best] ? arm : best;
        }
        const char *const sets[] = {"ues.0.slice_choice={\"kind\": \"offline\"}", target[t],
                                    "output.requests=false"};
        run(sets, 2, &offline);
        rows_same(&fixed[best], &offline);
        run(sets, 3, &bare);
        assert_int_equal(bare.n_requests, 0);
        assert_int_equal(bare.result.fingerprint, fixed[best].result.fingerprint);
        for (int arm = 0; arm < ARMS; arm++) {
            if (arm != best)
                assert_true(fixed[arm].result.fingerprint != offline.result.fingerprint);
            rows_free(&fixed[arm]);
        }
        chosen[t] = best;
        rows_free(&offline);
        rows_free(&bare);
    }
    assert_true(chosen[0] != chosen[1] && chosen[1] == 0);
}

/* The same questions and answers, whichever slice carries them. */
static void test_luck(void **state)
{
    (void)state;
    struct rows wide, narrow, learning;
    run_static(0, &wide);
    run_static(2, &narrow);
    run(NULL, 0, &learning);
    const struct rows *others[] = {&narrow, &learning};
    for (int k = 0; k < 2; k++) {
        size_t n =
            others[k]->n_requests < wide.n_requests ? others[k]->n_requests : wide.n_requests;
        assert_true(n >= 10);
        for (size_t i = 0; i < n; i++) {
            const struct request_record *a = &wide.requests[i], *b = &others[k]->requests[i];
            assert_int_equal(a->request_id, b->request_id);
            assert_int_equal(a->uplink_bytes, b->uplink_bytes);
            assert_int_equal(a->downlink_bytes, b->downlink_bytes);
            assert_int_equal(a->input_tokens, b->input_tokens);
            assert_int_equal(a->output_tokens, b->output_tokens);
        }
    }
    /* 3 % of the carrier take longer than 80 %. */
    assert_true(narrow.requests[0].radio_ul_out_ns - narrow.requests[0].born_ns >
                2 * (wide.requests[0].radio_ul_out_ns - wide.requests[0].born_ns));
    rows_free(&wide);
    rows_free(&narrow);
    rows_free(&learning);
}

int test_learn(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slice_follows),
        cmocka_unit_test(test_offline),
        cmocka_unit_test(test_luck),
    };
    return cmocka_run_group_tests_name("learn", tests, NULL, NULL);
}
