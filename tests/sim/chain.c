/* chain.c - pins S1 to S3 of sim/stage.h: whatever stages a scenario has, every stage takes and
 * hands on all bytes of a request with one end, stamps do not decrease, and a request ends once and
 * its UE hears of it. Also: what is left out leaves no stamps, cells do not disturb each other,
 * runs repeat, and how a run ends early. Does not pin how long a stage takes, but for a link by
 * hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

#include <math.h>

#include "base/units.h"
#include "sim/cell.h"
#include "sim/link.h"
#include "sim/server.h"
#include "sim/ue.h"
#include "sim/world.h"

#define CHAT                                                                                       \
    "\"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 4, \"bytes_per_token\": 40,"                \
    " \"input_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 200},"                        \
    " \"output_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 40}}"

/* Two groups with a cell and a server each, one of blocking clients, and one that goes everywhere.
 */
static const char base[] =
    "{\"name\": \"chain\", \"duration_s\": 3, \"output\": {\"ran_records_ms\": 50},"
    " \"radio\": {}, \"transport\": {}, \"core\": {},"
    " \"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\"}],"
    " \"servers\": [{\"id\": \"g0\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"},"
    "  {\"id\": \"g1\", \"gpu\": \"l4\", \"model\": \"llama-3.2-3b\"}],"
    " \"ues\": ["
    "  {\"id\": \"a\", \"count\": 3, \"cell\": \"c0\", \"server\": \"g0\", " CHAT "},"
    "  {\"id\": \"b\", \"count\": 2, \"cell\": \"c1\", \"server\": \"g1\","
    "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"text_request\", \"period_s\": 0.5,"
    "    \"start_spread_s\": 0.5, \"word_counts\": [3, 20]}},"
    "  {\"id\": \"c\", \"count\": 2, \"cell\": \"*\", \"server\": \"*\", " CHAT "}]}";

/* The parts of the chain that a scenario may leave out. */
enum { RADIO = 1, TRANSPORT = 2, CORE = 4, PARTS = 8 };

/* base without some parts. */
static void text_without(int left_out, char out[4096])
{
    static const char *const keys[] = {"\"radio\": {}, ", "\"transport\": {}, ", "\"core\": {},"};
    strcpy(out, base);
    for (int i = 0; i < 3; i++) {
        char *at = strstr(out, keys[i]);
        if ((left_out >> i & 1) != 0)
            memmove(at, at + strlen(keys[i]), strlen(at + strlen(keys[i])) + 1);
    }
    if ((left_out & RADIO) == 0)
        return;
    static const char *const cells[] = {"\"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\"}],",
                                        "\"cell\": \"c0\", ", "\"cell\": \"c1\", ",
                                        "\"cell\": \"*\", "};
    for (int i = 0; i < 4; i++) {
        char *at = strstr(out, cells[i]);
        memmove(at, at + strlen(cells[i]), strlen(at + strlen(cells[i])) + 1);
    }
}

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

/* --- Who asks, and who answers ---------------------------------------------------------------- */

