/* server_models.c - pins V1 and V3 to V6 of sim/server.h for servers with several models: memory is
 * never exceeded, a model is read from disk once while the page cache lasts, keep-alive and
 * eviction, nobody starves, the GPU is shared, and fast-forwarding changes nothing. Times are
 * computed here from weights and rates. That a busy model is not evicted (V5) and that memory holds
 * at every instant (V4) are assertions in the server as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "base/units.h"
#include "tests/sim/server_rows.h"

#define assert_near(a, b, within) assert_true(fabs((a) - (b)) <= (within))

#define MODEL(name, more) "{\"model\": \"" name "\"" more "}"
#define POISSON(id, model, count, hz, in, out)                                                     \
    "{\"id\": \"" id "\", \"count\": " count ", \"server\": \"*\", \"model\": \"" model            \
    "\", \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": " hz                                    \
    ", \"input_tokens\": {\"dist\": \"lognormal\", \"median\": " in                                \
    ", \"sigma\": 1, \"max\": 1500}, \"output_tokens\": {\"dist\": \"geometric\", \"mean\": " out  \
    ", \"max\": 400}}}"

/* Three models of 16, 7 and 2.5 GB (bf16) on 24 GB, most of the time with somebody to serve. */
#define LARGE                                                                                      \
    MODEL("llama-3.1-8b", ", \"quant\": \"bf16\", \"kv_tokens\": 4000, \"keep_alive_s\": 20")
#define MIDDLE MODEL("llama-3.2-3b", ", \"quant\": \"bf16\", \"kv_tokens\": 3000")
#define SMALL                                                                                      \
    MODEL("llama-3.2-1b", ", \"quant\": \"bf16\", \"kv_tokens\": 2500, \"keep_alive_s\": 0.5")
static const char three[] =
    "{\"name\": \"three\", \"duration_s\": 40, \"drain_s\": 3000, \"servers\": [{\"id\": \"a\","
    " \"gpu\": \"rtx4090\", \"models\": [" LARGE ", " MIDDLE ", " SMALL
    "]}], \"ues\": [" POISSON("large", "llama-3.1-8b", "2", "0.1", "200", "60") ", " POISSON(
        "middle", "llama-3.2-3b", "3", "0.3", "200",
        "100") ", " POISSON("small", "llama-3.2-1b", "2", "0.4", "300", "150") "]}";

static const struct gpu_record *model_row(const struct rows *r, const char *model)
{
    for (size_t i = 0; i < r->n_gpus; i++)
        if (strcmp(r->gpus[i].llm_model, model) == 0)
            return &r->gpus[i];
    fail_msg("no row of %s", model);
    return NULL;
}

/* A model leaves as often as it came, but for the last time. */
static void check_loads(const struct rows *r, int pools)
{
    for (size_t i = 0; i < r->n_gpus; i++) {
        const struct gpu_record *g = &r->gpus[i];
        int64_t stays = g->cold_loads + g->warm_loads - g->evictions - g->expiries;
        assert_in_range(stays, 0, 1);
    }
    for (size_t i = 0; i < r->n_servers; i++) {
        assert_true(r->servers[i].vram_usage_mib * 1048576.0 <=
                    (double)(pools * r->gpus[0].memory_bytes));
        assert_true(r->servers[i].cold_start_time_ms >= 0.0);
        assert_true(r->servers[i].warm_start_time_ms >= 0.0);
    }
}

static void test_models_share_the_memory(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "servers.batching={\"kind\": \"continuous\"}",
        "servers.batching={\"kind\": \"continuous\", \"preemption\": \"swap\"}",
        "servers.batching={\"kind\": \"parallel-slots\", \"num_parallel\": 3, \"max_queue\": 20}",
        "servers.batching={\"kind\": \"static\"}",
        "servers.batching={\"kind\": \"fifo\"}",
        "servers.batching={\"kind\": \"disaggregated\"}",
    };
    int64_t evictions = 0;
    int64_t expiries = 0;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct rows r;
        check_both_ways(three, &kinds[i], 1, NULL, &r);
        assert_int_equal(r.n_gpus, 3);
        check_loads(&r, strstr(kinds[i], "disagg") != NULL ? 2 : 1);
        for (size_t k = 0; k < r.n_gpus; k++) {
            assert_int_equal(r.gpus[k].cold_loads, 1);
            evictions += r.gpus[k].evictions;
            expiries += r.gpus[k].expiries;
        }
        /* V6: together they have no more of the GPU than there is. */
        int64_t busy = r.gpus[0].busy_ns + r.gpus[1].busy_ns + r.gpus[2].busy_ns;
        assert_true(busy <= r.gpus[0].span_ns);
        assert_true(
            model_row(&r, "llama-3.1-8b")->evictions + model_row(&r, "llama-3.1-8b")->expiries > 0);
        assert_true(r.result.completed > 80);
        rows_free(&r);
    }
    assert_true(evictions > 10 && expiries > 10);
}

