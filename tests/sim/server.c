/* server.c - pins V1 to V3 of sim/server.h over whole scenarios: every request ends, answers leave
 * with their bytes conserved (whole or token by token, with and without TCP), and fast-forwarded
 * decoding gives the rows of stepping byte by byte - for swapping, disaggregated, sliced,
 * prefix-caching and routed servers too. What a batch does is tests/sched/batch.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "datasets/trace_reader.h"
#include "tests/sim/server_rows.h"

#define SERVER(name, more)                                                                         \
    "{\"id\": \"" name "\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.1-8b\", "                   \
    "\"quant\": \"bf16\"" more "}"

/* Two slices and nobody's phones, 14 requests a second on two servers whose memory is short. */
static const char load[] =
    "{\"name\": \"load\", \"duration_s\": 20, \"drain_s\": 600,"
    " \"slices\": {\"tree\": [{\"id\": \"gold\", \"priority\": 2},"
    "                        {\"id\": \"iron\", \"priority\": 1}]},"
    " \"servers\": [" SERVER("a", ", \"kv_tokens\": 4000") ", " SERVER(
        "b",
        ", \"kv_tokens\": 4000") "],"
                                 " \"ues\": ["
                                 "{\"id\": \"gold\", \"count\": 4, \"slice\": \"gold\", "
                                 "\"server\": \"*\", \"traffic\":"
                                 " {\"kind\": \"poisson\", \"rate_hz\": 1, \"input_tokens\": "
                                 "{\"dist\": \"lognormal\","
                                 " \"median\": 200, \"sigma\": 1, \"max\": 2000}, "
                                 "\"output_tokens\": {\"dist\": \"geometric\","
                                 " \"mean\": 150, \"max\": 1000}}},"
                                 "{\"id\": \"iron\", \"count\": 4, \"slice\": \"iron\", "
                                 "\"server\": \"*\", \"traffic\":"
                                 " {\"kind\": \"poisson\", \"rate_hz\": 2, \"input_tokens\": "
                                 "{\"dist\": \"lognormal\","
                                 " \"median\": 200, \"sigma\": 1, \"max\": 2000}, "
                                 "\"output_tokens\": {\"dist\": \"geometric\","
                                 " \"mean\": 150, \"max\": 1000}}},"
                                 "{\"id\": \"free\", \"count\": 2, \"server\": \"*\", \"traffic\":"
                                 " {\"kind\": \"poisson\", \"rate_hz\": 1, \"input_tokens\": "
                                 "{\"dist\": \"constant\","
                                 " \"value\": 4500}, \"output_tokens\": {\"dist\": \"constant\", "
                                 "\"value\": 5}}}]}";

struct counts {
    int64_t preemptions, failed;
    double ttft_s[3]; /* by UE group */
    int64_t by_server[2];
};

static struct counts count(const struct rows *r)
{
    static const char *const groups[] = {"gold", "iron", "free"};
    struct counts c = {.failed = (int64_t)r->result.failed};
    for (size_t i = 0; i < r->n_gpus; i++)
        c.preemptions += r->gpus[i].preemptions;
    for (int g = 0; g < 3; g++) {
        int n = 0;
        for (size_t i = 0; i < r->n_requests; i++) {
            const struct request_record *q = &r->requests[i];
            if (strcmp(q->ue_group, groups[g]) != 0 || strcmp(q->status, "completed") != 0)
                continue;
            c.ttft_s[g] += s_of_ns(q->first_token_ns - q->server_in_ns);
            n++;
        }
        c.ttft_s[g] /= n > 0 ? n : 1;
    }
    for (size_t i = 0; i < r->n_requests; i++)
        c.by_server[strcmp(r->requests[i].server, "b") == 0]++;
    return c;
}

static struct counts run_load(const char *batching, const char *more)
{
    struct rows r;
    const char *sets[] = {batching, more};
    check_both_ways(load, sets, more != NULL ? 2 : 1, NULL, &r);
    struct counts c = count(&r);
    rows_free(&r);
    return c;
}

