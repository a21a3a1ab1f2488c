/* edge.c - pins the links to edge nodes (models/edge_link.h) against numbers worked out by hand,
 * and what the search for batches takes for granted of the calibrated cost: that a batch is no
 * slower when a request leaves it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/units.h"
#include "models/edge_link.h"
#include "models/llm.h"

#define assert_near(a, b, within) assert_true(fabs((a) - (b)) <= (within))

static struct edge_link_rayleigh server = {{20, 20, 20, 43}, 1e-3};
static struct edge_link_free_space uav = {{1, 1, 10, 10}, 100, 2};
static struct edge_link_manhattan vehicle = {{2, 2, 30, 23}, 50, 250, 2, 4};

static double gain(const struct json_choice *link, uint64_t index)
{
    struct draw d;
    draw_at(&d, 3, DRAW_EDGE_LINK, 0, index);
    return edge_link_gain(link, &d);
}

/* 20 log10(4 pi 100 m / 0.15 m) = 78.46 dB; 10 dBm over -114 dBm of noise in 1 MHz leaves 45.54 dB:
 * 15.13 bits per s and Hz, so that a prompt of 512 tokens is 2.17e-3 of 0.25 s. */
static void test_free_space(void **state)
{
    (void)state;
    const struct json_choice link = {.index = EDGE_FREE_SPACE, .options = &uav};
    assert_near(db_of_ratio(gain(&link, 0)), -78.46, 0.01);
    assert_true(gain(&link, 0) == gain(&link, 1));
    double bps = edge_link_ul_bps(&link, gain(&link, 0), -174);
    assert_near(bps, 15.13e6, 0.01e6);
    assert_near(512 * 16 / (0.25 * bps), 2.166e-3, 0.002e-3);
    assert_true(edge_link_dl_bps(&link, gain(&link, 0), -174) == bps);
}

/* 20 dBm - 30 dB over -101 dBm in 20 MHz: 91 dB, 30.2 bits per s and Hz. */
static void test_rayleigh(void **state)
{
    (void)state;
    const struct json_choice link = {.index = EDGE_RAYLEIGH, .options = &server};
    double mean = 0, below = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        mean += gain(&link, i) / 20000;
        below += gain(&link, i) < 1e-3 * log(2.0) ? 1.0 / 20000 : 0.0;
    }
    assert_near(mean, 1e-3, 0.03e-3);
    assert_near(below, 0.5, 0.015); /* the median of an exponential */
    assert_near(edge_link_ul_bps(&link, 1e-3, -174), 20e6 * 30.22, 20e6 * 0.02);
    /* 23 dB more on the way down. */
    assert_near(edge_link_dl_bps(&link, 1e-3, -174) - edge_link_ul_bps(&link, 1e-3, -174),
                20e6 * 23 / 10 * log2(10.0), 20e6 * 0.001);
}

/* From 50 to 250 m: 22.7 log10 d + 41 - 7.96 dB, 71.6 to 87.5, and four deviations of 4 dB. */
static void test_manhattan(void **state)
{
    (void)state;
    struct edge_link_manhattan still = vehicle;
    const struct json_choice link = {.index = EDGE_MANHATTAN, .options = &vehicle};
    const struct json_choice without = {.index = EDGE_MANHATTAN, .options = &still};
    still.shadowing_db = 0;
    double mean = 0, square = 0, least = 1e9, most = 0;
    for (uint64_t i = 0; i < 20000; i++) {
        double loss = -db_of_ratio(gain(&without, i));
        double shadow = -db_of_ratio(gain(&link, i)) - loss;
        least = fmin(least, loss);
        most = fmax(most, loss);
        mean += shadow / 20000;
        square += shadow * shadow / 20000;
    }
    assert_near(least, 71.61, 0.05);
    assert_near(most, 87.47, 0.05);
    assert_near(mean, 0, 0.1);
    assert_near(sqrt(square), 4, 0.1);
}

static void check_monotone(const struct llm_cost *c, const struct llm_chunk *chunks)
{
    int64_t prompts = 0;
    for (int z = 1; z <= 400; z++) {
        int64_t ns = llm_step_ns(c, chunks, z, 0, 0, 0);
        assert_true(ns >= prompts);
        prompts = ns;
    }
    for (int64_t context = 513; context < 1024; context += 73) {
        int64_t steps = 0;
        for (int64_t z = 1; z <= 400; z++) {
            int64_t ns = llm_decode_run_ns(c, z, z * context, 64);
            assert_true(ns >= steps);
            steps = ns;
        }
    }
}

static void test_a_smaller_batch_is_no_slower(void **state)
{
    (void)state;
    static const char *const gpus[] = {"h100-sxm", "a100-sxm", "rtx4090", "l4", "h200"};
    static const char *const models[] = {"bloom-3b", "bloom-7.1b", "opt-13b"};
    static const enum llm_quant quants[] = {LLM_F16, LLM_W8A16, LLM_W4A16};
    static struct llm_chunk chunks[400];
    int costs = 0;
    for (int i = 0; i < 400; i++)
        chunks[i].tokens = 512;
    for (int k = 0; k < 5 * 3 * 3; k++) {
        struct arena a = {0};
        struct llm_card card;
        struct llm_cost cost;
        const struct gpu_profile *gpu = NULL;
        assert_int_equal(llm_card_load("models/cards", models[k / 3 % 3], &a, &card, NULL), 0);
        assert_int_equal(gpu_profile_load("bench/profiles", gpus[k / 9], &a, &gpu, NULL), 0);
        struct llm_setup setup = {gpu, &card, quants[k % 3], LLM_VLLM, 1, LLM_KV_16};
        if (llm_cost_make(&setup, &cost, NULL) == 0) { /* OPT-13B does not fit everywhere */
            check_monotone(&cost, chunks);
            costs++;
        }
        arena_free(&a);
    }
    assert_true(costs >= 40);
}

int test_edge(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_free_space),
        cmocka_unit_test(test_rayleigh),
        cmocka_unit_test(test_manhattan),
        cmocka_unit_test(test_a_smaller_batch_is_no_slower),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
