/* Pins: F1, F3 and F4 of datasets/feed.h, with rows of several tables, batches that fill at
 * different times, and texts longer than a batch has room for. F2 and the thread itself: `make
 * sanitize` and every test of the store. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "datasets/feed.h"
#include "tests/datasets/rows.h"

static sqlite3 *db_new(void)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        char sql[8192];
        schema_create_sql(&schema_tables[i], sql, sizeof sql);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    }
    return db;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return value;
}

/* F1 and F3: three RAN rows to one row of a UE, the texts in memory that is used again. */
static void test_order_and_texts(void **state)
{
    (void)state;
    enum { N = 40 * FEED_BATCH_ROWS + 17 };
    sqlite3 *db = db_new();
    struct feed *f = NULL;
    assert_int_equal(feed_open(db, &f), SQLITE_OK);
    feed_set_run(f, 9);
    char name[32];
    for (int i = 0; i < N; i++) {
        struct ran_record ran = rows_ran(i);
        snprintf(name, sizeof name, "cell %d", i / 5);
        ran.cell = name;
        assert_int_equal(feed_add(f, SCHEMA_RAN_RECORDS, &ran), SQLITE_OK);
        if (i % 3 == 0) {
            struct ue_record ue = {.request_id = i, .llm_model = name};
            assert_int_equal(feed_add(f, SCHEMA_UE_RECORDS, &ue), SQLITE_OK);
        }
        strcpy(name, "overwritten");
    }
    assert_int_equal(feed_drain(f), SQLITE_OK);
    assert_int_equal(ask(db, "SELECT count(*) FROM ran_records"), N);
    assert_int_equal(ask(db, "SELECT count(*) FROM ran_records WHERE run_id = 9 AND "
                             "gnb_timestamp_ms = rowid - 1 AND "
                             "cell = 'cell ' || ((rowid - 1) / 5)"),
                     N);
    assert_int_equal(ask(db, "SELECT count(*) FROM ue_records"), (N + 2) / 3);
    assert_int_equal(ask(db,
                         "SELECT count(*) FROM ue_records WHERE request_id = 3 * (rowid - 1) "
                         "AND llm_model = 'cell ' || (request_id / 5) AND request_mode IS NULL"),
                     (N + 2) / 3);
    feed_close(f);
    sqlite3_close(db);
}

/* An image in a column: megabytes, between rows with little text. */
static void test_long_texts(void **state)
{
    (void)state;
    enum { N = 30, LONG = 1 << 20 };
    sqlite3 *db = db_new();
    struct feed *f = NULL;
    assert_int_equal(feed_open(db, &f), SQLITE_OK);
    char *image = malloc(LONG + N + 1);
    for (int i = 0; i < N; i++) {
        bool is_long = i % 3 == 1;
        memset(image, 'a' + i % 26, LONG + N);
        image[is_long ? LONG + i : i] = '\0';
        struct server_record row = {.request_id = i, .downlink_image = image, .server = "edge"};
        assert_int_equal(feed_add(f, SCHEMA_SERVER_RECORDS, &row), SQLITE_OK);
    }
    free(image);
    assert_int_equal(feed_drain(f), SQLITE_OK);
    char sql[256];
    snprintf(sql, sizeof sql,
             "SELECT count(*) FROM server_records WHERE length(downlink_image) = request_id + "
             "(request_id %% 3 = 1) * %d AND trim(downlink_image, char(97 + request_id %% 26)) = "
             "'' AND server = 'edge'",
             LONG);
    assert_int_equal(ask(db, sql), N);
    feed_close(f);
    sqlite3_close(db);
}

/* F4: the same request twice in the second batch; of that batch stays what came before. */
static void test_refused(void **state)
{
    (void)state;
    sqlite3 *db = db_new();
    struct feed *f = NULL;
    assert_int_equal(feed_open(db, &f), SQLITE_OK);
    int rc = SQLITE_OK;
    int added = 0;
    for (; added < 100 * FEED_BATCH_ROWS && rc == SQLITE_OK; added++) {
        struct request_record q = rows_request(&(struct rows_times){added, 0, 1, 1, 1, 1, 1, 2});
        q.request_id = added == FEED_BATCH_ROWS + 5 ? 3 : added;
        rc = feed_add(f, SCHEMA_REQUESTS, &q);
    }
    assert_int_equal(rc, SQLITE_CONSTRAINT);
    assert_int_equal(feed_drain(f), SQLITE_CONSTRAINT);
    assert_int_equal(feed_drain(f), SQLITE_CONSTRAINT);
    assert_non_null(strstr(sqlite3_errmsg(db), "UNIQUE"));
    assert_int_equal(ask(db, "SELECT count(*) FROM requests"), FEED_BATCH_ROWS + 5);
    feed_close(f);
    sqlite3_close(db);
}

int test_feed(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_and_texts),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("feed", tests, NULL, NULL);
}
