/* Pins: RAN rows come back as they went in, whichever columns changed since the row before: numbers
 * that stay bound in the statement, NULLs that come and go, the sign of zero, and texts that change
 * in the caller's own memory; over two runs of one store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/datasets/rows.h"

enum { ROWS = 500, RUNS = 2 };

static uint64_t bits(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

static int64_t some_int(uint64_t *x)
{
    static const int64_t values[] = {RECORD_NO_INT, 0, 1, -1, INT64_MAX};
    return values[bits(x) % 5];
}

static double some_real(uint64_t *x)
{
    static const double values[] = {NAN, 0.0, -0.0, 0.5, 1e300};
    return values[bits(x) % 5];
}

/* Changes about one column in three; texts stay the same pointers. */
#define CHANGE_INT(name)                row->name = bits(x) % 3 == 0 ? some_int(x) : row->name;
#define CHANGE_REAL(name)               row->name = bits(x) % 3 == 0 ? some_real(x) : row->name;
#define CHANGE_TEXT(name)               texts[n_texts++][0] = (char)('a' + bits(x) % 26);
#define CHANGE(type, name, paper, unit) CHANGE_##type(name)

static void change(struct ran_record *row, char texts[3][8], uint64_t *x)
{
    int n_texts = 0;
    texts[n_texts++][0] = (char)('a' + bits(x) % 26);
    RECORD_RAN_FIELDS(CHANGE)
    RECORD_RAN_EXTRA_FIELDS(CHANGE)
    assert_int_equal(n_texts, 3);
}

static void check_int(sqlite3_stmt *row, int column, int64_t value)
{
    if (value == RECORD_NO_INT) {
        assert_int_equal(sqlite3_column_type(row, column), SQLITE_NULL);
    } else {
        assert_int_equal(sqlite3_column_type(row, column), SQLITE_INTEGER);
        assert_int_equal(sqlite3_column_int64(row, column), value);
    }
}

static void check_real(sqlite3_stmt *row, int column, double value)
{
    if (isnan(value)) {
        assert_int_equal(sqlite3_column_type(row, column), SQLITE_NULL);
    } else {
        double stored = sqlite3_column_double(row, column);
        assert_int_equal(sqlite3_column_type(row, column), SQLITE_FLOAT);
        assert_true(stored == value);
    }
}

static void check_text(sqlite3_stmt *row, int column, char value)
{
    const char expected[] = {value, '\0'};
    assert_string_equal((const char *)sqlite3_column_text(row, column), expected);
}

#define CHECK_INT(name)                check_int(row, column++, wanted->name);
#define CHECK_REAL(name)               check_real(row, column++, wanted->name);
#define CHECK_TEXT(name)               check_text(row, column++, letters[n_texts++]);
#define CHECK(type, name, paper, unit) CHECK_##type(name)

static void check(sqlite3_stmt *row, const struct ran_record *wanted, const char letters[3])
{
    int column = 1, n_texts = 0;
    CHECK_TEXT(cell)
    RECORD_RAN_FIELDS(CHECK)
    RECORD_RAN_EXTRA_FIELDS(CHECK)
}

static void test_every_change(void **state)
{
    (void)state;
    static struct ran_record rows[RUNS][ROWS];
    static char letters[RUNS][ROWS][3];
    char texts[3][8] = {"a", "b", "c"};
    struct ran_record r = {.cell = texts[0], .imsi = texts[1], .slice_id = texts[2]};
    char folder[64], path[96];
    struct store *s = NULL;
    struct err e = {0};
    uint64_t x = 88172645463325252U;
    rows_folder(folder);
    assert_int_equal(store_open(rows_path(path, folder, "a.sqlite"), STORE_CREATE, &s, &e), 0);
    struct record_sink sink = store_sink(s);
    for (int run = 0; run < RUNS; run++) {
        struct store_run about = rows_run("x");
        int64_t id;
        assert_int_equal(store_begin_run(s, &about, &id, &e), 0);
        for (int i = 0; i < ROWS; i++) {
            change(&r, texts, &x);
            rows[run][i] = r;
            for (int t = 0; t < 3; t++) {
                letters[run][i][t] = texts[t][0];
            }
            assert_int_equal(sink.ran(sink.self, &r), 0);
        }
        assert_int_equal(store_end_run(s, &(struct store_run_totals){.complete = true}, &e), 0);
    }
    sqlite3_stmt *row = NULL;
    assert_int_equal(
        sqlite3_prepare_v2(store_db(s), "SELECT * FROM ran_records ORDER BY rowid", -1, &row, NULL),
        SQLITE_OK);
    for (int i = 0; i < RUNS * ROWS; i++) {
        assert_int_equal(sqlite3_step(row), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int64(row, 0), 1 + i / ROWS);
        check(row, &rows[i / ROWS][i % ROWS], letters[i / ROWS][i % ROWS]);
    }
    assert_int_equal(sqlite3_step(row), SQLITE_DONE);
    sqlite3_finalize(row);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

int test_rebind(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_change)};
    return cmocka_run_group_tests_name("rebind", tests, NULL, NULL);
}
