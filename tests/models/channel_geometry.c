/* channel_geometry.c - pins the link budget against sums done by hand, uplink power control and
 * headroom, and that paths and fading of a UE are functions of time alone, however they are asked
 * for. Does not pin path loss (propagation.c) nor fading's statistics (fading.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "models/channel_geometry.h"

static const struct channel_geometry_config umi = {
    .path = {PROPAGATION_UMI, 3.5, 10.0, 1.5},
    .gnb_power_dbm = 44.0,
    .gnb_gain_dbi = 8.0,
    .gnb_noise_figure_db = 5.0,
    .ue_power_dbm = 23.0,
    .ue_noise_figure_db = 9.0,
    .ul_target_snr_db = 15.0,
    .around_mps = 0.83,
    .fading = CHANNEL_FADING_TDL,
    .update_ns = 100 * NS_PER_MS,
    .n_prb = 106,
    .scs_khz = 30,
};

static const struct mobility_area street = {-300.0, -10.0, 300.0, 10.0};
static const struct mobility_config drive = {
    .kind = MOBILITY_LINE, .x_m = -250.0, .heading_deg = 0.0, .speed_mps = 14.0, .area = &street};

enum { SITES = 3 };

struct town {
    struct channel_geometry geometry;
    struct channel_site sites[SITES];
    struct channel_path paths[SITES];
    uint64_t los[1];
    struct channel_ue ue;
};

static void town_make(struct town *t, const struct channel_geometry_config *c,
                      const struct mobility_config *mobility, uint32_t ue)
{
    channel_geometry_init(&t->geometry, c);
    for (int i = 0; i < SITES; i++) {
        t->sites[i] = (struct channel_site){.x_m = 200.0 * (i - 1), .y_m = 15.0};
        propagation_site_init(&t->sites[i].luck, &c->path, 1, (uint32_t)i);
    }
    channel_ue_init(&t->ue, &t->geometry, t->sites, SITES, t->paths, t->los, mobility, 1, ue);
}

static void within(double value, double expected, double tolerance)
{
    if (!(fabs(value - expected) <= tolerance))
        fail_msg("%.9g is not within %.3g of %.9g", value, tolerance, expected);
}

/* 106 PRB of 360 kHz: the noise of one is -174 + 55.563 = -118.437 dBm. */
static void test_link_budget(void **state)
{
    (void)state;
    struct channel_geometry g;
    channel_geometry_init(&g, &umi);
    /* 44 + 8 - 20.253 (106 PRB) + 118.437 - 9 */
    within(g.dl_db, 141.18391634, 1e-6);
    within(channel_dl_snr_db(&g, 110.0), 31.18391634, 1e-6);
    /* 23 + 8 + 118.437 - 5 */
    within(g.ul_db, 144.43697499, 1e-6);
    /* 44 + 8 - 31.045 (106 x 12 subcarriers) */
    within(g.rsrp_dbm, 20.95512889, 1e-6);
}

static void test_power_control(void **state)
{
    (void)state;
    struct channel_geometry g;
    channel_geometry_init(&g, &umi);
    /* near: 44.4 dB are there for one PRB, 24.2 for each of 106; the target is 15 */
    assert_true(channel_ul_snr_db(&g, 100.0, 1) == 15.0);
    assert_true(channel_ul_snr_db(&g, 100.0, 106) == 15.0);
    within(channel_ul_headroom_db(&g, 100.0), 29.43697499, 1e-6);
    /* at 125 dB: 4.437 dB of headroom, 2.78 PRB */
    within(channel_ul_headroom_db(&g, 125.0), 4.43697499, 1e-6);
    assert_true(channel_ul_snr_db(&g, 125.0, 2) == 15.0);
    within(channel_ul_snr_db(&g, 125.0, 3), 19.43697499 - 4.77121255, 1e-6);
    within(channel_ul_snr_db(&g, 125.0, 10), 9.43697499, 1e-6);
    /* at 140 dB not even one PRB reaches the target */
    within(channel_ul_headroom_db(&g, 140.0), -10.56302501, 1e-6);
    within(channel_ul_snr_db(&g, 140.0, 1), 4.43697499, 1e-6);
}

