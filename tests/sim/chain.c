/* chain.c - pins S1 and S2 of sim/stage.h: whatever stages a scenario has, every stage takes and
 * hands on all bytes of a request with one end, stamps do not decrease, and what is left out leaves
 * none. Does not pin how long a stage takes, but for a link by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/chain.h"

#include "base/units.h"
#include "sim/cell.h"
#include "sim/link.h"
#include "sim/server.h"
#include "sim/ue.h"
#include "sim/world.h"

/* --- Watching every hand-over ----------------------------------------------------------------- */

enum { UES = 16, REQUESTS = 256, STAGES = 64 };

struct trail {
    int64_t bytes[STAGE_COUNT], time[STAGE_COUNT];
    int chunks[STAGE_COUNT], ends[STAGE_COUNT];
    int rows, done;
};

/* The stages' own functions are told of nothing: each is called through this one. */
static struct {
    struct stage *stage[STAGES];
    void (*accept[STAGES])(struct stage *, enum stage_index, uint32_t, int64_t, unsigned);
    int n;
    struct trail trails[UES][REQUESTS];
} watched;

static struct trail *trail_of(uint64_t id)
{
    assert_true(id >> 32 < UES && (uint32_t)id < REQUESTS);
    return &watched.trails[id >> 32][(uint32_t)id];
}

static void watch_accept(struct stage *stage, enum stage_index index, uint32_t request,
                         int64_t bytes, unsigned flags)
{
    struct world *w = stage->world;
    const struct request *r = world_request(w, request);
    if ((flags & CHUNK_CONTROL) == 0) {
        struct trail *t = trail_of(r->id);
        assert_int_equal(t->done, 0);
        assert_int_equal(t->ends[index], 0); /* nothing comes after the end */
        assert_true(bytes > 0 || flags != 0);
        assert_true(world_now(w) >= t->time[index]);
        t->bytes[index] += bytes;
        t->chunks[index]++;
        t->ends[index] += (flags & CHUNK_LAST) != 0;
        t->time[index] = world_now(w);
    } else {
        assert_int_equal(bytes, 0);
    }
    /* S1, from the inside: the UE has it all, so every stage has taken what the one before it took,
     * and nothing is kept. */
    if (index == STAGE_UE_RX && (flags & CHUNK_LAST) != 0) {
        for (int i = STAGE_UE_TX; i <= STAGE_UE_RX; i++) {
            bool there = trail_of(r->id)->chunks[i] > 0 || i == STAGE_UE_TX || i == STAGE_UE_RX;
            int64_t bytes_of = i <= STAGE_SERVER ? r->uplink_bytes : r->downlink_bytes;
            assert_int_equal(r->at[i].bytes, there ? bytes_of : 0);
        }
        for (int i = 0; i < 4; i++)
            assert_int_equal(r->held[i], 0);
    }
    int i = 0;
    while (watched.stage[i] != stage)
        i++;
    watched.accept[i](stage, index, request, bytes, flags);
}

static void watch(struct stage *stage)
{
    assert_true(watched.n < STAGES);
    watched.stage[watched.n] = stage;
    watched.accept[watched.n++] = stage->accept;
    stage->accept = watch_accept;
}

static void watch_world(const struct world *w)
{
    memset(&watched, 0, sizeof watched);
    for (uint32_t i = 0; i < w->n_ues; i++)
        watch(&w->ues[i].stage);
    for (int i = 0; i < w->n_cells; i++)
        watch(&w->cells[i]->stage);
    for (int i = 0; i < w->n_links; i++) {
        watch(&w->links_ul[i].stage);
        watch(&w->links_dl[i].stage);
    }
    if (w->core_ul != NULL) {
        watch(&w->core_ul->stage);
        watch(&w->core_dl->stage);
    }
    for (int i = 0; i < w->n_servers; i++)
        watch(&w->servers[i]->stage);
}

/* S1 when a request's row is written. */
static int take_row(void *self, const struct request_record *row)
{
    int left_out = *(const int *)self;
    struct trail *t = trail_of((uint64_t)row->request_id);
    assert_int_equal(t->rows++, 0);
    assert_string_equal(row->status, "completed");
    t->done = 1;
    for (int i = STAGE_RADIO_UL; i < STAGE_COUNT; i++) {
        bool absent =
            ((i == STAGE_RADIO_UL || i == STAGE_RADIO_DL) && (left_out & RADIO) != 0) ||
            ((i == STAGE_TRANSPORT_UL || i == STAGE_TRANSPORT_DL) && (left_out & TRANSPORT) != 0) ||
            ((i == STAGE_CORE_UL || i == STAGE_CORE_DL) && (left_out & CORE) != 0);
        int64_t expected = i <= STAGE_SERVER ? row->uplink_bytes : row->downlink_bytes;
        assert_int_equal(t->bytes[i], absent ? 0 : expected);
        assert_int_equal(t->ends[i], absent ? 0 : 1);
    }
    return 0;
}

