/* nr_tables.c - pins the MCS and CQI tables against the shared copies of 38.214 and, where those
 * are absent, against rows and sums written down here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "models/nr_tables.h"

static FILE *data_open(const char *name)
{
    const char *folder = getenv("WILLMSIM_DATA");
    char path[4096];
    snprintf(path, sizeof path, "%s/nr/%s", folder != NULL ? folder : "../shared/data", name);
    return fopen(path, "r");
}

/* Compares every row of a file with `entry`; returns how many there were. */
static int rows_compare(const char *name, struct nr_mcs (*entry)(int table, int index))
{
    FILE *in = data_open(name);
    if (in == NULL) {
        skip();
        return 0;
    }
    char line[256];
    int n = 0;
    while (fgets(line, sizeof line, in) != NULL) {
        int table, index, qm;
        double r_x1024, se;
        if (sscanf(line, "%d,%d,%d,%lf,%lf", &table, &index, &qm, &r_x1024, &se) != 5) {
            continue;
        }
        struct nr_mcs row = entry(table, index);
        assert_int_equal(row.qm, qm);
        assert_int_equal(row.r_x10240, lround(10.0 * r_x1024));
        assert_true(fabs(row.qm * row.r_x10240 / 10240.0 - se) < 1e-4);
        n++;
    }
    fclose(in);
    return n;
}

static void test_mcs_equal_the_standard(void **state)
{
    (void)state;
    assert_int_equal(rows_compare("mcs_tables.csv", nr_mcs), 29 + 28 + 29);
}

static void test_cqi_equal_the_standard(void **state)
{
    (void)state;
    assert_int_equal(rows_compare("cqi_tables.csv", nr_cqi), 3 * 16);
}

static void expect(struct nr_mcs row, int qm, int r_x10240)
{
    assert_int_equal(row.qm, qm);
    assert_int_equal(row.r_x10240, r_x10240);
}

static void test_some_rows(void **state)
{
    (void)state;
    expect(nr_mcs(1, 0), 2, 1200);
    expect(nr_mcs(1, 9), 2, 6790);
    expect(nr_mcs(1, 10), 4, 3400);
    expect(nr_mcs(1, 16), 4, 6580);
    expect(nr_mcs(1, 17), 6, 4380);
    expect(nr_mcs(1, 28), 6, 9480);
    expect(nr_mcs(2, 20), 8, 6825);
    expect(nr_mcs(2, 26), 8, 9165);
    expect(nr_mcs(2, 27), 8, 9480);
    expect(nr_mcs(3, 0), 2, 300);
    expect(nr_mcs(3, 28), 6, 7720);
    expect(nr_cqi(1, 1), 2, 780);
    expect(nr_cqi(1, 15), 6, 9480);
    expect(nr_cqi(2, 15), 8, 9480);
    expect(nr_cqi(3, 15), 6, 7720);
}

/* Sums of the code rates and of Qm, from the shared copies. */
static void test_sums(void **state)
{
    (void)state;
    static const int rates[2][3] = {{154470, 173540, 109180}, {75260, 88890, 57850}};
    static const int qms[2][3] = {{120, 152, 102}, {60, 80, 52}};
    for (int cqi = 0; cqi < 2; cqi++) {
        for (int table = 1; table <= 3; table++) {
            int rate = 0;
            int qm = 0;
            for (int i = 0; i <= 28; i++) {
                struct nr_mcs row = cqi ? nr_cqi(table, i) : nr_mcs(table, i);
                rate += row.r_x10240;
                qm += row.qm;
            }
            assert_int_equal(rate, rates[cqi][table - 1]);
            assert_int_equal(qm, qms[cqi][table - 1]);
        }
    }
}

static void test_ends(void **state)
{
    (void)state;
    assert_int_equal(nr_mcs_max(1), 28);
    assert_int_equal(nr_mcs_max(2), 27);
    assert_int_equal(nr_mcs_max(3), 28);
    assert_int_equal(nr_mcs_max(0), -1);
    assert_int_equal(nr_mcs_max(4), -1);
    expect(nr_mcs(1, -1), 0, 0);
    expect(nr_mcs(1, 29), 0, 0);
    expect(nr_mcs(2, 28), 0, 0);
    expect(nr_mcs(0, 1), 0, 0);
    expect(nr_mcs(4, 1), 0, 0);
    expect(nr_cqi(1, 0), 0, 0);
    expect(nr_cqi(1, 16), 0, 0);
    expect(nr_cqi(-1, 3), 0, 0);
}

int test_nr_tables(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mcs_equal_the_standard),
        cmocka_unit_test(test_cqi_equal_the_standard),
        cmocka_unit_test(test_some_rows),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests_name("nr_tables", tests, NULL, NULL);
}
