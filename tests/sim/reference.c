/* reference.c - pins that what the program says of a run is what tests/sim/reference.h says, a
 * plain per-slot model written from docs/models/radio-mac.md (C5 of sim/cell.h): stamps to the
 * nanosecond, RAN records and totals to the last integer, averages to 1e-9. Does not pin other
 * policies than proportional-fair (tests/sched), slices, and answers that are streamed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/reference.h"

/* --- Making it ------------------------------------------------------------------------------- */

static void *many(int64_t n, size_t bytes)
{
    void *p = calloc((size_t)n, bytes);
    assert_non_null(p);
    return p;
}

static int64_t slots_in(const struct radio *r, double ms)
{
    int64_t slots = llround(ms * 1e6 / (double)r->slot_ns);
    return slots > 0 ? slots : 1;
}

/* By when they enter; those of one instant by number. */
static int message_order(const void *a, const void *b)
{
    const struct message *x = a;
    const struct message *y = b;
    if (x->in_ns != y->in_ns)
        return x->in_ns < y->in_ns ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

static void side_make(struct radio *r, int ue, int d, const struct rows *rows)
{
    struct side *s = &r->phones[ue].side[d];
    const struct scenario_radio *c = r->c;
    s->messages = many((int64_t)rows->n_requests + 1, sizeof *s->messages);
    int64_t bytes = 1;
    for (size_t i = 0; i < rows->n_requests; i++) {
        const struct request_record *q = &rows->requests[i];
        if (q->ue_id != ue)
            continue;
        assert_string_equal(q->status, "completed");
        struct message *m = &s->messages[s->n_messages++];
        *m = (struct message){.in_ns = d == UL ? q->radio_ul_in_ns : q->radio_dl_in_ns,
                              .bytes = d == UL ? q->uplink_bytes : q->downlink_bytes,
                              .out_ns = -1,
                              .id = q->request_id,
                              .row = i};
        bytes += 2 * m->bytes + 1000;
    }
    qsort(s->messages, s->n_messages, sizeof *s->messages, message_order);
    s->have = many(bytes, 1);
    s->thr = many(r->slots, sizeof *s->thr);
    s->scheduled = many(r->slots, sizeof *s->scheduled);
    s->mcs = (int)c->start_mcs;
    s->bler = c->start_bler;
    s->last_slot = s->last_opportunity = -1;
    const struct json_choice *channel = d == UL ? &c->channel_ul : &c->channel_dl;
    uint32_t entity = (uint32_t)(2 * ue + d);
    if (channel->index == CHANNEL_AWGN) {
        const struct channel_awgn *o = channel->options;
        channel_init(&s->channel, CHANNEL_MODEL_CONSTANT, o->snr_db, 0.0, 1, r->seed, entity);
    } else {
        const struct channel_testbed *o = channel->options;
        channel_init(&s->channel, CHANNEL_MODEL_GAUSSIAN, o->mean_snr_db, o->std_snr_db,
                     llround(o->correlation_ms * 1e6), r->seed, entity);
    }
}

static void radio_make(struct radio *r, const struct scenario *sc, const struct rows *rows)
{
    const struct scenario_radio *c = sc->radio;
    *r = (struct radio){.c = c,
                        .seed = (uint64_t)sc->seed,
                        .slot_ns = 15 * NS_PER_MS / c->scs_khz,
                        .frame_slots = 10 * c->scs_khz / 15,
                        .mtu = sc->transport != NULL ? sc->transport->mtu_bytes : 1500,
                        .headers = 40};
    if (sc->transport != NULL)
        r->headers = sc->transport->ip_header_bytes + sc->transport->l4_header_bytes;
    r->idle = c->idle_grant_ms > 0.0 ? slots_in(r, c->idle_grant_ms) : 0;
    r->periodic = slots_in(r, c->bsr_periodic_ms);
    r->retx = slots_in(r, c->bsr_retx_ms);
    r->status = slots_in(r, c->rlc_status_ms);
    r->cqi = slots_in(r, c->cqi_period_ms);
    r->slots = rows->result.sim_ns / r->slot_ns + 256;
    r->occasion = many(r->slots, sizeof *r->occasion);
    for (int64_t n = c->sr_offset_slots; n < r->slots - 128; n += c->sr_period_slots) {
        int64_t occasion = n;
        while (symbols_of(r, UL, occasion) == 0)
            occasion++;
        r->occasion[occasion] = true;
    }
    for (int d = 0; d < 2; d++) {
        r->number[d] = many(r->slots, sizeof *r->number[d]);
        for (int64_t n = 1; n < r->slots; n++)
            r->number[d][n] = r->number[d][n - 1] + (symbols_of(r, d, n - 1) > 0);
    }
    const struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n; i++)
        r->n += (int)groups[i].count;
    assert_true(r->n <= UES);
    r->phones = many(r->n, sizeof *r->phones);
    for (int ue = 0; ue < r->n; ue++) {
        r->phones[ue].asked = -2;
        r->phones[ue].last_new = -r->retx - 1;
        r->phones[ue].cqi = -1;
        for (int d = 0; d < 2; d++)
            side_make(r, ue, d, rows);
    }
}

