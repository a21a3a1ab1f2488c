/* Pins: W1 to W4 of datasets/sweep.h, over shards written by hand: split in any way, cut off in the
 * middle of a run, twice the same run, blank, and of another sweep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "datasets/export.h"
#include "datasets/schema.h"
#include "datasets/sweep.h"
#include "tests/datasets/rows.h"

enum { RUNS = 6, PATH = 96 };

struct source {
    int64_t next, runs;
    char text[64], value[32];
    const char *paths[1], *values[1];
};

static int source_next(void *self, struct sweep_row *row, struct err *e)
{
    (void)e;
    struct source *s = self;
    if (s->next > s->runs) {
        return 0;
    }
    int64_t run = s->next++;
    snprintf(s->text, sizeof s->text, "{\"run\": %lld}", (long long)run);
    snprintf(s->value, sizeof s->value, "%lld", (long long)(run + 1) / 2);
    s->paths[0] = "ues.count";
    s->values[0] = s->value;
    *row = (struct sweep_row){run,      (run + 1) / 2, (run + 1) % 2 + 1, 7 + (run + 1) % 2,
                              "x",      s->text,       "0.1.0",           1,
                              s->paths, s->values};
    return 1;
}

static struct sweep_source source_of(struct source *s, int64_t runs)
{
    *s = (struct source){.next = 1, .runs = runs};
    return (struct sweep_source){source_next, s};
}

static void new_sweep(const char *path)
{
    struct source s;
    struct err e = {0};
    struct sweep_source source = source_of(&s, RUNS);
    if (sweep_create(path, &source, &e) != 0) {
        fail_msg("%s", e.text);
    }
}

/* Writes runs into a shard, three requests and two RAN rows each; the last is cut off when `cut`:
 * its rows are there, its end is not. */
static void write_shard(const char *path, int rank, int thread, const int64_t *runs, int n,
                        bool cut)
{
    struct arena arena = {0};
    struct store *s = NULL;
    struct err e = {0};
    assert_int_equal(store_open(sweep_shard_path(&arena, path, rank, thread), STORE_CREATE, &s, &e),
                     0);
    arena_free(&arena);
    for (int i = 0; i < n; i++) {
        char text[64];
        snprintf(text, sizeof text, "{\"run\": %lld}", (long long)runs[i]);
        struct store_run run = rows_run("x");
        run.scenario_text = text;
        run.run_id = runs[i];
        int64_t id = 0;
        assert_int_equal(store_begin_run(s, &run, &id, &e), 0);
        assert_int_equal(id, runs[i]);
        struct record_sink sink = store_sink(s);
        for (int64_t k = 0; k < 3; k++) {
            struct request_record q = rows_request(
                &(struct rows_times){2 - k, 100, 50 + (double)runs[i], 10, 20, 30, 5, 4});
            assert_int_equal(sink.request(sink.self, &q), 0);
        }
        struct ran_record ran = rows_ran(runs[i]);
        assert_int_equal(sink.ran(sink.self, &ran), 0);
        assert_int_equal(sink.ran(sink.self, &ran), 0);
        if (!cut || i + 1 < n) {
            struct store_run_totals totals = {.complete = true, .events = (uint64_t)runs[i]};
            assert_int_equal(store_end_run(s, &totals, &e), 0);
        }
    }
    assert_int_equal(store_close(s, &e), 0);
}

/* All tables as text. */
static char *tables_of(const char *path)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    struct store *s = NULL;
    struct err e = {0};
    assert_int_equal(store_open(path, STORE_READ, &s, &e), 0);
    for (int i = 0; i < SCHEMA_TABLES; i++) {
        struct export_result result;
        assert_int_equal(export_table(s, schema_table_names[i], EXPORT_CSV, out, &result, &e), 0);
    }
    store_close(s, NULL);
    fclose(out);
    return text;
}

static int64_t merge(const char *path)
{
    struct err e = {0};
    int64_t merged = -1;
    if (sweep_merge(path, &merged, &e) != 0) {
        fail_msg("%s", e.text);
    }
    return merged;
}

static int64_t missing(const char *path, int64_t *first)
{
    struct arena arena = {0};
    const int64_t *ids = NULL;
    int64_t n = -1;
    struct err e = {0};
    assert_int_equal(sweep_missing(path, &arena, &ids, &n, &e), 0);
    *first = n > 0 ? ids[0] : 0;
    arena_free(&arena);
    return n;
}

