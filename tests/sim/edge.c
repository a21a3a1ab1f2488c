/* edge.c - pins G1 to G4 of sim/edge.h: epochs and queues computed by hand, what every batch keeps
 * to, and the completion rates that an independent simulation of the same reading of the paper gave
 * (docs/models/edge.md). That no published number is among them is the paper's doing: its figures
 * could not be read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "sched/ot.h"
#include "tests/sim/rows.h"

#define NODE(id, gpus, link)                                                                       \
    "{\"id\": \"" id "\", \"gpu\": \"tx2\", \"model\": \"bloom-3b\", \"quant\": \"w8a16\", "       \
    "\"edge\": {\"gpus\": " gpus ", \"link\": {\"kind\": \"" link "\"}}}"
#define USERS(more)                                                                                \
    "\"ues\": [{\"id\": \"u\", \"server\": \"*\", \"prepare_ms\": 0, \"traffic\": {\"kind\": "     \
    "\"edge-poisson\"" more "}}]"
#define SCENARIO(duration, edge, servers, traffic)                                                 \
    "{\"name\": \"edge\", \"duration_s\": " duration ", \"edge\": {" edge                          \
    "}, \"servers\": [" servers "], " USERS(traffic) "}"
#define THREE                                                                                      \
    NODE("server", "20", "rayleigh")                                                               \
    ", " NODE("vehicle", "3", "manhattan") ", " NODE("uav", "1", "free-space")

static int home(void **state)
{
    (void)state;
    return setenv("WILLMSIM_HOME", ".", 0);
}

static void run(const char *json, const char *const *sets, int n_sets, struct rows *r)
{
    struct scenario sc;
    rows_load(json, sets, n_sets, &sc);
    rows_run(&sc, NULL, r);
    scenario_free(&sc);
    assert_int_equal(r->result.in_flight, 0); /* G3 */
    assert_int_equal(r->result.completed + r->result.failed, r->result.arrived);
    assert_int_equal(r->n_requests, r->result.arrived);
}

static bool completed(const struct request_record *q)
{
    return strcmp(q->status, "completed") == 0;
}

/* Requests of one size on one node: the epoch of figure 3, stamp by stamp. Work of a request of 256
 * tokens with 512 of padding, BLOOM-3B: 3.750e12 FLOP (models' table in docs/models/edge.md), half
 * of it in W8A16, on 20 x 1.33e12 FLOP/s. */
static void test_an_epoch_by_hand(void **state)
{
    (void)state;
    struct rows r;
    run(SCENARIO("2", "\"policy\": {\"kind\": \"epoch-ot\"}", NODE("server", "20", "rayleigh"),
                 ", \"rate_hz\": 4, \"input_tokens\": [128], \"output_tokens\": [256], "
                 "\"deadline_s\": [2], \"accuracy_max\": 0"),
        NULL, 0, &r);
    assert_in_range(r.n_requests, 2, 21); /* 21 of them would take 1.5 s */
    double batch_s = (double)r.n_requests * 0.5 * 3.7502e12 / (20 * 1.33e12);
    for (size_t i = 0; i < r.n_requests; i++) {
        const struct request_record *q = &r.requests[i];
        assert_true(completed(q));
        assert_int_equal(q->uplink_bytes, 256);
        assert_int_equal(q->downlink_bytes, 512);
        assert_int_equal(q->radio_ul_in_ns, q->born_ns);
        assert_int_equal(q->radio_ul_out_ns, 2250 * NS_PER_MS);
        assert_int_equal(q->server_in_ns, 2250 * NS_PER_MS);
        assert_int_equal(q->server_start_ns, 2250 * NS_PER_MS);
        assert_true(fabs(s_of_ns(q->last_token_ns) - 2.25 - batch_s) < 1e-4 * batch_s);
        assert_true(q->first_token_ns > q->server_start_ns && q->first_token_ns < q->last_token_ns);
        assert_int_equal(q->server_out_ns, q->last_token_ns);
        assert_int_equal(q->radio_dl_in_ns, q->last_token_ns);
        assert_int_equal(q->radio_dl_out_ns, q->last_token_ns + 250 * NS_PER_MS);
        assert_int_equal(q->done_ns, q->radio_dl_out_ns);
        assert_int_equal(q->queue_ns, 0);
    }
    assert_int_equal(r.gpus[0].steps, 1);
    assert_int_equal(r.gpus[0].batch_sum, r.n_requests);
    assert_int_equal(r.gpus[0].decode_tokens, 256 * (int64_t)r.n_requests);
    assert_int_equal(r.gpus[0].busy_ns, r.requests[0].last_token_ns - 2250 * NS_PER_MS);
    rows_free(&r);
}

