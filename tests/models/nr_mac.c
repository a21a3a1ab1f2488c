/* nr_mac.c - pins the MAC's small machines: the throughput average against a plain loop over the
 * opportunities, the link-adaptation rule against sequences worked out by hand, the buffer-status
 * table at its edges, the grid of block sizes against nr_tbs_bits(). Does not pin when the cell
 * calls them (tests/sim/reference.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "base/draw.h"
#include "models/nr_mac.h"
#include "models/nr_tables.h"
#include "models/nr_tbs.h"

static void near(double value, double expected, double part)
{
    if (!(fabs(value - expected) <= part * fabs(expected)))
        fail_msg("%.17g is not within %g of %.17g", value, part, expected);
}

/* --- Throughput average ----------------------------------------------------------------------- */

/* Bursts and gaps up to far beyond the table of powers. */
static void test_thr_equals_the_plain_loop(void **state)
{
    (void)state;
    enum { N = 60000 };
    static const double weights[] = {0.0005, 0.02, 1.0};
    static struct nr_decay decay;
    for (int i = 0; i < 3; i++) {
        double a = weights[i];
        nr_decay_init(&decay, a);
        struct nr_thr thr = {0};
        double plain = 0.0;
        double before = 0.0; /* bytes at the last opportunity */
        for (int64_t n = 0; n < N; n++) {
            plain = (1.0 - a) * plain + a * before;
            before = 0.0;
            bool burst = n % 20000 < 700 || (n > 50000 && n % 3 == 0);
            int64_t bytes =
                burst ? (int64_t)(20000.0 * draw_uniform(1, DRAW_REQUEST, 7, (uint64_t)n)) : 0;
            if (burst || n % 997 == 0)
                near(nr_thr_at(&thr, &decay, n), plain, 1e-11);
            if (bytes > 0) {
                nr_thr_add(&thr, &decay, n, bytes / 2);
                nr_thr_add(&thr, &decay, n, bytes - bytes / 2); /* two blocks, one opportunity */
                before = (double)bytes;
            }
        }
        near(nr_thr_at(&thr, &decay, N), (1.0 - a) * plain + a * before, 1e-11);
    }
}

static void test_thr_reading_changes_nothing(void **state)
{
    (void)state;
    static struct nr_decay decay;
    nr_decay_init(&decay, 0.0005);
    struct nr_thr read = {0};
    struct nr_thr left_alone = {0};
    nr_thr_add(&read, &decay, 3, 1000);
    nr_thr_add(&left_alone, &decay, 3, 1000);
    for (int64_t n = 3; n < 40; n++)
        (void)nr_thr_at(&read, &decay, n);
    nr_thr_add(&read, &decay, 40, 500);
    nr_thr_add(&left_alone, &decay, 40, 500);
    assert_true(nr_thr_at(&read, &decay, 41) == nr_thr_at(&left_alone, &decay, 41));
    /* What is scheduled at an opportunity counts from the next one on. */
    near(nr_thr_at(&read, &decay, 40), 1000 * 0.0005 * pow(0.9995, 36), 1e-12);
    near(nr_thr_at(&read, &decay, 41), 0.0005 * (1000 * pow(0.9995, 37) + 500), 1e-12);
    assert_true(nr_thr_at(&read, &decay, 39) == nr_thr_at(&read, &decay, 40));
}

/* The testbed's average of a full uplink tends to the bytes of an opportunity, and decays to 1/e
 * in 1/a opportunities. */
static void test_thr_limits(void **state)
{
    (void)state;
    static struct nr_decay decay;
    nr_decay_init(&decay, 0.0005);
    struct nr_thr thr = {0};
    for (int64_t n = 0; n < 40000; n++)
        nr_thr_add(&thr, &decay, n, 233);
    near(nr_thr_at(&thr, &decay, 40000), 233.0, 1e-8);
    near(nr_thr_at(&thr, &decay, 40000 + 2000), 233.0 * exp(-1.0), 1e-3);
}

/* --- Link adaptation -------------------------------------------------------------------------- */

/* The testbed's numbers (the fork's min_blocks 9). */
static const struct nr_la_config testbed = {.start_mcs = 9,
                                            .min_mcs_up = 6,
                                            .idle_mcs = 9,
                                            .start_bler = 0.10,
                                            .lower = 0.05,
                                            .upper = 0.15,
                                            .filter = 0.9,
                                            .update_frames = 10,
                                            .min_blocks = 9};

