/* Pins: TCP's clock against round trips counted by hand, and T1 to T3 of sim/tcp.h. The link is so
 * fast that a flight of segments takes no time, so an upload takes whole one-way delays: two for
 * the handshake, then one for the last flight and two for each before it.
 *
 * Not pinned: HyStart's end of slow start (the round trip here never grows). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/units.h"
#include "sim/ue.h"
#include "sim/world.h"
#include "tests/sim/rows.h"

/* Segments of 1000 bytes (MTU 1052 less 20 and 32), one per token of the prompt; 10 ms one way. */
#define DELAY_NS (10 * NS_PER_MS)
static const char base[] =
    "{\"name\": \"t\", \"duration_s\": 8, \"transport\": {\"protocol\": \"tcp\", \"mtu_bytes\": "
    "1052,"
    " \"rate_mbps\": 1000000, \"delay_ms\": 10},"
    " \"servers\": [{\"id\": \"s\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.2-1b\"}],"
    " \"ues\": [{\"id\": \"u\", \"server\": \"s\", \"prepare_ms\": 0, \"traffic\": {\"kind\": "
    "\"poisson\","
    " \"rate_hz\": 1, \"bytes_per_token\": 1000, \"overhead_bytes\": 0,"
    " \"input_tokens\": {\"dist\": \"constant\", \"value\": 10},"
    " \"output_tokens\": {\"dist\": \"constant\", \"value\": 40}}}]}";

static void check_upload(int segments, const char *more, int delays)
{
    char length[64];
    snprintf(length, sizeof length, "ues.traffic.input_tokens.value=%d", segments);
    const char *sets[] = {length, more};
    struct scenario sc;
    rows_load(base, sets, more != NULL ? 2 : 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    assert_true(rows.n_requests > 2);
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        assert_string_equal(r->status, "completed");
        int64_t beyond = r->server_in_ns - r->born_ns - delays * DELAY_NS;
        /* What is left is the segments' time on the link, 8 ns each. */
        if (beyond < 0 || beyond > 10 * NS_PER_US)
            fail_msg("%d segments: %lld ns beyond %d delays", segments, (long long)beyond, delays);
    }
    rows_free(&rows);
    scenario_free(&sc);
}

/* Initial window 10, doubled each round trip: flights of 10, 20, 40. */
static void test_slow_start(void **state)
{
    (void)state;
    check_upload(1, NULL, 3);
    check_upload(10, NULL, 3);
    check_upload(11, NULL, 5);
    check_upload(30, NULL, 5);
    check_upload(31, NULL, 7);
    check_upload(70, NULL, 7);
    check_upload(71, NULL, 9);
}

static void test_without_handshake(void **state)
{
    (void)state;
    check_upload(10, "transport.tcp_handshake=false", 1);
    check_upload(11, "transport.tcp_handshake=false", 3);
}

/* T1: four segments in flight, whatever the congestion window. */
static void test_t1_receive_window(void **state)
{
    (void)state;
    check_upload(4, "transport.tcp_window_bytes=4000", 3);
    check_upload(8, "transport.tcp_window_bytes=4000", 5);
    check_upload(12, "transport.tcp_window_bytes=4000", 7);
}

/* T2, T3: once everything has ended nothing is kept, streamed or not, with delayed
 * acknowledgements that come after the end. */
static void test_t3_nothing_is_kept(void **state)
{
    (void)state;
    static const char *const streaming[] = {"ues.streaming=false", "ues.streaming=true"};
    for (int i = 0; i < 2; i++) {
        struct scenario sc;
        rows_load(base, &streaming[i], 1, &sc);
        struct run_options options = {.seed = 1};
        struct world w;
        struct err e = {0};
        assert_int_equal(world_make(&w, &sc, &options, &e), 0);
        for (uint32_t k = 0; k < w.n_ues; k++)
            ue_start(&w.ues[k]);
        assert_false(engine_run(w.engine, 60 * NS_PER_S, UINT64_MAX));
        assert_true(w.arrived > 2);
        assert_int_equal(w.completed, w.arrived);
        assert_int_equal(w.tcp->flows.live, 0);
        assert_int_equal(w.tcp->notes.live, 0);
        assert_int_equal(w.requests.live, 0);
        world_free(&w);
        scenario_free(&sc);
    }
}

int test_tcp(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slow_start),
        cmocka_unit_test(test_without_handshake),
        cmocka_unit_test(test_t1_receive_window),
        cmocka_unit_test(test_t3_nothing_is_kept),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
