/* llm_table.c - measured products in a profile come before the fitted form: straight lines between
 * the rows of a shape, beyond them the last line; other shapes take the form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/llm_internal.h"

int test_llm_table(void);

static const struct gpu_speed speed = {1e12, 1e14, 100.0, 2.0, 2.0, false};

static struct gpu_gemm gemm_of(struct gpu_gemm_row *rows, size_t n)
{
    struct gpu_gemm g = {.memory = 1.0,
                         .tile_large = 1.0,
                         .tile_medium = 1.0,
                         .tile_small = 1.0,
                         .sharpness = 1.0,
                         .few_rows = 1e6,
                         .few_memory = 0.5,
                         .few_rate = 0.5};
    g.table.items = rows;
    g.table.n = n;
    return g;
}

static void lines_come_before_the_form(void **state)
{
    (void)state;
    struct gpu_gemm_row rows[] = {
        {1, 64, 32, 1.0}, {4, 64, 32, 4.0}, {8, 64, 32, 6.0}, {1, 32, 32, 9.0}};
    struct gpu_gemm g = gemm_of(rows, 4);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 1, 64, 32, NULL), 1.0F, 1e-6F);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 3, 64, 32, NULL), 3.0F, 1e-6F);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 6, 64, 32, NULL), 5.0F, 1e-6F);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 8, 64, 32, NULL), 6.0F, 1e-6F);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 16, 64, 32, NULL), 10.0F, 1e-6F);
    /* one row says it for every m */
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 5, 32, 32, NULL), 9.0F, 1e-6F);
}

static void other_shapes_take_the_form(void **state)
{
    (void)state;
    struct gpu_gemm_row rows[] = {{1, 64, 32, 1.0}};
    struct gpu_gemm g = gemm_of(rows, 1);
    double m = 2;
    double n = 32;
    double k = 64;
    double form = (n * k + m * k + m * n) * 2.0 / 0.5e12 + 2.0 * m * n * k / 0.5e14;
    assert_float_equal((float)(gpu_gemm_s(&g, &speed, m, n, k, NULL) / form), 1.0F, 1e-6F);
}

/* A noisy end of the table is not drawn out to falling times. */
static void times_do_not_fall_beyond_the_table(void **state)
{
    (void)state;
    struct gpu_gemm_row rows[] = {{1, 64, 32, 2.0}, {2, 64, 32, 1.5}};
    struct gpu_gemm g = gemm_of(rows, 2);
    assert_float_equal((float)gpu_gemm_s(&g, &speed, 10, 64, 32, NULL), 1.5F, 1e-6F);
}

int test_llm_table(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_before_the_form),
        cmocka_unit_test(other_shapes_take_the_form),
        cmocka_unit_test(times_do_not_fall_beyond_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