/* W4: one shard, three shards, and two goes give the same tables; no shard is left. */
static void test_any_split(void **state)
{
    (void)state;
    char folder[64], one[PATH], many[PATH];
    rows_folder(folder);
    new_sweep(rows_path(one, folder, "one.sqlite"));
    write_shard(one, 0, 0, (int64_t[]){1, 2, 3, 4, 5, 6}, 6, false);
    assert_int_equal(merge(one), 6);

    new_sweep(rows_path(many, folder, "many.sqlite"));
    write_shard(many, 0, 0, (int64_t[]){3, 6}, 2, false);
    write_shard(many, 1, 0, (int64_t[]){1, 5}, 2, false);
    write_shard(many, 1, 11, (int64_t[]){2}, 1, false);
    assert_int_equal(merge(many), 5);
    int64_t first = 0;
    assert_int_equal(missing(many, &first), 1);
    assert_int_equal(first, 4);
    write_shard(many, 12, 0, (int64_t[]){4}, 1, false);
    assert_int_equal(merge(many), 1);
    assert_int_equal(missing(many, &first), 0);
    assert_int_equal(merge(many), 0);

    char *a = tables_of(one), *b = tables_of(many);
    assert_string_equal(a, b);
    assert_non_null(strstr(a, "\n6,3,2,ues.count,3\n"));
    free(a);
    free(b);
    char shard[PATH + 8];
    snprintf(shard, sizeof shard, "%s.rank1", many);
    assert_int_equal(access(shard, F_OK), -1);
    rows_folder_remove(folder);
}

/* W1, W2: a run that was cut off leaves nothing, wherever it stands in its shard; a run that is
 * there twice is taken once; a blank shard is no obstacle. */
static void test_cut_and_twice(void **state)
{
    (void)state;
    char folder[64], path[PATH], whole[PATH], blank[PATH + 8];
    rows_folder(folder);
    new_sweep(rows_path(path, folder, "a.sqlite"));
    int64_t first = 0;
    assert_int_equal(missing(path, &first), RUNS);
    assert_int_equal(first, 1);
    write_shard(path, 0, 0, (int64_t[]){1, 2, 4}, 3, true);
    write_shard(path, 1, 0, (int64_t[]){2, 3}, 2, false);
    snprintf(blank, sizeof blank, "%s.rank2", path);
    fclose(fopen(blank, "w"));
    assert_int_equal(merge(path), 3); /* 2 is there twice */
    assert_int_equal(missing(path, &first), 3);
    assert_int_equal(first, 4);
    write_shard(path, 0, 0, (int64_t[]){4, 5, 6}, 3, false);
    assert_int_equal(merge(path), 3);
    new_sweep(rows_path(whole, folder, "b.sqlite"));
    write_shard(whole, 0, 0, (int64_t[]){1, 2, 3, 4, 5, 6}, 6, false);
    merge(whole);
    char *a = tables_of(path), *b = tables_of(whole);
    assert_string_equal(a, b);
    free(a);
    free(b);
    rows_folder_remove(folder);
}

/* W3: a run that the store does not list like that is refused, and the shard stays. */
static void test_other_run(void **state)
{
    (void)state;
    char folder[64], path[PATH], other[PATH], shard[PATH + 8], moved[PATH + 8];
    rows_folder(folder);
    new_sweep(rows_path(path, folder, "a.sqlite"));
    rows_path(other, folder, "b.sqlite");
    write_shard(other, 0, 0, (int64_t[]){9}, 1, false); /* the sweep has six */
    snprintf(moved, sizeof moved, "%s.rank0", other);
    snprintf(shard, sizeof shard, "%s.rank0", path);
    assert_int_equal(rename(moved, shard), 0);
    write_shard(path, 1, 0, (int64_t[]){1}, 1, false);
    struct err e = {0};
    int64_t merged;
    assert_int_equal(sweep_merge(path, &merged, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "run 9: is not the run that"));
    assert_int_equal(access(shard, F_OK), 0);
    assert_int_equal(unlink(shard), 0);
    assert_int_equal(merge(path), 1);
    rows_folder_remove(folder);
}

/* The list is compared run by run. */
static void test_check(void **state)
{
    (void)state;
    char folder[64], path[PATH];
    rows_folder(folder);
    new_sweep(rows_path(path, folder, "a.sqlite"));
    struct source s;
    struct err e = {0};
    struct sweep_source source = source_of(&s, RUNS);
    assert_int_equal(sweep_check(path, &source, &e), 0);
    source = source_of(&s, RUNS + 1);
    assert_int_equal(sweep_check(path, &source, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "has fewer runs than this sweep"));
    source = source_of(&s, RUNS - 1);
    assert_int_equal(sweep_check(path, &source, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "has more runs than this sweep"));
    source = source_of(&s, RUNS);
    s.next = 2; /* another scenario text in each place */
    assert_int_equal(sweep_check(path, &source, &e), ERR_INPUT);
    assert_non_null(strstr(e.text, "run 2: is of another sweep"));
    rows_folder_remove(folder);
}

int test_sweep(void);

int test_sweep(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_any_split),
        cmocka_unit_test(test_cut_and_twice),
        cmocka_unit_test(test_other_run),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
