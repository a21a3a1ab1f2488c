/* air.c - pins what a block is heard with: interference one window late (I1 of sim/air.h) as the
 * formulas say, the subbands that it lies on, the power that its phone has, a recorded SNR. Does
 * not pin path loss and fading (tests/models), nor who is where (mobility.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/nr_error.h"
#include "sim/air.h"
#include "tests/sim/town.h"

/* --- Interference ----------------------------------------------------------------------------- */

/* I1, without anybody else sending: a window is heard in the next one and in no other, as
 * S / (N + what it sent / what it could have sent x its power). Fading off: all is known exactly.
 */
static void test_interference(void **state)
{
    (void)state;
    const char *const sets[] = {"radio.channel={\"kind\": \"umi\", \"fading\": \"off\"}"};
    struct scenario sc;
    rows_load(town, sets, 1, &sc);
    struct world w;
    struct run_options options = {.seed = 1};
    struct err e = {0};
    assert_int_equal(world_make(&w, &sc, &options, &e), 0);
    struct air *air = w.air;
    const uint32_t ue = 7;    /* at a window, in the cell in the east or the middle */
    const uint32_t other = 9; /* below the eastern cell */
    struct air_block dl = {
        .cell = 1, .ue = ue, .direction = RADIO_DL, .qm = 4, .prb_start = 0, .n_prb = 106};
    struct air_block ul = dl;
    ul.direction = RADIO_UL;
    ul.n_prb = 50;
    /* Windows of 10 ms are 20 slots: 14 downlink and 2 special, 4 uplink and 2 special. */
    dl.slot = 20 * 100;
    ul.slot = 20 * 100;
    const double clean_dl = air_sinr_db(air, &dl);
    const double clean_ul = air_sinr_db(air, &ul);
    const struct channel_path *paths = channel_ue_paths(&air->ues[ue], 0);
    within(clean_dl, channel_dl_snr_db(&air->geometry, paths[1].loss_db), 1e-12);
    within(clean_ul, channel_ul_snr_db(&air->geometry, paths[1].loss_db, 50), 1e-12);

    /* In window 100 the eastern cell sends 400 of 16 x 106 PRB down; a phone of it 60 of 6 x 106
     * up. */
    for (int i = 0; i < 4; i++)
        air_sent(air, 2, other, RADIO_DL, 20 * 100 + i, 100);
    air_sent(air, 2, other, RADIO_UL, 20 * 100 + 8, 20);
    air_sent(air, 2, other, RADIO_UL, 20 * 100 + 18, 40);
    /* The own cell's transmissions are no interference. */
    air_sent(air, 1, ue, RADIO_DL, 20 * 100 + 5, 106);
    air_sent(air, 1, ue, RADIO_UL, 20 * 100 + 9, 106);
    assert_true(air_sinr_db(air, &dl) == clean_dl);
    assert_true(air_sinr_db(air, &ul) == clean_ul);

    double heard_dl =
        ratio_of_db(channel_dl_snr_db(&air->geometry, paths[2].loss_db)) * 400.0 / (16.0 * 106.0);
    const struct channel_path *theirs = channel_ue_paths(&air->ues[other], 0);
    double heard_ul = 0.0;
    for (int n = 20; n <= 40; n += 20)
        heard_ul += n *
                    ratio_of_db(channel_ul_snr_db(&air->geometry, theirs[2].loss_db, n) +
                                theirs[2].loss_db - theirs[1].loss_db) /
                    (6.0 * 106.0);
    assert_true(heard_dl > 0.1 && heard_ul > 0.0);
    for (int64_t slot = 20 * 101; slot < 20 * 102; slot++) {
        dl.slot = ul.slot = slot;
        within(air_sinr_db(air, &dl), clean_dl - db_of_ratio(1.0 + heard_dl), 1e-9);
        within(air_sinr_db(air, &ul), clean_ul - db_of_ratio(1.0 + heard_ul), 1e-9);
    }
    dl.slot = ul.slot = 20 * 102;
    assert_true(air_sinr_db(air, &dl) == clean_dl);
    assert_true(air_sinr_db(air, &ul) == clean_ul);
    /* A CQI report of window 101 that is looked at later still sees it. */
    air_sent(air, 2, other, RADIO_DL, 20 * 102, 50);
    air_sent(air, 2, other, RADIO_DL, 20 * 108, 50);
    dl.slot = 20 * 101 + 3;
    within(air_sinr_db(air, &dl), clean_dl - db_of_ratio(1.0 + heard_dl), 1e-9);
    world_free(&w);
    scenario_free(&sc);
}

