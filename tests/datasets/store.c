/* Pins: S1, S2, S5, S6 of datasets/store.h; rows come back as they went in, with their NULLs; what
 * cannot be a store is refused with one line. (S3 and S4: store_kill.c.) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "tests/datasets/rows.h"

static int64_t query_int(struct store *s, const char *sql)
{
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(store_db(s), sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    int64_t value = sqlite3_column_int64(row, 0);
    sqlite3_finalize(row);
    return value;
}

static void query_text(struct store *s, const char *sql, char out[256])
{
    sqlite3_stmt *row = NULL;
    assert_int_equal(sqlite3_prepare_v2(store_db(s), sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(row, 0);
    snprintf(out, 256, "%s", text != NULL ? text : "NULL");
    sqlite3_finalize(row);
}

static struct store *store_new(const char *path)
{
    struct store *s = NULL;
    struct err e = {0};
    if (store_open(path, STORE_CREATE, &s, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return s;
}

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void test_round_trip(void **state)
{
    (void)state;
    char folder[64], path[96], text[256];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("x");
    run.scenario_text = "abc";
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    assert_int_equal(id, 1);
    struct record_sink sink = store_sink(s);

    struct request_record q =
        rows_request(&(struct rows_times){(5LL << 32) + 3, 100, 50, 10, 20, 30, 5, 4});
    q.failure = NULL;
    q.ul_bler = NAN;
    assert_int_equal(sink.request(sink.self, &q), 0);
    struct ran_record ran = rows_ran(42);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    struct ue_record ue = {.request_id = q.request_id,
                           .timestamp_ms = 1740700000123,
                           .wireless_comm_time_ms = 0.1,
                           .total_comm_time_ms = NAN,
                           .tx_image_resolution = "640x480",
                           .expected_word_count = RECORD_NO_INT,
                           .llm_model = "ll\"a,va\n\xc3\xa9"};
    assert_int_equal(sink.ue(sink.self, &ue), 0);
    struct server_record server = {
        .request_id = q.request_id, .server = "edge", .llm_inference_time_ms = 1e-300};
    assert_int_equal(sink.server(sink.self, &server), 0);
    struct cell_record cell = {.cell = "gnb1", .direction = "ul", .bytes_payload = INT64_MAX};
    assert_int_equal(sink.cell(sink.self, &cell), 0);
    struct gpu_record gpu = {.server = "edge", .refused = INT64_MIN + 1};
    assert_int_equal(sink.gpu(sink.self, &gpu), 0);
    struct store_run_totals totals = {true, 10, 0xffeeddccbbaa9988, 30, 40, 5, 4, 1, 0, 0.25};
    assert_int_equal(store_end_run(s, &totals, &e), 0);
    assert_int_equal(store_close(s, &e), 0);

    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    assert_int_equal(query_int(s, "SELECT request_id FROM requests"), (5LL << 32) + 3);
    assert_int_equal(query_int(s, "SELECT done_ns FROM requests"), 215000000);
    assert_int_equal(query_int(s, "SELECT radio_ul_in_ns IS NULL AND failure IS NULL AND "
                                  "ul_bler IS NULL AND rx_image IS NULL FROM requests"),
                     1);
    assert_int_equal(query_int(s, "SELECT ul_throughput IS NULL AND cqi = 0 AND rnti = 17921 AND "
                                  "dl_throughput = 4.2 AND slice_id = '1221' FROM ran_records"),
                     1);
    query_text(s, "SELECT llm_model FROM ue_records", text);
    assert_string_equal(text, "ll\"a,va\n\xc3\xa9");
    assert_int_equal(query_int(s, "SELECT total_comm_time_ms IS NULL AND expected_word_count IS "
                                  "NULL AND wireless_comm_time_ms = 0.1 AND timestamp_ms = "
                                  "1740700000123 FROM ue_records"),
                     1);
    assert_int_equal(query_int(s, "SELECT llm_inference_time_ms = 1e-300 FROM server_records"), 1);
    assert_int_equal(query_int(s, "SELECT bytes_payload FROM cells"), INT64_MAX);
    assert_int_equal(query_int(s, "SELECT refused FROM gpus"), INT64_MIN + 1);
    query_text(s, "SELECT fingerprint FROM runs", text);
    assert_string_equal(text, "ffeeddccbbaa9988");
    /* FIPS 180-2, appendix B.1: the digest of "abc". */
    query_text(s, "SELECT scenario_sha256 FROM runs", text);
    assert_string_equal(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(query_int(s, "SELECT complete = 1 AND seed = 7 AND events = 10 AND "
                                  "slots_visited = 30 AND sim_ns = 40 AND arrived = 5 AND "
                                  "completed = 4 AND failed = 1 AND in_flight = 0 FROM runs"),
                     1);
    assert_int_equal(store_close(s, NULL), 0);
    rows_folder_remove(folder);
}

