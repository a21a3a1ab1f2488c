/* nr_frame.c - pins which slots carry what: symbols, opportunities a second, indices and the slot
 * whose PDCCH grants an uplink slot, each against a plain walk over the slots. Does not pin what is
 * sent in them (tests/sim). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "models/nr_frame.h"

static struct nr_frame frame_of(int scs_khz, const char *pattern)
{
    struct nr_frame_config c = {.scs_khz = scs_khz,
                                .pattern = pattern,
                                .dl_symbols = 13,
                                .special_dl_symbols = 6,
                                .ul_symbols = 13,
                                .special_ul_symbols = 3};
    struct nr_frame f;
    assert_true(nr_frame_init(&f, &c));
    return f;
}

/* 38.211 table 4.3.2-1. */
static void test_numerologies(void **state)
{
    (void)state;
    static const int scs[] = {15, 30, 60, 120};
    static const int64_t slot_ns[] = {1000000, 500000, 250000, 125000};
    for (int mu = 0; mu < 4; mu++) {
        struct nr_frame f = frame_of(scs[mu], "DSU");
        assert_int_equal(f.slot_ns, slot_ns[mu]);
        assert_int_equal(f.slots_per_frame, 10 << mu);
        assert_int_equal(f.slot_ns * f.slots_per_frame, 10000000);
    }
}

static void test_testbed_pattern(void **state)
{
    (void)state;
    struct nr_frame f = frame_of(30, "DDDDDDDSUU");
    for (int i = 0; i < 10; i++) {
        /* The special slot gives one of its six downlink symbols to PDCCH. */
        assert_int_equal(f.dl_symbols[i], i < 7 ? 13 : i == 7 ? 5 : 0);
        assert_int_equal(f.ul_symbols[i], i < 7 ? 0 : i == 7 ? 3 : 13);
        assert_int_equal(f.pdcch[i], i <= 7);
    }
    assert_int_equal(f.period, 10);
    /* A second is 2000 slots: the testbed's 600 uplink opportunities. */
    assert_int_equal(nr_frame_ul_index(&f, 2000), 600);
    assert_int_equal(nr_frame_dl_index(&f, 2000), 1600);
}

static void test_special_slot_without_uplink(void **state)
{
    (void)state;
    struct nr_frame_config c = {.scs_khz = 30,
                                .pattern = "DSU",
                                .dl_symbols = 13,
                                .special_dl_symbols = 6,
                                .ul_symbols = 14,
                                .special_ul_symbols = 0};
    struct nr_frame f;
    assert_true(nr_frame_init(&f, &c));
    assert_int_equal(f.ul_symbols[1], 0);
    assert_int_equal(nr_frame_ul_index(&f, 300), 100);
    assert_int_equal(nr_frame_dl_index(&f, 300), 200);

    c.special_dl_symbols = 1; /* control only */
    assert_true(nr_frame_init(&f, &c));
    assert_int_equal(f.dl_symbols[1], 0);
    assert_true(f.pdcch[1]);

    c.special_dl_symbols = 0;
    assert_true(nr_frame_init(&f, &c));
    assert_false(f.pdcch[1]);
    assert_int_equal(nr_frame_dl_index(&f, 300), 100);
}

static void test_fdd_is_both_always(void **state)
{
    (void)state;
    struct nr_frame f = frame_of(15, "fdd");
    for (int64_t n = 0; n < 50; n++) {
        int phase = nr_frame_phase(&f, n);
        assert_int_equal(f.dl_symbols[phase], 13);
        assert_int_equal(f.ul_symbols[phase], 13);
        assert_int_equal(nr_frame_dl_index(&f, n), n);
        assert_int_equal(nr_frame_ul_index(&f, n), n);
        assert_int_equal(nr_frame_next_pdcch(&f, n), n);
        assert_int_equal(nr_frame_next_ul(&f, n), n);
        assert_int_equal(nr_frame_grant_slot(&f, n, 4), n - 4);
    }
}

static const char *const patterns[] = {"DDDDDDDSUU", "DDDSU", "DDSUU", "DSUUUUUUUU", "DU",
                                       "UUD",        "UDSDU", "SU",    "DDDDUUSDDU"};
enum { PATTERNS = sizeof patterns / sizeof patterns[0] };

static bool has_dl(const char *pattern, int64_t slot)
{
    return pattern[(size_t)slot % strlen(pattern)] != 'U';
}

static bool has_ul(const char *pattern, int64_t slot)
{
    return pattern[(size_t)slot % strlen(pattern)] != 'D';
}

