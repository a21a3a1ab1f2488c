/* cell.c - pins C1 to C4 of sim/cell.h on scenarios drawn at random over patterns, carriers,
 * policies, channels, slices, transports and traffic: what is in the air and where every byte of a
 * stream is, looked up after each event, and the rows with and without idle slots. C5 is
 * tests/sim/reference.c's. Does not pin who gets PRB (tests/sched). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

#include <math.h>

#include "base/draw.h"
#include "base/units.h"
#include "sim/cell.h"
#include "sim/ue.h"
#include "sim/world.h"

enum { CASES = 48 };

/* --- Scenarios drawn at random ---------------------------------------------------------------- */

#define TRAFFIC                                                                                    \
    "\"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 8,"                                         \
    " \"input_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 100},"                        \
    " \"output_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 12}}"

static const char base[] =
    "{\"name\": \"random\", \"duration_s\": 1.2, \"output\": {\"ran_records_ms\": 7},"
    " \"radio\": {}, \"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\"}],"
    " \"slices\": {\"tree\": [{\"id\": \"b1\", \"min_pct\": 20}, {\"id\": \"b2\", \"max_pct\": 60},"
    "  {\"id\": \"f1\", \"parent\": \"b1\", \"min_pct\": 10, \"max_pct\": 50},"
    "  {\"id\": \"f2\", \"parent\": \"b1\"}, {\"id\": \"f3\", \"parent\": \"b2\", \"max_pct\": "
    "30}]},"
    " \"servers\": [{\"id\": \"g\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"}],"
    " \"ues\": ["
    "  {\"id\": \"a\", \"count\": 2, \"cell\": \"c0\", \"slice\": \"f1\", \"server\": "
    "\"g\", " TRAFFIC "},"
    "  {\"id\": \"b\", \"count\": 3, \"cell\": \"*\", \"slice_cycle\": [\"f2\", \"f3\"],"
    "   \"slice_cycle_s\": 0.3, \"server\": \"g\", " TRAFFIC "},"
    "  {\"id\": \"c\", \"cell\": \"c1\", \"server\": \"g\", " TRAFFIC "}]}";

/* What a case may set, one value of each line; "" leaves the default. */
static const char *const choices[][8] = {
    {"", "radio.tdd=DDDSU", "radio.tdd=fdd", "radio.tdd=DDSUU", "radio.tdd=DSUUUUUUUU"},
    {"", "radio.scs_khz=15", "radio.scs_khz=60"},
    {"", "radio.n_prb=24", "radio.n_prb=51", "radio.n_prb=264"},
    {"", "radio.policy.kind=round-robin", "radio.policy.kind=max-cqi",
     "radio.policy.kind=tree-branch-fruit", "radio.policy.kind=oai-willm",
     "radio.policy.kind=dedicated-min-max", "radio.policy.kind=queue-aware"},
    {"", "radio.idle_grant_ms=0", "radio.idle_grant_ms=3.5"},
    {"", "radio.sr_offset_slots=0", "radio.sr_period_slots=8", "radio.sr_period_slots=80"},
    {"", "radio.k2_slots=1", "radio.k2_slots=2", "radio.k2_slots=17"},
    {"", "radio.k1_slots=1", "radio.k1_slots=13"},
    {"", "radio.max_ues_per_slot=1", "radio.max_ues_per_slot=2"},
    {"", "radio.harq_rounds=2", "radio.harq_processes=1", "radio.harq_processes=3"},
    {"", "radio.rlc_status_ms=0", "radio.rlc_status_ms=40"},
    {"", "radio.bsr_periodic_ms=1", "radio.bsr_periodic_ms=500"},
    {"", "radio.la_update_frames=1", "radio.start_mcs=18"},
    {"", "radio.ul_power_headroom_db=13"},
    {"", "radio.channel_ul={\"kind\": \"awgn\", \"snr_db\": 12}",
     "radio.channel_ul={\"kind\": \"testbed\", \"mean_snr_db\": 9}"},
    {"", "radio.channel_dl={\"kind\": \"awgn\"}",
     "radio.channel_dl={\"kind\": \"testbed\", \"mean_snr_db\": 9, \"std_snr_db\": 6}"},
    {"", "", "transport={}", "transport={\"protocol\": \"udp\", \"delay_ms\": 7}",
     "transport={\"protocol\": \"tcp\"}", "transport={\"protocol\": \"tcp\", \"delay_ms\": 9}"},
    {"", "core={}"},
    {"", "ues.0.traffic.bytes_per_token=400", "ues.traffic.bytes_per_token=100"},
    {"", "ues.traffic.overhead_bytes=0"},
    {"", "ues.streaming=true", "ues.1.streaming=true"},
    {"", "ues.0.traffic.rate_hz=40"},
    {"", "ues.prepare_ms=0"},
    {"", "radio.idle_grant_by_frame=false"},
    {"", "", "radio.prach_period_frames=2", "radio.prach_period_frames=4"},
    {"", "", "radio.pucch_prb=2"},
    {"", "", "radio.link_adaptation=cqi", "radio.link_adaptation=outer-loop"},
    {"", "", "radio.cqi_delay_ms=9"},
};
enum { CHOICES = sizeof choices / sizeof choices[0] };