/* S1 and S2, seen by another connection while the writer is at work; several runs in a file. */
static void test_complete_comes_last(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite")), *other = NULL;
    struct err e = {0};
    int64_t id = 0, runs, incomplete;
    struct store_run run = rows_run("first");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    assert_int_equal(store_open(path, STORE_READ, &other, &e), 0);
    assert_int_equal(store_count_runs(other, &runs, &incomplete, &e), 0);
    assert_int_equal(runs, 1);
    assert_int_equal(incomplete, 1);
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(1);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_int_equal(store_flush(s, &e), 0);
    assert_int_equal(query_int(other, "SELECT count(*) FROM ran_records"), 1);
    for (int i = 0; i < STORE_ROWS_PER_COMMIT; i++) {
        assert_int_equal(sink.ran(sink.self, &ran), 0);
    }
    assert_int_equal(query_int(other, "SELECT count(*) FROM ran_records"),
                     STORE_ROWS_PER_COMMIT + 1);
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(s, &totals, &e), 0);
    assert_int_equal(store_count_runs(other, &runs, &incomplete, &e), 0);
    assert_int_equal(incomplete, 0);
    run = rows_run("second");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    assert_int_equal(id, 2);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    totals.complete = false; /* stopped by a signal */
    assert_int_equal(store_end_run(s, &totals, &e), 0);
    assert_int_equal(store_count_runs(other, &runs, &incomplete, &e), 0);
    assert_int_equal(runs, 2);
    assert_int_equal(incomplete, 1);
    assert_int_equal(query_int(other, "SELECT count(*) FROM ran_records WHERE run_id = 2"), 1);
    assert_int_equal(store_close(other, NULL), 0);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

/* A clean close leaves one file. An older store is replaced, its rows are gone. */
static void test_replaces_a_store(void **state)
{
    (void)state;
    char folder[64], path[96], wal[96];
    rows_folder(folder);
    rows_path(path, folder, "a.sqlite");
    for (int round = 0; round < 2; round++) {
        struct store *s = store_new(path);
        struct err e = {0};
        int64_t id = 0;
        struct store_run run = rows_run("x");
        assert_int_equal(query_int(s, "SELECT count(*) FROM runs"), 0);
        assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
        assert_int_equal(access(rows_path(wal, folder, "a.sqlite-wal"), F_OK), 0);
        assert_int_equal(store_close(s, &e), 0);
        assert_int_equal(access(wal, F_OK), -1);
        assert_int_equal(access(rows_path(wal, folder, "a.sqlite-shm"), F_OK), -1);
    }
    rows_folder_remove(folder);
}

static void assert_refused(const char *path, enum store_mode mode, const char *says)
{
    struct store *s = NULL;
    struct err e = {0};
    assert_int_equal(store_open(path, mode, &s, &e), ERR_INPUT);
    assert_null(s);
    assert_null(strchr(e.text, '\n'));
    assert_true(strncmp(e.text, path, strlen(path)) == 0);
    if (strstr(e.text, says) == NULL) {
        fail_msg("'%s' does not say '%s'", e.text, says);
    }
}