/* Without a page cache each load is from disk; with room for one file only, most are. */
static void test_page_cache(void **state)
{
    (void)state;
    int64_t cold[3];
    static const char *const sets[] = {"servers.host_cache_gib=0", "servers.host_cache_gib=16",
                                       "servers.host_cache_gib=64"};
    for (int i = 0; i < 3; i++) {
        struct rows r;
        int64_t warm = 0;
        check_both_ways(three, &sets[i], 1, NULL, &r);
        cold[i] = 0;
        for (size_t k = 0; k < r.n_gpus; k++) {
            cold[i] += r.gpus[k].cold_loads;
            warm += r.gpus[k].warm_loads;
        }
        assert_int_equal(warm == 0, i == 0);
        rows_free(&r);
    }
    assert_true(cold[0] > cold[1] && cold[1] > cold[2]);
    assert_int_equal(cold[2], 3);
}

/* --- One request at a time -------------------------------------------------------------------- */

/* Three requests at 10 s, 100 s and 500 s. */
static const char alone[] =
    "{\"name\": \"alone\", \"duration_s\": 600, \"servers\": [{\"id\": \"a\","
    " \"gpu\": \"rtx4090\", \"request_overhead_ms\": 0, \"models\":"
    " [{\"model\": \"llama-3.1-8b\", \"quant\": \"bf16\"}]}],"
    " \"ues\": [{\"id\": \"u\", \"server\": \"a\", \"prepare_ms\": 0, \"traffic\":"
    " {\"kind\": \"trace-csv\", \"path\": \"tests/sim/bad/trace.csv\"}}]}";

static const struct trace_item three_items[] = {
    {.arrival_ns = 10 * NS_PER_S, .input_tokens = 100, .output_tokens = 10},
    {.arrival_ns = 100 * NS_PER_S, .input_tokens = 100, .output_tokens = 10},
    {.arrival_ns = 500 * NS_PER_S, .input_tokens = 100, .output_tokens = 10},
};

static void run_alone(const char *const *sets, int n, struct rows *r)
{
    struct trace trace = {.items = (struct trace_item *)three_items, .n = 3};
    struct scenario sc;
    rows_load(alone, sets, n, &sc);
    rows_run(&sc, &trace, r);
    scenario_free(&sc);
    assert_int_equal(r->result.completed, 3);
}

/* 8.03e9 weights of 2 bytes; 2.5e9 bytes a second from disk (profile), 25e9 over the link. */
static void test_keep_alive(void **state)
{
    (void)state;
    static const struct {
        const char *set;
        int64_t cold, warm, expiries;
        bool waits[3];
    } cases[] = {
        {"servers.models.keep_alive_s=300", 1, 1, 1, {true, false, true}},
        {"servers.models.keep_alive_s=-1", 1, 0, 0, {true, false, false}},
        {"servers.models.keep_alive_s=60", 1, 2, 3, {true, true, true}},
        {"servers.models.keep_alive_s=0", 1, 2, 3, {true, true, true}},
        {"servers.models.loaded=true", 0, 1, 1, {false, false, true}},
    };
    double weights = 8.03e9 * 2.0;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct rows r;
        run_alone(&cases[i].set, 1, &r);
        assert_int_equal(r.gpus[0].cold_loads, cases[i].cold);
        assert_int_equal(r.gpus[0].warm_loads, cases[i].warm);
        assert_int_equal(r.gpus[0].expiries, cases[i].expiries);
        for (int k = 0; k < 3; k++) {
            bool cold = k == 0 && cases[i].waits[0];
            bool warm = k > 0 && cases[i].waits[k];
            const struct server_record *s = &r.servers[k];
            assert_near(s->cold_start_time_ms, cold ? weights / 2.5e6 : 0.0, 2.0);
            assert_near(s->warm_start_time_ms, warm ? weights / 25e6 : 0.0, 0.2);
            /* The wait is queue time, and nothing else is. */
            double queue_ms = (double)r.requests[k].queue_ns / 1e6;
            assert_near(queue_ms, s->cold_start_time_ms + s->warm_start_time_ms, 1e-6);
        }
        double load_ms = (double)r.gpus[0].load_ns / 1e6;
        assert_near(load_ms,
                    weights * ((double)cases[i].cold / 2.5e6 + (double)cases[i].warm / 25e6), 3.0);
        rows_free(&r);
    }
}

/* 8 bits halve the KV in the pool; the answers are the same but in time. */
static void test_kv_precision(void **state)
{
    (void)state;
    static const char *const sets[] = {"servers.models.kv_precision=8-bit",
                                       "servers.models.kv_tokens=1600"};
    struct rows r[2];
    run_alone(sets + 1, 1, &r[0]);
    run_alone(sets, 2, &r[1]);
    assert_int_equal(r[0].gpus[0].kv_pool_bytes, 1600 * 131072);
    assert_int_equal(r[1].gpus[0].kv_pool_bytes, 1600 * 65536);
    assert_int_equal(r[1].gpus[0].kv_peak_bytes * 2, r[0].gpus[0].kv_peak_bytes);
    assert_true(r[1].requests[0].last_token_ns < r[0].requests[0].last_token_ns);
    rows_free(&r[0]);
    rows_free(&r[1]);
}