static void test_every_kind_of_batching_ends_every_request(void **state)
{
    (void)state;
    static const char *const kinds[] = {
        "servers.batching={\"kind\": \"fifo\", \"max_queue\": 20}",
        "servers.batching={\"kind\": \"static\"}",
        "servers.batching={\"kind\": \"parallel-slots\", \"num_parallel\": 4, \"max_queue\": 20}",
        "servers.batching={\"kind\": \"continuous\"}",
        "servers.batching={\"kind\": \"continuous\", \"preemption\": \"swap\"}",
        "servers.batching={\"kind\": \"disaggregated\", \"transfer_gbytes_per_s\": 1}",
        "servers.batching={\"kind\": \"disaggregated\", \"preemption\": \"swap\", \"max_queue\": "
        "9}",
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        struct counts c = run_load(kinds[i], NULL);
        assert_true(c.failed > 10); /* prompts of 4500 tokens never fit; short queues refuse */
        assert_int_equal(c.preemptions > 0, i >= 3);
    }
}

static void test_slices_govern_the_gpu(void **state)
{
    (void)state;
    struct counts plain = run_load("servers.batching={\"kind\": \"continuous\"}", NULL);
    struct counts first =
        run_load("servers.batching={\"kind\": \"continuous\", \"order\": \"priority\"}", NULL);
    assert_true(first.ttft_s[0] < plain.ttft_s[0] / 2.0);
    assert_true(first.ttft_s[0] < first.ttft_s[1] / 2.0);
}

static void test_shares_keep_room(void **state)
{
    (void)state;
    const char *sets[] = {"slices.tree.0.gpu_min_pct=50", "slices.tree.1.gpu_max_pct=40"};
    struct rows r;
    check_both_ways(load, NULL, 0, NULL, &r);
    struct counts plain = count(&r);
    rows_free(&r);
    check_both_ways(load, sets, 2, NULL, &r);
    struct counts share = count(&r);
    rows_free(&r);
    assert_true(share.ttft_s[0] < plain.ttft_s[0] / 2.0);
    assert_true(share.ttft_s[1] > share.ttft_s[0]);
}

static void test_routers_balance(void **state)
{
    (void)state;
    struct rows r;
    /* The second server is slow: taking turns gives it half, looking at the queues less. */
    const char *sets[] = {"ues.routing=round-robin", "servers.1.gpu=l4"};
    check_both_ways(load, sets, 2, NULL, &r);
    struct counts turns = count(&r);
    assert_in_range(turns.by_server[0] - turns.by_server[1] + 1, 0, 2);
    rows_free(&r);
    sets[0] = "ues.routing=least-loaded";
    check_both_ways(load, sets, 2, NULL, &r);
    struct counts least = count(&r);
    assert_true(least.by_server[1] < least.by_server[0]);
    assert_true(least.ttft_s[0] + least.ttft_s[1] < turns.ttft_s[0] + turns.ttft_s[1]);
    rows_free(&r);
    sets[0] = "ues.routing=by-slice";
    sets[1] = "servers.1.slices=[\"gold\"]";
    check_both_ways(load, sets, 2, NULL, &r);
    for (size_t i = 0; i < r.n_requests; i++) {
        bool gold = strcmp(r.requests[i].ue_group, "gold") == 0;
        assert_true(gold || strcmp(r.requests[i].server, "a") == 0);
    }
    assert_true(count(&r).by_server[1] > 0);
    rows_free(&r);
}

/* --- Streaming -------------------------------------------------------------------------------- */

