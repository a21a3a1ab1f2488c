/* cell_la.c - pins what each rule of link adaptation makes of a constant channel, and from when on
 * a CQI counts; and what CQI the uplink goes by. The rules' arithmetic is pinned in
 * tests/models/nr_mac.c, the testbed's rule in a whole cell in tests/sim/reference.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

#include <math.h>

#include "models/nr_error.h"
#include "sim/cell.h"
#include "sim/ue.h"
#include "sim/world.h"

/* One phone that always has more to send, both ways. */
static const char full[] =
    "{\"name\": \"full\", \"duration_s\": 6, \"drain_s\": 0, \"radio\": {\"idle_grant_ms\": 0,"
    "  \"channel_ul\": {\"kind\": \"awgn\", \"snr_db\": 12},"
    "  \"channel_dl\": {\"kind\": \"awgn\", \"snr_db\": 12}}, \"cells\": [{\"id\": \"c\"}],"
    " \"servers\": [{\"id\": \"g\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"}],"
    " \"ues\": [{\"id\": \"u\", \"cell\": \"c\", \"server\": \"g\", \"traffic\": {\"kind\":"
    " \"poisson\", \"rate_hz\": 20, \"input_tokens\": {\"dist\": \"constant\", \"value\": 10},"
    " \"output_tokens\": {\"dist\": \"constant\", \"value\": 2}, \"overhead_bytes\": 400000}}]}";

/* The totals of a direction. */
static struct cell_record full_total(const char *rule, const char *direction)
{
    const char *const sets[] = {rule};
    struct scenario sc;
    rows_load(full, sets, 1, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    struct cell_record total = {0};
    for (size_t i = 0; i < rows.n_cells; i++)
        if (strcmp(rows.cells[i].direction, direction) == 0)
            total = rows.cells[i];
    assert_true(total.blocks > 1000);
    rows_free(&rows);
    scenario_free(&sc);
    return total;
}

/* cqi: always the MCS of the channel's CQI, but for an uplink of which nothing is known. */
static void test_link_adaptation_by_cqi(void **state)
{
    (void)state;
    int mcs = nr_mcs_of_cqi(1, 1, nr_cqi_of_snr(NR_DECODER_IT5, 1, 12.0, 106));
    assert_in_range(mcs, 15, 20);
    struct cell_record dl = full_total("radio.link_adaptation=cqi", "dl");
    assert_int_equal(dl.mcs_sum, mcs * dl.blocks);
    struct cell_record ul = full_total("radio.link_adaptation=cqi", "ul");
    assert_in_range(mcs * ul.blocks - ul.mcs_sum, (mcs - 9), 10 * (mcs - 9));
}

/* outer-loop: as many first rounds fail as are to, whatever the CQI's steps. */
static void test_link_adaptation_outer_loop(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        double target;
    } cases[] = {{"radio.link_adaptation=outer-loop", 0.1},
                 {"radio={\"link_adaptation\": \"outer-loop\", \"la_target_bler\": 0.3, "
                  "\"la_step_db\": 0.2, \"idle_grant_ms\": 0, \"channel_ul\": {\"kind\": \"awgn\", "
                  "\"snr_db\": 9}, \"channel_dl\": {\"kind\": \"awgn\", \"snr_db\": 9}}",
                  0.3}};
    for (int i = 0; i < 2; i++)
        for (int d = 0; d < 2; d++) {
            const char *direction = d == RADIO_DL ? "dl" : "ul";
            struct cell_record t = full_total(cases[i].rule, direction);
            double failed = (double)t.blocks_retx_round1 / (double)t.blocks;
            print_message("outer-loop, %s: %.4f of first rounds fail\n", direction, failed);
            assert_true(fabs(failed - cases[i].target) < 0.1 * cases[i].target);
        }
}

/* The highest MCS is the table's own where max_mcs says more: table 2 ends with 27, which is what a
 * clean channel climbs to. */
static void test_highest_mcs_of_a_table(void **state)
{
    (void)state;
    static const struct {
        const char *table;
        int highest;
    } cases[] = {
        {"radio.mcs_table_ul=1", 28}, {"radio.mcs_table_ul=2", 27}, {"radio.mcs_table_ul=3", 28}};
    for (int i = 0; i < 3; i++) {
        const char *const sets[] = {cases[i].table, "radio.start_mcs=28",
                                    "radio.channel_ul.snr_db=40", "output.ran_records_ms=10"};
        struct scenario sc;
        rows_load(full, sets, 4, &sc);
        struct rows rows;
        rows_run(&sc, NULL, &rows);
        assert_int_equal(rows.ran[rows.n_ran - 1].ul_mcs, cases[i].highest);
        assert_true(rows.ran[rows.n_ran - 1].ulsch_current_bytes > 1000);
        for (size_t n = 0; n < rows.n_cells; n++)
            if (strcmp(rows.cells[n].direction, "ul") == 0) {
                /* But for the first grants, of which nobody knows how much waits. */
                int64_t all = cases[i].highest * rows.cells[n].blocks;
                assert_in_range(all - rows.cells[n].mcs_sum, 0, 100);
                assert_true(rows.cells[n].bytes_payload > 6 * 2500000);
            }
        rows_free(&rows);
        scenario_free(&sc);
    }
}

/* A CQI counts from its delay after it was measured: the SNR falls at 1500 ms, the first report
 * after that is of 1520 ms. */
