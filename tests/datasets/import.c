/* Pins: which header is which column; what a value may look like; J1 to J3 of import_join.h and I1
 * of import.h through small files; the stamps and the radio that are derived; separate files joined
 * by time. Damaged files and kills: tests/tools/import*.test.sh. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "datasets/import.h"
#include "datasets/import_join.h"
#include "datasets/influx_line.h"
#include "tests/datasets/rows.h"

/* --- Columns ---------------------------------------------------------------------------------- */

static const char *found(const char *header)
{
    int column = columns_find(header);
    return column == COLUMN_NONE ? "" : columns[column].name;
}

static void test_every_spelling_is_found(void **state)
{
    (void)state;
    int paper = 0, oai = 0;
    for (int i = 0; i < n_columns; i++) {
        assert_string_equal(found(columns[i].name), columns[i].name);
        /* "Timestamp" is three columns' name; its neighbours tell (next test). */
        if (columns[i].paper != NULL && strcmp(columns[i].paper, "Timestamp") != 0) {
            assert_string_equal(found(columns[i].paper), columns[i].name);
        }
        paper += columns[i].paper != NULL;
        const char *name = column_oai(i);
        if (name != NULL && strcmp(name, "Timestamp") != 0) {
            assert_string_equal(found(name), columns[i].name);
        }
        oai += name != NULL;
    }
    assert_int_equal(paper, 58);
    assert_int_equal(oai, 28); /* 26 of schema.csv and the gNB's two totals */
    assert_string_equal(found("  ul throughput (Mbps) "), "ul_throughput");
    assert_string_equal(found("PCMAX"), "pcmax_dbm");
    assert_string_equal(found("UL-BLER [%]"), "ul_bler");
    assert_string_equal(found("UL_THRR"), "");
    assert_string_equal(columns_near("UL_THRR"), "ul_throughput");
    assert_null(columns_near("something else altogether"));
}

static void expect_times(char *const *header, int n, const char *first, const char *second)
{
    struct column_map map;
    struct err e;
    assert_int_equal(columns_map("f", header, n, NULL, LAYERS, &map, &e), 0);
    const char *seen[2] = {"", ""};
    for (int i = 0, k = 0; i < n && k < 2; i++) {
        if (strcmp(header[i], "Timestamp") == 0) {
            seen[k++] = map.column_of[i] >= 0 ? columns[map.column_of[i]].name : "";
        }
    }
    assert_string_equal(seen[0], first);
    assert_string_equal(seen[1], second);
    columns_map_free(&map);
}

static void test_timestamp_belongs_to_its_neighbours(void **state)
{
    (void)state;
    char *ue[] = {"Timestamp", "Wireless Comm Time"};
    char *gnb[] = {"Timestamp", " Frame", " Slot"};
    char *server[] = {"LLM Inference Time", "Timestamp"};
    char *both[] = {"Timestamp", "Total Comm Time", "Timestamp", "Frame"};
    expect_times(ue, 2, "timestamp_ms", "");
    expect_times(gnb, 3, "gnb_timestamp_ms", "");
    expect_times(server, 2, "server_timestamp_ms", "");
    expect_times(both, 4, "timestamp_ms", "gnb_timestamp_ms");
}

/* --- Files ------------------------------------------------------------------------------------ */

struct place {
    char folder[64], db[96], names[4][96];
    const char *files[4];
    int n;
    struct store *store;
    struct import_report report;
};

static void place_make(struct place *p)
{
    *p = (struct place){0};
    rows_folder(p->folder);
    char folder[sizeof p->folder];
    memcpy(folder, p->folder, sizeof folder);
    rows_path(p->db, folder, "a.sqlite");
}

static void place_file(struct place *p, const char *name, const char *text)
{
    char folder[sizeof p->folder];
    memcpy(folder, p->folder, sizeof folder);
    p->files[p->n] = rows_path(p->names[p->n], folder, name);
    FILE *out = fopen(p->files[p->n++], "w");
    assert_non_null(out);
    fputs(text, out);
    fclose(out);
}

static double seven_billion(void *self, const char *model)
{
    (void)self;
    return strcmp(model, "llava") == 0 ? 7e9 : NAN;
}