static void test_streams_token_by_token(void **state)
{
    (void)state;
    static const char json[] =
        "{\"name\": \"stream\", \"duration_s\": 5, \"radio\": {}, \"cells\": [{\"id\": \"c\"}],"
        " \"transport\": {}, \"core\": {}, \"servers\": [" SERVER(
            "a", "") "],"
                     " \"ues\": [{\"id\": \"gold\", \"cell\": \"c\", \"server\": \"a\", "
                     "\"streaming\": true,"
                     " \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 0.5, \"input_tokens\":"
                     " {\"dist\": \"constant\", \"value\": 50}, \"output_tokens\":"
                     " {\"dist\": \"constant\", \"value\": 60}}}]}";
    static const char *const protocols[] = {"transport.protocol=none", "transport.protocol=udp",
                                            "transport.protocol=tcp"};
    for (size_t i = 0; i < 3; i++) {
        struct scenario sc;
        struct rows stream;
        struct rows whole;
        const char *sets[] = {protocols[i], "ues.streaming=false"};
        rows_load(json, sets, 1, &sc);
        rows_run(&sc, NULL, &stream);
        scenario_free(&sc);
        rows_load(json, sets, 2, &sc);
        rows_run(&sc, NULL, &whole);
        scenario_free(&sc);
        check_rows(&stream);
        check_rows(&whole);
        assert_true(stream.n_requests > 0);
        assert_int_equal(stream.n_requests, whole.n_requests);
        for (size_t k = 0; k < stream.n_requests; k++) {
            const struct request_record *s = &stream.requests[k];
            const struct request_record *w = &whole.requests[k];
            /* The first token is at the phone long before the last is made; a whole answer is not.
             */
            assert_true(s->ue_first_byte_ns < s->last_token_ns);
            assert_true(s->ue_first_byte_ns > s->first_token_ns);
            assert_true(w->ue_first_byte_ns > w->last_token_ns);
            assert_int_equal(s->downlink_bytes, w->downlink_bytes);
        }
        /* The same application bytes cross the air. */
        int64_t bytes[2] = {0};
        for (size_t k = 0; k < stream.n_cells; k++) {
            bytes[0] +=
                strcmp(stream.cells[k].direction, "dl") == 0 ? stream.cells[k].bytes_payload : 0;
            bytes[1] +=
                strcmp(whole.cells[k].direction, "dl") == 0 ? whole.cells[k].bytes_payload : 0;
        }
        assert_int_equal(bytes[0], bytes[1]);
        rows_free(&stream);
        rows_free(&whole);
    }
}

/* Order backlog: the server sees what waits in the cell's downlink streams, by slice. */
static void test_the_server_sees_the_radio(void **state)
{
    (void)state;
    static const char json[] =
        "{\"name\": \"backlog\", \"duration_s\": 10, \"drain_s\": 600,"
        " \"radio\": {\"n_prb\": 24, \"policy\": {\"kind\": \"round-robin\"}},"
        " \"cells\": [{\"id\": \"c\"}],"
        " \"slices\": {\"tree\": [{\"id\": \"gold\"}, {\"id\": \"iron\"}]},"
        " \"servers\": [" SERVER(
            "a",
            ", \"kv_tokens\": 3000") "],"
                                     " \"ues\": ["
                                     "{\"id\": \"gold\", \"count\": 2, \"cell\": \"c\", \"slice\": "
                                     "\"gold\", \"server\": \"a\","
                                     " \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 3, "
                                     "\"input_tokens\":"
                                     " {\"dist\": \"constant\", \"value\": 200}, \"output_tokens\":"
                                     " {\"dist\": \"constant\", \"value\": 100}}},"
                                     "{\"id\": \"iron\", \"count\": 2, \"cell\": \"c\", \"slice\": "
                                     "\"iron\", \"server\": \"a\","
                                     " \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 3, "
                                     "\"bytes_per_token\": 1000,"
                                     " \"input_tokens\": {\"dist\": \"constant\", \"value\": 1}, "
                                     "\"output_tokens\":"
                                     " {\"dist\": \"constant\", \"value\": 100}}}]}";
    struct rows r;
    const char *sets[] = {"servers.0.batching={\"kind\": \"continuous\", \"max_num_seqs\": 4}"};
    check_both_ways(json, sets, 1, NULL, &r);
    struct counts plain = count(&r);
    rows_free(&r);
    sets[0] = "servers.0.batching={\"kind\": \"continuous\", \"max_num_seqs\": 4, "
              "\"order\": \"backlog\"}";
    check_both_ways(json, sets, 1, NULL, &r);
    struct counts seen = count(&r);
    assert_true(seen.ttft_s[0] < plain.ttft_s[0]);
    rows_free(&r);
}

/* --- Real traces ------------------------------------------------------------------------------ */

static bool read_shared(const char *name, enum trace_format format, struct trace *trace)
{
    const char *data = getenv("WILLMSIM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/traces/%s", data != NULL ? data : "../shared/data", name);
    struct err e = {0};
    return access(path, R_OK) == 0 && trace_read(path, format, trace, NULL, &e) == 0;
}