static void radio_free(struct radio *r)
{
    for (int ue = 0; ue < r->n; ue++)
        for (int d = 0; d < 2; d++) {
            struct side *s = &r->phones[ue].side[d];
            free(s->messages);
            free(s->have);
            free(s->thr);
            free(s->scheduled);
        }
    free(r->phones);
    free(r->occasion);
    free(r->number[DL]);
    free(r->number[UL]);
}

/* --- Both, side by side ----------------------------------------------------------------------- */

#define SAME(what, n, ue, program, reference)                                                      \
    do {                                                                                           \
        if ((program) != (reference))                                                              \
            fail_msg("%s of UE %d at slot %lld: %lld, the reference says %lld", what, ue,          \
                     (long long)(n), (long long)(program), (long long)(reference));                \
    } while (0)

static void near(const char *what, int64_t n, int ue, double program, double reference)
{
    if (!(fabs(program - reference) <= 1e-9 * fabs(reference)))
        fail_msg("%s of UE %d at slot %lld: %.12g, the reference says %.12g", what, ue,
                 (long long)n, program, reference);
}

/* The average as far as its opportunities have been given out. */
static double thr_now(const struct radio *r, const struct phone *p, int d, int64_t n)
{
    const struct side *s = &p->side[d];
    int64_t i = r->number[d][n];
    return s->thr[i > s->last_opportunity ? i : s->last_opportunity];
}

static void compare_record(const struct radio *r, const struct ran_record *row, int ue, int64_t n)
{
    const struct phone *p = &r->phones[ue];
    const struct side *ul = &p->side[UL];
    const struct side *dl = &p->side[DL];
    assert_int_equal(row->ue_id, ue);
    assert_int_equal(row->gnb_timestamp_ms, n * r->slot_ns / NS_PER_MS);
    assert_int_equal(row->frame_number, n / r->frame_slots % 1024);
    assert_int_equal(row->slot_number, n % r->frame_slots);
    near("UL throughput", n, ue, row->ul_throughput, thr_now(r, p, UL, n));
    near("DL throughput", n, ue, row->dl_throughput, thr_now(r, p, DL, n));
    near("UL BLER", n, ue, row->ul_bler, ul->bler);
    near("DL BLER", n, ue, row->dl_bler, dl->bler);
    SAME("UL MCS", n, ue, row->ul_mcs, ul->mcs);
    SAME("DL MCS", n, ue, row->dl_mcs, dl->mcs);
    SAME("scheduled bytes", n, ue, row->sched_ul_bytes, p->granted);
    SAME("estimated buffer", n, ue, row->estimated_ul_buffer, p->estimate);
    SAME("UL bytes", n, ue, row->ulsch_current_bytes, ul->current_bytes);
    SAME("UL PRB", n, ue, row->ulsch_current_rbs, ul->current_prb);
    SAME("DL bytes", n, ue, row->dlsch_current_bytes, dl->current_bytes);
    SAME("DL PRB", n, ue, row->dlsch_current_rbs, dl->current_prb);
    SAME("UL SDUs", n, ue, row->ul_mac_sdus, ul->sdus);
    SAME("DL SDUs", n, ue, row->dl_pdus_total, dl->sdus % 65536);
    if (row->pusch_snr_x10 != RECORD_NO_INT)
        SAME("PUSCH SNR", n, ue, row->pusch_snr_x10, ul->snr_x10);
    if (row->cqi != RECORD_NO_INT)
        SAME("CQI", n, ue, row->cqi, p->cqi);
}