static void test_indices_count_slots(void **state)
{
    (void)state;
    for (int p = 0; p < PATTERNS; p++) {
        struct nr_frame f = frame_of(30, patterns[p]);
        int64_t dl = 0;
        int64_t ul = 0;
        for (int64_t n = 0; n < 500; n++) {
            assert_int_equal(nr_frame_dl_index(&f, n), dl);
            assert_int_equal(nr_frame_ul_index(&f, n), ul);
            int64_t next = n;
            while (!has_ul(patterns[p], next))
                next++;
            assert_int_equal(nr_frame_next_ul(&f, n), next);
            next = n;
            while (!has_dl(patterns[p], next))
                next++;
            assert_int_equal(nr_frame_next_pdcch(&f, n), next);
            dl += has_dl(patterns[p], n);
            ul += has_ul(patterns[p], n);
        }
    }
}

/* The last PDCCH at least k2 slots before; none before slot 0. */
static void test_grant_slot_is_the_last_pdcch(void **state)
{
    (void)state;
    for (int p = 0; p < PATTERNS; p++) {
        struct nr_frame f = frame_of(30, patterns[p]);
        for (int k2 = 0; k2 <= 20; k2++)
            for (int64_t ul = 0; ul < 200; ul++) {
                int64_t last = -1;
                for (int64_t n = 0; n <= ul - k2; n++)
                    if (has_dl(patterns[p], n))
                        last = n;
                int64_t got = nr_frame_grant_slot(&f, ul, k2);
                if (last >= 0)
                    assert_int_equal(got, last);
                else
                    assert_true(got < 0);
            }
    }
}

/* Whoever walks from one PDCCH to the next meets every uplink slot exactly once. */
static void test_every_uplink_slot_has_one_grant_slot(void **state)
{
    (void)state;
    static const int k2s[] = {0, 2, 6, 13};
    for (int p = 0; p < PATTERNS; p++)
        for (int k = 0; k < 4; k++) {
            struct nr_frame f = frame_of(30, patterns[p]);
            int granted[300] = {0};
            for (int64_t n = 0; n < 300; n = nr_frame_next_pdcch(&f, n + 1)) {
                if (!f.pdcch[nr_frame_phase(&f, n)])
                    continue;
                int64_t next = nr_frame_next_pdcch(&f, n + 1);
                for (int64_t ul = n + k2s[k]; ul < next + k2s[k] && ul < 300; ul++)
                    if (has_ul(patterns[p], ul)) {
                        granted[ul]++;
                        assert_int_equal(nr_frame_grant_slot(&f, ul, k2s[k]), n);
                    }
            }
            for (int64_t ul = 0; ul < 300; ul++)
                assert_int_equal(granted[ul], has_ul(patterns[p], ul) &&
                                                  nr_frame_grant_slot(&f, ul, k2s[k]) >= 0);
        }
}

/* The testbed's, by hand: k2 = 2 (OpenAirInterface's default) and 6 (its slice configuration). */
static void test_testbed_grant_slots(void **state)
{
    (void)state;
    struct nr_frame f = frame_of(30, "DDDDDDDSUU");
    assert_int_equal(nr_frame_grant_slot(&f, 17, 2), 15);
    assert_int_equal(nr_frame_grant_slot(&f, 18, 2), 16);
    assert_int_equal(nr_frame_grant_slot(&f, 19, 2), 17);
    assert_int_equal(nr_frame_grant_slot(&f, 17, 6), 11);
    assert_int_equal(nr_frame_grant_slot(&f, 18, 6), 12);
    assert_int_equal(nr_frame_grant_slot(&f, 19, 6), 13);
    assert_int_equal(nr_frame_grant_slot(&f, 19, 10), 7); /* slot 9 has no PDCCH */
}

/* The testbed's 13 and 12 symbols: a sounding reference signal takes one, in its slot only. */
static void test_sounding_takes_a_symbol(void **state)
{
    (void)state;
    struct nr_frame_config c = {.scs_khz = 30,
                                .pattern = "DDDDDDDSUU",
                                .dl_symbols = 13,
                                .special_dl_symbols = 6,
                                .ul_symbols = 13,
                                .special_ul_symbols = 1,
                                .srs_period = 40,
                                .srs_offset = 8};
    struct nr_frame f;
    assert_true(nr_frame_init(&f, &c));
    for (int64_t n = 0; n < 400; n++)
        assert_int_equal(nr_frame_ul_symbols(&f, n), n % 10 < 7    ? 0
                                                     : n % 10 == 7 ? 1
                                                     : n % 40 == 8 ? 12
                                                                   : 13);
    /* The last symbol of a slot stays: an opportunity is an opportunity. */
    c.srs_offset = 7;
    assert_true(nr_frame_init(&f, &c));
    assert_int_equal(nr_frame_ul_symbols(&f, 7), 1);
    assert_int_equal(nr_frame_ul_index(&f, 2000), 600);
    c.srs_period = 0;
    assert_true(nr_frame_init(&f, &c));
    assert_int_equal(nr_frame_ul_symbols(&f, 8), 13);
}

