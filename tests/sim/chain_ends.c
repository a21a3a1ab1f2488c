/* chain_ends.c - pins S3 of sim/stage.h: a request ends once, its UE hears of it and goes on from
 * there; also that cells do not disturb each other, that runs repeat, and how a run ends early. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/chain.h"

#include "base/units.h"

/* --- Who asks, and who answers ---------------------------------------------------------------- */

/* A blocking client asks when it has its answer and a period has passed, never before. */
static void test_blocking_client_waits(void **state)
{
    (void)state;
    static const char *const sets[] = {"ues.1.traffic.period_s=0.2", "duration_s=6"};
    struct scenario sc;
    rows_load(base, sets, 2, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int waited[2] = {0, 0}; /* for the answer, for the period */
    for (size_t i = 0; i < rows.n_requests; i++)
        for (size_t k = 0; k < rows.n_requests; k++) {
            const struct request_record *a = &rows.requests[i];
            const struct request_record *b = &rows.requests[k];
            if (strcmp(a->ue_group, "b") != 0 || b->request_id != a->request_id + 1)
                continue;
            int64_t due = a->born_ns + 200 * NS_PER_MS;
            assert_int_equal(b->born_ns, a->done_ns > due ? a->done_ns : due);
            waited[a->done_ns > due ? 0 : 1]++;
        }
    assert_true(waited[0] > 3 && waited[1] > 3);
    rows_free(&rows);
    scenario_free(&sc);
}

/* Lines of a table that hold a key. */
static char *lines_of(const struct rows *r, int table, const char *key)
{
    char *text;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    for (const char *line = r->text[table]; *line != '\0'; line = strchr(line, '\n') + 1) {
        size_t n = strcspn(line, "\n") + 1;
        if (memmem(line, n, key, strlen(key)) != NULL)
            fwrite(line, 1, n, file);
    }
    fclose(file);
    return text;
}

/* What happens in one cell, with its own link and server, is the same whoever is in the other. (The
 * UPF is everyone's: left out.) */
static void test_cells_do_not_disturb_each_other(void **state)
{
    (void)state;
    static const char *const others[] = {"ues.1.count=2", "ues.1.count=7",
                                         "ues.1.traffic.period_s=0.1"};
    char *first[2] = {NULL, NULL};
    char json[4096];
    text_without(CORE, json);
    for (int i = 0; i < 3; i++) {
        struct scenario sc;
        const char *const sets[] = {others[i], "ues.2.cell=c1", "ues.2.server=g1"};
        rows_load(json, sets, 3, &sc);
        struct rows rows;
        rows_run(&sc, NULL, &rows);
        char *lines[] = {lines_of(&rows, 0, " ue_group=a "), lines_of(&rows, 2, " cell=c0\n")};
        for (int k = 0; k < 2; k++) {
            assert_true(strlen(lines[k]) > 10000);
            if (i == 0) {
                first[k] = lines[k];
                continue;
            }
            /* Records are made until the last request of either cell has ended. */
            size_t n = strlen(lines[k]);
            if (k == 1)
                n = n < strlen(first[k]) ? n : strlen(first[k]);
            assert_int_equal(strncmp(lines[k], first[k], n + (k == 0)), 0);
            free(lines[k]);
        }
        rows_free(&rows);
        scenario_free(&sc);
    }
    free(first[0]);
    free(first[1]);
}

/* "*" goes over cells and servers in turn. */
static void test_two_cells(void **state)
{
    (void)state;
    struct scenario sc;
    rows_load(base, NULL, 0, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    int64_t asked[2] = {0, 0};
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        int cell = r->ue_id < 3 ? 0 : r->ue_id < 5 ? 1 : (int)r->ue_id - 5;
        assert_string_equal(r->cell, cell == 0 ? "c0" : "c1");
        assert_string_equal(r->server, cell == 0 ? "g0" : "g1");
        asked[cell] += r->uplink_bytes;
    }
    for (size_t i = 0; i < rows.n_cells; i++)
        if (strcmp(rows.cells[i].direction, "ul") == 0)
            assert_int_equal(rows.cells[i].bytes_payload,
                             asked[strcmp(rows.cells[i].cell, "c0") == 0 ? 0 : 1]);
    assert_true(asked[0] > 0 && asked[1] > 0);
    assert_int_equal(rows.n_gpus, 2);
    rows_free(&rows);
    scenario_free(&sc);
}

/* --- Ends ------------------------------------------------------------------------------------- */

static void test_refused_requests_end_too(void **state)
{
    (void)state;
    static const char *const sets[] = {"servers.0.kv_tokens=96"};
    struct scenario sc;
    rows_load(base, sets, 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    uint64_t failed = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        if (strcmp(r->status, "failed") != 0) {
            assert_null(r->failure);
            assert_string_equal(r->status, "completed");
            continue;
        }
        assert_non_null(r->failure);
        assert_string_equal(r->server, "g0");
        assert_true(r->input_tokens + r->output_tokens > 96);
        assert_int_equal(r->server_start_ns, RECORD_NO_INT);
        assert_int_equal(r->first_token_ns, RECORD_NO_INT);
        /* The refusal goes the way of an answer. */
        assert_true(r->downlink_bytes > 0 && r->downlink_bytes < 1000);
        assert_true(r->server_out_ns >= r->server_in_ns && r->radio_dl_in_ns > r->server_out_ns);
        assert_true(r->radio_dl_out_ns > r->radio_dl_in_ns && r->done_ns >= r->radio_dl_out_ns);
        failed++;
    }
    assert_true(failed > 5);
    assert_int_equal(rows.result.failed, failed);
    assert_int_equal(rows.result.completed + failed, rows.n_requests);
    assert_int_equal(rows.result.arrived, rows.n_requests);
    /* UE and server rows are the completed requests'. */
    assert_int_equal(rows.n_ues, rows.result.completed);
    rows_free(&rows);
    scenario_free(&sc);
}

static void test_in_flight_at_the_end(void **state)
{
    (void)state;
    static const char *const sets[] = {"drain_s=0", "duration_s=0.5"};
    struct scenario sc;
    rows_load(base, sets, 2, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    uint64_t in_flight = 0;
    for (size_t i = 0; i < rows.n_requests; i++) {
        const struct request_record *r = &rows.requests[i];
        if (strcmp(r->status, "in_flight") == 0) {
            assert_int_equal(r->done_ns, RECORD_NO_INT);
            in_flight++;
        }
    }
    assert_true(rows.result.complete);
    assert_true(in_flight > 0);
    assert_int_equal(rows.result.in_flight, in_flight);
    assert_int_equal(rows.result.completed + in_flight, rows.n_requests);
    assert_int_equal(rows.result.sim_ns, 500 * NS_PER_MS);
    rows_free(&rows);
    scenario_free(&sc);
}

/* A phone that nothing of is ever decoded: its slots are few, and the run's end is the same whether
 * all the others are visited or not, whole or in parts. */
static void test_lasts_to_the_end_of_the_drain(void **state)
{
    (void)state;
    static const char *const sets[] = {"drain_s=0.7",
                                       "radio.idle_grant_ms=0",
                                       "radio.sr_period_slots=640",
                                       "radio.channel_ul={\"kind\": \"awgn\", \"snr_db\": -30}",
                                       "output.ran_records_ms=0",
                                       "engine.skip_idle_slots=true"};
    const char *visited[6];
    memcpy(visited, sets, sizeof visited);
    visited[5] = "engine.skip_idle_slots=false";
    const char *const *const calls[] = {sets, visited, sets};
    for (int i = 0; i < 3; i++) {
        struct scenario sc;
        rows_load(base, calls[i], 6, &sc);
        struct run_options options = {.seed = 1, .threads = i == 2 ? 2 : 1};
        struct run_result result;
        struct err e = {0};
        assert_int_equal(run_scenario(&sc, &options, &result, &e), 0);
        assert_true(result.in_flight > 0 && result.completed == 0);
        assert_int_equal(result.sim_ns, 3700 * NS_PER_MS);
        scenario_free(&sc);
    }
}

static int refuse_row(void *self, const struct request_record *row)
{
    (void)row;
    return --*(int *)self < 0 ? ERR_WORK : 0;
}

static void stop_now(void *self, const struct run_progress *p)
{
    assert_true(p->now_ns <= p->end_ns);
    *(volatile sig_atomic_t *)self = 1;
}

static void test_stopped_runs(void **state)
{
    (void)state;
    static const char *const sets[] = {"duration_s=200"};
    struct scenario sc;
    struct run_result result;
    struct err e = {0};
    rows_load(base, sets, 1, &sc);
    /* A sink that takes ten rows. */
    int rows = 10;
    struct record_sink sink = {.self = &rows, .request = refuse_row};
    struct run_options options = {.seed = 1, .sink = &sink};
    assert_int_equal(run_scenario(&sc, &options, &result, &e), ERR_WORK);
    assert_true(e.text[0] != '\0');
    assert_false(result.complete);
    assert_true(result.sim_ns < 200 * NS_PER_S);
    /* A signal, at the first look. */
    volatile sig_atomic_t stop = 0;
    options = (struct run_options){
        .seed = 1, .stop = &stop, .progress = stop_now, .progress_self = (void *)(uintptr_t)&stop};
    assert_int_equal(run_scenario(&sc, &options, &result, &e), 0);
    assert_false(result.complete);
    assert_true(result.sim_ns < 200 * NS_PER_S);
    assert_int_equal(result.arrived, result.completed + result.failed + result.in_flight);
    scenario_free(&sc);
}

static void test_runs_repeat(void **state)
{
    (void)state;
    static const char *const sets[][2] = {{"seed=5", "ues.streaming=true"},
                                          {"seed=5", "ues.streaming=true"},
                                          {"seed=6", "ues.streaming=true"}};
    struct rows rows[3];
    for (int i = 0; i < 3; i++) {
        struct scenario sc;
        rows_load(base, sets[i], 2, &sc);
        rows_run(&sc, NULL, &rows[i]);
        scenario_free(&sc);
    }
    rows_same(&rows[0], &rows[1]);
    assert_true(rows[0].result.fingerprint == rows[1].result.fingerprint);
    assert_int_equal(rows[0].result.events, rows[1].result.events);
    assert_true(rows[0].result.fingerprint != rows[2].result.fingerprint);
    for (int i = 0; i < 3; i++)
        rows_free(&rows[i]);
}

int test_chain_ends(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocking_client_waits),
        cmocka_unit_test(test_cells_do_not_disturb_each_other),
        cmocka_unit_test(test_two_cells),
        cmocka_unit_test(test_refused_requests_end_too),
        cmocka_unit_test(test_in_flight_at_the_end),
        cmocka_unit_test(test_lasts_to_the_end_of_the_drain),
        cmocka_unit_test(test_stopped_runs),
        cmocka_unit_test(test_runs_repeat),
    };
    return cmocka_run_group_tests_name("chain_ends", tests, NULL, NULL);
}