static void compare_totals(const struct radio *r, const struct rows *rows, int64_t last)
{
    int compared = 0;
    for (size_t i = 0; i < rows->n_cells; i++) {
        const struct cell_record *row = &rows->cells[i];
        if (row->slice_id != NULL)
            continue;
        int d = strcmp(row->direction, "dl") == 0 ? DL : UL;
        const struct totals *t = &r->totals[d];
        int64_t payload = 0;
        for (size_t q = 0; q < rows->n_requests; q++)
            payload += d == UL ? rows->requests[q].uplink_bytes : rows->requests[q].downlink_bytes;
        assert_int_equal(row->opportunities, r->number[d][last]);
        assert_int_equal(row->prb_available, r->number[d][last] * r->c->n_prb);
        assert_int_equal(row->prb_used, t->prb);
        assert_int_equal(row->blocks, t->blocks);
        assert_int_equal(row->blocks_retx, t->again);
        assert_int_equal(row->blocks_retx_round1, t->again1);
        assert_int_equal(row->blocks_lost, t->lost);
        assert_int_equal(row->block_errors, t->errors);
        assert_int_equal(row->bytes_scheduled, t->bytes);
        assert_int_equal(row->bytes_retx, t->bytes_again);
        assert_int_equal(row->bytes_payload, payload);
        assert_int_equal(row->bytes_padding, t->padding);
        assert_int_equal(row->mcs_sum, t->mcs);
        compared++;
    }
    assert_int_equal(compared, 2);
}

static void compare_requests(const struct radio *r, const struct rows *rows)
{
    for (int ue = 0; ue < r->n; ue++)
        for (int d = 0; d < 2; d++)
            for (size_t i = 0; i < r->phones[ue].side[d].n_messages; i++) {
                const struct message *m = &r->phones[ue].side[d].messages[i];
                const struct request_record *q = &rows->requests[m->row];
                int64_t n = m->in_ns / r->slot_ns;
                if (d == DL) {
                    SAME("last DL byte", n, ue, q->radio_dl_out_ns, m->out_ns);
                    continue;
                }
                SAME("last UL byte", n, ue, q->radio_ul_out_ns, m->out_ns);
                SAME("blocks of the upload", n, ue, q->ul_blocks, m->blocks);
                SAME("PRB of the upload", n, ue, q->ul_sched_prb, m->block_prb);
                SAME("bytes of the upload", n, ue, q->ul_sched_bytes, m->block_bytes);
                near("BLER of the upload", n, ue, q->ul_bler, m->bler);
            }
}

/* Runs the scenario both ways and compares; leaves the reference's totals for the test to see that
 * what it means to pin has happened. */
static void compare(const char *json, const char *const *sets, int n_sets, struct totals totals[2],
                    struct rows *rows)
{
    struct scenario sc;
    rows_load(json, sets, n_sets, &sc);
    rows_run(&sc, NULL, rows);
    assert_int_equal(rows->result.in_flight, 0);
    assert_int_equal(rows->result.failed, 0);
    struct radio r;
    radio_make(&r, &sc, rows);
    int64_t sample_ns = llround(sc.output.ran_records_ms * 1e6);
    int64_t last = rows->result.sim_ns / r.slot_ns;
    size_t row = 0;
    for (int64_t n = 0; n <= last; n++) {
        walk_slot(&r, n);
        /* The last request's end stops the run before the records of that instant. */
        if (n > 0 && n * r.slot_ns % sample_ns == 0 && (n < last || row < rows->n_ran))
            for (int ue = 0; ue < r.n; ue++, row++) {
                assert_true(row < rows->n_ran);
                compare_record(&r, &rows->ran[row], ue, n);
            }
    }
    assert_int_equal(row, rows->n_ran);
    assert_true(rows->n_ran > 100);
    compare_requests(&r, rows);
    compare_totals(&r, rows, last);
    memcpy(totals, r.totals, sizeof r.totals);
    radio_free(&r);
    scenario_free(&sc);
}

/* --- The scenarios ---------------------------------------------------------------------------- */

#define SCENARIO(seconds, server, traffic)                                                         \
    "{\"name\": \"reference\", \"duration_s\": " seconds ", \"output\": {\"ran_records_ms\": 10}," \
    " \"radio\": {}, \"cells\": [{\"id\": \"c\"}], \"servers\": [{\"id\": \"g\", " server "}],"    \
    " \"ues\": [{\"id\": \"u\", \"cell\": \"c\", \"server\": \"g\", \"traffic\": {" traffic "}}]}"

