/* parts.c - pins P1 of sim/parts.h (a world in parts makes the rows of the undivided one, whatever
 * the number of parts and threads), what cannot be divided, and row_log.h. P2 is asserted by the
 * engine (E2): an event that came too late would be in its past. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

#include "sim/parts.h"
#include "sim/row_log.h"
#include "sim/world.h"

#define CHAT(rate)                                                                                 \
    "\"traffic\": {\"kind\": \"poisson\", \"rate_hz\": " rate ", \"bytes_per_token\": 40,"         \
    " \"input_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 400},"                        \
    " \"output_tokens\": {\"dist\": \"uniform\", \"min\": 1, \"max\": 40}}"

/* Five cells that disturb one another, streamed and whole answers, pictures, two servers of which
 * one refuses what its queue does not hold, records of everything, requests in flight at the end.
 */
static const char town[] =
    "{\"name\": \"town\", \"duration_s\": 4, \"drain_s\": 0.3,"
    " \"output\": {\"ran_records_ms\": 50},"
    " \"radio\": {\"channel\": {\"kind\": \"umi\"}},"
    " \"transport\": {\"protocol\": \"udp\", \"delay_ms\": 1.5}, \"core\": {},"
    " \"cells\": [{\"id\": \"c0\"}, {\"id\": \"c1\", \"x_m\": 200}, {\"id\": \"c2\", \"y_m\": 200},"
    "  {\"id\": \"c3\", \"x_m\": -200}, {\"id\": \"c4\", \"y_m\": -200}],"
    " \"slices\": {\"tree\": [{\"id\": \"b\"}, {\"id\": \"f\", \"parent\": \"b\", \"max_pct\": 60},"
    "  {\"id\": \"g\", \"parent\": \"b\", \"max_pct\": 30}]},"
    " \"servers\": [{\"id\": \"g0\", \"gpu\": \"h100-sxm\", \"model\": \"llava-1.5-7b\","
    "   \"batching\": {\"kind\": \"continuous\"}},"
    "  {\"id\": \"g1\", \"gpu\": \"l4\", \"model\": \"llama-3.2-3b\","
    "   \"batching\": {\"kind\": \"parallel-slots\", \"num_parallel\": 2, \"max_queue\": 3}}],"
    " \"ues\": ["
    "  {\"id\": \"a\", \"count\": 9, \"cell\": \"*\", \"server\": \"g0\", \"streaming\": true,"
    "   \"mobility\": {\"kind\": \"static\", \"spread_m\": 300},"
    "   \"slice_cycle\": [\"f\", \"g\"], \"slice_cycle_s\": 0.9, " CHAT(
        "2") "},"
             "  {\"id\": \"b\", \"count\": 4, \"cell\": \"*\", \"server\": \"g0\", \"slice\": "
             "\"g\","
             "   \"mobility\": {\"kind\": \"static\", \"spread_m\": 300},"
             "   \"traffic\": {\"kind\": \"willm-client\", \"mode\": \"image_request\", "
             "\"period_s\": 0.5,"
             "    \"start_spread_s\": 0.5, \"word_counts\": [3, 20]}},"
             "  {\"id\": \"d\", \"count\": 6, \"cell\": \"*\", \"server\": \"g1\","
             "   \"mobility\": {\"kind\": \"static\", \"spread_m\": 300}, " CHAT("3") "}]}";

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Lines in one order: of rows with the same key, which came first is nobody's business. */
static void sort_lines(char *text)
{
    size_t n = 0, most = 1;
    for (const char *c = text; *c != '\0'; c++)
        most += *c == '\n';
    char **lines = calloc(most, sizeof *lines);
    char *copy = strdup(text);
    assert_true(lines != NULL && copy != NULL);
    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n"))
        lines[n++] = line;
    qsort(lines, n, sizeof *lines, by_text);
    for (size_t i = 0; i < n; i++)
        text += sprintf(text, "%s\n", lines[i]);
    free(lines);
    free(copy);
}

static void run(const char *const *sets, int threads, struct rows *r)
{
    struct scenario sc;
    rows_load(town, sets, 2, &sc);
    rows_run_on(threads, &sc, NULL, r);
    for (int t = 0; t < ROWS_TABLES; t++)
        sort_lines(r->text[t]);
    scenario_free(&sc);
}

