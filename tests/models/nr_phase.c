/* nr_phase.c - pins which symbols wait how long for a DMRS, what the turn since then costs, and the
 * standard's limits of the modulation error. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "models/nr_phase.h"

#define TURN_362_HZ (2.0 * M_PI * 362.0 * 0.0005 / 14.0) /* 30 kHz: 14 symbols in 0.5 ms */

/* 13 symbols, DMRS in 0, 5 and 10 (38.211 table 6.4.1.1.3-3), 18 elements: half of each such symbol
 * carries data. Lags 1 to 4 twice, and 1 and 2 once more behind symbol 10. */
static void test_lags(void **state)
{
    (void)state;
    struct nr_phase p;
    nr_phase_init(&p, 13, 18, TURN_362_HZ);
    assert_int_equal(p.n, 5);
    static const double share[] = {18.0, 36.0, 36.0, 24.0, 24.0};
    for (int i = 0; i < 5; i++)
        assert_float_equal(p.share[i], share[i], 1e-12);
    /* The special slot: one DMRS symbol, at most two symbols away. */
    nr_phase_init(&p, 3, 6, TURN_362_HZ);
    assert_int_equal(p.n, 3);
    assert_float_equal(p.share[0], 6.0, 1e-12);
    assert_float_equal(p.share[2], 12.0, 1e-12);
    /* 8 symbols: 0, 3, 6; nothing is further than two. 10: 0, 4, 8. */
    nr_phase_init(&p, 8, 36, TURN_362_HZ);
    assert_int_equal(p.n, 3);
    assert_float_equal(p.share[0], 0.0, 1e-12);
    nr_phase_init(&p, 10, 18, TURN_362_HZ);
    assert_int_equal(p.n, 4);
}

/* 362 Hz turn by 0.0812 rad a symbol; four symbols later the error vector is 2 sin(0.1625) long. */
static void test_error_vector(void **state)
{
    (void)state;
    struct nr_phase p;
    nr_phase_init(&p, 13, 18, TURN_362_HZ);
    assert_float_equal(p.noise[0], 0.0, 0.0);
    assert_float_equal(p.noise[1], 0.006595, 2e-6);
    assert_float_equal(p.noise[4], 0.104654, 2e-6);
    /* At most the SNR, at least that of the worst symbol; the mean error alone allows 14.3 dB. */
    double snr = nr_phase_snr_db(&p, 4, 60.0);
    assert_true(snr > 9.80 && snr < 16.0);
    snr = nr_phase_snr_db(&p, 4, 15.0);
    assert_true(snr > 10.5 && snr < 12.5);
    struct nr_phase special;
    nr_phase_init(&special, 3, 6, TURN_362_HZ);
    assert_true(nr_phase_snr_db(&special, 4, 15.0) > snr + 1.0);
}

static void test_no_turn(void **state)
{
    (void)state;
    struct nr_phase p;
    nr_phase_init(&p, 13, 18, 0.0);
    for (int qm = 2; qm <= 8; qm += 2)
        for (double snr = -10.0; snr < 30.0; snr += 3.7)
            assert_float_equal(nr_phase_snr_db(&p, qm, snr), snr, 1e-6);
    /* More error, less SNR. */
    double last = 20.0;
    for (double hz = 50.0; hz < 1000.0; hz += 50.0) {
        nr_phase_init(&p, 13, 18, TURN_362_HZ / 362.0 * hz);
        double now = nr_phase_snr_db(&p, 6, 20.0);
        assert_true(now < last);
        last = now;
    }
}

/* 38.101-1 table 6.4.2.1-1; 12.5 % alone are 18.06 dB, and make 13.26 dB of 15. */
/* 38.101-1 table 6.3.4.3-1, and never more than the step. */
static void test_power_step(void **state)
{
    (void)state;
    static const double steps[][2] = {{-3.0, 0.0}, {0.0, 0.0},  {0.5, 0.5},  {1.9, 1.9},
                                      {2.2, 2.2},  {2.9, 2.5},  {3.0, 3.0},  {4.0, 3.5},
                                      {6.43, 3.5}, {10.0, 4.0}, {14.9, 4.0}, {15.0, 5.0}};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        assert_float_equal(nr_power_step_limit_db(steps[i][0]), steps[i][1], 1e-12);
}

static void test_evm(void **state)
{
    (void)state;
    assert_float_equal(nr_evm_limit(2), 0.175, 0.0);
    assert_float_equal(nr_evm_limit(4), 0.125, 0.0);
    assert_float_equal(nr_evm_limit(6), 0.08, 0.0);
    assert_float_equal(nr_evm_limit(8), 0.035, 0.0);
    assert_float_equal(nr_evm_snr_db(0.125, 90.0), 18.0618, 1e-4);
    assert_float_equal(nr_evm_snr_db(0.125, 15.0), 13.2562, 1e-3);
    assert_float_equal(nr_evm_snr_db(0.0, 15.0), 15.0, 1e-12);
}

int test_nr_phase(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lags),       cmocka_unit_test(test_error_vector),
        cmocka_unit_test(test_no_turn),    cmocka_unit_test(test_evm),
        cmocka_unit_test(test_power_step),
    };
    return cmocka_run_group_tests_name("nr_phase", tests, NULL, NULL);
}