/* The testbed's client: a picture up or down every 5 s. */
static const char pictures[] =
    SCENARIO("11",
             "\"gpu\": \"rtx4090\", \"model\": \"llava\", \"engine\": \"ollama\","
             " \"batching\": {\"kind\": \"parallel-slots\"}",
             "\"kind\": \"willm-client\"");

/* Many messages of up to 10 kB up and 0.9 kB down, some while others are under way. */
static const char chat[] =
    SCENARIO("4", "\"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"",
             "\"kind\": \"poisson\", \"rate_hz\": 15, \"bytes_per_token\": 50,"
             " \"input_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 200},"
             " \"output_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 10}");

#define DOWN    "ues.0.traffic.mode=text_request"
#define TINY    "ues.0.traffic.overhead_bytes=0", "ues.0.traffic.bytes_per_token=0.5"
#define LARGE   "ues.0.traffic.bytes_per_token=400"
#define THREE   "ues.0.count=3"
#define NO_IDLE "radio.idle_grant_ms=0"
#define UL_8_DB "radio.channel_ul={\"kind\": \"testbed\", \"mean_snr_db\": 8}"
#define DL_8_DB "radio.channel_dl={\"kind\": \"testbed\", \"mean_snr_db\": 8}"
#define DL_SWINGS                                                                                  \
    "radio.channel_dl={\"kind\": \"testbed\", \"mean_snr_db\": 8, \"std_snr_db\": 8,"              \
    " \"correlation_ms\": 20}"
/* Link adaptation that does not follow: blocks fail again and again. */
#define CLOSED   "radio.ul_power_control=closed-loop"
#define SWINGS   "radio.channel_ul={\"kind\": \"testbed\", \"mean_snr_db\": 12, \"std_snr_db\": 6}"
#define STUBBORN "radio.start_mcs=16", "radio.la_update_frames=100"

/* Runs one scenario both ways; the totals are for the test to see that what it is about has
 * happened. */
static void run_sets(const char *json, const char *const *sets, int n_sets, struct totals totals[2])
{
    struct rows rows;
    compare(json, sets, n_sets, totals, &rows);
    rows_free(&rows);
}
#define RUN(json, totals, ...)                                                                     \
    run_sets(json, (const char *const[]){__VA_ARGS__},                                             \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *), totals)

static void test_picture_up(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(pictures, t, "seed=1");
    assert_true(t[UL].blocks > 3000); /* idle grants: three every 10 ms */
    assert_true(t[UL].again > 10);
    RUN(pictures, t, NO_IDLE);
    assert_true(t[UL].blocks > 80 && t[UL].blocks < 500);
}

static void test_picture_down(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(pictures, t, DOWN);
    assert_true(t[DL].bytes > 200000);
    RUN(pictures, t, DOWN, NO_IDLE);
    assert_true(t[UL].blocks < 30);
    RUN(pictures, t, DOWN, NO_IDLE, DL_SWINGS);
    assert_true(t[DL].again > 10);
}

static void test_three_ues(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(pictures, t, THREE, "ues.0.traffic.start_spread_s=0.05");
    RUN(pictures, t, THREE, "ues.0.traffic.start_spread_s=0.05", NO_IDLE, DOWN);
    RUN(chat, t, THREE);
    RUN(chat, t, THREE, NO_IDLE, LARGE);
    assert_true(t[UL].bytes > 5000000);
}

static void test_bad_channel(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(pictures, t, UL_8_DB, DL_8_DB);
    assert_true(t[UL].again > 100);
    RUN(pictures, t, UL_8_DB, DL_8_DB, THREE, NO_IDLE);
    RUN(chat, t, UL_8_DB, DL_SWINGS, THREE);
    assert_true(t[UL].again > 100 && t[DL].again > 10);
    RUN(chat, t, UL_8_DB, DL_SWINGS, THREE, NO_IDLE, "radio.combining=chase", "radio.decoder=it20");
}

/* A carrier off by more than the standard allows, a receiver that does not see it. */
static void test_frequency_error(void **state)
{
    (void)state;
    struct totals good[2];
    struct totals t[2];
    RUN(pictures, good, STUBBORN, "radio.min_grant_mcs=16");
    RUN(pictures, t, STUBBORN, "radio.min_grant_mcs=16", "radio.ul_frequency_error_hz=500");
    assert_true(t[UL].again > 100 && t[UL].again > 4 * good[UL].again);
    RUN(chat, t, THREE, "radio.ul_frequency_error_hz=362", "radio.ul_receiver=oai",
        "radio.ul_evm=limit", "radio.srs_period_slots=20", "radio.srs_offset_slots=19");
    assert_true(t[UL].again > 20);
}

