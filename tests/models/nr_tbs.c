/* nr_tbs.c - pins transport-block sizes against the 23 674 of the shared oracle (and two dozen of
 * them written down here), the edges of the clause, code-block counts, and the inverse that the
 * block-error model uses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/nr_tables.h"
#include "models/nr_tbs.h"

/* Qm, 10240 R, PRB, symbols, DMRS, overhead, scaling, layers, bits. */
typedef int oracle_row[9];

static int32_t bits_of(const int *r)
{
    struct nr_tbs_input in = {r[0], r[1], r[2], r[3], r[4], r[5], r[6], r[7]};
    return nr_tbs_bits(&in);
}

static void test_every_row_of_the_oracle(void **state)
{
    (void)state;
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/nr/tbs_oracle.csv", folder != NULL ? folder : "../shared/data");
    FILE *in = fopen(path, "r");
    if (in == NULL) {
        skip();
        return;
    }
    char line[256];
    int n = 0;
    int equal = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        oracle_row r;
        if (sscanf(line, "%d,%d,%d,%d,%d,%d,%d,%d,%d", &r[0], &r[1], &r[2], &r[3], &r[4], &r[5],
                   &r[6], &r[7], &r[8]) == 9) {
            n++;
            equal += bits_of(r) == r[8];
        }
    }
    fclose(in);
    assert_int_equal(n, 23674);
    assert_int_equal(equal, n);
}

static void test_some_rows_of_the_oracle(void **state)
{
    (void)state;
    static const oracle_row rows[] = {
        {2, 1200, 1, 13, 6, 0, 0, 1, 32},      {2, 1930, 79, 7, 12, 0, 0, 4, 8448},
        {2, 2510, 8, 5, 6, 0, 0, 4, 848},      {2, 3080, 133, 13, 12, 0, 0, 4, 46104},
        {2, 3790, 20, 13, 24, 0, 0, 4, 7808},  {2, 5260, 273, 5, 18, 0, 0, 2, 23568},
        {4, 3400, 133, 8, 24, 0, 0, 4, 51216}, {4, 4900, 51, 13, 12, 0, 0, 4, 56368},
        {4, 6580, 11, 4, 24, 0, 0, 4, 2728},   {6, 5170, 1, 13, 18, 0, 0, 1, 432},
        {6, 6160, 106, 6, 12, 0, 0, 1, 23040}, {6, 6660, 133, 5, 18, 0, 0, 4, 88064},
        {6, 7720, 32, 12, 6, 0, 0, 4, 79896},  {6, 7720, 32, 7, 12, 0, 0, 2, 21000},
        {6, 9100, 8, 11, 12, 0, 0, 1, 5120},   {8, 7110, 1, 10, 18, 0, 0, 4, 2280},
        {8, 7540, 4, 12, 24, 0, 0, 4, 11272},  {8, 7970, 162, 13, 12, 0, 0, 4, 573504},
        {8, 9165, 52, 2, 12, 0, 0, 1, 4480},   {2, 300, 16, 12, 12, 0, 1, 1, 56},
        {2, 500, 52, 12, 12, 0, 1, 1, 336},    {2, 780, 162, 12, 12, 0, 1, 1, 1672},
        {2, 990, 3, 12, 12, 0, 1, 1, 32},      {8, 9480, 217, 14, 6, 0, 0, 4, 999576},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(bits_of(rows[i]), rows[i][8]);
    }
}

static void test_edges(void **state)
{
    (void)state;
    /* Nothing left of the slot, or no slot. */
    assert_int_equal(bits_of((oracle_row){2, 1200, 10, 1, 12, 0, 0, 1}), 0);
    assert_int_equal(bits_of((oracle_row){2, 1200, 10, 2, 18, 6, 0, 1}), 0);
    assert_int_equal(bits_of((oracle_row){2, 1200, 0, 13, 12, 0, 0, 1}), 0);
    assert_int_equal(bits_of((oracle_row){0, 1200, 10, 13, 12, 0, 0, 1}), 0);
    /* Less than one information bit still gets the smallest size. */
    assert_int_equal(bits_of((oracle_row){2, 300, 1, 2, 12, 0, 2, 1}), 24);
    /* N_info = 3824 exactly (one bit in each of 16 x 239 RE) is step 3; a little more is step 4,
     * whose smallest N'_info is 3840. */
    assert_int_equal(bits_of((oracle_row){2, 5120, 239, 2, 8, 0, 0, 1}), 3824);
    assert_int_equal(bits_of((oracle_row){2, 5121, 239, 2, 8, 0, 0, 1}), 3840);
    /* At most 156 RE of a PRB count. */
    assert_int_equal(bits_of((oracle_row){6, 9480, 106, 14, 0, 0, 0, 1}),
                     bits_of((oracle_row){6, 9480, 106, 14, 12, 0, 0, 1}));
}