static void watch_run(const char *json, const char *const *sets, int n_sets, int left_out)
{
    struct scenario sc;
    rows_load(json, sets, n_sets, &sc);
    struct record_sink sink = {.self = &left_out, .request = take_row};
    struct run_options options = {.seed = (uint64_t)sc.seed, .sink = &sink};
    struct world w;
    struct err e = {0};
    if (world_make(&w, &sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    watch_world(&w);
    for (int i = 0; i < w.n_cells; i++)
        cell_start(w.cells[i]);
    for (uint32_t i = 0; i < w.n_ues; i++)
        ue_start(&w.ues[i]);
    engine_run(w.engine, w.end_ns, UINT64_MAX);
    while (w.live_head != POOL_NONE && engine_next(w.engine) < w.end_ns + 30 * NS_PER_S)
        engine_run(w.engine, engine_next(w.engine), 1);
    assert_int_equal(w.sink_error, 0);
    /* S3: all that were born have ended, and their UEs know. */
    assert_true(w.arrived > 40);
    assert_int_equal(w.completed, w.arrived);
    assert_int_equal(w.failed, 0);
    for (uint32_t i = 0; i < w.n_ues; i++) {
        assert_int_equal(w.ues[i].in_flight, 0);
        for (uint32_t k = 0; k < REQUESTS; k++)
            assert_int_equal(watched.trails[i][k].rows, k < w.ues[i].asked);
    }
    world_free(&w);
    scenario_free(&sc);
}

static void test_bytes_are_conserved(void **state)
{
    (void)state;
    static const char *const sets[][3] = {
        {"ues.streaming=false"},
        {"ues.streaming=true"},
        {"ues.1.streaming=true", "transport.mtu_bytes=300",
         "radio.channel_ul={\"kind\": \"testbed\", \"mean_snr_db\": 9}"},
    };
    for (int left_out = 0; left_out < PARTS; left_out++) {
        char json[4096];
        text_without(left_out, json);
        for (int i = 0; i < 3; i++) {
            if (i == 2 && (left_out & (RADIO | TRANSPORT)) != 0)
                continue;
            watch_run(json, sets[i], i == 2 ? 3 : 1, left_out);
        }
    }
}

static void test_bytes_are_conserved_by_tcp(void **state)
{
    (void)state;
    static const char *const sets[][4] = {
        {"transport.protocol=tcp", "transport.delay_ms=4", "ues.streaming=false"},
        {"transport.protocol=tcp", "transport.tcp_handshake=false", "ues.streaming=true"},
        {"transport.protocol=tcp", "transport.tcp_window_bytes=4000", "ues.1.streaming=true"},
    };
    for (int i = 0; i < 3; i++)
        watch_run(base, sets[i], 3, 0);
}

/* Streamed tokens are chunks of the same request, and each is wanted at its own time. */
static void test_streaming_is_token_by_token(void **state)
{
    (void)state;
    static const char *const sets[] = {"ues.streaming=true"};
    struct scenario sc;
    rows_load(base, sets, 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int long_answers = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        assert_true(r->ue_first_byte_ns > r->first_token_ns);
        assert_true(r->ue_first_byte_ns <= r->done_ns);
        if (strcmp(r->ue_group, "b") == 0 || r->output_tokens < 20)
            continue;
        /* The first token arrives long before the last is made. */
        assert_true(r->ue_first_byte_ns < r->last_token_ns);
        long_answers++;
    }
    assert_true(long_answers > 10);
    rows_free(&rows);
    scenario_free(&sc);
}

/* --- Stamps ----------------------------------------------------------------------------------- */

/* S2. `apart`: a message may be in several stages at once (streamed, or TCP segments). */
static void check_stamps(const struct request_record *r, int left_out, bool apart)
{
    const int64_t in[] = {r->ue_tx_in_ns,        r->radio_ul_in_ns, r->transport_ul_in_ns,
                          r->core_ul_in_ns,      r->server_in_ns,   r->core_dl_in_ns,
                          r->transport_dl_in_ns, r->radio_dl_in_ns, r->done_ns};
    const int64_t out[] = {r->ue_tx_out_ns,        r->radio_ul_out_ns, r->transport_ul_out_ns,
                           r->core_ul_out_ns,      r->server_out_ns,   r->core_dl_out_ns,
                           r->transport_dl_out_ns, r->radio_dl_out_ns, r->done_ns};
    static const int part[] = {0, RADIO, TRANSPORT, CORE, 0, CORE, TRANSPORT, RADIO, 0};
    int64_t last_out = r->born_ns;
    for (int i = 0; i < 9; i++) {
        if ((part[i] & left_out) != 0) {
            assert_int_equal(in[i], RECORD_NO_INT);
            assert_int_equal(out[i], RECORD_NO_INT);
            continue;
        }
        assert_true(in[i] >= r->born_ns && in[i] <= out[i]);
        assert_true(out[i] >= last_out);
        if (!apart)
            assert_int_equal(in[i], last_out); /* handed on and taken in one instant */
        last_out = out[i];
    }
    assert_true(r->server_in_ns <= r->server_start_ns);
    assert_true(r->server_start_ns < r->first_token_ns);
    assert_true(r->first_token_ns <= r->last_token_ns);
    assert_true(r->output_tokens == 1 || r->first_token_ns < r->last_token_ns);
    assert_true(r->last_token_ns <= r->server_out_ns);
    assert_true(r->queue_ns >= 0 && r->queue_ns <= r->last_token_ns - r->server_in_ns);
    assert_true(r->ue_first_byte_ns <= r->done_ns);
}

static void test_stamps_do_not_decrease(void **state)
{
    (void)state;
    static const char *const sets[] = {"ues.streaming=false", "ues.streaming=true",
                                       "transport.protocol=tcp"};
    for (int left_out = 0; left_out < PARTS; left_out++)
        for (int i = 0; i < 3; i++) {
            if (i == 2 && (left_out & TRANSPORT) != 0)
                continue;
            char json[4096];
            text_without(left_out, json);
            struct scenario sc;
            rows_load(json, &sets[i], 1, &sc);
            struct rows rows;
            rows_run(&sc, NULL, &rows);
            assert_true(rows.n_requests > 40);
            assert_int_equal(rows.n_ues, rows.n_requests);
            assert_int_equal(rows.n_servers, rows.n_requests);
            for (size_t k = 0; k < rows.n_requests; k++) {
                check_stamps(&rows.requests[k], left_out, i > 0);
                if ((left_out & RADIO) != 0)
                    assert_null(rows.requests[k].cell);
            }
            assert_int_equal(rows.n_cells, (left_out & RADIO) != 0 ? 0 : 4);
            rows_free(&rows);
            scenario_free(&sc);
        }
}

/* A server-only chain: preparation, the server, and nothing else takes time. */
static void test_server_alone(void **state)
{
    (void)state;
    char json[4096];
    text_without(RADIO | TRANSPORT | CORE, json);
    static const char *const sets[] = {"ues.prepare_ms=12.5"};
    struct scenario sc;
    rows_load(json, sets, 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        assert_int_equal(r->server_in_ns, r->born_ns + 12500000);
        assert_int_equal(r->done_ns, r->server_out_ns);
        assert_int_equal(r->ul_sched_bytes, RECORD_NO_INT);
    }
    assert_int_equal(rows.n_ran, 0);
    rows_free(&rows);
    scenario_free(&sc);
}

/* 1 Gbit/s and 0.2 ms: packets of 1500 bytes with 20 + 32 of them headers, and a tunnel of 44 in
 * front; the UPF at 0.5 Gbit/s and 50 us. Far enough apart that no message waits for another. */
static void test_links_by_hand(void **state)
{
    (void)state;
    char json[4096];
    text_without(RADIO, json);
    static const char *const sets[] = {
        "ues.1.traffic={\"kind\": \"poisson\", \"rate_hz\": 1,"
        " \"input_tokens\": {\"dist\": \"constant\", \"value\": 9},"
        " \"output_tokens\": {\"dist\": \"constant\", \"value\": 9}}",
        "ues.traffic.rate_hz=0.3", "duration_s=20", "transport.l4_header_bytes=32",
        "core.upf_rate_mbps=500"};
    struct scenario sc;
    rows_load(json, sets, 5, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    assert_true(rows.n_requests > 10);
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        int64_t packets = (r->uplink_bytes + 1447) / 1448;
        int64_t wire = r->uplink_bytes + packets * (20 + 32 + 44);
        assert_int_equal(r->transport_ul_out_ns - r->transport_ul_in_ns, 8 * wire + 200000);
        assert_int_equal(r->core_ul_out_ns - r->core_ul_in_ns, 16 * wire + 50000);
        packets = (r->downlink_bytes + 1447) / 1448;
        wire = r->downlink_bytes + packets * (20 + 32 + 44);
        assert_int_equal(r->transport_dl_out_ns - r->transport_dl_in_ns, 8 * wire + 200000);
    }
    rows_free(&rows);
    scenario_free(&sc);
}

int test_chain(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bytes_are_conserved),
        cmocka_unit_test(test_bytes_are_conserved_by_tcp),
        cmocka_unit_test(test_streaming_is_token_by_token),
        cmocka_unit_test(test_stamps_do_not_decrease),
        cmocka_unit_test(test_server_alone),
        cmocka_unit_test(test_links_by_hand),
    };
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