/* With the real wait a deadline of 2 s ends what a deadline from the epoch's beginning let pass:
 * whoever waits more than 2 - .5 - batch is late. */
static void test_waiting_counts(void **state)
{
    (void)state;
    static const char json[] =
        SCENARIO("60", "\"wait\": \"real\"", THREE, ", \"rate_hz\": 20, \"deadline_s\": [2]");
    struct rows real, fixed;
    run(json, NULL, 0, &real);
    run(json, (const char *const[]){"edge.wait=constant"}, 1, &fixed);
    assert_true(real.result.completed < fixed.result.completed);
    size_t late = 0;
    for (size_t i = 0; i < real.n_requests; i++) {
        const struct request_record *q = &real.requests[i];
        assert_true(!completed(q) || q->done_ns - q->born_ns <= 2 * NS_PER_S); /* G2 */
        late += q->failure != NULL && strcmp(q->failure, "deadline") == 0;
    }
    assert_true(late > 0);
    rows_free(&real);
    rows_free(&fixed);
}

/* G1, and the paper's constraint (12d) from the rows alone: members of a batch begin and end
 * together, within the slot that their epoch leaves, and as long as their work takes. */
static void check_batches(const struct rows *r, const char *server, double flops)
{
    struct ot_model m = ot_model_of(30, 2560, 512);
    struct ot_node node = {.flops = flops, .beta = 0.5};
    int64_t busy_until = 0;
    for (int64_t epoch = 1; epoch < 60; epoch++) {
        int64_t begins = (2 * epoch) * NS_PER_S + 250 * NS_PER_MS, ends = 0;
        double seconds = 0.0;
        for (size_t i = 0; i < r->n_requests; i++) {
            const struct request_record *q = &r->requests[i];
            if (q->server == NULL || strcmp(q->server, server) != 0 || q->server_in_ns != begins)
                continue;
            assert_true(ends == 0 || ends == q->last_token_ns);
            ends = q->last_token_ns;
            seconds += ot_seconds(&m, &node, q->output_tokens);
        }
        assert_true(ends == 0 || (begins >= busy_until && ends <= begins + 1500 * NS_PER_MS));
        assert_true(ends == 0 || fabs(s_of_ns(ends - begins) - seconds) < 1e-6);
        busy_until = ends > busy_until ? ends : busy_until;
    }
}

static void test_batches(void **state)
{
    (void)state;
    static const char *const kinds[] = {"gah", "static"};
    for (int k = 0; k < 2; k++) {
        char set[64];
        const char *const sets[] = {set};
        snprintf(set, sizeof set, "edge.policy.kind=%s", kinds[k]);
        struct rows r;
        run(SCENARIO("60", "", THREE, ", \"rate_hz\": 50"), sets, 1, &r);
        check_batches(&r, "server", 20 * 1.33e12);
        check_batches(&r, "vehicle", 3 * 1.33e12);
        check_batches(&r, "uav", 1.33e12);
        assert_true(r.result.completed > 100);
        size_t inaccurate = 0, left_out = 0;
        for (size_t i = 0; i < r.n_requests; i++) {
            const char *why = r.requests[i].failure;
            inaccurate += why != NULL && strcmp(why, "accuracy") == 0;
            left_out += why != NULL && strcmp(why, "not scheduled in its epoch") == 0;
            assert_true((why == NULL) == completed(&r.requests[i]));
        }
        /* 1 % of the requests ask for more than 1 - .01 */
        double part = (double)inaccurate / (double)r.n_requests;
        assert_true(part > 0.004 && part < 0.02);
        assert_true(left_out > 1000);
        rows_free(&r);
    }
}

static int64_t service_end(const struct request_record *q)
{
    return q->last_token_ns == RECORD_NO_INT ? q->done_ns : q->last_token_ns;
}

/* One queue, one GPU: .25 x 3.118e12 / 1.33e12 = .586 s a request. One at a time, in order, nobody
 * begins after his deadline, and who runs into it is dropped there. */