/* S5 */
static void test_leaves_others_alone(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    write_file(rows_path(path, folder, "notes.txt"), "not a database\n");
    assert_refused(path, STORE_CREATE, "is left alone");
    assert_refused(path, STORE_READ, "is not a store");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 15);

    sqlite3 *db = NULL; /* somebody else's database */
    assert_int_equal(sqlite3_open(rows_path(path, folder, "other.sqlite"), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE runs (a)", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    assert_refused(path, STORE_CREATE, "is left alone");
    assert_refused(path, STORE_READ, "is not a store");

    assert_refused(folder, STORE_CREATE, "is a folder");
    assert_refused(folder, STORE_READ, "is a folder");
    assert_refused("/dev/null", STORE_CREATE, "not a regular file");
    assert_refused(rows_path(path, folder, "missing.sqlite"), STORE_READ, "No such file");
    assert_int_equal(access(path, F_OK), -1);
    assert_refused(rows_path(path, folder, "no/folder.sqlite"), STORE_CREATE, "No such file");
    write_file(rows_path(path, folder, "empty"), "");
    assert_refused(path, STORE_READ, "is not a store");
    struct store *s = store_new(path); /* an empty file holds nothing to lose */
    store_close(s, NULL);
    rows_folder_remove(folder);
}

static void test_refuses_what_is_in_use(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("x");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(1);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_refused(path, STORE_CREATE, "another run is writing");
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(s, &totals, &e), 0);
    assert_int_equal(query_int(s, "SELECT count(*) FROM ran_records"), 1);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

/* A store whose pages were overwritten, and one cut short. */
static void test_damaged_file(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    store_close(s, NULL);
    assert_int_equal(truncate(path, 1000), 0);
    assert_refused(path, STORE_READ, "damaged");
    rows_folder_remove(folder);
}

/* S6, with a disk that is full: SQLite is told that the file may not grow. */
static void test_full_disk(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("x");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    struct ran_record ran = rows_ran(1);
    assert_int_equal(sink.ran(sink.self, &ran), 0);
    assert_int_equal(store_flush(s, &e), 0);
    assert_int_equal(store_error(s)->code, 0);
    sqlite3_exec(store_db(s), "PRAGMA max_page_count = 40", NULL, NULL, NULL);
    int rc = 0;
    for (int i = 0; i < 10000 && rc == 0; i++) {
        rc = sink.ran(sink.self, &ran);
    }
    assert_int_equal(rc, ERR_WORK);
    assert_non_null(strstr(store_error(s)->text, "the disk is full"));
    assert_true(strncmp(store_error(s)->text, path, strlen(path)) == 0);
    sqlite3_exec(store_db(s), "PRAGMA max_page_count = 4000000", NULL, NULL, NULL);
    assert_int_equal(sink.ran(sink.self, &ran), ERR_WORK);
    assert_int_equal(store_flush(s, NULL), ERR_WORK);
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(s, &totals, &e), ERR_WORK);
    assert_non_null(strstr(e.text, "the disk is full"));
    assert_int_equal(store_close(s, &e), ERR_WORK);
    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    assert_int_equal(query_int(s, "SELECT count(*) FROM ran_records"), 1);
    assert_int_equal(query_int(s, "SELECT complete FROM runs"), 0);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

/* The same request twice is a mistake of the writer, and is said. */
static void test_duplicate_request(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    struct err e = {0};
    int64_t id = 0;
    struct store_run run = rows_run("x");
    assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
    struct record_sink sink = store_sink(s);
    struct request_record q = rows_request(&(struct rows_times){1, 0, 1, 1, 1, 1, 1, 2});
    assert_int_equal(sink.request(sink.self, &q), 0);
    assert_int_equal(sink.request(sink.self, &q), 0); /* on its way */
    struct store_run_totals totals = {.complete = true};
    assert_int_equal(store_end_run(s, &totals, &e), ERR_WORK);
    assert_non_null(strstr(e.text, "UNIQUE"));
    assert_int_equal(sink.request(sink.self, &q), ERR_WORK);
    assert_int_equal(store_close(s, NULL), ERR_WORK);
    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    assert_int_equal(query_int(s, "SELECT count(*) FROM requests"), 0);
    assert_int_equal(query_int(s, "SELECT complete FROM runs"), 0);
    assert_int_equal(store_close(s, &e), 0);
    rows_folder_remove(folder);
}

/* A schema that a later version wrote. */
static void test_other_schema_version(void **state)
{
    (void)state;
    char folder[64], path[96];
    rows_folder(folder);
    struct store *s = store_new(rows_path(path, folder, "a.sqlite"));
    assert_int_equal(sqlite3_exec(store_db(s), "PRAGMA user_version = 9", NULL, NULL, NULL), 0);
    store_close(s, NULL);
    assert_refused(path, STORE_READ, "schema version 9");
    rows_folder_remove(folder);
}

int test_store(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_complete_comes_last),
        cmocka_unit_test(test_replaces_a_store),
        cmocka_unit_test(test_leaves_others_alone),
        cmocka_unit_test(test_refuses_what_is_in_use),
        cmocka_unit_test(test_damaged_file),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_duplicate_request),
        cmocka_unit_test(test_other_schema_version),
    };
    return cmocka_run_group_tests_name("store", tests, NULL, NULL);
}
