/* mobility.c - pins what happens to phones that move and go away: the invariants of
 * sim/cell_attach.c (A1 to A4) and sim/handover.h (H1 to H3) at every event of runs in which phones
 * change cells with uploads and answers under way; that skipping idle slots changes no row of such
 * a run; that two policies meet the same channel (sim/air.h, I2).
 *
 * Does not pin path loss, fading and positions (tests/models), what a block is heard with (air.c),
 * nor how a slot is scheduled (reference.c, cell.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "sim/air.h"
#include "tests/sim/town.h"

/* --- A1 to A4, H1 at every event -------------------------------------------------------------- */

/* A3: of what was sent, all that the receiver lacks is to be repeated, and nothing else. */
static void check_stream(const struct stream *s)
{
    int64_t at = s->received;
    int next = 0;
    int64_t bytes = 0;
    for (int i = 0; i < s->repeat.n; i++) {
        assert_true(s->repeat.items[i].begin == at);
        at = s->repeat.items[i].end;
        bytes += s->repeat.items[i].end - s->repeat.items[i].begin;
        if (next < s->ahead.n && s->ahead.items[next].begin == at)
            at = s->ahead.items[next++].end;
    }
    assert_int_equal(next, s->ahead.n);
    assert_true(at == s->sent || (s->repeat.n == 0 && s->received == s->sent));
    assert_true(bytes == s->repeat_bytes);
}

static void check_detached(const struct ue_radio *u)
{
    for (int d = 0; d < 2; d++) {
        assert_true(
            (cell_active(u->cell, (enum radio_direction)d)[u->in_cell / 64] >> u->in_cell % 64 &
             1) == 0);
        assert_true(u->d[d].last_slot == INT64_MAX);
        assert_true(u->d[d].retx_mask == 0);
        check_stream(&u->d[d].stream);
    }
    assert_true(u->sched_bytes == 0 && u->estimate == 0 && !u->sr_seen);
}

/* Returns how many are detached. */
static int check_lists(const struct world *w)
{
    uint32_t listed = 0;
    int detached = 0;
    for (int i = 0; i < w->n_cells; i++) {
        const struct cell *cell = w->cells[i];
        assert_true(cell->n_ues <= cell->room);
        for (uint32_t k = 0; k < cell->n_ues; k++) {
            const struct ue_radio *u = cell->ues[k];
            assert_true(u->cell == cell && u->in_cell == k);
            assert_true(k == 0 || cell->ues[k - 1]->ue < u->ue);
            assert_int_equal(w->ues[u->ue].cell, i);
            listed++;
            if (u->attached)
                continue;
            detached++;
            check_detached(u);
        }
    }
    assert_int_equal(listed, w->n_ues);
    return detached;
}

/* A group that is away stays away, wherever its phones were on the way to. */
static void check_away(const struct world *w)
{
    for (uint32_t i = 0; i < w->n_ues; i++) {
        const struct scenario_ues *g = w->ues[i].group;
        const double *from_s = g->detach_at_s.items;
        for (size_t k = 0; k < g->detach_at_s.n; k++) {
            int64_t from_ns = ns_of_s(from_s[k]);
            if (world_now(w) > from_ns && world_now(w) < from_ns + ns_of_s(g->detach_gap_s))
                assert_false(w->radios[i].attached);
        }
    }
}

static void step_through(const char *const *sets, int n, int64_t least)
{
    struct scenario sc;
    rows_load(town, sets, n, &sc);
    struct world w;
    town_make(&w, &sc);
    int64_t events_detached = 0;
    while (engine_next(w.engine) <= w.end_ns ||
           (w.live_head != POOL_NONE && engine_next(w.engine) <= w.end_ns + 30 * NS_PER_S)) {
        engine_run(w.engine, engine_next(w.engine), 1);
        assert_int_equal(w.sink_error, 0);
        events_detached += check_lists(&w) > 0;
        check_away(&w);
    }
    assert_true(w.handover->executed >= least);
    assert_true(events_detached > 100);
    assert_true(w.arrived > 400);
    assert_int_equal(w.completed, w.arrived);
    world_free(&w);
    scenario_free(&sc);
}

static void test_every_event(void **state)
{
    (void)state;
    const char *const plain[] = {LEAVES};
    step_through(plain, N_OF(plain), 10);
    const char *const tcp[] = {TCP, LEAVES, SHORTLY};
    step_through(tcp, N_OF(tcp), 10);
    const char *const nervous[] = {NERVOUS, "radio.harq_rounds=2", LEAVES, SHORTLY};
    step_through(nervous, N_OF(nervous), 100);
}

/* --- H2 from outside, skipping idle slots ----------------------------------------------------- */