static void test_la_by_hand(void **state)
{
    (void)state;
    /* Frame, first and second rounds so far; then the filtered BLER and the MCS that follow:
     * bler = 0.9 bler + 0.1 second/first of the window. */
    static const struct {
        int64_t frame;
        uint64_t first, second;
        double bler;
        int mcs;
    } steps[] = {
        {9, 500, 500, 0.1, 9},         /* no 10 frames have passed */
        {10, 100, 0, 0.09, 9},         /* between the two limits */
        {20, 200, 0, 0.081, 9},        /**/
        {25, 300, 90, 0.081, 9},       /* no look */
        {30, 300, 90, 0.1629, 8},      /* 90 of 100 */
        {41, 400, 140, 0.19661, 7},    /* 50 of 100, 11 frames later */
        {50, 500, 190, 0.19661, 7},    /* 9 frames later */
        {51, 500, 190, 0.226949, 6},   /* 50 of 100 */
        {61, 600, 290, 0.3042541, 6},  /* errors push no lower than 6 */
        {99, 900, 290, 0.27382869, 6}, /**/
    };
    struct nr_la la;
    nr_la_init(&la, &testbed);
    assert_int_equal(la.mcs, 9);
    assert_true(la.bler == 0.10);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int mcs = nr_la_mcs(&la, &testbed, steps[i].frame, steps[i].first, steps[i].second, 28);
        assert_int_equal(mcs, steps[i].mcs);
        near(la.bler, steps[i].bler, 1e-12);
    }
}

/* One idle grant every 5 ms is 20 clean blocks per look: the filtered BLER falls below 0.05 at the
 * seventh look (0.1 x 0.9^7 = 0.0478), and from then on every look raises the MCS. A phone that has
 * been silent for 2.6 s therefore begins its burst at MCS 28, whatever its channel. */
static void test_la_drifts_up_on_idle_grants(void **state)
{
    (void)state;
    struct nr_la la;
    nr_la_init(&la, &testbed);
    for (int look = 1; look <= 40; look++) {
        int mcs = nr_la_mcs(&la, &testbed, 10 * look, (uint64_t)(20 * look), 0, 28);
        int risen = look < 7 ? 0 : look - 6;
        assert_int_equal(mcs, risen > 19 ? 28 : 9 + risen);
        near(la.bler, 0.1 * pow(0.9, look), 1e-12);
    }
}

/* No first rounds: the BLER stays, the MCS falls to 9 and no lower. One to three: the window
 * counts, the MCS falls. Four to nine: clean, but not enough to rise (the fork). */
static void test_la_falls_back_when_idle(void **state)
{
    (void)state;
    struct nr_la la;
    nr_la_init(&la, &testbed);
    la.mcs = 12;
    la.bler = 0.04;
    int64_t frame = 0;
    uint64_t first = 0;
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first, 0, 28), 11);
    assert_true(la.bler == 0.9 * 0.04 + (1.0 - 0.9) * 0.04);
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first += 3, 0, 28), 10);
    near(la.bler, 0.036, 1e-12);
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first += 4, 0, 28), 10);
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first += 9, 0, 28), 10);
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first += 10, 0, 28), 11);
    for (int i = 0; i < 20; i++)
        nr_la_mcs(&la, &testbed, frame += 10, first, 0, 28);
    assert_int_equal(la.mcs, 9);
    la.mcs = 4;
    assert_int_equal(nr_la_mcs(&la, &testbed, frame += 10, first, 0, 28), 4);
}

/* Between looks a cap hides the MCS; a look takes it over. */
static void test_la_cap(void **state)
{
    (void)state;
    struct nr_la la;
    nr_la_init(&la, &testbed);
    la.mcs = 20;
    la.bler = 0.01;
    assert_int_equal(nr_la_mcs(&la, &testbed, 5, 100, 0, 12), 12);
    assert_int_equal(nr_la_mcs(&la, &testbed, 6, 100, 0, 28), 20);
    assert_int_equal(nr_la_mcs(&la, &testbed, 10, 100, 0, 12), 12); /* clean, but at the cap */
    assert_int_equal(nr_la_mcs(&la, &testbed, 11, 100, 0, 28), 12);
    assert_int_equal(nr_la_mcs(&la, &testbed, 20, 200, 0, 13), 13);
    assert_int_equal(nr_la_mcs(&la, &testbed, 30, 300, 0, 13), 13);
    la.bler = 0.5;
    assert_int_equal(nr_la_mcs(&la, &testbed, 40, 400, 0, 7), 6); /* down from the cap */
}

/* An MCS from outside: the filtered BLER goes on as under the testbed's rule. */
static void test_la_set(void **state)
{
    (void)state;
    struct nr_la la;
    struct nr_la ruled;
    nr_la_init(&la, &testbed);
    nr_la_init(&ruled, &testbed);
    for (int look = 1; look <= 30; look++) {
        uint64_t first = (uint64_t)(20 * look);
        nr_la_set(&la, &testbed, 5 * look, first, first / 4, look % 7);
        (void)nr_la_mcs(&ruled, &testbed, 5 * look, first, first / 4, 28);
        assert_int_equal(la.mcs, look % 7);
        assert_true(la.bler == ruled.bler);
    }
    assert_true(la.bler > 0.2);
}