struct sets {
    const char *at[CHOICES + 2];
    int n;
};

static struct sets sets_draw(int number)
{
    struct sets sets = {.n = 0};
    for (int i = 0; i < CHOICES; i++) {
        int n = 1;
        while (n < 8 && choices[i][n] != NULL)
            n++;
        double u = draw_uniform(20, DRAW_REQUEST, (uint32_t)i, (uint64_t)number);
        const char *set = choices[i][(int)(u * n)];
        if (*set != '\0')
            sets.at[sets.n++] = set;
    }
    return sets;
}

/* Which one is running, for a test that fails in it. */
static int under_way;

static int case_tell(void **state)
{
    (void)state;
    if (under_way < 0)
        return 0;
    struct sets sets = sets_draw(under_way);
    print_message("random scenario %d:", under_way);
    for (int i = 0; i < sets.n; i++)
        print_message(" %s", sets.at[i]);
    print_message("\n");
    return 0;
}

/* --- A look at a cell between two events ------------------------------------------------------ */

#define HOLDS(what)                                                                                \
    do {                                                                                           \
        if (!(what))                                                                               \
            fail_msg("slot %lld of cell %s: not %s", (long long)cell->slot, cell->id, #what);      \
    } while (0)

/* C1, C2 in the slot just visited: a block that is sent in it ends with the next. */
static void look_at_air(const struct cell *cell, bool overlaps)
{
    const struct cell_common *k = cell->common;
    int prb[2] = {0, 0};
    int blocks[2] = {0, 0};
    bool sends[2][64] = {{false}};
    bool taken[2][275] = {{false}};
    for (uint32_t handle = cell_first_action(cell, cell->slot + 1); handle != POOL_NONE;) {
        const struct action *a = pool_at(&cell->work->actions, handle);
        handle = cell_next_action(cell, cell->slot + 1, handle);
        if (a->kind != ACTION_END_UL && a->kind != ACTION_END_DL)
            continue;
        int d = a->kind == ACTION_END_UL ? RADIO_UL : RADIO_DL;
        const struct harq *h = &cell->stage.world->radios[a->ue].d[d].harq[a->process];
        HOLDS(h->state == HARQ_IN_FLIGHT);
        HOLDS(!sends[d][a->ue]);
        sends[d][a->ue] = true;
        int pucch = d == RADIO_UL ? (int)k->config->pucch_prb : 0;
        int prach =
            d == RADIO_UL && nr_frame_prach(&k->frame, cell->slot) ? (int)k->config->prach_prb : 0;
        /* The lowest PRB are never granted; oai-willm may run into the highest. */
        HOLDS(h->prb_start >= pucch - pucch / 2 + prach);
        HOLDS(overlaps || h->prb_start + h->n_prb <= k->grid[d].n_prb - pucch / 2);
        HOLDS(h->n_prb > 0 && h->prb_start >= 0 && h->prb_start + h->n_prb <= k->grid[d].n_prb);
        for (int p = h->prb_start; p < h->prb_start + h->n_prb; p++) {
            HOLDS(overlaps || !taken[d][p]);
            taken[d][p] = true;
        }
        prb[d] += h->n_prb;
        blocks[d]++;
    }
    int phase = nr_frame_phase(&k->frame, cell->slot);
    HOLDS(blocks[RADIO_UL] == 0 || k->frame.ul_symbols[phase] > 0);
    HOLDS(blocks[RADIO_DL] == 0 || k->frame.dl_symbols[phase] > 0);
    for (int d = 0; d < 2; d++) {
        HOLDS(overlaps || prb[d] <= k->grid[d].n_prb);
        HOLDS(blocks[d] <= k->max_ues_per_slot);
    }
}

struct pieces {
    struct range at[4096];
    int n;
};

static void piece_add(struct pieces *p, int64_t begin, int64_t end)
{
    if (begin == end)
        return;
    assert_true(p->n < (int)(sizeof p->at / sizeof p->at[0]));
    p->at[p->n++] = (struct range){begin, end};
}

static int range_order(const void *a, const void *b)
{
    const struct range *x = a;
    const struct range *y = b;
    return x->begin < y->begin ? -1 : x->begin > y->begin;
}

/* C3: of what was sent and has not been handed on, every byte is in exactly one place: in a block
 * that may still decode, with the receiver beyond a gap, lost and not known to be, or waiting to be
 * sent again. */
static void look_at_stream(const struct cell *cell, uint32_t ue, int d)
{
    const struct ue_direction *ud = &cell->ues[ue]->d[d];
    const struct stream *s = &ud->stream;
    static struct pieces pieces;
    pieces.n = 0;
    for (int i = 0; i < cell->common->config->harq_processes; i++) {
        const struct harq *h = &ud->harq[i];
        HOLDS((h->state == HARQ_FREE) == ((ud->free_mask >> i & 1) != 0));
        HOLDS((h->state == HARQ_WAIT_RETX) == ((ud->retx_mask >> i & 1) != 0));
        /* A downlink block that has decoded waits for its acknowledgement only. */
        bool decoded = d == RADIO_DL && h->round > 0 && !h->failed;
        if (h->state != HARQ_FREE && !decoded)
            piece_add(&pieces, h->start, h->start + h->payload);
    }
    for (int i = 0; i < s->ahead.n; i++) {
        HOLDS(s->ahead.items[i].begin > s->received);
        HOLDS(i == 0 || s->ahead.items[i - 1].end <= s->ahead.items[i].begin);
        piece_add(&pieces, s->ahead.items[i].begin, s->ahead.items[i].end);
    }
    int64_t repeat = 0;
    for (int i = 0; i < s->repeat.n; i++) {
        repeat += s->repeat.items[i].end - s->repeat.items[i].begin;
        piece_add(&pieces, s->repeat.items[i].begin, s->repeat.items[i].end);
    }
    HOLDS(repeat == s->repeat_bytes);
    for (int64_t i = 0; i < cell->common->ring; i++)
        for (uint32_t handle = cell_first_action(cell, i); handle != POOL_NONE;) {
            const struct action *a = pool_at(&cell->work->actions, handle);
            handle = cell_next_action(cell, i, handle);
            if (a->kind == ACTION_RLC && a->ue == cell->ues[ue]->ue && a->direction == d)
                piece_add(&pieces, a->range.begin, a->range.end);
        }
    qsort(pieces.at, (size_t)pieces.n, sizeof pieces.at[0], range_order);
    int64_t reached = s->received;
    for (int i = 0; i < pieces.n; i++) {
        HOLDS(pieces.at[i].begin == reached);
        reached = pieces.at[i].end;
    }
    HOLDS(reached == s->sent);
    HOLDS(s->sent <= s->end);
}

/* The testbed's scheduler gives idle grants first; one grant a slot is then not enough for both. */
static bool starves(const struct scenario *sc)
{
    return strcmp(sc->radio->policy.word, "oai-willm") == 0 && sc->radio->max_ues_per_slot == 1 &&
           sc->radio->idle_grant_ms > 0.0;
}

/* --- C1 to C3 --------------------------------------------------------------------------------- */

struct counts {
    int64_t visits, events;
    int64_t lost, repeated;
};

static void step_through(const struct scenario *sc, struct counts *counts)
{
    struct world w;
    struct err e = {0};
    struct run_options options = {.seed = (uint64_t)sc->seed};
    if (world_make(&w, sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    for (int i = 0; i < w.n_cells; i++)
        cell_start(w.cells[i]);
    for (uint32_t i = 0; i < w.n_ues; i++)
        ue_start(&w.ues[i]);
    bool overlaps = strcmp(sc->radio->policy.word, "oai-willm") == 0;
    int64_t seen[2] = {-1, -1};
    while (engine_next(w.engine) <= w.end_ns ||
           (w.live_head != POOL_NONE && engine_next(w.engine) <= w.end_ns + 30 * NS_PER_S)) {
        engine_run(w.engine, engine_next(w.engine), 1);
        assert_int_equal(w.sink_error, 0);
        counts->events++;
        for (int i = 0; i < w.n_cells; i++) {
            const struct cell *cell = w.cells[i];
            if (cell->slot == seen[i])
                continue;
            seen[i] = cell->slot;
            counts->visits++;
            look_at_air(cell, overlaps);
            for (uint32_t u = 0; u < cell->n_ues; u++)
                for (int d = 0; d < 2; d++)
                    look_at_stream(cell, u, d);
        }
    }
    assert_true(w.arrived > 20);
    assert_true(w.completed == w.arrived || starves(sc));
    for (int i = 0; i < w.n_cells; i++)
        for (int d = 0; d < 2; d++)
            counts->lost += w.cells[i]->sums[d].all.blocks_lost;
    world_free(&w);
}

static void test_air_and_streams(void **state)
{
    (void)state;
    struct counts counts = {0};
    for (int number = 0; number < CASES; number++) {
        under_way = number;
        struct sets sets = sets_draw(number);
        struct scenario sc;
        rows_load(base, sets.at, sets.n, &sc);
        step_through(&sc, &counts);
        scenario_free(&sc);
    }
    under_way = -1;
    /* What the invariants are about has happened. */
    assert_true(counts.visits > 50000);
    assert_true(counts.lost > 50);
}

/* --- C3 seen from outside, C4 ----------------------------------------------------------------- */

/* What was asked for has been carried, and no more. */
static void check_rows(const struct rows *r)
{
    int64_t asked[2] = {0, 0};
    int64_t carried[2] = {0, 0};
    int64_t scheduled = 0;
    int64_t charged = 0;
    for (size_t i = 0; i < r->n_requests; i++) {
        const struct request_record *a = &r->requests[i];
        assert_string_equal(a->status, "completed");
        asked[RADIO_UL] += a->uplink_bytes;
        asked[RADIO_DL] += a->downlink_bytes;
        assert_true(a->radio_ul_in_ns < a->radio_ul_out_ns);
        assert_true(a->radio_dl_in_ns < a->radio_dl_out_ns);
        charged += a->ul_sched_bytes;
    }
    for (size_t i = 0; i < r->n_cells; i++) {
        const struct cell_record *c = &r->cells[i];
        int d = strcmp(c->direction, "ul") == 0 ? RADIO_UL : RADIO_DL;
        if (c->slice_id == NULL) {
            carried[d] += c->bytes_payload;
            scheduled += d == RADIO_UL ? c->bytes_scheduled : 0;
        }
        assert_true(c->blocks_retx_round1 <= c->blocks && c->blocks_retx_round1 <= c->blocks_retx);
        assert_true(c->blocks_lost <= c->block_errors);
        assert_true(c->bytes_padding + c->bytes_retx <= c->bytes_scheduled);
    }
    assert_true(charged > 0 && charged <= scheduled);
    assert_int_equal(carried[RADIO_UL], asked[RADIO_UL]);
    assert_int_equal(carried[RADIO_DL], asked[RADIO_DL]);
}

static void test_skipping_changes_no_row(void **state)
{
    (void)state;
    for (int number = 0; number < CASES; number++) {
        under_way = number;
        struct sets sets = sets_draw(number);
        struct rows rows[2];
        for (int every = 0; every < 2; every++) {
            sets.at[sets.n] =
                every ? "engine.skip_idle_slots=false" : "engine.skip_idle_slots=true";
            struct scenario sc;
            rows_load(base, sets.at, sets.n + 1, &sc);
            rows_run(&sc, NULL, &rows[every]);
            if (every) {
                int64_t slot_ns = 15 * NS_PER_MS / sc.radio->scs_khz;
                int64_t slots = rows[1].result.sim_ns / slot_ns + 1;
                assert_in_range(rows[1].result.slots_visited, 2 * slots - 2, 2 * slots);
            }
            if (!starves(&sc))
                check_rows(&rows[every]);
            scenario_free(&sc);
        }
        assert_true(rows[0].result.slots_visited <= rows[1].result.slots_visited);
        assert_true(rows[0].n_ran > 500);
        rows_same(&rows[0], &rows[1]);
        rows_free(&rows[0]);
        rows_free(&rows[1]);
    }
    under_way = -1;
}

static bool is_marked(const struct ue_radio *u)
{
    return (cell_active(u->cell, RADIO_DL)[u->in_cell / 64] >> u->in_cell % 64 & 1) != 0;
}

/* The marks of a cell whose UEs do not fit into one word, as they come and go. */
static void test_marks_of_a_large_cell(void **state)
{
    (void)state;
    const char *const sets[] = {"ues.0.count=200"};
    struct scenario sc;
    rows_load(base, sets, 1, &sc);
    struct world w;
    struct err e = {0};
    struct run_options options = {.seed = 1};
    if (world_make(&w, &sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    struct cell *cell = w.radios[0].cell;
    assert_true(cell->n_ues >= 200 && cell_words(cell) >= 4);
    for (uint32_t i = 0; i < cell->n_ues; i++)
        cell_mark(cell, RADIO_DL, cell->ues[i], cell->ues[i]->ue % 3 == 0);
    for (uint32_t gone = 0; gone < 200; gone += 7) {
        struct ue_radio *u = &w.radios[gone];
        cell_detach(u);
        cell_leave(u);
        for (uint32_t i = 0; i < cell->n_ues; i++)
            assert_true(is_marked(cell->ues[i]) ==
                        (cell->ues[i]->ue % 3 == 0 &&
                         (cell->ues[i]->ue % 7 != 0 || cell->ues[i]->ue > gone)));
        assert_int_equal(cell_join(cell, u), 0);
        assert_false(is_marked(u));
    }
    world_free(&w);
    scenario_free(&sc);
}

/* An empty cell without idle grants has no slots at all. */
static void test_idle_cell_is_not_visited(void **state)
{
    (void)state;
    static const char *const sets[] = {"radio.idle_grant_ms=0", "ues.traffic.rate_hz=0.0001"};
    struct scenario sc;
    rows_load(base, sets, 2, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    assert_int_equal(rows.result.arrived, 0);
    assert_int_equal(rows.result.slots_visited, 0);
    /* The records say what an idle link says. */
    for (size_t i = 0; i < rows.n_ran; i++) {
        assert_true(rows.ran[i].ul_throughput == 0.0 && rows.ran[i].dl_throughput == 0.0);
        assert_int_equal(rows.ran[i].ul_mcs, sc.radio->start_mcs);
        assert_int_equal(rows.ran[i].pusch_snr_x10, RECORD_NO_INT);
    }
    assert_int_equal(rows.n_ran, 6 * (size_t)(1200 / 7));
    rows_free(&rows);
    scenario_free(&sc);
}

/* Idle grants in 2 s: one every 5 ms; or, by the testbed's rule, in slots 7, 18 and 19 of each
 * frame of 10 ms. */
static void idle_grants_in_2_s(const char *rule, int64_t least, int64_t most)
{
    const char *const sets[] = {"ues.traffic.rate_hz=0.0001", "duration_s=2",
                                "radio.channel_ul={\"kind\": \"awgn\"}", rule};
    struct scenario sc;
    rows_load(base, sets, 4, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int checked = 0;
    for (size_t i = 0; i < rows.n_cells; i++) {
        const struct cell_record *c = &rows.cells[i];
        if (c->slice_id != NULL || strcmp(c->direction, "dl") == 0)
            continue;
        int64_t phones = 3; /* two of a and one of b; two of b and c would be the same number */
        phones = strcmp(c->cell, "c0") == 0 ? 4 : 2;
        assert_in_range(c->blocks, least * phones, most * phones);
        assert_int_equal(c->prb_used, 10 * c->blocks);
        assert_int_equal(c->blocks_retx, 0);
        assert_int_equal(c->bytes_payload, 0);
        checked++;
    }
    assert_int_equal(checked, 2);
    rows_free(&rows);
    scenario_free(&sc);
}

static void test_idle_grants_keep_their_period(void **state)
{
    (void)state;
    /* The first and the last are cut off by start and end. */
    idle_grants_in_2_s("radio.idle_grant_by_frame=false", 398, 400);
    idle_grants_in_2_s("radio.idle_grant_by_frame=true", 598, 600);
}

/* --- The servers, as policies see them ---------------------------------------------------------
 */

/* Mean time up of a group's completed requests, ms. */
static double mean_up_ms(const struct rows *r, const char *group)
{
    double sum = 0.0;
    int n = 0;
    for (size_t i = 0; i < r->n_requests; i++)
        if (strcmp(r->requests[i].ue_group, group) == 0 &&
            r->requests[i].server_in_ns != RECORD_NO_INT) {
            sum += (double)(r->requests[i].server_in_ns - r->requests[i].born_ns) / 1e6;
            n++;
        }
    assert_true(n > 10);
    return sum / n;
}

/* Two alike groups that ask for more than the uplink carries; behind one of them questions pile up
 * at the server. What the radio sees of that is all that tells them apart. */
static void test_radio_sees_the_servers_queue(void **state)
{
    (void)state;
#define GROUP(id, server)                                                                          \
    "{\"id\": \"" id "\", \"count\": 2, \"cell\": \"c\", \"server\": \"" server                    \
    "\", \"traffic\": {"                                                                           \
    "\"kind\": \"poisson\", \"rate_hz\": 8, \"overhead_bytes\": 100000, \"input_tokens\": "        \
    "{\"dist\":"                                                                                   \
    " \"constant\", \"value\": 10}, \"output_tokens\": {\"dist\": \"constant\", \"value\": 200}}}"
    static const char queues[] =
        "{\"name\": \"queues\", \"duration_s\": 6, \"radio\": {\"idle_grant_ms\": 0, \"policy\":"
        "  {\"kind\": \"queue-aware\"}}, \"cells\": [{\"id\": \"c\"}], \"servers\": ["
        "  {\"id\": \"busy\", \"gpu\": \"l4\", \"model\": \"llama-3.1-8b\", \"batching\":"
        "   {\"kind\": \"fifo\"}}, {\"id\": \"idle\", \"gpu\": \"h100-sxm\", \"model\": "
        "\"llama-3.2-1b\"}],"
        " \"ues\": [" GROUP("waits", "busy") ", " GROUP("goes", "idle") "]}";
    static const char *const weights[] = {"radio.policy.queue_weight=0",
                                          "radio.policy.queue_weight=10"};
    for (int i = 0; i < 2; i++) {
        struct scenario sc;
        rows_load(queues, &weights[i], 1, &sc);
        struct rows rows;
        rows_run(&sc, NULL, &rows);
        double waits = mean_up_ms(&rows, "waits");
        double goes = mean_up_ms(&rows, "goes");
        print_message("%s: up in %.0f ms to the busy server, %.0f ms to the idle one\n", weights[i],
                      waits, goes);
        assert_true(i == 0 ? fabs(waits / goes - 1.0) < 0.3 : waits > 2.0 * goes);
        rows_free(&rows);
        scenario_free(&sc);
    }
}

/* --- Phones of a slot ------------------------------------------------------------------------- */

/* One per 24 PRB (the testbed's 106: 4), unless the scenario says how many. */
static void test_phones_of_a_slot(void **state)
{
    (void)state;
    static const struct {
        const char *prb, *most;
        int phones;
    } cases[] = {{"radio.n_prb=106", "radio.max_ues_per_slot=0", 4},
                 {"radio.n_prb=273", "radio.max_ues_per_slot=0", 11},
                 {"radio.n_prb=20", "radio.max_ues_per_slot=0", 1},
                 {"radio.n_prb=20", "radio.max_ues_per_slot=3", 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const sets[] = {cases[i].prb, cases[i].most};
        struct scenario sc;
        rows_load(base, sets, 2, &sc);
        struct world w;
        struct err e = {0};
        struct run_options options = {.seed = 1};
        assert_int_equal(world_make(&w, &sc, &options, &e), 0);
        assert_int_equal(w.cell_common.max_ues_per_slot, cases[i].phones);
        world_free(&w);
        scenario_free(&sc);
    }
}

int test_cell(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_air_and_streams, case_tell),
        cmocka_unit_test_teardown(test_skipping_changes_no_row, case_tell),
        cmocka_unit_test(test_marks_of_a_large_cell),
        cmocka_unit_test(test_idle_cell_is_not_visited),
        cmocka_unit_test(test_idle_grants_keep_their_period),
        cmocka_unit_test(test_radio_sees_the_servers_queue),
        cmocka_unit_test(test_phones_of_a_slot),
    };
    return cmocka_run_group_tests_name("cell", tests, NULL, NULL);
}
