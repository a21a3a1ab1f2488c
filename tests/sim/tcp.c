/* Pins: TCP's clock against round trips counted by hand, and T1 to T3 of sim/tcp.h. The link is so
 * fast that a flight of segments takes no time, so an upload takes whole one-way delays: two for
 * the handshake, then one for the last flight and two for each before it. Also what delayed
 * acknowledgements and HyStart do, and what the tunnel of a phone without native slicing costs on
 * the air, with TCP and without. */
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

/* One segment in flight: 16 acknowledgements come at once, each of the others waits for a second
 * segment that does not come, 40 ms. */
static void test_delayed_acknowledgement(void **state)
{
    (void)state;
    static const char *const sets[] = {
        "transport.mtu_bytes=2100", "transport.tcp_window_bytes=2048",
        "ues.traffic.bytes_per_token=512", "ues.traffic.input_tokens.value=80"};
    struct scenario sc;
    rows_load(base, sets, 4, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    assert_true(rows.n_requests > 2);
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        int64_t beyond =
            r->server_in_ns - r->born_ns - (2 + 2 * 16 + 2 * 3 + 1) * DELAY_NS - 3 * 40 * NS_PER_MS;
        assert_in_range(beyond, 0, 10 * NS_PER_US);
    }
    rows_free(&rows);
    scenario_free(&sc);
}

/* 2 MB over 10 Mbit/s, where 25 segments fill the round trip: HyStart ends slow start when the
 * queue before the link has grown by 4 ms, and one segment more each round trip makes some 80 ms of
 * it until the end. Without it the window, and with it the queue, would grow to the whole
 * message, 1.7 s. A small message of another phone sees that queue. */
static void test_hystart(void **state)
{
    (void)state;
#define ASKS(id, rate, bytes)                                                                      \
    "{\"id\": \"" id "\", \"server\": \"s\", \"prepare_ms\": 0, \"traffic\": {\"kind\":"           \
    " \"poisson\", \"rate_hz\": " rate ", \"overhead_bytes\": 0, \"bytes_per_token\": " bytes ","  \
    " \"input_tokens\": {\"dist\": \"constant\", \"value\": 2000},"                                \
    " \"output_tokens\": {\"dist\": \"constant\", \"value\": 1}}}"
    static const char *const sets[] = {
        "transport.rate_mbps=10", "duration_s=30",
        "ues=[" ASKS("large", "0.2", "1000") ", " ASKS("small", "10", "0.1") "]"};
    struct scenario sc;
    rows_load(base, sets, 3, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int64_t longest = 0;
    int large = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        int64_t up = r->server_in_ns - r->born_ns;
        large += r->uplink_bytes > 1000000;
        if (r->uplink_bytes < 1000 && up > longest)
            longest = up;
    }
    print_message("longest small upload beside large ones: %.0f ms\n", (double)longest / NS_PER_MS);
    assert_true(large > 3);
    assert_in_range(longest, 35 * NS_PER_MS, 600 * NS_PER_MS);
    rows_free(&rows);
    scenario_free(&sc);
}

/* Bytes that one request of 14 480 brings into the phone's uplink buffer. */
static int64_t buffered(const char *protocol, const char *slicing)
{
    static const char radio[] = "cells=[{\"id\": \"c\"}]";
    const char *sets[] = {"transport.mtu_bytes=1500",
                          radio,
                          "radio={\"idle_grant_ms\": 0}",
                          "ues.cell=c",
                          "ues.traffic.bytes_per_token=1",
                          "ues.traffic.input_tokens.value=14480",
                          "ues.traffic.rate_hz=0.1",
                          "duration_s=100",
                          "ues.traffic.output_tokens.value=1",
                          protocol,
                          slicing};
    struct scenario sc;
    rows_load(base, sets, 11, &sc);
    struct run_options options = {.seed = 1};
    struct world w;
    struct err e = {0};
    if (world_make(&w, &sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    for (uint32_t k = 0; k < w.n_ues; k++)
        ue_start(&w.ues[k]);
    for (int i = 0; i < w.n_cells; i++)
        cell_start(w.cells[i]);
    while (w.completed + w.failed == 0)
        engine_run(w.engine, engine_next(w.engine), 1);
    assert_int_equal(w.arrived, 1);
    int64_t bytes = w.radios[0].d[RADIO_UL].stream.end;
    world_free(&w);
    scenario_free(&sc);
    return bytes;
}

/* Of each packet's 1500 bytes the headers and the tunnel's 60 are taken, and 4 of PDCP and SDAP
 * come on top. TCP adds its SYN; the answer's one segment is not acknowledged (the phone closes).
 */
static void test_tunnel(void **state)
{
    (void)state;
    enum { BYTES = 14480, TUNNEL = 60, PDCP = 4, SYN = 1 };
    int64_t direct = buffered("transport.protocol=none", "ues.native_slicing=true");
    assert_int_equal(direct, BYTES + 10 * (20 + PDCP)); /* 1480 a packet */
    int64_t tunnel = buffered("transport.protocol=none", "ues.native_slicing=false");
    assert_int_equal(tunnel, BYTES + 11 * (20 + TUNNEL + PDCP)); /* 1420 */
    direct = buffered("transport.protocol=udp", "ues.native_slicing=true");
    assert_int_equal(direct, BYTES + 10 * (28 + PDCP)); /* 1472 */
    direct = buffered("transport.protocol=tcp", "ues.native_slicing=true");
    assert_int_equal(direct, BYTES + (10 + SYN) * (52 + PDCP)); /* 1448 */
    tunnel = buffered("transport.protocol=tcp", "ues.native_slicing=false");
    assert_int_equal(tunnel, BYTES + (11 + SYN) * (52 + TUNNEL + PDCP)); /* 1388 */
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
        cmocka_unit_test(test_delayed_acknowledgement),
        cmocka_unit_test(test_hystart),
        cmocka_unit_test(test_tunnel),
        cmocka_unit_test(test_t3_nothing_is_kept),
    };
    return cmocka_run_group_tests_name("tcp", tests, NULL, NULL);
}