/* Target 10 %, step 0.5 dB: nine that do not fail give back what one that does takes. */
/* nr_get_tpc() with 3 dB: nothing within them. */
static void test_tpc(void **state)
{
    (void)state;
    static const int of[][2] = {{150, 0}, {180, 0}, {181, -1}, {400, -1}, {120, 0},
                                {119, 1}, {60, 1},  {59, 3},   {-100, 3}};
    for (size_t i = 0; i < sizeof of / sizeof *of; i++)
        assert_int_equal(nr_tpc_db(of[i][0], 150), of[i][1]);
}

static void test_la_outer_loop(void **state)
{
    (void)state;
    struct nr_la_config config = testbed;
    config.target = 0.1;
    config.step_db = 0.5;
    struct nr_la la;
    nr_la_init(&la, &config);
    nr_la_heard(&la, &config, 12, 28, true);
    near(la.offset_db, -0.5, 1e-12);
    for (int i = 0; i < 9; i++)
        nr_la_heard(&la, &config, 12, 28, false);
    assert_true(fabs(la.offset_db) < 1e-12);
    /* At the ends of the table there is nowhere to go. */
    la.offset_db = 1.25;
    nr_la_heard(&la, &config, 28, 28, false);
    nr_la_heard(&la, &config, 0, 28, true);
    assert_true(la.offset_db == 1.25);
    nr_la_heard(&la, &config, 28, 28, true);
    assert_true(la.offset_db == 0.75);
    nr_la_heard(&la, &config, 0, 28, false);
    near(la.offset_db, 0.75 + 0.5 / 9, 1e-12);
}

/* --- Buffer status ---------------------------------------------------------------------------- */

/* 38.321 table 6.1.3.1-1: index k stands for at most level[k] bytes. */
static void test_bsr_levels(void **state)
{
    (void)state;
    static const int64_t levels[] = {0,     10,    14,    20,    28,    38,     53,    74,
                                     102,   142,   198,   276,   384,   535,    745,   1038,
                                     1446,  2014,  2806,  3909,  5446,  7587,   10570, 14726,
                                     20516, 28581, 39818, 55474, 77284, 107669, 150000};
    enum { N = sizeof levels / sizeof levels[0] };
    assert_int_equal(N, 31); /* index 31 is "more" */
    for (int i = 0; i < N; i++) {
        assert_int_equal(nr_bsr_report(levels[i]), levels[i]);
        assert_int_equal(nr_bsr_report(levels[i] + 1), i + 1 < N ? levels[i + 1] : 300000);
    }
    assert_int_equal(nr_bsr_report(1), 10);
    assert_int_equal(nr_bsr_report(149999), 150000);
    assert_int_equal(nr_bsr_report(81338368), 300000);
}

/* --- The grid --------------------------------------------------------------------------------- */

static void grid_make(struct nr_grid *g, int table, int n_prb, int dmrs)
{
    struct nr_grid_config c = {.n_prb = n_prb,
                               .mcs_table = table,
                               .mcs_max = nr_mcs_max(table),
                               .dmrs_re_per_prb = dmrs,
                               .layers = 1,
                               .kinds = 3,
                               .symbols = {13, 3, 5}};
    assert_int_equal(nr_grid_init(g, &c, NULL), 0);
}

static int32_t size_of(int table, int mcs, int n_prb, int symbols, int dmrs)
{
    struct nr_mcs m = nr_mcs(table, mcs);
    struct nr_tbs_input in = {.qm = m.qm,
                              .r_x10240 = m.r_x10240,
                              .n_prb = n_prb,
                              .n_symbols = symbols,
                              .dmrs_re_per_prb = dmrs,
                              .layers = 1};
    return nr_tbs_bits(&in) / 8;
}

static void test_grid_is_the_standard(void **state)
{
    (void)state;
    static const int symbols[] = {13, 3, 5};
    for (int table = 1; table <= 3; table++) {
        struct nr_grid g;
        grid_make(&g, table, 106, 18);
        assert_int_equal(g.mcs_max, nr_mcs_max(table));
        for (int kind = 0; kind < 3; kind++) {
            assert_int_equal(nr_grid_kind(&g, symbols[kind]), kind);
            for (int mcs = 0; mcs <= g.mcs_max; mcs++) {
                assert_int_equal(nr_grid_bytes(&g, kind, mcs, 0), 0);
                for (int prb = 1; prb <= 106; prb++)
                    assert_int_equal(nr_grid_bytes(&g, kind, mcs, prb),
                                     size_of(table, mcs, prb, symbols[kind], 18));
            }
        }
        for (int mcs = 0; mcs <= g.mcs_max; mcs++) {
            assert_true(g.pf_bytes[mcs] == size_of(table, mcs, 1, 10, 0));
            assert_int_equal(g.qm[mcs], nr_mcs(table, mcs).qm);
            assert_int_equal(g.r_x10240[mcs], nr_mcs(table, mcs).r_x10240);
        }
        nr_grid_free(&g);
    }
}