/* A place keeps its path; a way does not; between two looks nothing changes. */
static void test_paths(void **state)
{
    (void)state;
    struct town t;
    const struct mobility_config still = {.kind = MOBILITY_STATIC, .x_m = 30.0};
    town_make(&t, &umi, &still, 0);
    struct channel_path first = channel_ue_paths(&t.ue, 0)[1];
    bool los = channel_ue_los(&t.ue, 1, 0);
    within(first.gain, ratio_of_db(-first.loss_db), 1e-20);
    struct channel_path later = channel_ue_paths(&t.ue, 1000 * NS_PER_S)[1];
    assert_true(first.loss_db == later.loss_db);
    assert_true(los == channel_ue_los(&t.ue, 1, 1000 * NS_PER_S));

    town_make(&t, &umi, &drive, 0);
    first = channel_ue_paths(&t.ue, 0)[1];
    assert_true(channel_ue_paths(&t.ue, 99 * NS_PER_MS)[1].loss_db == first.loss_db);
    assert_true(channel_ue_paths(&t.ue, 100 * NS_PER_MS)[1].loss_db != first.loss_db);
    /* towards the middle cell, 250 m away: the loss falls by tens of dB */
    assert_true(channel_ue_paths(&t.ue, 17 * NS_PER_S)[1].loss_db < first.loss_db - 15.0);
}

/* Everything that a link has, at many times, in two orders and with other links in between. */
static void test_random_access(void **state)
{
    (void)state;
    enum { TIMES = 3000 };
    static double forward[TIMES][2];
    struct town t;
    town_make(&t, &umi, &drive, 7);
    for (int i = 0; i < TIMES; i++) {
        int64_t now = i * 7 * NS_PER_MS;
        forward[i][0] = channel_ue_paths(&t.ue, now)[2].loss_db;
        forward[i][1] = channel_ue_fading_db(&t.ue, 2, 0, now)[11];
    }
    town_make(&t, &umi, &drive, 7);
    for (int i = 0; i < TIMES; i++) {
        int k = (int)((int64_t)i * 1787 % TIMES);
        int64_t now = k * 7 * NS_PER_MS;
        channel_ue_fading_db(&t.ue, i % SITES, 0, now - now % 13);
        assert_true(channel_ue_fading_db(&t.ue, 2, 0, now)[11] == forward[k][1]);
        assert_true(channel_ue_paths(&t.ue, now)[2].loss_db == forward[k][0]);
    }
}

/* TDD: one channel in both directions. FDD: two. */
static void test_directions(void **state)
{
    (void)state;
    struct town t;
    town_make(&t, &umi, &drive, 7);
    double down = channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[3];
    assert_true(channel_ue_fading_db(&t.ue, 1, 1, NS_PER_S)[3] == down);
    struct channel_geometry_config c = umi;
    c.paired = true;
    town_make(&t, &c, &drive, 7);
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[3] == down);
    assert_true(channel_ue_fading_db(&t.ue, 1, 1, NS_PER_S)[3] != down);
}

/* A phone that stands still fades with its surroundings: at 0.83 m/s the coherence time is tens of
 * ms; without them nothing moves; UEs and sites differ. */
static void test_fading_of_those_who_stand(void **state)
{
    (void)state;
    const struct mobility_config still = {.kind = MOBILITY_STATIC, .x_m = 30.0};
    struct town t;
    town_make(&t, &umi, &still, 0);
    double first = channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[0];
    within(channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S + 100 * NS_PER_US)[0], first, 0.5);
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, 2 * NS_PER_S)[0] != first);
    assert_true(channel_ue_fading_db(&t.ue, 0, 0, NS_PER_S)[0] != first);
    struct channel_geometry_config c = umi;
    c.around_mps = 0.0;
    town_make(&t, &c, &still, 0);
    first = channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[0];
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, 2 * NS_PER_S)[0] == first);
    town_make(&t, &c, &still, 1);
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[0] != first);
}

static void test_fading_kinds(void **state)
{
    (void)state;
    struct town t;
    struct channel_geometry_config c = umi;
    c.fading = CHANNEL_FADING_OFF;
    town_make(&t, &c, &drive, 0);
    assert_int_equal(t.geometry.profile[0].subbands, 1);
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[0] == 0.0);
    c.fading = CHANNEL_FADING_FLAT;
    town_make(&t, &c, &drive, 0);
    assert_int_equal(t.geometry.profile[1].subbands, 1);
    assert_true(channel_ue_fading_db(&t.ue, 1, 0, NS_PER_S)[0] != 0.0);
    c.fading = CHANNEL_FADING_TDL;
    c.n_prb = 10;
    town_make(&t, &c, &drive, 0);
    assert_int_equal(t.geometry.profile[0].subbands, 10);
}

int test_channel_geometry(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_budget),  cmocka_unit_test(test_power_control),
        cmocka_unit_test(test_paths),        cmocka_unit_test(test_random_access),
        cmocka_unit_test(test_directions),   cmocka_unit_test(test_fading_of_those_who_stand),
        cmocka_unit_test(test_fading_kinds),
    };
    return cmocka_run_group_tests_name("channel_geometry", tests, NULL, NULL);
}
