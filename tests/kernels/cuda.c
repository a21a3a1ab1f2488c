/* cuda.c - the CUDA backend without a GPU: its kernels run on the emulator (emulate.h) and must say
 * what double precision says, in every format, on GPUs with and without bf16, whichever lane goes
 * first. It pins index arithmetic, barriers, bounds (under the sanitizers) and which library call
 * is made with which sizes; it says nothing of speed, nor of what nvcc makes of the kernels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "bench/kernels/check.h"
#include "bench/kernels/decoder.h"
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
        struct decoder_limits limits = {2, 48, 96};
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

int test_cuda(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hopper_kernels_agree), cmocka_unit_test(turing_kernels_agree_in_any_order),
        cmocka_unit_test(decoder_agrees),       cmocka_unit_test(refusals_say_why),
        cmocka_unit_test(full_memory_is_said),  cmocka_unit_test(launches_are_timed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
