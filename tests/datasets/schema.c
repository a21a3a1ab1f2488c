/* Pins: ue_records, server_records and ran_records hold the 58 metrics of the WiLLM paper (tables
 * 4, 5 and 6) in its order and under its names; the columns fit the records. The fixture lists the
 * names as the paper prints them (arXiv 2506.19030, appendix H). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "datasets/schema.h"

struct metrics {
    int n, ue, server, ran;
};

/* The next metric of the schema: UE, then server, then RAN. */
static const struct schema_column *next_metric(int *table, size_t *column)
{
    static const enum schema_table_id tables[] = {SCHEMA_UE_RECORDS, SCHEMA_SERVER_RECORDS,
                                                  SCHEMA_RAN_RECORDS};
    for (; *table < 3; (*table)++, *column = 0) {
        const struct schema_table *t = &schema_tables[tables[*table]];
        while (*column < t->n_columns) {
            const struct schema_column *c = &t->columns[(*column)++];
            if (c->willm) {
                return c;
            }
        }
    }
    return NULL;
}

/* Field `at` of a line of CSV without quotes before that field. */
static const char *field(char *line, int at)
{
    char *rest = line, *text = strsep(&rest, ",");
    for (int i = 0; i < at && text != NULL; i++) {
        text = strsep(&rest, ",");
    }
    assert_non_null(text);
    return text;
}

static struct metrics compare(const char *path, int layer_at, int metric_at)
{
    static const char *const layers[] = {"UE", "Server", "RAN"};
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    char line[1024], copy[1024];
    assert_non_null(fgets(line, sizeof line, f));
    struct metrics m = {0};
    int table = 0;
    size_t column = 0;
    while (fgets(line, sizeof line, f) != NULL) {
        line[strcspn(line, "\r\n")] = '\0';
        const struct schema_column *c = next_metric(&table, &column);
        assert_non_null(c);
        strcpy(copy, line);
        assert_string_equal(field(copy, metric_at), c->paper);
        assert_string_equal(field(line, layer_at), layers[table]);
        m.n++;
        m.ue += table == 0;
        m.server += table == 1;
        m.ran += table == 2;
    }
    fclose(f);
    assert_null(next_metric(&table, &column));
    return m;
}

static void test_names_of_the_paper(void **state)
{
    (void)state;
    struct metrics m = compare("tests/datasets/fixtures/willm_metrics.csv", 0, 1);
    assert_int_equal(m.n, 58);
    assert_int_equal(m.ue, 15);
    assert_int_equal(m.server, 13);
    assert_int_equal(m.ran, 30);
}

static void test_names_of_the_shared_schema(void **state)
{
    (void)state;
    const char *data = getenv("WILLMSIM_DATA");
    char path[512];
    snprintf(path, sizeof path, "%s/willm/schema.csv", data != NULL ? data : "../shared/data");
    if (access(path, R_OK) != 0) {
        skip();
    }
    assert_int_equal(compare(path, 1, 2).n, 58);
}

/* A column per value of the record, each where no other is, and the last where the record ends. */
static void test_columns_fit_records(void **state)
{
    (void)state;
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        const struct schema_table *t = &schema_tables[i];
        char sql[8192];
        assert_true(schema_create_sql(t, sql, sizeof sql) == strlen(sql));
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        assert_string_equal(t->columns[0].name, "run_id");
        assert_true(t->columns[0].offset == SCHEMA_NO_OFFSET);
        assert_ptr_equal(schema_find(schema_table_names[i]), t);
        /* All three types of value have 8 bytes. */
        bool fed = i != SCHEMA_RUNS && i != SCHEMA_SWEEP_POINTS;
        assert_int_equal(t->record_bytes, fed ? 8 * (t->n_columns - 1) : 0);
        for (size_t c = 1; fed && c < t->n_columns; c++) {
            assert_int_equal(t->columns[c].offset, 8 * (c - 1));
        }
    }
    sqlite3_close(db);
    assert_null(schema_find("nothing"));
    assert_null(schema_table_names[SCHEMA_TABLES]);
    const struct schema_table *ran = &schema_tables[SCHEMA_RAN_RECORDS];
    assert_int_equal(ran->columns[ran->n_columns - 1].offset,
                     offsetof(struct ran_record, slice_id));
    const struct schema_table *gpu = &schema_tables[SCHEMA_GPUS];
    assert_int_equal(gpu->columns[gpu->n_columns - 1].offset,
                     offsetof(struct gpu_record, memory_peak_bytes));
}

/* Text that does not fit is cut and terminated, and its length is told, as snprintf does. */
static void test_sql_buffer(void **state)
{
    (void)state;
    char sql[8] = "zzzzzzz";
    size_t length = schema_create_sql(&schema_tables[SCHEMA_RUNS], sql, sizeof sql);
    assert_string_equal(sql, "CREATE ");
    char whole[8192];
    assert_int_equal(schema_create_sql(&schema_tables[SCHEMA_RUNS], whole, sizeof whole), length);
}

int test_schema(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names_of_the_paper),
        cmocka_unit_test(test_names_of_the_shared_schema),
        cmocka_unit_test(test_columns_fit_records),
        cmocka_unit_test(test_sql_buffer),
    };
    return cmocka_run_group_tests_name("schema", tests, NULL, NULL);
}