/* The blocks of 10 PRB that stand in the testbed's recording of UL_THR (WiLLM figure 19): full and
 * special slots at MCS 12 to 15, with DMRS of 18 and 6 resource elements. */
static void test_grid_special_slot_has_its_own_dmrs(void **state)
{
    (void)state;
    struct nr_grid_config c = {.n_prb = 20,
                               .mcs_table = 1,
                               .mcs_max = 28,
                               .dmrs_re_per_prb = 18,
                               .layers = 1,
                               .short_symbols = 3,
                               .short_dmrs_re = 6,
                               .kinds = 2,
                               .symbols = {13, 3}};
    static const int32_t recorded[][2] = {{301, 63}, {333, 72}, {372, 84}, {421, 92}};
    struct nr_grid g;
    assert_int_equal(nr_grid_init(&g, &c, NULL), 0);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(nr_grid_bytes(&g, 0, 12 + i, 10), recorded[i][0]);
        assert_int_equal(nr_grid_bytes(&g, 1, 12 + i, 10), recorded[i][1]);
    }
    nr_grid_free(&g);
}

/* The floor under every plot of the testbed: 10 PRB at MCS 9. */
static void test_grid_smallest_uplink_grant(void **state)
{
    (void)state;
    struct nr_grid g;
    grid_make(&g, 1, 106, 18);
    assert_int_equal(nr_grid_bytes(&g, 0, 9, 10), 233);
    nr_grid_free(&g);
}

/* The search for the fewest PRB needs sizes that never fall. */
static void test_grid_sizes_never_fall(void **state)
{
    (void)state;
    for (int table = 1; table <= 3; table++) {
        struct nr_grid g;
        grid_make(&g, table, 275, table == 2 ? 12 : 18);
        for (int kind = 0; kind < 3; kind++)
            for (int mcs = 0; mcs <= g.mcs_max; mcs++)
                for (int prb = 1; prb <= 275; prb++)
                    assert_true(nr_grid_bytes(&g, kind, mcs, prb) >=
                                nr_grid_bytes(&g, kind, mcs, prb - 1));
        nr_grid_free(&g);
    }
}

static void test_grid_fewest_prb(void **state)
{
    (void)state;
    struct nr_grid g;
    grid_make(&g, 1, 106, 18);
    for (int kind = 0; kind < 3; kind++)
        for (int mcs = 0; mcs <= 28; mcs += 7)
            for (int64_t bytes = 0; bytes <= 12000;
                 bytes = bytes < 40 ? bytes + 1 : bytes * 9 / 8) {
                int fewest = 1;
                while (fewest < 106 && nr_grid_bytes(&g, kind, mcs, fewest) < bytes)
                    fewest++;
                assert_int_equal(nr_grid_prb_for(&g, kind, mcs, bytes), fewest);
            }
    /* Exactly full, and one byte more. */
    int32_t full = nr_grid_bytes(&g, 0, 15, 40);
    int prb = nr_grid_prb_for(&g, 0, 15, full);
    assert_int_equal(nr_grid_bytes(&g, 0, 15, prb), full);
    assert_true(nr_grid_bytes(&g, 0, 15, prb - 1) < full);
    assert_true(nr_grid_prb_for(&g, 0, 15, full + 1) > prb);
    assert_int_equal(nr_grid_prb_for(&g, 0, 15, INT64_MAX), 106);
    nr_grid_free(&g);
}

int test_nr_mac(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_thr_equals_the_plain_loop),
        cmocka_unit_test(test_thr_reading_changes_nothing),
        cmocka_unit_test(test_thr_limits),
        cmocka_unit_test(test_la_by_hand),
        cmocka_unit_test(test_la_drifts_up_on_idle_grants),
        cmocka_unit_test(test_la_falls_back_when_idle),
        cmocka_unit_test(test_la_cap),
        cmocka_unit_test(test_la_set),
        cmocka_unit_test(test_tpc),
        cmocka_unit_test(test_la_outer_loop),
        cmocka_unit_test(test_bsr_levels),
        cmocka_unit_test(test_grid_is_the_standard),
        cmocka_unit_test(test_grid_special_slot_has_its_own_dmrs),
        cmocka_unit_test(test_grid_smallest_uplink_grant),
        cmocka_unit_test(test_grid_sizes_never_fall),
        cmocka_unit_test(test_grid_fewest_prb),
    };
    return cmocka_run_group_tests_name("nr_mac", tests, NULL, NULL);
}