/* More PRB, a higher MCS or less scaling down never make a block smaller. */
static void test_monotone(void **state)
{
    (void)state;
    for (int mcs = 0; mcs <= 28; mcs++) {
        struct nr_mcs row = nr_mcs(1, mcs);
        int32_t before = 0;
        for (int prb = 1; prb <= 275; prb++) {
            int32_t bits = bits_of((oracle_row){row.qm, row.r_x10240, prb, 13, 12, 0, 0, 1});
            assert_true(bits >= before);
            assert_true(bits >= bits_of((oracle_row){row.qm, row.r_x10240, prb, 13, 12, 0, 1, 1}));
            assert_int_equal(bits % 8, 0);
            before = bits;
        }
    }
}

static void test_code_blocks(void **state)
{
    (void)state;
    /* Base graph 2 up to 3824 bits at R <= 0.67, to 292 at any rate, and always at R <= 1/4. */
    assert_int_equal(nr_base_graph(292, 9480), 2);
    assert_int_equal(nr_base_graph(304, 9480), 1);
    assert_int_equal(nr_base_graph(3824, 6860), 2);
    assert_int_equal(nr_base_graph(3824, 6861), 1);
    assert_int_equal(nr_base_graph(3840, 6160), 1);
    assert_int_equal(nr_base_graph(9224, 2560), 2);
    assert_int_equal(nr_base_graph(9224, 2561), 1);
    assert_int_equal(nr_crc_bits(3824), 16);
    assert_int_equal(nr_crc_bits(3840), 24);
    /* 38.212 5.2.2: 8448 bits with the CRC still fit one block of base graph 1, 3840 of 2. */
    assert_int_equal(nr_code_blocks(8424, 9480), 1);
    assert_int_equal(nr_code_blocks(8456, 9480), 2);
    assert_int_equal(nr_code_blocks(3816, 1200), 1);
    assert_int_equal(nr_code_blocks(3840, 1200), 2);
    assert_int_equal(nr_code_blocks(39936, 9480), 5);
    assert_int_equal(nr_code_blocks(83976, 9480), 10);
}

/* The middle of what rounds to a size is never further off than half a step of the clause. */
static void test_info_bits_invert_the_size(void **state)
{
    (void)state;
    double worst_small = 0.0;
    double worst_large = 0.0;
    for (int mcs = 0; mcs <= 28; mcs++) {
        struct nr_mcs row = nr_mcs(1, mcs);
        for (int prb = 1; prb <= 275; prb++) {
            int32_t bits = bits_of((oracle_row){row.qm, row.r_x10240, prb, 13, 12, 0, 0, 1});
            double info = 144.0 * prb * row.qm * row.r_x10240 / 10240.0;
            if (info < 100.0) {
                continue;
            }
            double off = fabs(nr_tbs_info_bits(bits) / info - 1.0);
            if (info <= 3824.0) {
                worst_small = fmax(worst_small, off);
            } else {
                worst_large = fmax(worst_large, off);
            }
        }
    }
    assert_true(worst_small < 0.05);
    assert_true(worst_large < 0.02);
    assert_true(nr_tbs_info_bits(24) == 24.0);
    assert_true(nr_tbs_info_bits(0) == 24.0);
}

int test_nr_tbs(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_row_of_the_oracle),
        cmocka_unit_test(test_some_rows_of_the_oracle),
        cmocka_unit_test(test_edges),
        cmocka_unit_test(test_monotone),
        cmocka_unit_test(test_code_blocks),
        cmocka_unit_test(test_info_bits_invert_the_size),
    };
    return cmocka_run_group_tests_name("nr_tbs", tests, NULL, NULL);
}