static void assert_same(const struct rows *a, const struct rows *b)
{
    assert_int_equal(a->result.events, b->result.events);
    assert_int_equal(a->result.fingerprint, b->result.fingerprint);
    assert_int_equal(a->result.slots_visited, b->result.slots_visited);
    assert_int_equal(a->result.sim_ns, b->result.sim_ns);
    assert_int_equal(a->result.arrived, b->result.arrived);
    assert_int_equal(a->result.completed, b->result.completed);
    assert_int_equal(a->result.failed, b->result.failed);
    assert_int_equal(a->result.in_flight, b->result.in_flight);
    rows_same(a, b);
}

/* P1 */
static void test_same_rows(void **state)
{
    (void)state;
    static const char *const sets[][2] = {
        {"seed=1", "drain_s=0.3"}, /* requests in flight at the end */
        {"seed=2", "drain_s=60"},  /* drained to the last */
        {"seed=3", "radio.channel.interference_window_ms=0"},
        {"seed=4", "core.upf_delay_us=3000"},
        {"seed=5", "transport.delay_ms=20"}, /* further than an interference window */
        {"seed=6", "engine.skip_idle_slots=false"},
    };
    bool refused = false, in_flight = false;
    for (size_t k = 0; k < sizeof sets / sizeof sets[0]; k++) {
        struct rows whole;
        run(sets[k], 1, &whole);
        assert_int_equal(whole.result.windows, 0);
        refused = refused || whole.result.failed > 0;
        in_flight = in_flight || whole.result.in_flight > 0;
        for (int threads = 2; threads <= 4; threads++) {
            struct rows parts;
            run(sets[k], threads, &parts);
            assert_null(parts.result.obstacle);
            assert_true(parts.result.windows > 0);
            assert_same(&whole, &parts);
            rows_free(&parts);
        }
        rows_free(&whole);
    }
    assert_true(refused && in_flight);
}

/* What has state on both sides of a link is run in one. */
static void test_obstacles(void **state)
{
    (void)state;
    static const char *const sets[][2] = {
        {"transport.protocol=tcp", "TCP"},
        {"transport.delay_ms=0", "delay"},
        {"radio.policy.kind=queue-aware", "policy"},
        {"ues.0.mobility.kind=line", "change cells"},
        {"servers.0.batching.order=backlog", "looks at the radio"},
        {"radio.channel.interference_window_ms=1.3", "window"},
        {"slices.schedule=[{\"at_s\": 0.1, \"slice\": \"f\", \"max_pct\": 50}]", "slices change"},
    };
    for (size_t k = 0; k < sizeof sets / sizeof sets[0]; k++) {
        const char *with[] = {sets[k][0], "duration_s=0.2"};
        struct rows one, two;
        run(with, 1, &one);
        run(with, 2, &two);
        if (two.result.obstacle == NULL || strstr(two.result.obstacle, sets[k][1]) == NULL)
            fail_msg("%s: %s", sets[k][0], two.result.obstacle);
        assert_same(&one, &two);
        rows_free(&one);
        rows_free(&two);
    }
}

/* Rows come out as they went in, though the log has moved and the texts are gone. */
static void test_row_log(void **state)
{
    (void)state;
    struct rows r;
    struct row_log log = {0};
    rows_open(&r);
    struct record_sink sink = rows_sink(&r);
    struct record_sink logged = row_log_sink(&log, &sink);
    char size[16];
    for (int i = 0; i < 1000; i++) {
        snprintf(size, sizeof size, "%dx1", i);
        struct request_record row = {.request_id = i, .tx_image = size, .cell = "c"};
        struct ran_record ran = {.cell = "c", .rnti = i};
        assert_int_equal(logged.request(logged.self, &row), 0);
        assert_int_equal(logged.ran(logged.self, &ran), 0);
        strcpy(size, "?");
    }
    assert_int_equal(r.n_requests, 0);
    assert_int_equal(row_log_empty(&log, &sink), 0);
    assert_int_equal(row_log_empty(&log, &sink), 0); /* once */
    assert_int_equal(r.n_requests, 1000);
    assert_int_equal(r.n_ran, 1000);
    for (int i = 0; i < 1000; i++) {
        snprintf(size, sizeof size, "%dx1", i);
        assert_int_equal(r.requests[i].request_id, i);
        assert_string_equal(r.requests[i].tx_image, size);
        assert_null(r.requests[i].rx_image);
        assert_int_equal(r.ran[i].rnti, i);
    }
    /* A sink that takes no RAN rows is given none to keep. */
    sink.ran = NULL;
    assert_null(row_log_sink(&log, &sink).ran);
    row_log_free(&log);
    rows_close(&r);
    rows_free(&r);
}

int test_parts(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_row_log),
        cmocka_unit_test(test_same_rows),
        cmocka_unit_test(test_obstacles),
    };
    return cmocka_run_group_tests_name("parts", tests, NULL, NULL);
}