/* --- Subbands --------------------------------------------------------------------------------- */

/* A block has the mutual information of the PRB that it lies on, each with the SINR of its subband.
 */
static void test_block_sees_its_subbands(void **state)
{
    (void)state;
    struct scenario sc;
    struct world w;
    rows_load(town, NULL, 0, &sc);
    town_make(&w, &sc);
    const double *faded_db = channel_ue_fading_db(&w.air->ues[0], 1, RADIO_DL, 0);
    double mean_db =
        channel_dl_snr_db(&w.air->geometry, channel_ue_paths(&w.air->ues[0], 0)[1].loss_db);
    double least = HUGE_VAL;
    double most = -HUGE_VAL;
    for (int prb = 0; prb < 106; prb++) {
        struct air_block b = {
            .cell = 1, .direction = RADIO_DL, .qm = 4, .prb_start = prb, .n_prb = 1};
        double db = air_sinr_db(w.air, &b);
        within(db, mean_db + faded_db[prb * 16 / 106], 1e-6);
        least = fmin(least, db);
        most = fmax(most, db);
    }
    assert_true(most > least + 5.0);
    struct air_block whole = {.cell = 1, .direction = RADIO_DL, .qm = 4, .n_prb = 106};
    double all[16];
    for (int i = 0; i < 16; i++)
        all[i] = mean_db + faded_db[i];
    within(air_sinr_db(w.air, &whole), nr_effective_snr_db(4, all, 16), 1e-9);
    world_free(&w);
    scenario_free(&sc);
}

/* What an uplink block that is on its way will be heard with, by its place in the carrier. */
struct heard {
    int64_t slot;
    uint32_t ue;
    double sinr_db;
};

static int expect_blocks(const struct cell *cell, struct heard *heard)
{
    struct world *w = cell->stage.world;
    int n = 0;
    for (uint32_t handle = cell_first_action(cell, cell->slot + 1); handle != POOL_NONE;) {
        const struct action *a = pool_at(&cell->work->actions, handle);
        handle = cell_next_action(cell, cell->slot + 1, handle);
        if (a->kind != ACTION_END_UL || a->epoch != w->radios[a->ue].epoch)
            continue;
        const struct harq *h = &w->radios[a->ue].d[RADIO_UL].harq[a->process];
        struct air_block b = {.cell = cell->index,
                              .ue = a->ue,
                              .direction = RADIO_UL,
                              .slot = cell->slot,
                              .qm = cell->common->grid[RADIO_UL].qm[h->mcs],
                              .prb_start = h->prb_start,
                              .n_prb = h->n_prb};
        heard[n++] = (struct heard){cell->slot, a->ue, air_sinr_db(w->air, &b)};
    }
    return n;
}

static void test_reported_snr_is_the_blocks(void **state)
{
    (void)state;
    const char *const sets[] = {"radio.handover.enabled=false", "duration_s=10"};
    struct scenario sc;
    struct world w;
    rows_load(town, sets, N_OF(sets), &sc);
    town_make(&w, &sc);
    struct heard heard[3][CELL_BLOCKS_MAX];
    int n[3] = {0};
    int64_t seen[3] = {-1, -1, -1};
    int checked = 0;
    while (engine_next(w.engine) <= w.end_ns) {
        engine_run(w.engine, engine_next(w.engine), 1);
        for (int i = 0; i < w.n_cells; i++) {
            const struct cell *cell = w.cells[i];
            if (cell->slot == seen[i])
                continue;
            for (int k = 0; k < n[i]; k++, checked++) {
                assert_true(heard[i][k].slot == seen[i] && cell->slot == seen[i] + 1);
                within(w.radios[heard[i][k].ue].d[RADIO_UL].last_snr_x10,
                       10.0 * heard[i][k].sinr_db, 2.5 + 0.5 + 1e-6);
            }
            seen[i] = cell->slot;
            n[i] = expect_blocks(cell, heard[i]);
        }
    }
    assert_true(checked > 5000);
    world_free(&w);
    scenario_free(&sc);
}