static void test_no_batching_by_hand(void **state)
{
    (void)state;
    static const char json[] =
        SCENARIO("100", "\"policy\": {\"kind\": \"no-batching\"}", NODE("server", "1", "rayleigh"),
                 ", \"rate_hz\": 2, \"output_tokens\": [128], \"deadline_s\": [2], "
                 "\"accuracy_max\": 0");
    struct rows r;
    run(json, (const char *const[]){"servers.0.quant=w4a16"}, 1, &r);
    size_t dropped = 0, done = 0;
    for (size_t i = 0; i < r.n_requests; i++) { /* rows come as requests end */
        const struct request_record *q = &r.requests[i];
        if (q->server_start_ns == RECORD_NO_INT) {
            assert_true(q->done_ns >= q->born_ns + 2 * NS_PER_S);
            continue;
        }
        assert_int_equal(q->server_in_ns, q->born_ns + 250 * NS_PER_MS);
        assert_true(q->server_start_ns >= q->server_in_ns);
        assert_int_equal(q->queue_ns, q->server_start_ns - q->server_in_ns);
        if (completed(q)) {
            assert_true(fabs(s_of_ns(q->last_token_ns - q->server_start_ns) - 0.5861) < 2e-4);
            assert_true(q->done_ns - q->born_ns <= 2 * NS_PER_S);
            done++;
        } else if (q->last_token_ns == RECORD_NO_INT) {
            assert_int_equal(q->done_ns, q->born_ns + 2 * NS_PER_S);
            dropped++;
        }
        int64_t ends = service_end(q);
        for (size_t k = 0; k < i; k++) {
            const struct request_record *p = &r.requests[k];
            if (p->server_start_ns == RECORD_NO_INT)
                continue;
            assert_true(p->server_start_ns >= ends || service_end(p) <= q->server_start_ns);
            assert_int_equal(p->server_in_ns < q->server_in_ns,
                             p->server_start_ns < q->server_start_ns);
        }
    }
    assert_true(done > 20 && dropped > 5);
    /* The GPU is one: its busy time is the sum of the services, and no more than the run. */
    assert_true(r.gpus[0].busy_ns <= r.gpus[0].span_ns);
    assert_true(r.gpus[0].busy_ns > r.gpus[0].span_ns / 2);
    rows_free(&r);
}

/* Carried requests are offered again, each epoch with a period less. */
static void test_carry(void **state)
{
    (void)state;
    static const char json[] =
        SCENARIO("60", "\"carry\": true", THREE, ", \"rate_hz\": 20, \"deadline_s\": [4, 7]");
    struct rows with, without;
    run(json, NULL, 0, &with);
    run(json, (const char *const[]){"edge.carry=false"}, 1, &without);
    assert_true(with.result.completed > without.result.completed);
    size_t later = 0;
    for (size_t i = 0; i < with.n_requests; i++) {
        const struct request_record *q = &with.requests[i];
        later += completed(q) && q->server_in_ns - q->born_ns > 2250 * NS_PER_MS;
    }
    assert_true(later > 20);
    rows_free(&with);
    rows_free(&without);
}

/* The same scenario, to the byte; and other searches, batches as large. */
static void test_determinism(void **state)
{
    (void)state;
    static const char json[] = SCENARIO("30", "", THREE, ", \"rate_hz\": 50");
    struct rows a, b;
    run(json, NULL, 0, &a);
    run(json, (const char *const[]){"engine.skip_idle_slots=false"}, 1, &b);
    rows_same(&a, &b);
    assert_int_equal(a.result.fingerprint, b.result.fingerprint);
    rows_free(&b);
    /* Algorithm 2 as printed, and Algorithm 1: whoever is in the batches. */
    static const char *const others[] = {"edge.policy.search=paper",
                                         "edge.policy.search=large-bandwidth"};
    for (int k = 0; k < 2; k++) {
        const char *const sets[] = {"edge.policy.kind=gah", "ues.0.traffic.rate_hz=12", others[k]};
        struct rows fast, other;
        run(json, sets, 2, &fast);
        run(json, sets, 3, &other);
        assert_int_equal(fast.gpus[0].batch_sum, other.gpus[0].batch_sum);
        rows_free(&fast);
        rows_free(&other);
    }
    rows_free(&a);
}

/* Figure 8 in the reading of docs/models/edge.md against another program's numbers, with the spread
 * of 40 epochs. */