/* Wide grants with less power than their PRB would need, and slots in which nothing arrives. */
static void test_power_step_and_disturbance(void **state)
{
    (void)state;
    struct totals good[2];
    struct totals t[2];
    RUN(pictures, good, STUBBORN, "radio.start_mcs=19");
    RUN(pictures, t, STUBBORN, "radio.start_mcs=19", "radio.ul_power_step=limit");
    assert_true(t[UL].again > 20 && t[UL].again > 5 * good[UL].again);
    RUN(chat, t, THREE, "radio.ul_power_step=limit", "radio.ul_disturbed_share=0.5",
        "radio.ul_disturbed_period_slots=20", "radio.ul_disturbed_offset_slots=8");
    assert_true(t[UL].again > 20);
    RUN(chat, t, THREE, NO_IDLE, "radio.ul_disturbed_share=1", "radio.ul_disturbed_period_slots=10",
        "radio.ul_disturbed_offset_slots=9");
    /* Every block of the last slot of ten is sent again, and there are as many in the slot before.
     */
    assert_true(t[UL].again > t[UL].blocks / 4);
}

/* Commands after every block, on a path that needs them: 20 dB too good, 12 dB too bad, and
 * swinging; with a headroom that ends before the target is reached. */
static void test_closed_loop(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(pictures, t, CLOSED, "radio.channel_ul={\"kind\": \"awgn\", \"snr_db\": 35}");
    RUN(pictures, t, CLOSED, "radio.channel_ul={\"kind\": \"awgn\", \"snr_db\": 3}");
    assert_true(t[UL].errors > 0 && t[UL].again < t[UL].blocks / 4);
    RUN(chat, t, THREE, CLOSED, SWINGS, "radio.ul_power_step=limit");
    RUN(chat, t, THREE, CLOSED, SWINGS, NO_IDLE, "radio.ul_power_headroom_db=18",
        "radio.ul_tpc_target_db=20");
}

/* Blocks that all rounds do not bring through: RLC repeats them, and reports get lost. */
static void test_lost_blocks(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "radio.harq_rounds=2", LARGE);
    assert_true(t[UL].lost > 10 && t[DL].lost > 10);
    RUN(chat, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "radio.harq_rounds=2", LARGE, NO_IDLE);
    assert_true(t[UL].lost > 10 && t[DL].lost > 10);
    /* RLC hears of it before the next grant. */
    RUN(chat, t, UL_8_DB, DL_SWINGS, THREE, NO_IDLE, "radio.harq_rounds=1", "radio.max_mcs_ul=12",
        "radio.max_mcs_dl=12", "radio.rlc_status_ms=1");
    assert_true(t[UL].lost > 50 && t[DL].lost > 50);
    RUN(chat, t, UL_8_DB, THREE, NO_IDLE, TINY, "radio.harq_rounds=1", "radio.max_mcs_ul=12");
    assert_true(t[UL].lost > 5);
}

/* Small messages that a block for something else can take along: requests that are taken back. */
static void test_small_messages(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, TINY);
    RUN(chat, t, TINY, THREE, NO_IDLE);
    RUN(chat, t, TINY, "radio.idle_grant_ms=5.5", "duration_s=11");
    RUN(chat, t, TINY, "radio.idle_grant_ms=4.5", THREE);
    RUN(chat, t, TINY, "radio.idle_grant_ms=22", "duration_s=11");
    /* RLC hears of a lost range in the slot in which a scheduling request is heard. */
    for (int seed = 2; seed <= 4; seed += 2)
        RUN(chat, t, TINY, UL_8_DB, THREE, "ues.0.traffic.rate_hz=40", "radio.tdd=fdd",
            "radio.scs_khz=15", "radio.idle_grant_ms=3.5", "radio.k2_slots=2",
            "radio.harq_rounds=1", "radio.max_mcs_ul=12", seed == 2 ? "seed=2" : "seed=4");
    RUN(chat, t, TINY, UL_8_DB, STUBBORN, THREE, "radio.harq_rounds=2", "duration_s=11",
        "radio.idle_grant_by_frame=false");
    assert_true(t[UL].lost > 10);
}

