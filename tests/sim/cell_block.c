/* cell_block.c - pins what becomes of a block in the air (sim/cell_block.c): a block sized for more
 * PRB than it is sent on, a block that covers taken PRB, and that retransmissions count as use of
 * their slice and its branch. All by what the cell counts over a run. Does not pin the error curve
 * (tests/models/nr_error.c). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/sim/rows.h"

/* Three phones of one fruit that always have more to send, both ways, on a clean channel. */
static const char full[] =
    "{\"name\": \"full\", \"duration_s\": 3, \"drain_s\": 0, \"radio\": {\"idle_grant_ms\": 0,"
    "  \"policy\": {\"kind\": \"oai-willm\"}, \"start_mcs\": 20,"
    "  \"channel_ul\": {\"kind\": \"awgn\", \"snr_db\": 30},"
    "  \"channel_dl\": {\"kind\": \"awgn\", \"snr_db\": 30}}, \"cells\": [{\"id\": \"c\"}],"
    " \"slices\": {\"tree\": [{\"id\": \"b\"}, {\"id\": \"f\", \"parent\": \"b\"}]},"
    " \"servers\": [{\"id\": \"g\", \"gpu\": \"h100-sxm\", \"model\": \"llama-3.2-1b\"}],"
    " \"ues\": [{\"id\": \"u\", \"count\": 3, \"cell\": \"c\", \"slice\": \"f\", \"server\": \"g\","
    "  \"traffic\": {\"kind\": \"poisson\", \"rate_hz\": 20,"
    "  \"input_tokens\": {\"dist\": \"constant\", \"value\": 10},"
    "  \"output_tokens\": {\"dist\": \"constant\", \"value\": 2}, \"overhead_bytes\": 400000}}]}";

/* The totals of a direction in a run with these values. */
static struct cell_record total_of(const char *direction, const char *const *sets, int n)
{
    struct scenario sc;
    rows_load(full, sets, n, &sc);
    struct rows rows;
    rows_run(&sc, NULL, &rows);
    struct cell_record total = {0};
    for (size_t i = 0; i < rows.n_cells; i++)
        if (strcmp(rows.cells[i].direction, direction) == 0 && rows.cells[i].slice_id == NULL)
            total = rows.cells[i];
    total.cell = total.direction = NULL;
    assert_true(total.blocks > 300);
    rows_free(&rows);
    scenario_free(&sc);
    return total;
}
#define TOTAL(direction, ...)                                                                      \
    total_of(direction, (const char *const[]){__VA_ARGS__},                                        \
             sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))

/* A fruit of priority 0.5: blocks of MCS 28 on half of the PRB that they are sized for have 1.85
 * bits for each that is sent. No SNR helps one transmission; two bring as many bits as one on all
 * PRB would, and chase combining does not. */
#define HALF "slices.tree.1.priority=0.5", "radio.link_adaptation=cqi"

static void test_block_on_half_of_its_prb(void **state)
{
    (void)state;
    struct cell_record kept = TOTAL("dl", HALF, "radio.policy.dl_keep_block=true");
    assert_int_equal(kept.mcs_sum, 28 * kept.blocks);
    /* But for those whose second round was still to come. The smallest, 2 PRB for 5, need a third.
     */
    assert_in_range(kept.blocks - kept.blocks_retx_round1, 0, 3 * 16);
    assert_in_range(kept.blocks_retx - kept.blocks_retx_round1, 0, kept.blocks / 8);
    assert_int_equal(kept.blocks_lost, 0);
    struct cell_record sized = TOTAL("dl", HALF, "radio.policy.dl_keep_block=false");
    assert_int_equal(sized.block_errors, 0);
    struct cell_record chase =
        TOTAL("dl", HALF, "radio.policy.dl_keep_block=true", "radio.combining=chase");
    /* What gets through was sent again in a special slot, on as many PRB as its size needs there.
     */
    assert_true(chase.bytes_payload < kept.bytes_payload / 20);
    assert_true(chase.blocks_lost > chase.blocks / 2);
}

/* Grants that run on over PUCCH at the upper edge lose blocks; those that end before it do not. */
static void test_block_over_taken_prb(void **state)
{
    (void)state;
#define EDGE "slices.tree.0.max_pct=60", "slices.tree.1.max_pct=60"
    struct cell_record over =
        TOTAL("ul", EDGE, "radio.policy.ul_ignore_taken=true", "radio.pucch_prb=8");
    assert_true(over.block_errors > 20);
    struct cell_record beside =
        TOTAL("ul", EDGE, "radio.policy.ul_ignore_taken=false", "radio.pucch_prb=8");
    assert_int_equal(beside.block_errors, 0);
    struct cell_record free_edge =
        TOTAL("ul", EDGE, "radio.policy.ul_ignore_taken=true", "radio.pucch_prb=0");
    assert_int_equal(free_edge.block_errors, 0);
}

/* On a narrow carrier each of these blocks runs over PUCCH, and one that fails fits no slot without
 * doing so again: it is sent again all the same, and phones go on. */
static void test_block_over_taken_prb_again(void **state)
{
    (void)state;
    struct cell_record narrow =
        TOTAL("ul", "radio.n_prb=24", "radio.pucch_prb=4", "radio.policy.ul_ignore_taken=true");
    assert_true(narrow.blocks_retx > 20);
    assert_true(narrow.bytes_payload > 100000);
}

/* A branch of at most half the carrier, whose every second block is one sent again: counted, they
 * leave that much less for new ones; not counted, they come on top. */
static void test_retransmissions_within_their_branch(void **state)
{
    (void)state;
#define AGAIN                                                                                      \
    "slices.tree.0.max_pct=50", "radio.policy={\"kind\": \"proportional-fair\"}",                  \
        "radio.la_update_frames=1000", "radio.channel_ul.snr_db=12"
    struct cell_record inside = TOTAL("ul", AGAIN, "radio.retx_in_slices=true");
    struct cell_record on_top = TOTAL("ul", AGAIN, "radio.retx_in_slices=false");
    double in = (double)inside.prb_used / (double)inside.prb_available;
    double on = (double)on_top.prb_used / (double)on_top.prb_available;
    print_message("of the carrier, retransmissions counted: %.3f, not counted: %.3f\n", in, on);
    assert_true(inside.blocks_retx > inside.blocks / 3);
    assert_true(in > 0.45 && in < 0.53);
    assert_true(on > 0.6);
}

int test_cell_block(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_block_on_half_of_its_prb),
        cmocka_unit_test(test_block_over_taken_prb),
        cmocka_unit_test(test_block_over_taken_prb_again),
        cmocka_unit_test(test_retransmissions_within_their_branch),
    };
    return cmocka_run_group_tests_name("cell_block", tests, NULL, NULL);
}