/* 38.211 table 6.3.3.2-3: index 98 is x = 2, y = 1, subframe 9; 100 ms at each spacing. */
static void test_random_access_occasions(void **state)
{
    (void)state;
    for (int mu = 0; mu <= 2; mu++) {
        struct nr_frame_config c = {.scs_khz = 15 << mu,
                                    .pattern = "fdd",
                                    .dl_symbols = 13,
                                    .ul_symbols = 13,
                                    .prach_period = 2,
                                    .prach_frame = 1,
                                    .prach_subframe = 9};
        struct nr_frame f;
        assert_true(nr_frame_init(&f, &c));
        for (int64_t n = 0; n < 100 << mu; n++) {
            int64_t at = n % (20 << mu); /* in two frames */
            bool wanted = mu == 0   ? at == 19
                          : mu == 1 ? at == 39
                                    : at == 78 || at == 79; /* two slots last as long as one */
            assert_int_equal(nr_frame_prach(&f, n), wanted);
        }
        c.prach_period = 0;
        assert_true(nr_frame_init(&f, &c));
        assert_false(nr_frame_prach(&f, (20 << mu) - 1));
    }
}

static void test_refuses_what_is_no_pattern(void **state)
{
    (void)state;
    char longest[NR_PATTERN_MAX + 2];
    memset(longest, 'D', sizeof longest);
    longest[NR_PATTERN_MAX] = '\0';
    longest[NR_PATTERN_MAX - 1] = 'U';
    struct nr_frame_config c = {.scs_khz = 30,
                                .pattern = longest,
                                .dl_symbols = 13,
                                .special_dl_symbols = 6,
                                .ul_symbols = 13,
                                .special_ul_symbols = 3};
    struct nr_frame f;
    assert_true(nr_frame_init(&f, &c));
    longest[NR_PATTERN_MAX] = 'U';
    longest[NR_PATTERN_MAX + 1] = '\0';
    assert_false(nr_frame_init(&f, &c));

    static const char *const wrong[] = {"", "DDX", "dsu", "D D U", "DDD", "UU", "FDD"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        c.pattern = wrong[i];
        if (nr_frame_init(&f, &c))
            fail_msg("\"%s\" was taken", wrong[i]);
    }
    c.pattern = "DSU";
    c.scs_khz = 45;
    assert_false(nr_frame_init(&f, &c));
}

/* OpenAirInterface's inactivity: the testbed's slots 7, 8, 9, 17, 18, 19 all count as slot 8. */
static void test_idle_since_the_first_full_uplink_slot_of_the_frame(void **state)
{
    (void)state;
    struct nr_frame f = frame_of(30, "DDDDDDDSUU");
    static const int slots[] = {7, 8, 9, 17, 18, 19};
    for (int i = 0; i < 6; i++) {
        assert_int_equal(nr_frame_idle_since(&f, slots[i]), 8);
        assert_int_equal(nr_frame_idle_since(&f, 20 * 1024 + slots[i]), 20 * 1024 + 8);
    }
    f = frame_of(30, "fdd");
    assert_int_equal(nr_frame_idle_since(&f, 17), 17);
}

int test_nr_frame(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numerologies),
        cmocka_unit_test(test_testbed_pattern),
        cmocka_unit_test(test_special_slot_without_uplink),
        cmocka_unit_test(test_fdd_is_both_always),
        cmocka_unit_test(test_indices_count_slots),
        cmocka_unit_test(test_grant_slot_is_the_last_pdcch),
        cmocka_unit_test(test_every_uplink_slot_has_one_grant_slot),
        cmocka_unit_test(test_testbed_grant_slots),
        cmocka_unit_test(test_sounding_takes_a_symbol),
        cmocka_unit_test(test_idle_since_the_first_full_uplink_slot_of_the_frame),
        cmocka_unit_test(test_random_access_occasions),
        cmocka_unit_test(test_refuses_what_is_no_pattern),
    };
    return cmocka_run_group_tests_name("nr_frame", tests, NULL, NULL);
}