static void test_scheduling_requests(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, THREE, NO_IDLE, "radio.sr_offset_slots=3");
    RUN(chat, t, THREE, NO_IDLE, "radio.sr_offset_slots=1", "radio.sr_period_slots=8");
    RUN(chat, t, THREE, NO_IDLE, "radio.sr_offset_slots=0", "radio.sr_period_slots=1", TINY);
    RUN(chat, t, THREE, NO_IDLE, "radio.sr_offset_slots=79", "radio.sr_period_slots=80", UL_8_DB);
}

static void test_frames(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, THREE, UL_8_DB, "radio.tdd=fdd", "radio.scs_khz=15");
    assert_true(t[UL].again > 50);
    RUN(chat, t, THREE, UL_8_DB, "radio.tdd=fdd", NO_IDLE);
    RUN(chat, t, THREE, UL_8_DB, "radio.tdd=DDDSU", "radio.k2_slots=2", "radio.k1_slots=2");
    RUN(chat, t, THREE, UL_8_DB, "radio.tdd=DSUUUUUUUU", "radio.scs_khz=60", NO_IDLE);
    RUN(chat, t, THREE, "radio.k2_slots=1", "radio.k1_slots=1", DL_SWINGS);
    RUN(chat, t, THREE, "radio.k2_slots=13", "radio.k1_slots=17", NO_IDLE);
}

static void test_limits(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, THREE, LARGE, "radio.max_ues_per_slot=1");
    RUN(chat, t, THREE, LARGE, "radio.pdcch_dcis=1", "radio.tdd=fdd", UL_8_DB);
    RUN(chat, t, THREE, LARGE, "radio.pdcch_dcis=2", "radio.k2_slots=1", UL_8_DB, DL_8_DB);
    RUN(chat, t, THREE, LARGE, "radio.srs_period_slots=20", UL_8_DB);
    assert_true(t[UL].again > 50);
    RUN(chat, t, THREE, LARGE, "radio.prach_period_frames=2", UL_8_DB);
    RUN(chat, t, THREE, LARGE, "radio.prach_period_frames=1", "radio.prach_frame=0",
        "radio.pucch_prb=7", "radio.tdd=fdd", "radio.scs_khz=15");
    RUN(chat, t, THREE, "radio.n_prb=24", "radio.max_ues_per_slot=2", UL_8_DB);
    RUN(chat, t, THREE, LARGE, "radio.harq_processes=2", UL_8_DB, DL_8_DB);
    assert_true(t[UL].again > 50);
    RUN(chat, t, THREE, LARGE, "radio.ul_power_headroom_db=14", NO_IDLE);
    assert_true(t[UL].again > 50);
    RUN(chat, t, THREE, "radio.pf_ewma=0.05", "radio.mcs_table_dl=2", "radio.mcs_table_ul=3",
        "radio.max_mcs_dl=27");
    RUN(chat, t, THREE, "radio.bsr_periodic_ms=2", "radio.bsr_retx_ms=10", LARGE, NO_IDLE, UL_8_DB);
    RUN(chat, t, THREE,
        "transport={\"protocol\": \"none\", \"mtu_bytes\": 600, \"l4_header_bytes\": 32}",
        "core={}");
}

/* Other luck, the hardest of the cases. */
static void test_seeds(void **state)
{
    (void)state;
    struct totals t[2];
    RUN(chat, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "radio.harq_rounds=3", "seed=2");
    RUN(chat, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "radio.harq_rounds=3", "seed=3", NO_IDLE);
    RUN(pictures, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "seed=4");
    RUN(pictures, t, UL_8_DB, DL_SWINGS, STUBBORN, THREE, "seed=9007199254740991", DOWN);
}

int test_reference(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_picture_up),      cmocka_unit_test(test_picture_down),
        cmocka_unit_test(test_three_ues),       cmocka_unit_test(test_bad_channel),
        cmocka_unit_test(test_frequency_error), cmocka_unit_test(test_power_step_and_disturbance),
        cmocka_unit_test(test_closed_loop),     cmocka_unit_test(test_lost_blocks),
        cmocka_unit_test(test_small_messages),  cmocka_unit_test(test_scheduling_requests),
        cmocka_unit_test(test_frames),          cmocka_unit_test(test_limits),
        cmocka_unit_test(test_seeds),
    };
    return cmocka_run_group_tests_name("reference", tests, NULL, NULL);
}
