/* Pins: datasets/wide.h. The merge equals the SQL view `records` (two ways to the same join) and,
 * on a case small enough to write down, the join by hand: bounds of time, ties, UEs, runs, requests
 * that failed, records that are missing or double, unsorted RAN records, NULLs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "datasets/wide.h"
#include "tests/datasets/rows.h"

static void put_request(struct store *s, int64_t id, int64_t ue_id, int64_t done_ns,
                        const char *status)
{
    struct request_record q = rows_request(&(struct rows_times){id, 0, 1, 1, 1, 1, 1, 2});
    q.ue_id = ue_id;
    q.done_ns = done_ns;
    q.status = status;
    struct record_sink sink = store_sink(s);
    assert_int_equal(sink.request(sink.self, &q), 0);
}

static void put_ue(struct store *s, int64_t id, const char *model)
{
    struct record_sink sink = store_sink(s);
    struct ue_record ue = {.request_id = id,
                           .timestamp_ms = id,
                           .wireless_comm_time_ms = NAN,
                           .uplink_time_ms = 0.5 * (double)id,
                           .expected_word_count = RECORD_NO_INT,
                           .llm_model = model};
    assert_int_equal(sink.ue(sink.self, &ue), 0);
}

static void put_server(struct store *s, int64_t id, int64_t tokens)
{
    struct record_sink sink = store_sink(s);
    struct server_record row = {.request_id = id, .server = "edge", .output_tokens = tokens};
    assert_int_equal(sink.server(sink.self, &row), 0);
}

static void put_ran(struct store *s, int64_t time_ms, int64_t ue_id)
{
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(time_ms == RECORD_NO_INT ? 0 : time_ms);
    ran.gnb_timestamp_ms = time_ms;
    ran.ue_id = ue_id;
    assert_int_equal(sink.ran(sink.self, &ran), 0);
}

static struct store *begin(const char *path)
{
    struct store *s = NULL;
    struct err e = {0};
    int64_t id;
    struct store_run run = rows_run("x");
    assert_int_equal(store_open(path, STORE_CREATE, &s, &e), 0);
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    return s;
}

static void run_again(struct store *s)
{
    struct store_run run = rows_run("again");
    int64_t id;
    assert_int_equal(store_end_run(s, &(struct store_run_totals){.complete = true}, NULL), 0);
    assert_int_equal(store_begin_run(s, &run, &id, NULL), 0);
}

/* Closes, so that the indexes are there, and opens for reading. */
static struct store *reopen(struct store *s, const char *path)
{
    struct err e = {0};
    assert_int_equal(store_close(s, &e), 0);
    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    return s;
}