/* A blocking client asks when it has its answer and a period has passed, never before. */
static void test_blocking_client_waits(void **state)
{
    (void)state;
    static const char *const sets[] = {"ues.1.traffic.period_s=0.2", "duration_s=6"};
    struct scenario sc;
    rows_load(base, sets, 2, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int waited[2] = {0, 0}; /* for the answer, for the period */
    for (size_t i = 0; i < rows.n_requests; i++)
        for (size_t k = 0; k < rows.n_requests; k++) {
            const struct request_record *a = &rows.requests[i];
            const struct request_record *b = &rows.requests[k];
            if (strcmp(a->ue_group, "b") != 0 || b->request_id != a->request_id + 1)
                continue;
            int64_t due = a->born_ns + 200 * NS_PER_MS;
            assert_int_equal(b->born_ns, a->done_ns > due ? a->done_ns : due);
            waited[a->done_ns > due ? 0 : 1]++;
        }
    assert_true(waited[0] > 3 && waited[1] > 3);
    rows_free(&rows);
    scenario_free(&sc);
}

/* Lines of a table that hold a key. */
static char *lines_of(const struct rows *r, int table, const char *key)
{
    char *text;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    for (const char *line = r->text[table]; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t n = strcspn(line, "\n") + 1;
        if (memmem(line, n, key, strlen(key)) != NULL)
            fwrite(line, 1, n, file);
    }
    fclose(file);
    return text;
}

/* What happens in one cell, with its own link and server, is the same whoever is in the other. (The
 * UPF is everyone's: left out.) */
static void test_cells_do_not_disturb_each_other(void **state)
{
    (void)state;
    static const char *const others[] = {"ues.1.count=2", "ues.1.count=7",
                                         "ues.1.traffic.period_s=0.1"};
    char *first[2] = {NULL, NULL};
    char json[4096];
    text_without(CORE, json);
    for (int i = 0; i < 3; i++) {
        struct scenario sc;
        const char *const sets[] = {others[i], "ues.2.cell=c1", "ues.2.server=g1"};
        rows_load(json, sets, 3, &sc);
        struct rows rows;
        rows_run(&sc, NULL, &rows);
        char *lines[] = {lines_of(&rows, 0, " ue_group=a "), lines_of(&rows, 2, " cell=c0\n")};
        for (int k = 0; k < 2; k++) {
            assert_true(strlen(lines[k]) > 10000);
            if (i == 0) {
                first[k] = lines[k];
                continue;
            }
            /* Records are made until the last request of either cell has ended. */
            size_t n = strlen(lines[k]);
            if (k == 1)
                n = n < strlen(first[k]) ? n : strlen(first[k]);
            assert_int_equal(strncmp(lines[k], first[k], n + (k == 0)), 0);
            free(lines[k]);
        }
        rows_free(&rows);
        scenario_free(&sc);
    }
    free(first[0]);
    free(first[1]);
}

/* "*" goes over cells and servers in turn. */
static void test_two_cells(void **state)
{
    (void)state;
    struct scenario sc;
    rows_load(base, NULL, 0, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int64_t asked[2] = {0, 0};
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        int cell = r->ue_id < 3 ? 0 : r->ue_id < 5 ? 1 : (int)r->ue_id - 5;
        assert_string_equal(r->cell, cell == 0 ? "c0" : "c1");
        assert_string_equal(r->server, cell == 0 ? "g0" : "g1");
        asked[cell] += r->uplink_bytes;
    }
    for (size_t i = 0; i < rows.n_cells; i++)
        if (strcmp(rows.cells[i].direction, "ul") == 0)
            assert_int_equal(rows.cells[i].bytes_payload,
                             asked[strcmp(rows.cells[i].cell, "c0") == 0 ? 0 : 1]);
    assert_true(asked[0] > 0 && asked[1] > 0);
    assert_int_equal(rows.n_gpus, 2);
    rows_free(&rows);
    scenario_free(&sc);
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void test_refused_requests_end_too(void **state)
{
    (void)state;
    static const char *const sets[] = {"servers.0.kv_tokens=96"};
    struct scenario sc;
    rows_load(base, sets, 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    uint64_t failed = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        if (strcmp(r->status, "failed") != 0) {
            assert_null(r->failure);
            assert_string_equal(r->status, "completed");
            continue;
        }
        assert_non_null(r->failure);
        assert_string_equal(r->server, "g0");
        assert_true(r->input_tokens + r->output_tokens > 96);
        assert_int_equal(r->server_start_ns, RECORD_NO_INT);
        assert_int_equal(r->first_token_ns, RECORD_NO_INT);
        /* The refusal goes the way of an answer. */
        assert_true(r->downlink_bytes > 0 && r->downlink_bytes < 1000);
        assert_true(r->server_out_ns >= r->server_in_ns && r->radio_dl_in_ns > r->server_out_ns);
        assert_true(r->radio_dl_out_ns > r->radio_dl_in_ns && r->done_ns >= r->radio_dl_out_ns);
        failed++;
    }
    assert_true(failed > 5);
    assert_int_equal(rows.result.failed, failed);
    assert_int_equal(rows.result.completed + failed, rows.n_requests);
    assert_int_equal(rows.result.arrived, rows.n_requests);
    /* UE and server rows are the completed requests'. */
    assert_int_equal(rows.n_ues, rows.result.completed);
    rows_free(&rows);
    scenario_free(&sc);
}

static void test_in_flight_at_the_end(void **state)
{
    (void)state;
    static const char *const sets[] = {"drain_s=0", "duration_s=0.5"};
    struct scenario sc;
    rows_load(base, sets, 2, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    uint64_t in_flight = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        if (strcmp(r->status, "in_flight") == 0) {
            assert_int_equal(r->done_ns, RECORD_NO_INT);
            in_flight++;
        }
    }
    assert_true(rows.result.complete);
    assert_true(in_flight > 0);
    assert_int_equal(rows.result.in_flight, in_flight);
    assert_int_equal(rows.result.completed + in_flight, rows.n_requests);
    assert_int_equal(rows.result.sim_ns, 500 * NS_PER_MS);
    rows_free(&rows);
    scenario_free(&sc);
}

static int refuse_row(void *self, const struct request_record *row)
{
    (void)row;
    return --*(int *)self < 0 ? ERR_WORK : 0;
}

static void stop_now(void *self, const struct run_progress *p)
{
    assert_true(p->now_ns <= p->end_ns);
    *(volatile sig_atomic_t *)self = 1;
}

static void test_stopped_runs(void **state)
{
    (void)state;
    static const char *const sets[] = {"duration_s=200"};
    struct scenario sc;
    struct run_result result;
    struct err e = {0};
    rows_load(base, sets, 1, &sc);
    /* A sink that takes ten rows. */
    int rows = 10;
    struct record_sink sink = {.self = &rows, .request = refuse_row};
    struct run_options options = {.seed = 1, .sink = &sink};
    assert_int_equal(run_scenario(&sc, &options, &result, &e), ERR_WORK);
    assert_true(e.text[0] != '\0');
    assert_false(result.complete);
    assert_true(result.sim_ns < 200 * NS_PER_S);
    /* A signal, at the first look. */
    volatile sig_atomic_t stop = 0;
    options = (struct run_options){
        .seed = 1, .stop = &stop, .progress = stop_now, .progress_self = (void *)(uintptr_t)&stop};
    assert_int_equal(run_scenario(&sc, &options, &result, &e), 0);
    assert_false(result.complete);
    assert_true(result.sim_ns < 200 * NS_PER_S);
    assert_int_equal(result.arrived, result.completed + result.failed + result.in_flight);
    scenario_free(&sc);
}

static void test_runs_repeat(void **state)
{
    (void)state;
    static const char *const sets[][2] = {{"seed=5", "ues.streaming=true"},
                                          {"seed=5", "ues.streaming=true"},
                                          {"seed=6", "ues.streaming=true"}};
    struct rows rows[3];
    for (int i = 0; i < 3; i++) {
        struct scenario sc;
        rows_load(base, sets[i], 2, &sc);
        rows_run(&sc, NULL, &rows[i]);
        scenario_free(&sc);
    }
    rows_same(&rows[0], &rows[1]);
    assert_true(rows[0].result.fingerprint == rows[1].result.fingerprint);
    assert_int_equal(rows[0].result.events, rows[1].result.events);
    assert_true(rows[0].result.fingerprint != rows[2].result.fingerprint);
    for (int i = 0; i < 3; i++)
        rows_free(&rows[i]);
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
        cmocka_unit_test(test_blocking_client_waits),
        cmocka_unit_test(test_cells_do_not_disturb_each_other),
        cmocka_unit_test(test_two_cells),
        cmocka_unit_test(test_refused_requests_end_too),
        cmocka_unit_test(test_in_flight_at_the_end),
        cmocka_unit_test(test_stopped_runs),
        cmocka_unit_test(test_runs_repeat),
    };
    return cmocka_run_group_tests_name("chain", tests, NULL, NULL);
}