static void test_cqi_delay(void **state)
{
    (void)state;
    char path[] = "/tmp/willmsim-step-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "t_s,snr_db\n0,24\n1.5,16\n100,16\n");
    fclose(f);
    char channel[256];
    snprintf(channel, sizeof channel,
             "radio.channel_dl={\"kind\": \"snr-trace\", \"path\": \"%s\", \"between\": \"hold\"}",
             path);
    static const char *const delays[] = {"radio.cqi_delay_ms=0", "radio.cqi_delay_ms=50"};
    for (int i = 0; i < 2; i++) {
        const char *const sets[] = {channel,
                                    delays[i],
                                    "output.ran_records_ms=1",
                                    "duration_s=2",
                                    "radio.channel_ul.snr_db=30",
                                    "radio.tdd=DUUUUUUUUU"};
        struct scenario sc;
        rows_load(full, sets, 6, &sc);
        struct rows rows;
        rows_run(&sc, NULL, &rows);
        int64_t high = rows.ran[1400].cqi;
        assert_true(high > 10);
        int64_t fell = 0;
        for (size_t n = 1400; n < rows.n_ran && fell == 0; n++)
            if (rows.ran[n].cqi != high)
                fell = rows.ran[n].gnb_timestamp_ms - RECORD_EPOCH_MS;
        /* Looked at when a block is scheduled: one downlink slot in 5 ms, and always more to send.
         */
        assert_in_range(fell, 1520 + 50 * i, 1526 + 50 * i);
        rows_free(&rows);
        scenario_free(&sc);
    }
    remove(path);
}

/* A file of two levels of SNR: the first phone stays on the first, the second, 100 s further in it,
 * on the second. */
static void put_levels(char *path, double first_db, double second_db)
{
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *f = fdopen(fd, "w");
    fprintf(f, "t_s,snr_db\n0,%g\n100,%g\n200,%g\n", first_db, second_db, second_db);
    fclose(f);
}

/* One block a slot, more wanted than there is room for: the phone that the gNB hears better in the
 * uplink comes first, though the other one reports the better downlink. */
static void test_uplink_goes_by_its_own_cqi(void **state)
{
    (void)state;
    char up[] = "/tmp/willmsim-up-XXXXXX", down[] = "/tmp/willmsim-down-XXXXXX";
    put_levels(up, 24.0, 12.0);
    put_levels(down, 12.0, 24.0);
    char channels[512];
    static const char trace[] = "{\"kind\": \"snr-trace\", \"path\": \"%s\", \"between\": "
                                "\"hold\", \"shift_s\": 100}";
    char form[512];
    snprintf(form, sizeof form, "radio={\"channel_ul\": %s, \"channel_dl\": %s}", trace, trace);
    snprintf(channels, sizeof channels, form, up, down);
    const char *const sets[] = {channels,
                                "radio.policy={\"kind\":\"max-cqi\",\"enforce_slices\":false}",
                                "radio.max_ues_per_slot=1",
                                "radio.idle_grant_ms=0",
                                "radio.max_mcs_ul=12", /* alike: the CQI alone decides */
                                "radio.start_mcs=12",
                                "ues.count=2"};
    struct scenario sc;
    rows_load(full, sets, sizeof sets / sizeof sets[0], &sc);
    struct world w;
    struct err e = {0};
    struct run_options options = {.seed = 1};
    if (world_make(&w, &sc, &options, &e) != 0)
        fail_msg("%s", e.text);
    const struct cell_common *k = w.cells[0]->common;
    for (int cqi = 1; cqi <= CELL_CQI_MAX; cqi++) {
        double db = k->cqi_x10[RADIO_UL][cqi] / 10.0;
        int table = (int)sc.radio->mcs_table_ul;
        assert_true(nr_cqi_of_snr((enum nr_decoder)sc.radio->decoder, table, db,
                                  k->grid[RADIO_UL].n_prb) >= cqi);
        assert_true(nr_cqi_of_snr((enum nr_decoder)sc.radio->decoder, table, db - 0.1,
                                  k->grid[RADIO_UL].n_prb) < cqi);
    }
    for (int i = 0; i < w.n_cells; i++)
        cell_start(w.cells[i]);
    for (uint32_t i = 0; i < w.n_ues; i++)
        ue_start(&w.ues[i]);
    while (engine_next(w.engine) <= w.end_ns)
        engine_run(w.engine, engine_next(w.engine), 1);
    int64_t good = w.radios[0].d[RADIO_UL].stream.received;
    int64_t bad = w.radios[1].d[RADIO_UL].stream.received;
    print_message("uplink: %lld bytes at 24 dB, %lld at 12 dB\n", (long long)good, (long long)bad);
    assert_true(good > 500000);
    assert_true(bad < good / 10);
    world_free(&w);
    scenario_free(&sc);
    remove(up);
    remove(down);
}

int test_cell_la(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_link_adaptation_by_cqi),
        cmocka_unit_test(test_link_adaptation_outer_loop),
        cmocka_unit_test(test_highest_mcs_of_a_table),
        cmocka_unit_test(test_cqi_delay),
        cmocka_unit_test(test_uplink_goes_by_its_own_cqi),
    };
    return cmocka_run_group_tests_name("cell_la", tests, NULL, NULL);
}