/* --- Taking turns ----------------------------------------------------------------------------- */

#define CONSTANT(id, model, hz)                                                                    \
    "{\"id\": \"" id "\", \"server\": \"a\", \"model\": \"" model                                  \
    "\", \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": " hz                                    \
    ", \"input_tokens\": {\"dist\": \"constant\", \"value\": 200}, \"output_tokens\": {\"dist\":"  \
    " \"constant\", \"value\": 100}}}"

/* The same card twice, more asked of both than the GPU can do. */
static const char twins[] =
    "{\"name\": \"twins\", \"duration_s\": 30, \"drain_s\": 4000, \"servers\": [{\"id\": \"a\","
    " \"gpu\": \"rtx4090\", \"batching\": {\"kind\": \"parallel-slots\", \"num_parallel\": 4,"
    " \"max_queue\": 0}, \"models\": ["
    "{\"id\": \"left\", \"model\": \"llama-3.2-3b\", \"quant\": \"bf16\", \"loaded\": true},"
    "{\"id\": \"right\", \"model\": \"llama-3.2-1b\", \"quant\": \"bf16\", \"loaded\": true}]}],"
    " \"ues\": [" CONSTANT("l", "left", "20") ", " CONSTANT("r", "right", "60") "]}";

static void test_turns_are_fair(void **state)
{
    (void)state;
    const char *set = "drain_s=0"; /* both still have a queue when the run ends */
    struct scenario sc;
    struct rows r;
    rows_load(twins, &set, 1, &sc);
    rows_run(&sc, NULL, &r);
    scenario_free(&sc);
    double left = (double)model_row(&r, "left")->busy_ns;
    double right = (double)model_row(&r, "right")->busy_ns;
    assert_true(left + right > 0.95 * (double)r.gpus[0].span_ns);
    assert_near(left / right, 1.0, 0.02);
    /* Steps of the smaller model are shorter: it makes more of them. */
    assert_true(model_row(&r, "right")->steps > model_row(&r, "left")->steps * 3 / 2);
    rows_free(&r);
    set = "ues.1.traffic.rate_hz=0.5"; /* now one has work all the time and the other hardly */
    check_both_ways(twins, &set, 1, NULL, &r);
    assert_true(model_row(&r, "left")->busy_ns > 5 * model_row(&r, "right")->busy_ns);
    rows_free(&r);
}

/* Room for one of the two, both asked for all the time: they turn each other out, and nobody waits
 * for ever. */
static void test_nobody_starves(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "servers.models=[{\"id\": \"left\", \"model\": \"llama-3.1-8b\", \"quant\": \"bf16\"}, "
        "{\"id\": \"right\", \"model\": \"llama-3.1-8b\", \"quant\": \"bf16\"}]",
        "ues.traffic.rate_hz=1", "servers.batching.num_parallel=8"};
    struct rows r;
    check_both_ways(twins, sets, 3, NULL, &r);
    check_loads(&r, 1);
    assert_int_equal(r.result.completed, r.result.arrived);
    assert_true(model_row(&r, "left")->evictions > 2);
    assert_true(model_row(&r, "right")->evictions > 2);
    rows_free(&r);
}

/* Two servers, of which one has both models: whoever asks for its second goes there, however "*"
 * chooses. */
static void test_routers_know_the_models(void **state)
{
    (void)state;
    static const char *const routings[] = {"ues.routing=by-ue", "ues.routing=round-robin",
                                           "ues.routing=least-loaded", "ues.routing=by-slice"};
    for (int i = 0; i < 4; i++) {
        const char *sets[] = {
            routings[i],
            "servers=[{\"id\": \"one\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.2-3b\", "
            "\"quant\": \"bf16\"}, {\"id\": \"both\", \"gpu\": \"rtx4090\", \"models\": "
            "[{\"model\": \"llama-3.2-1b\", \"quant\": \"bf16\"}, {\"model\": "
            "\"llama-3.2-3b\", \"quant\": \"bf16\"}]}]",
            "ues.0.model=llama-3.2-3b"};
        struct rows r;
        size_t n[2] = {0};
        check_both_ways(three, sets, 3, NULL, &r);
        for (size_t k = 0; k < r.n_requests; k++) {
            const struct request_record *q = &r.requests[k];
            bool small = strcmp(q->ue_group, "small") == 0;
            assert_string_equal(q->llm_model, small ? "llama-3.2-1b" : "llama-3.2-3b");
            assert_true(!small || strcmp(q->server, "both") == 0);
            n[strcmp(q->server, "both") == 0] += small ? 0 : 1;
        }
        assert_true(n[0] > 10 && n[1] > 10);
        rows_free(&r);
    }
}

int test_server_models(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_models_share_the_memory),
        cmocka_unit_test(test_page_cache),
        cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_kv_precision),
        cmocka_unit_test(test_turns_are_fair),
        cmocka_unit_test(test_nobody_starves),
        cmocka_unit_test(test_routers_know_the_models),
    };
    return cmocka_run_group_tests_name("server_models", tests, NULL, NULL);
}