static const struct wide_row *next(struct wide *w)
{
    const struct wide_row *row = NULL;
    struct err e = {0};
    if (wide_next(w, &row, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return row;
}

/* "RUN TIME UE: REQUEST/MODEL/TOKENS" of every row, '-' for what is not there. */
static void describe(struct store *s, int64_t run_id, char *out, size_t bytes)
{
    struct wide *w = NULL;
    struct err e = {0};
    size_t at = 0;
    out[0] = '\0';
    assert_int_equal(wide_open(s, run_id, &w, &e), 0);
    for (const struct wide_row *r; (r = next(w)) != NULL;) {
        at += (size_t)snprintf(out + at, bytes - at, "%d %d %d: ", (int)r->run_id,
                               (int)r->ran->gnb_timestamp_ms, (int)r->ran->ue_id);
        if (r->request != NULL) {
            at += (size_t)snprintf(out + at, bytes - at, "%d", (int)r->request->request_id);
            assert_int_equal(r->request->ue_id, r->ran->ue_id);
        } else {
            at += (size_t)snprintf(out + at, bytes - at, "-");
        }
        at += (size_t)snprintf(out + at, bytes - at, "/%s",
                               r->ue == NULL              ? "-"
                               : r->ue->llm_model != NULL ? r->ue->llm_model
                                                          : "NULL");
        at += r->server != NULL
                  ? (size_t)snprintf(out + at, bytes - at, "/%d\n", (int)r->server->output_tokens)
                  : (size_t)snprintf(out + at, bytes - at, "/-\n");
    }
    wide_close(w);
}

static void test_by_hand(void **state)
{
    (void)state;
    char folder[64], path[96], text[4096];
    rows_folder(folder);
    struct store *s = begin(rows_path(path, folder, "a.sqlite"));
    put_request(s, 1, 1, 2000000, "completed"); /* at 2 ms sharp */
    put_ue(s, 1, "m1");
    put_server(s, 1, 11);
    put_request(s, 2, 1, 4000001, "completed"); /* just after 4 ms: from 5 on */
    put_ue(s, 2, "m2");
    put_server(s, 2, 12);
    put_request(s, 3, 1, 3000000, "failed");
    put_request(s, 5, 2, 3000000, "completed"); /* both at once: the greater id */
    put_request(s, 4, 2, 3000000, "completed");
    put_ue(s, 4, "m4");
    put_ue(s, 5, "first");
    put_ue(s, 5, "m5");                         /* double: the one written last */
    put_request(s, 6, 2, 6000000, "completed"); /* no records of its own */
    put_request(s, 7, 2, RECORD_NO_INT, "completed");
    put_request(s, 8, RECORD_NO_INT, 0, "completed");
    for (int64_t t = 1; t <= 6; t++) {
        put_ran(s, t, 1);
        put_ran(s, t, 2);
    }
    put_ran(s, 6, 3);
    put_ran(s, 6, RECORD_NO_INT);
    run_again(s);
    put_request(s, 1, 2, 0, "completed");
    put_server(s, 1, 21);
    put_ran(s, 0, 1);
    put_ran(s, 1, 2);
    put_ran(s, RECORD_NO_INT, 2);
    const char *first = "1 1 1: -/-/-\n1 1 2: -/-/-\n1 2 1: 1/m1/11\n1 2 2: -/-/-\n"
                        "1 3 1: 1/m1/11\n1 3 2: 5/m5/-\n1 4 1: 1/m1/11\n1 4 2: 5/m5/-\n"
                        "1 5 1: 2/m2/12\n1 5 2: 5/m5/-\n1 6 0: -/-/-\n1 6 1: 2/m2/12\n"
                        "1 6 2: 6/-/-\n1 6 3: -/-/-\n";
    const char *second = "2 0 2: -/-/-\n2 0 1: -/-/-\n2 1 2: 1/-/21\n";
    s = reopen(s, path);
    describe(s, 1, text, sizeof text);
    assert_string_equal(text, first);
    describe(s, 2, text, sizeof text);
    assert_string_equal(text, second);
    describe(s, 0, text, sizeof text);
    assert_true(strncmp(text, first, strlen(first)) == 0);
    assert_string_equal(text + strlen(first), second);
    struct wide *w = NULL;
    struct err e = {0};
    assert_int_equal(wide_open(s, 3, &w, &e), ERR_INPUT);
    assert_null(w);
    assert_non_null(strstr(e.text, "no run 3"));
    store_close(s, NULL);
    rows_folder_remove(folder);
}

static uint64_t bits(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* The value of a metric in a wide row and in the same row of the view. */
static void compare_metric(const struct wide_row *row, int metric, sqlite3_stmt *view)
{
    const struct schema_metric *m = &schema_metrics[metric];
    const void *value = wide_value(row, m);
    int column = 2 + metric;
    int type = sqlite3_column_type(view, column);
    assert_string_equal(sqlite3_column_name(view, column), m->column->name);
    if (value == NULL) {
        assert_int_equal(type, SQLITE_NULL);
    } else if (m->column->type == SCHEMA_INT) {
        int64_t integer = *(const int64_t *)value;
        assert_int_equal(type, integer == RECORD_NO_INT ? SQLITE_NULL : SQLITE_INTEGER);
        assert_int_equal(sqlite3_column_int64(view, column),
                         integer == RECORD_NO_INT ? 0 : integer);
    } else if (m->column->type == SCHEMA_REAL) {
        double real = *(const double *)value;
        assert_int_equal(type, isnan(real) ? SQLITE_NULL : SQLITE_FLOAT);
        assert_true(isnan(real) || sqlite3_column_double(view, column) == real);
    } else {
        const char *text = *(const char *const *)value;
        const char *other = (const char *)sqlite3_column_text(view, column);
        assert_int_equal(text == NULL, other == NULL);
        assert_true(text == NULL || strcmp(text, other) == 0);
    }
}

/* Random tables, of which one in three has its RAN records out of order. */
static void test_equals_the_view(void **state)
{
    (void)state;
    static const char *const statuses[] = {"completed", "completed", "failed", "in_flight"};
    uint64_t x = 88172645463325252U;
    for (int round = 0; round < 12; round++) {
        char folder[64], path[96];
        rows_folder(folder);
        struct store *s = begin(rows_path(path, folder, "a.sqlite"));
        int64_t ues = 1 + (int64_t)(bits(&x) % (round < 6 ? 4 : 200));
        for (int run = 0; run < 2; run++) {
            for (int64_t id = 0; id < 120; id++) {
                put_request(s, id, (int64_t)(bits(&x) % (uint64_t)ues),
                            (int64_t)(bits(&x) % 100) * 500000, statuses[bits(&x) % 4]);
                for (uint64_t n = bits(&x) % 3; n > 0; n--) {
                    char model[24];
                    snprintf(model, sizeof model, "m%d", (int)(bits(&x) % 1000));
                    put_ue(s, id, bits(&x) % 5 == 0 ? NULL : model);
                }
                for (uint64_t n = bits(&x) % 3; n > 0; n--) {
                    put_server(s, id, (int64_t)(bits(&x) % 1000));
                }
            }
            for (int64_t t = 0; t < 300; t++) {
                int64_t time_ms = round % 3 == 0 ? (int64_t)(bits(&x) % 60) : t / 5;
                put_ran(s, time_ms, (int64_t)(bits(&x) % (uint64_t)(ues + 1)));
            }
            run_again(s);
        }
        s = reopen(s, path);
        sqlite3_stmt *view = NULL;
        assert_int_equal(sqlite3_prepare_v2(store_db(s),
                                            "SELECT * FROM records ORDER BY run_id, "
                                            "gnb_timestamp_ms, frame_number, slot_number, rnti, "
                                            "ue_id",
                                            -1, &view, NULL),
                         SQLITE_OK);
        assert_int_equal(sqlite3_column_count(view), 2 + SCHEMA_METRICS);
        struct wide *w = NULL;
        struct err e = {0};
        assert_int_equal(wide_open(s, 0, &w, &e), 0);
        int rows = 0, joined = 0;
        for (const struct wide_row *r; (r = next(w)) != NULL; rows++) {
            assert_int_equal(sqlite3_step(view), SQLITE_ROW);
            assert_int_equal(sqlite3_column_int64(view, 0), r->run_id);
            assert_int_equal(sqlite3_column_type(view, 1) == SQLITE_NULL, r->request == NULL);
            assert_true(r->request == NULL ||
                        sqlite3_column_int64(view, 1) == r->request->request_id);
            joined += r->request != NULL;
            for (int m = 0; m < SCHEMA_METRICS; m++) {
                compare_metric(r, m, view);
            }
        }
        assert_int_equal(sqlite3_step(view), SQLITE_DONE);
        assert_int_equal(rows, 600);
        assert_true(joined > 50);
        sqlite3_finalize(view);
        wide_close(w);
        store_close(s, NULL);
        rows_folder_remove(folder);
    }
}

int test_wide(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_equals_the_view),
    };
    return cmocka_run_group_tests_name("wide", tests, NULL, NULL);
}
