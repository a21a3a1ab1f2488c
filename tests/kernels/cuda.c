/* cuda.c - the CUDA backend without a GPU: its kernels run on the emulator (emulate.h) and must say
 * what double precision says, in every format, on GPUs with and without bf16, whichever lane goes
 * first. It pins index arithmetic, barriers, bounds (under the sanitizers) and which library call
 * is made with which sizes; it says nothing of speed, nor of what nvcc makes of the kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/kernels/calibrate.h"
#include "tests/kernels/emulate.h"
#include "tests/kernels/emulate/cuda_runtime_api.h"

int test_cuda(void);
kernel_open_function kernel_module_open;

static struct kernel_backend open_on(int major, int minor)
{
    struct kernel_backend b = {0};
    emulate_machine.major = major;
    emulate_machine.minor = minor;
    if (!kernel_module_open(&b, 0)) {
        fail_msg("%s", b.error);
    }
    return b;
}

static void kernels_agree(int major, int minor, uint64_t seed)
{
    struct kernel_backend b = open_on(major, minor);
    struct err e = {0};
    double worst = 0.0;
    if (check_kernels(&b, seed, &worst, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_true(worst > 0.0 && worst <= 1.0);
    b.close(&b);
}

static void hopper_kernels_agree(void **state)
{
    (void)state;
    kernels_agree(9, 0, 11);
}

static void turing_kernels_agree_in_any_order(void **state)
{
    (void)state;
    struct kernel_backend b = open_on(7, 5);
    assert_false(b.half_is_bf16);
    assert_false(b.has[KERNEL_FP8]);
    assert_true(b.has[KERNEL_W8A8]);
    b.close(&b);
    emulate_backwards = true;
    kernels_agree(7, 5, 12);
    emulate_backwards = false;
}

/* D1 and D2 of decoder.h, in 16 bits and in 8. */
static void decoder_agrees(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct llm_card card;
    struct err e = {0};
    assert_int_equal(llm_card_load("bench/kernels/cards", "decoder-tiny", &arena, &card, &e), 0);
    static const enum kernel_format formats[] = {KERNEL_HALF, KERNEL_FP8};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct kernel_backend b = open_on(9, 0);
        struct decoder_limits limits = {2, 32, 48};
        struct decoder d;
        double deviation = 1.0;
        if (decoder_make(&b, &card, formats[i], &limits, 7, &d, &e) != 0 ||
            decoder_check(&d, 7, &deviation, &e) != 0) {
            fail_msg("%s", e.text);
        }
        assert_true(deviation < (formats[i] == KERNEL_HALF ? 0.03 : 0.2));
        decoder_free(&d);
        b.close(&b);
    }
    arena_free(&arena);
}

static void refusals_say_why(void **state)
{
    (void)state;
    struct kernel_backend b = {0};
    assert_false(kernel_module_open(&b, 3));
    assert_string_equal(b.error, "there are 1, counted from 0");
    b = (struct kernel_backend){0};
    emulate_machine.major = 6;
    emulate_machine.minor = 1;
    assert_false(kernel_module_open(&b, 0));
    assert_string_equal(b.error,
                        "emulated GPU is sm_61; the kernels are built for sm_75 and later");
    b = (struct kernel_backend){0};
    emulate_machine.count_error = cudaErrorInsufficientDriver;
    assert_false(kernel_module_open(&b, 0));
    assert_string_equal(b.error, "looking for GPUs: CUDA driver version is insufficient");
    emulate_machine.count_error = cudaSuccess;
}

/* C1: what fails is named once, and nothing follows. */
static void full_memory_is_said(void **state)
{
    (void)state;
    struct kernel_backend b = open_on(9, 0);
    assert_null(b.alloc(&b, (size_t)1 << 40));
    assert_string_equal(b.error, "allocating: out of memory");
    assert_null(b.alloc(&b, 16));
    b.close(&b);
}

static void launches_are_timed(void **state)
{
    (void)state;
    struct kernel_backend b = open_on(9, 0);
    assert_true(b.launch_s(&b, false) > 0.0);
    assert_true(b.launch_s(&b, true) >= 0.0);
    assert_string_equal(b.error, "");
    b.close(&b);
}

/* Suite, fit, profile and loop with all five formats; times of an emulator mean nothing, so only
 * that every step is taken and the simulator reads what was written. */
static void calibration_goes_through(void **state)
{
    (void)state;
    const struct llm_card card = {.name = "toy",
                                  .layers = 1,
                                  .hidden = 128,
                                  .ffn = 128,
                                  .heads = 2,
                                  .kv_heads = 1,
                                  .head_dim = 64,
                                  .vocab = 64,
                                  .gated_mlp = true,
                                  .tied_embeddings = true,
                                  .parameters = 106496,
                                  .layer_parameters = 98304,
                                  .head_parameters = 8192};
    static struct calibration c;
    const struct calibrate_size size = {1, 38, 4, 40};
    struct kernel_backend b = open_on(8, 9);
    struct err e = {0};
    char dir[] = "/tmp/willmsim-cuda-XXXXXX";
    char path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/toy.json", dir);
    if (calibrate_run(&b, &card, &size, dir, "toy", 5, &c, &e) != 0) {
        fail_msg("%s", e.text);
    }
    b.close(&b);
    assert_int_equal(c.loop_points, 13); /* 16, less those of 5 and more sequences */
    for (int f = 0; f < KERNEL_FORMATS; f++) {
        assert_true(c.fit[f].gemm.flop_s.value > 0.0);
        assert_int_equal(c.fit[f].gemm.quality.rows_held_out, 8);
    }
    struct arena arena = {0};
    struct llm_setup setup = {.card = &card, .tensor_parallel = 1, .engine = LLM_VLLM};
    static const enum llm_quant quants[] = {LLM_F16, LLM_BF16, LLM_W8A16,
                                            LLM_AWQ, LLM_W8A8, LLM_FP8};
    if (gpu_profile_load(dir, "toy", &arena, &setup.gpu, &e) != 0) {
        fail_msg("%s", e.text);
    }
    for (size_t i = 0; i < sizeof quants / sizeof quants[0]; i++) {
        struct llm_cost cost;
        setup.quant = quants[i];
        assert_int_equal(llm_cost_make(&setup, &cost, &e), 0);
        assert_true(cost.layered);
        assert_true(llm_decode_run_ns(&cost, 2, 30, 1) > 0);
    }
    arena_free(&arena);
    unlink(path);
    rmdir(dir);
}

int test_cuda(void)
{
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hopper_kernels_agree),
        cmocka_unit_test(turing_kernels_agree_in_any_order),
        cmocka_unit_test(decoder_agrees),
        cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(full_memory_is_said),
        cmocka_unit_test(launches_are_timed),
        cmocka_unit_test(calibration_goes_through),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