static const char replay[] =
    "{\"name\": \"replay\", \"duration_s\": 200, \"drain_s\": 6000, \"servers\": "
    "[" SERVER("a", ", \"kv_tokens\": 20000") ", " SERVER(
        "b", ", \"kv_tokens\": 20000") "],"
                                       " \"ues\": [{\"id\": \"gold\", \"server\": "
                                       "\"*\", \"routing\": \"least-loaded\","
                                       " \"traffic\": {\"kind\": \"trace-csv\", "
                                       "\"path\": \"tests/sim/bad/trace.csv\"}}]}";

static void test_azure_window_both_ways(void **state)
{
    (void)state;
    struct trace trace;
    if (!read_shared("azure2023_conv.csv", TRACE_AZURE, &trace))
        skip();
    static const char *const kinds[] = {
        "servers.batching={\"kind\": \"continuous\"}",
        "servers.batching={\"kind\": \"continuous\", \"preemption\": \"swap\"}",
        "servers.batching={\"kind\": \"disaggregated\"}"};
    for (size_t i = 0; i < 3; i++) {
        struct rows r;
        check_both_ways(replay, &kinds[i], 1, &trace, &r);
        assert_true(r.n_requests > 700);
        rows_free(&r);
    }
    trace_free(&trace);
}

static void test_mooncake_prefixes_both_ways(void **state)
{
    (void)state;
    struct trace trace;
    if (!read_shared("mooncake_conversation.jsonl", TRACE_MOONCAKE, &trace))
        skip();
    struct rows r[2];
    for (int i = 0; i < 2; i++) {
        const char *sets[] = {i == 0 ? "servers.batching={\"kind\": \"continuous\"}"
                                     : "servers.batching={\"kind\": \"continuous\", "
                                       "\"prefix_caching\": false}",
                              "servers.gpu=h200", "servers.kv_tokens=0", "ues.routing=round-robin"};
        check_both_ways(replay, sets, 4, &trace, &r[i]);
        assert_true(r[i].n_requests > 500);
        assert_int_equal(r[i].result.failed, 0);
    }
    int64_t prefilled[2] = {r[0].gpus[0].prefill_tokens + r[0].gpus[1].prefill_tokens,
                            r[1].gpus[0].prefill_tokens + r[1].gpus[1].prefill_tokens};
    assert_true(prefilled[0] < prefilled[1]);
    assert_true(count(&r[0]).ttft_s[0] < count(&r[1]).ttft_s[0]);
    rows_free(&r[0]);
    rows_free(&r[1]);
    trace_free(&trace);
}

/* The same with a share of the pool: prefixes are found, and the share holds. */
static void test_mooncake_prefixes_within_a_share(void **state)
{
    (void)state;
    struct trace trace;
    if (!read_shared("mooncake_conversation.jsonl", TRACE_MOONCAKE, &trace))
        skip();
    static const char *const sets[] = {"slices.tree=[{\"id\": \"gold\", \"gpu_max_pct\": 60}]",
                                       "ues.slice=gold", "servers.gpu=h200", "servers.kv_tokens=0",
                                       "duration_s=60"};
    struct rows r;
    check_both_ways(replay, sets, 5, &trace, &r);
    int64_t hits = 0;
    for (size_t i = 0; i < r.n_gpus; i++) {
        hits += r.gpus[i].prefix_hit_tokens;
        /* idle prefixes fill the rest of the pool, and are nobody's */
        assert_true(r.gpus[i].kv_peak_bytes > r.gpus[i].kv_pool_bytes / 2);
    }
    assert_true(hits > 10000);
    assert_int_equal(r.result.completed, r.result.arrived);
    rows_free(&r);
    trace_free(&trace);
}

int test_server(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_kind_of_batching_ends_every_request),
        cmocka_unit_test(test_slices_govern_the_gpu),
        cmocka_unit_test(test_shares_keep_room),
        cmocka_unit_test(test_routers_balance),
        cmocka_unit_test(test_streams_token_by_token),
        cmocka_unit_test(test_the_server_sees_the_radio),
        cmocka_unit_test(test_azure_window_both_ways),
        cmocka_unit_test(test_mooncake_prefixes_both_ways),
        cmocka_unit_test(test_mooncake_prefixes_within_a_share),
    };
    return cmocka_run_group_tests_name("server", tests, NULL, NULL);
}