/* All that was asked and answered went over the air once. */
static void check_carried(const struct rows *r)
{
    int64_t asked[2] = {0, 0};
    int64_t carried[2] = {0, 0};
    for (size_t i = 0; i < r->n_requests; i++) {
        const struct request_record *a = &r->requests[i];
        assert_string_equal(a->status, "completed");
        asked[RADIO_UL] += a->uplink_bytes;
        asked[RADIO_DL] += a->downlink_bytes;
        assert_true(a->born_ns <= a->radio_ul_in_ns && a->radio_ul_in_ns < a->radio_ul_out_ns);
        assert_true(a->radio_ul_out_ns <= a->server_in_ns && a->server_in_ns <= a->last_token_ns);
        assert_true(a->radio_dl_in_ns < a->radio_dl_out_ns && a->radio_dl_out_ns <= a->done_ns);
    }
    for (size_t i = 0; i < r->n_cells; i++)
        if (r->cells[i].slice_id == NULL)
            carried[strcmp(r->cells[i].direction, "ul") == 0 ? RADIO_UL : RADIO_DL] +=
                r->cells[i].bytes_payload;
    assert_int_equal(carried[RADIO_UL], asked[RADIO_UL]);
    assert_int_equal(carried[RADIO_DL], asked[RADIO_DL]);
}

static void run(const char *const *sets, int n, struct rows *r)
{
    struct scenario sc;
    rows_load(town, sets, n, &sc);
    rows_run(&sc, NULL, r);
    scenario_free(&sc);
}

/* Cell changes of one phone, by its records. */
static int changes(const struct rows *r, int64_t ue)
{
    int n = 0;
    const char *last = NULL;
    for (size_t i = 0; i < r->n_ran; i++) {
        if (r->ran[i].ue_id != ue)
            continue;
        n += last != NULL && strcmp(last, r->ran[i].cell) != 0;
        last = r->ran[i].cell;
    }
    return n;
}

static void test_nothing_is_lost(void **state)
{
    (void)state;
    static const char *const cases[][6] = {
        {LEAVES},
        {TCP, LEAVES, SHORTLY, AT_ONCE},
        {NERVOUS, "radio.idle_grant_ms=0"},
        {"radio.tdd=fdd", "radio.scs_khz=15", "radio.n_prb=100", "radio.harq_rounds=2", LEAVES},
        {"radio.policy.kind=oai-willm", NO_INTERFERENCE, "seed=9"},
    };
    for (int k = 0; k < N_OF(cases); k++) {
        const char *sets[7];
        int n = 0;
        while (n < 6 && cases[k][n] != NULL) {
            sets[n] = cases[k][n];
            n++;
        }
        struct rows skipped;
        struct rows visited;
        run(sets, n, &skipped);
        check_carried(&skipped);
        sets[n] = ALL_SLOTS;
        run(sets, n + 1, &visited);
        rows_same(&skipped, &visited);
        assert_true(visited.result.slots_visited > skipped.result.slots_visited);
        int cars = 0;
        for (int ue = 0; ue < 4; ue++)
            cars += changes(&skipped, ue);
        assert_true(cars >= 8);
        /* who was put into the wrong cell leaves it, once */
        assert_true(k == 2 || changes(&skipped, 9) == 1);
        rows_free(&skipped);
        rows_free(&visited);
    }
}

/* --- Away for a while ------------------------------------------------------------------------- */

/* One phone of the testbed, away from 5 to 8 s: its records read 0, its averages begin anew, what
 * it asks meanwhile is carried afterwards. */
static void test_detach_and_return(void **state)
{
    (void)state;
    static const char alone[] =
        "{\"name\": \"alone\", \"duration_s\": 15, \"output\": {\"ran_records_ms\": 100},"
        " \"radio\": {}, \"cells\": [{\"id\": \"c\"}], \"transport\": {}, \"core\": {},"
        " \"servers\": [{\"id\": \"gpu\", \"gpu\": \"rtx4090\", \"model\": \"llama-3.2-1b\"}],"
        " \"ues\": [{\"id\": \"u\", \"cell\": \"c\", \"server\": \"gpu\","
        " \"detach_at_s\": [5], \"detach_gap_s\": 3,"
        " \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 4, \"bytes_per_token\": 1000,"
        "  \"input_tokens\": {\"dist\": \"constant\", \"value\": 20},"
        "  \"output_tokens\": {\"dist\": \"constant\", \"value\": 5}}}]}";
    struct scenario sc;
    struct rows r;
    struct rows visited;
    rows_load(alone, NULL, 0, &sc);
    rows_run(&sc, NULL, &r);
    check_carried(&r);
    double ph_sum = 0.0;
    double ph_squares = 0.0;
    int attached = 0;
    for (size_t i = 0; i < r.n_ran; i++) {
        const struct ran_record *row = &r.ran[i];
        bool away = row->gnb_timestamp_ms >= 5000 && row->gnb_timestamp_ms < 8000;
        if (away) {
            assert_true(row->ul_throughput == 0.0 && row->dl_throughput == 0.0);
            assert_int_equal(row->ph_db, 0);
            assert_int_equal(row->ul_mcs, 9);
            assert_int_equal(row->sched_ul_bytes, 0);
            assert_int_equal(row->estimated_ul_buffer, 0);
            continue;
        }
        attached++;
        ph_sum += (double)row->ph_db;
        ph_squares += (double)(row->ph_db * row->ph_db);
        /* idle grants come at once: the average is above 0 after the first */
        assert_true(row->gnb_timestamp_ms == 8000 || row->ul_throughput > 0.0);
    }
    /* Testbed: mean 59.3, deviation 2.3; 120 rows of which a third are independent. */
    double mean = ph_sum / attached;
    within(mean, 59.3, 1.5);
    within(sqrt(ph_squares / attached - mean * mean), 2.3, 1.0);
    int waited = 0;
    for (size_t i = 0; i < r.n_requests; i++) {
        const struct request_record *a = &r.requests[i];
        if (a->born_ns > 5 * NS_PER_S && a->born_ns < 7900 * NS_PER_MS) {
            waited++;
            assert_true(a->radio_ul_out_ns > 8 * NS_PER_S);
        }
    }
    assert_true(waited > 3);
    scenario_free(&sc);
    const char *const all[] = {ALL_SLOTS};
    rows_load(alone, all, 1, &sc);
    rows_run(&sc, NULL, &visited);
    rows_same(&r, &visited);
    scenario_free(&sc);
    rows_free(&r);
    rows_free(&visited);
}