static void place_import(struct place *p, enum import_kind kind)
{
    struct err e = {0};
    struct import_options o = {
        .kind = kind, .sync_ms = 1, .version = "test", .parameters = seven_billion};
    assert_int_equal(store_open(p->db, STORE_APPEND, &p->store, &e), 0);
    if (import_files(p->store, p->files, p->n, &o, &p->report, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

static void place_remove(struct place *p)
{
    import_report_free(&p->report);
    assert_int_equal(store_close(p->store, NULL), 0);
    rows_folder_remove(p->folder);
}

/* The first row of a query, its columns joined by '|'. */
static void expect(struct place *p, const char *sql, const char *expected)
{
    sqlite3_stmt *row = NULL;
    char seen[512] = "";
    size_t n = 0;
    assert_int_equal(sqlite3_prepare_v2(store_db(p->store), sql, -1, &row, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(row), SQLITE_ROW);
    for (int i = 0; i < sqlite3_column_count(row); i++) {
        const char *text = (const char *)sqlite3_column_text(row, i);
        n += (size_t)snprintf(seen + n, sizeof seen - n, "%s%s", i > 0 ? "|" : "",
                              text != NULL ? text : "");
    }
    sqlite3_finalize(row);
    assert_string_equal(seen, expected);
}

#define WIDE                                                                                       \
    "Timestamp,Total Comm Time,Uplink Time,Downlink Time,Server Processing Time,LLM Model,"        \
    "gNB Timestamp,RNTI,UL_THR,ul_BLER,ulsch_current_bytes,ulsch_current_rbs\n"

static void test_a_request_is_put_once(void **state) /* J1, J2 */
{
    (void)state;
    struct place p;
    place_make(&p);
    place_file(&p, "wide.csv",
               WIDE ",,,,,,1000,1,,0.1,,\n"
                    ",,,,,,1100,1,,0.1,,\n"
                    "1000,500,100,50,350,llava,1500,1,,0.1,,\n"
                    ",,,,,,1550,2,,0.1,,\n"
                    "1000,500,100,50,350,llava,1600,1,,0.1,,\n"
                    "1000,500,100,50,350,llava,1700,9,,0.1,,\n" /* attached anew: another RNTI */
                    "2000,500,100,50,350,llava,2600,9,,0.1,,\n"
                    "2000,600,100,50,350,llava,2700,2,,0.1,,\n"); /* another phone, same instant */
    place_import(&p, IMPORT_WILLM);
    expect(&p, "SELECT count(*), group_concat(gnb_timestamp_ms) FROM ran_records",
           "8|1000,1100,1500,1550,1600,1700,2600,2700");
    expect(&p, "SELECT count(*), count(DISTINCT request_id), sum(llm_parameters) FROM requests",
           "3|3|21000000000.0");
    assert_int_equal(p.report.notes.requests, 3);
    /* 600 is not 100 + 350 + 50. */
    assert_int_equal(p.report.notes.contradictions, 1);
    place_remove(&p);
}

static void test_stamps_are_derived(void **state)
{
    (void)state;
    struct ue_record ue = {.timestamp_ms = 1000,
                           .total_comm_time_ms = 500,
                           .uplink_time_ms = 100,
                           .downlink_time_ms = 50};
    struct server_record server = {.server_processing_time_ms = 350, .llm_inference_time_ms = 300};
    struct request_record r;
    assert_true(join_stamps(&ue, &server, 1, &r));
    assert_int_equal(r.born_ns, 1000000000);
    assert_int_equal(r.server_in_ns, 1100000000);
    assert_int_equal(r.last_token_ns, 1450000000);
    assert_int_equal(r.done_ns, 1500000000);
    assert_int_equal(r.queue_ns, 50000000);
    ue.total_comm_time_ms = 505; /* within 1 % */
    assert_true(join_stamps(&ue, &server, 1, &r));
    ue.total_comm_time_ms = 506;
    assert_false(join_stamps(&ue, &server, 1, &r));
    assert_true(join_stamps(&ue, &server, 3, &r)); /* clocks 3 ms apart, twice */
    ue.total_comm_time_ms = 500;
    ue.uplink_time_ms = NAN; /* one of the four may be missing */
    assert_true(join_stamps(&ue, &server, 1, &r));
    assert_int_equal(r.server_in_ns, 1100000000);
    server.server_processing_time_ms = NAN;
    assert_true(join_stamps(&ue, &server, 1, &r));
    assert_int_equal(r.server_in_ns, 1150000000);
    server.llm_inference_time_ms = NAN; /* two may not */
    assert_true(join_stamps(&ue, &server, 1, &r));
    assert_true(r.server_in_ns == RECORD_NO_INT);
    assert_int_equal(r.done_ns, 1500000000);
}

/* Bytes out of the average UL throughput: 6 opportunities in 10 ms, each of 1000 bytes. */
static void test_scheduled_bytes_come_out_of_the_average(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    char text[8192] = WIDE;
    double thr = 0;
    for (int i = 0; i <= 50; i++) {
        int used = snprintf(
            text + strlen(text), sizeof text - strlen(text), "%s,%d,1,%.17g,%g,1000,30\n",
            i < 40 ? ",,,,," : "1000,350,200,50,100,llava", 990 + 10 * i, thr, i < 22 ? 0.1 : 0.2);
        assert_true(used > 0);
        for (int k = 0; k < 6 && i >= 1 && i < 21; k++) { /* from 1000 to 1200 ms */
            thr = 0.9995 * thr + 0.0005 * 1000;
        }
        for (int k = 0; k < 6 && (i < 1 || i >= 21); k++) {
            thr *= 0.9995;
        }
    }
    place_file(&p, "wide.csv", text);
    place_import(&p, IMPORT_WILLM);
    /* 20 x 6 x 1000 bytes, within the 0.1 % that the weight shrinks in 10 ms; 30 PRB per 1000. */
    expect(&p,
           "SELECT abs(ul_sched_bytes - 120000) < 240, abs(ul_sched_prb - 3600) < 8, ul_bler FROM "
           "requests",
           "1|1|0.1");
    place_remove(&p);
}

static void test_totals_of_the_gnb_win(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    place_file(&p, "wide.csv",
               "Timestamp,Total Comm Time,Uplink Time,Downlink Time,Server Processing Time,gNB "
               "Timestamp,RNTI,UL_THR,ulsch_total_bytes,ulsch_total_rbs\n"
               ",,,,,990,1,7,5000,100\n"
               ",,,,,1000,1,7,5000,100\n"
               ",,,,,1100,1,7,15000,400\n"
               ",,,,,1200,1,7,65000,900\n"
               "1000,350,200,50,100,1400,1,7,65233,910\n");
    place_import(&p, IMPORT_WILLM);
    expect(&p, "SELECT ul_sched_bytes, ul_sched_prb, status FROM requests", "60000|800|completed");
    place_remove(&p);
}

/* A RAN, a UE and a server file; the server's clock is 1 ms off, one of its rows nobody asked for.
 */
static void test_separate_files_are_joined_by_time(void **state)
{
    (void)state;
    struct place p;
    place_make(&p);
    char ran[4096] = "Timestamp,Frame,RNTI,UID,ulsch_total_bytes,ulsch_total_rbs\n";
    for (int i = 0; i < 60; i++) {
        snprintf(ran + strlen(ran), sizeof ran - strlen(ran), "%d,1,46a1,3,%d,%d\n", 1000 + 50 * i,
                 100 * i, i);
    }
    place_file(&p, "ran.csv", ran);
    place_file(&p, "server.csv",
               "Timestamp,LLM Inference Time,Server Processing Time,Output Tokens,Response Text\n"
               "1301,300,300,40,one\n1600,1,1,1,nobody's\n2500,100,100,50,two\n");
    place_file(&p, "ue.csv",
               "Timestamp,Total Comm Time,Uplink Time,Downlink Time,LLM Model,RNTI\n"
               "1100,550,200,50,llava,46a1\n2300,350,200,50,llava,46a1\n");
    place_import(&p, IMPORT_WILLM);
    assert_int_equal(p.report.runs, 1);
    assert_int_equal(p.report.notes.unmatched, 1);
    expect(&p, "SELECT count(*), sum(output_tokens), min(ue_id), min(ul_sched_bytes) FROM requests",
           "2|90|3|400");
    expect(&p,
           "SELECT group_concat(coalesce(request_id, 'none') || ' ' || response_text) FROM (SELECT "
           "* FROM server_records ORDER BY timestamp_ms)",
           "0 one,none nobody's,1 two");
    place_remove(&p);
}

static void test_line_protocol(void **state)
{
    (void)state;
    static struct influx_point p;
    char line[] = "a\\ b,x=1\\,2,rnti=46a1 f=1i,g=t,h=\"q \\\"u\\\" , =\",i=-2.5e3 17";
    assert_null(influx_line_read(line, &p));
    assert_string_equal(p.measurement, "a b");
    assert_int_equal(p.n_tags, 2);
    assert_string_equal(p.tags[0].value, "1,2");
    assert_int_equal(p.n_fields, 4);
    assert_string_equal(p.fields[0].value, "1");
    assert_string_equal(p.fields[1].value, "1");
    assert_string_equal(p.fields[2].value, "q \"u\" , =");
    assert_string_equal(p.fields[3].value, "-2.5e3");
    assert_int_equal(p.time, 17);
    static const char *const wrong[] = {"",          "m",       "m ",           "m,t f=1",
                                        "m f",       "m f=\"x", "m f=\"x\"y 1", "m f=1 x",
                                        "m f=1 1 2", ",t=1 f=1"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char copy[32];
        snprintf(copy, sizeof copy, "%s", wrong[i]);
        if (influx_line_read(copy, &p) == NULL) {
            fail_msg("'%s' was taken", wrong[i]);
        }
    }
}

int test_import(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_spelling_is_found),
        cmocka_unit_test(test_timestamp_belongs_to_its_neighbours),
        cmocka_unit_test(test_a_request_is_put_once),
        cmocka_unit_test(test_stamps_are_derived),
        cmocka_unit_test(test_scheduled_bytes_come_out_of_the_average),
        cmocka_unit_test(test_totals_of_the_gnb_win),
        cmocka_unit_test(test_separate_files_are_joined_by_time),
        cmocka_unit_test(test_line_protocol),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