/* --- Power and records ------------------------------------------------------------------------ */

/* Phones out to where their power no longer reaches: no block is wider than the headroom allows at
 * the target SNR, or than the smallest grant; the reported SNR is that of the power per PRB. */
static void test_power_limits_blocks(void **state)
{
    (void)state;
    const char *const sets[] = {
        "radio.channel={\"kind\": \"umi\", \"fading\": \"off\", \"interference_window_ms\": 0}",
        "radio.handover.enabled=false",
        "ues.mobility={\"kind\": \"static\", \"spread_m\": 500}",
        "ues.cell=centre",
        "ues.count=10",
        "duration_s=10",
        "radio.ul_special_symbols=0"};
    struct scenario sc;
    struct rows r;
    rows_load(town, sets, N_OF(sets), &sc);
    rows_run(&sc, NULL, &r);
    int limited = 0;
    int below = 0;
    for (size_t i = 0; i < r.n_ran; i++) {
        const struct ran_record *row = &r.ran[i];
        if (row->pusch_snr_x10 == RECORD_NO_INT)
            continue;
        assert_string_equal(row->cell, "centre");
        assert_int_equal(row->pcmax_dbm, 23);
        double most = pow(10.0, ((double)row->ph_db + 0.5) / 10.0);
        assert_true((double)row->ulsch_current_rbs <= fmax(most, 10.0));
        limited += row->ulsch_current_rbs > 10 && most < 106.0;
        /* 15 dB, or what a block of so many PRB leaves of the headroom */
        double snr_db =
            fmin(15.0, 15.0 + (double)row->ph_db - 10.0 * log10((double)row->ulsch_current_rbs));
        below += snr_db < 14.0;
        within((double)row->pusch_snr_x10 / 10.0, snr_db, 0.25 + 0.5 + 1e-9);
    }
    assert_true(limited > 10 && below > 100);
    scenario_free(&sc);
    rows_free(&r);
}

/* A recorded channel is what the phone has: hold, every second another step. */
static void test_snr_trace(void **state)
{
    (void)state;
    char path[] = "/tmp/willmsim-snr-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] = "t_s,snr_db\n0,20\n1,4.2\n2,11\n";
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    char channel[200];
    snprintf(channel, sizeof channel,
             "radio={\"channel_ul\": {\"kind\": \"snr-trace\", \"path\": \"%s\", \"between\": "
             "\"hold\", \"shift_s\": 1}}",
             path);
    const char *const sets[] = {
        channel,         "cells=[{\"id\": \"west\"}]", "ues.mobility={\"kind\": \"static\"}",
        "ues.cell=west", "ues.0.traffic.rate_hz=0.2",  "duration_s=9"};
    struct scenario sc;
    struct rows r;
    rows_load(town, sets, N_OF(sets), &sc);
    rows_run(&sc, NULL, &r);
    static const int expected[] = {200, 40, 110};
    for (size_t i = 0; i < r.n_ran; i++) {
        const struct ran_record *row = &r.ran[i];
        /* A record a quarter of a second into its step: idle grants come every 5 ms. */
        if (row->gnb_timestamp_ms % 1000 == 0)
            continue;
        int64_t step = (row->gnb_timestamp_ms / 1000 + row->ue_id) % 3;
        assert_int_equal(row->pusch_snr_x10, expected[step]);
    }
    assert_true(r.n_ran > 300);
    scenario_free(&sc);
    rows_free(&r);
    unlink(path);
}

int test_air(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_interference),
        cmocka_unit_test(test_block_sees_its_subbands),
        cmocka_unit_test(test_reported_snr_is_the_blocks),
        cmocka_unit_test(test_power_limits_blocks),
        cmocka_unit_test(test_snr_trace),
    };
    return cmocka_run_group_tests_name("air", tests, NULL, NULL);
}
