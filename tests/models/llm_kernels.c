/* llm_kernels.c - how far the kernel forms are from the measured kernel tables, on the rows that
 * tools/fit_gpu.c held out (every fifth): by GPU and precision, products and attention. And what
 * holds for the forms whatever was measured. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "models/llm.h"
#include "tools/fit_gpu_tables.h"

static struct arena arena;

static const struct gpu_profile *profile_of(const char *name)
{
    const struct gpu_profile *gpu;
    struct err e = {0};
    if (gpu_profile_load("bench/profiles", name, &arena, &gpu, &e) != 0) {
        fail_msg("%s", e.text);
    }
    assert_non_null(gpu->kernels);
    return gpu;
}

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

struct errors {
    double values[8192];
    int n;
};

static void errors_add(struct errors *errors, const struct sample *s, double predicted_s)
{
    if (s->held_out) {
        assert_in_range(errors->n, 0, 8191);
        errors->values[errors->n++] = fabs(predicted_s / s->seconds - 1.0);
    }
}

static void errors_check(struct errors *errors, const char *gpu, const char *what)
{
    assert_true(errors->n > 10);
    qsort(errors->values, (size_t)errors->n, sizeof errors->values[0], compare_doubles);
    double median = errors->values[errors->n / 2];
    if (!(median <= 0.08)) {
        fail_msg("%s %s: median error %.3f over %d rows", gpu, what, median, errors->n);
    }
}

static bool no_tables(void)
{
    FILE *f = table_open("gemm.csv");
    table_close(f);
    return f == NULL;
}

static void test_products_are_within_eight_percent(void **state)
{
    (void)state;
    if (no_tables()) {
        skip();
    }
    int checked = 0;
    for (int i = 0; i < TARGETS; i++) {
        const struct target *target = &targets[i];
        const struct gpu_profile *gpu = profile_of(target->name);
        for (int p = 0; p < PRECISIONS; p++) {
            const struct precision *precision = &precisions[p];
            struct table t = {0};
            if (target->layers != NULL && p == 0) {
                t = layer_gemm_read(target->layers);
            } else if (target->framework[p] != NULL) {
                struct gemm_key key = {target->csv, target->framework[p], target->version[p],
                                       precision->dtype};
                t = gemm_read(&key);
            }
            const struct gpu_gemm *gemm = gpu_gemm_find(gpu->kernels, precision->quants[0]);
            assert_int_equal(t.n > 0, gemm != NULL);
            if (gemm == NULL) {
                continue;
            }
            struct gpu_speed speed = gpu_speed_of(gpu, gemm->rate, precision->quant);
            speed.repeated = true;
            struct errors errors = {.n = 0};
            for (int k = 0; k < t.n; k++) {
                const struct sample *s = &t.rows[k];
                errors_add(&errors, s, gpu_gemm_s(gemm, &speed, s->m, s->n, s->k, NULL));
            }
            assert_int_equal(errors.n, gemm->fit->rows_held_out);
            errors_check(&errors, target->name, precision->quants[0]);
            free(t.rows);
            checked++;
        }
    }
    assert_int_equal(checked, 18);
}

static double attention_of(const struct gpu_profile *gpu, const struct sample *s,
                           enum attention_part part)
{
    struct gpu_speed speed = gpu_speed_of(gpu, GPU_RATE_F16, LLM_BF16);
    const struct gpu_attention *a = &gpu->kernels->attention;
    if (part == PART_DECODE) {
        return gpu_decode_attention_s(a, &speed, &s->heads, s->batch, s->batch * s->context);
    }
    double batch = part == PART_MIXED ? 1.0 : s->batch;
    double prompts = gpu_prefill_attention_s(a, &speed, &s->heads, batch, s->past, s->tokens);
    return part == PART_PREFILL ? prompts
                                : gpu_mixed_attention_s(a, &speed, &s->heads, prompts, s->batch,
                                                        s->batch * s->context);
}

/* By GPU: prompts, decoding and both together. H200's prompts are above its peak rate and were not
 * fitted; they are not asked for here. */
static void test_attention_is_within_eight_percent(void **state)
{
    (void)state;
    if (no_tables()) {
        skip();
    }
    int checked = 0;
    for (int i = 0; i < TARGETS; i++) {
        const struct target *target = &targets[i];
        const struct gpu_profile *gpu = profile_of(target->name);
        struct errors errors = {.n = 0};
        for (int part = PART_PREFILL; part <= PART_MIXED; part++) {
            struct table t = {0};
            if (target->layers != NULL) {
                t = layer_attention_read(target->layers, (enum attention_part)part);
            } else if (target->attention != NULL && part != PART_MIXED &&
                       (part == PART_DECODE || target->prefill)) {
                t = attention_read(target->csv, target->attention, part == PART_PREFILL);
            }
            for (int k = 0; k < t.n; k++) {
                errors_add(&errors, &t.rows[k],
                           attention_of(gpu, &t.rows[k], (enum attention_part)part));
            }
            free(t.rows);
        }
        if (errors.n > 0) {
            errors_check(&errors, target->name, "attention");
            checked++;
        }
    }
    assert_int_equal(checked, 5);
}

/* Work makes kernels longer, and none beats the peak rate or the bandwidth. */
static void test_products_keep_to_the_peaks(void **state)
{
    (void)state;
    for (int i = 0; i < TARGETS; i++) {
        const struct gpu_profile *gpu = profile_of(targets[i].name);
        const struct gpu_gemm *list = gpu->kernels->gemm.items;
        for (size_t g = 0; g < gpu->kernels->gemm.n; g++) {
            struct gpu_speed speed = gpu_speed_of(gpu, list[g].rate, LLM_W4A16);
            for (double m = 1.0; m <= 16384.0; m *= 2.0) {
                double s = gpu_gemm_s(&list[g], &speed, m, 4096.0, 4096.0, NULL);
                assert_true(s >= 2.0 * m * 4096.0 * 4096.0 / speed.flops);
                assert_true(s >= 4096.0 * 4096.0 * 0.53 / speed.bandwidth);
                assert_true(gpu_gemm_s(&list[g], &speed, m, 8192.0, 4096.0, NULL) >= s);
                assert_true(gpu_gemm_s(&list[g], &speed, m, 4096.0, 8192.0, NULL) >= s);
            }
        }
    }
}

static void test_prompts_fill_tiles_of_queries(void **state)
{
    (void)state;
    assert_true(gpu_prefill_pairs(0.0, 1.0) == 128.0);
    assert_true(gpu_prefill_pairs(0.0, 128.0) == 128.0 * 128.0);
    assert_true(gpu_prefill_pairs(0.0, 256.0) == 128.0 * (128.0 + 256.0));
    assert_true(gpu_prefill_pairs(100.0, 129.0) == 128.0 * (228.0 + 229.0));
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

int test_llm_kernels(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_products_are_within_eight_percent),
        cmocka_unit_test(test_attention_is_within_eight_percent),
        cmocka_unit_test(test_products_keep_to_the_peaks),
        cmocka_unit_test(test_prompts_fill_tiles_of_queries),
    };
    return cmocka_run_group_tests_name("llm_kernels", tests, NULL, teardown);
}