static void test_completion_rates(void **state)
{
    (void)state;
    static const struct {
        const char *policy, *model, *rate;
        double expected, within;
    } cases[] = {
        {"gah", "bloom-3b", "5", 0.98, 0.03},         {"gah", "bloom-3b", "25", 0.43, 0.03},
        {"gah", "bloom-3b", "100", 0.13, 0.01},       {"static", "bloom-3b", "10", 0.65, 0.05},
        {"static", "bloom-3b", "50", 0.13, 0.02},     {"no-batching", "bloom-3b", "10", 0.26, 0.05},
        {"no-batching", "bloom-7.1b", "10", 0.0, 0.0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char policy[64], model[64], rate[64];
        const char *const sets[] = {policy, model, rate};
        snprintf(policy, sizeof policy, "edge.policy.kind=%s", cases[i].policy);
        snprintf(model, sizeof model, "servers.model=%s", cases[i].model);
        snprintf(rate, sizeof rate, "ues.0.traffic.rate_hz=%s", cases[i].rate);
        struct rows r;
        run(SCENARIO("80", "", THREE, ", \"rate_hz\": 5"), sets, 3, &r);
        double got = (double)r.result.completed / (double)r.result.arrived;
        if (fabs(got - cases[i].expected) > cases[i].within)
            fail_msg("%s %s at %s: %.3f", cases[i].policy, cases[i].model, cases[i].rate, got);
        rows_free(&r);
    }
}

/* The calibrated cost: a batch takes what the engine's own steps take. */
static void test_calibrated(void **state)
{
    (void)state;
#define H100                                                                                       \
    "{\"id\": \"server\", \"gpu\": \"h100-sxm\", \"model\": \"bloom-3b\", \"quant\": \"w8a16\", "  \
    "\"request_overhead_ms\": 0, \"edge\": {\"link\": {\"kind\": \"rayleigh\"}}, \"batching\": "   \
    "{\"kind\": \"continuous\", \"max_num_batched_tokens\": 1000000}}"
    static const char json[] = SCENARIO(
        "3.5", "\"cost\": \"profile\", \"epoch_s\": 3.5, \"policy\": {\"kind\": \"epoch-ot\"}",
        H100,
        ", \"rate_hz\": 1, \"input_tokens\": [512], \"output_tokens\": [256], "
        "\"deadline_s\": [6], \"accuracy_max\": 0");
    struct rows batch, alone;
    run(json, NULL, 0, &batch);
    assert_true(batch.n_requests > 1);
    int64_t whole = batch.requests[0].last_token_ns - batch.requests[0].server_start_ns;
    /* Continuous batching of requests that are alone: as long as no batching. */
    run(json,
        (const char *const[]){"edge.policy.kind=at-once", "ues.0.traffic.rate_hz=0.05",
                              "duration_s=100"},
        3, &alone);
    assert_true(alone.result.completed > 0);
    int64_t least = INT64_MAX;
    for (size_t i = 0; i < alone.n_requests; i++) {
        const struct request_record *q = &alone.requests[i];
        assert_int_equal(q->server_in_ns, q->born_ns + 250 * NS_PER_MS);
        assert_int_equal(q->done_ns, q->last_token_ns + 250 * NS_PER_MS);
        int64_t took = q->last_token_ns - q->server_start_ns;
        least = took < least ? took : least;
    }
    /* A batch takes longer than one request, and less than all one after the other. */
    assert_true(whole > least && whole < (int64_t)batch.n_requests * least);
    struct rows fifo;
    run(json,
        (const char *const[]){"edge.policy.kind=no-batching", "ues.0.traffic.rate_hz=0.05",
                              "duration_s=100"},
        3, &fifo);
    assert_int_equal(fifo.requests[0].last_token_ns - fifo.requests[0].server_start_ns, least);
    rows_free(&batch);
    rows_free(&alone);
    rows_free(&fifo);
}

int test_edge(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_epoch_by_hand),
        cmocka_unit_test(test_waiting_counts),
        cmocka_unit_test(test_batches),
        cmocka_unit_test(test_no_batching_by_hand),
        cmocka_unit_test(test_carry),
        cmocka_unit_test(test_determinism),
        cmocka_unit_test(test_completion_rates),
        cmocka_unit_test(test_calibrated),
    };
    return cmocka_run_group_tests(tests, home, NULL);
}