/* --- Two policies, one channel ---------------------------------------------------------------- */

/* I2 and H3: signal of every phone at the same slots, and who is where when, under two policies
 * that schedule differently. */
static void test_two_policies_one_channel(void **state)
{
    (void)state;
    const char *const one_sets[] = {"radio.policy.kind=round-robin", NO_INTERFERENCE};
    const char *const two_sets[] = {"radio.policy.kind=max-cqi", NO_INTERFERENCE,
                                    "radio.max_ues_per_slot=1"};
    struct scenario sc[2];
    struct world w[2];
    struct rows r[2];
    rows_load(town, one_sets, N_OF(one_sets), &sc[0]);
    rows_load(town, two_sets, N_OF(two_sets), &sc[1]);
    for (int k = 0; k < 2; k++) {
        rows_run(&sc[k], NULL, &r[k]);
        town_make(&w[k], &sc[k]);
        engine_run(w[k].engine, 20 * NS_PER_S, UINT64_MAX);
    }
    /* They do schedule differently. */
    assert_true(strcmp(r[0].text[0], r[1].text[0]) != 0);
    /* 240 records of each phone while requests are born; how long the last of them take differs. */
    assert_true(r[0].n_ran >= 2400 && r[1].n_ran >= 2400);
    for (size_t i = 0; i < 2400; i++) {
        assert_int_equal(r[0].ran[i].avg_rsrp_dbm, r[1].ran[i].avg_rsrp_dbm);
        assert_int_equal(r[0].ran[i].ph_db, r[1].ran[i].ph_db);
        assert_string_equal(r[0].ran[i].cell, r[1].ran[i].cell);
    }
    for (uint32_t ue = 0; ue < w[0].n_ues; ue++)
        for (int64_t slot = 0; slot < 40000; slot += 37)
            for (int d = 0; d < 2; d++) {
                struct air_block b = {.cell = (int)(slot % 3),
                                      .ue = ue,
                                      .direction = (enum radio_direction)d,
                                      .slot = slot,
                                      .qm = 4,
                                      .prb_start = 20,
                                      .n_prb = 30};
                assert_true(air_sinr_db(w[0].air, &b) == air_sinr_db(w[1].air, &b));
            }
    for (int k = 0; k < 2; k++) {
        world_free(&w[k]);
        scenario_free(&sc[k]);
        rows_free(&r[k]);
    }
}

/* --- What cannot be
 * ------------------------------------------------------------------------------- */

/* It is said where it stands. */
static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *set, *says;
    } cases[] = {
        {"radio.channel=null", "ues[0].mobility.kind: nothing hangs on where the phones are"},
        {"radio={\"channel_dl\": {\"kind\": \"snr-trace\", \"path\": \"/no/such.csv\"}}",
         "/no/such.csv: No such file"},
    };
    for (int i = 0; i < N_OF(cases); i++) {
        struct scenario sc;
        struct world w;
        struct err e = {0};
        struct run_options options = {.seed = 1};
        rows_load(town, &cases[i].set, 1, &sc);
        assert_int_equal(world_make(&w, &sc, &options, &e), ERR_INPUT);
        if (strstr(e.text, cases[i].says) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", e.text, cases[i].says);
        scenario_free(&sc);
    }
}

int test_mobility(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_event),       cmocka_unit_test(test_nothing_is_lost),
        cmocka_unit_test(test_detach_and_return), cmocka_unit_test(test_two_policies_one_channel),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("mobility", tests, NULL, NULL);
}
