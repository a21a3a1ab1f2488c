/* Pins: memory is zeroed, aligned, disjoint and survives growth; overflow gives NULL. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/arena.h"

static void test_zeroed_aligned_disjoint(void **state)
{
    (void)state;
    enum { N = 2000 };
    struct arena a = {0};
    static unsigned char *items[N];
    for (size_t i = 0; i < N; i++) {
        size_t bytes = i * 7 % 301 + 1;
        items[i] = arena_alloc(&a, bytes);
        assert_non_null(items[i]);
        assert_int_equal((uintptr_t)items[i] % _Alignof(max_align_t), 0);
        for (size_t b = 0; b < bytes; b++) {
            assert_int_equal(items[i][b], 0);
        }
        memset(items[i], (int)(i % 255) + 1, bytes);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t b = 0; b < i * 7 % 301 + 1; b++) {
            assert_int_equal(items[i][b], i % 255 + 1);
        }
    }
    arena_free(&a);
    assert_null(a.head);
}

static void test_large_and_empty(void **state)
{
    (void)state;
    struct arena a = {0};
    unsigned char *empty = arena_alloc(&a, 0);
    assert_non_null(empty);
    unsigned char *large = arena_alloc(&a, 3000000);
    assert_non_null(large);
    large[2999999] = 1;
    double *numbers = arena_array(&a, 5, sizeof *numbers);
    assert_non_null(numbers);
    assert_true(numbers[4] == 0.0);
    arena_free(&a);
    assert_non_null(arena_alloc(&a, 1)); /* may be used again */
    arena_free(&a);
}

/* Items made of whole cache lines begin with one, between others that do not. */
static void test_lines(void **state)
{
    (void)state;
    struct arena a = {0};
    for (size_t n = 1; n < 50; n++) {
        assert_non_null(arena_alloc(&a, n));
        unsigned char *lines = arena_lines(&a, n, 2 * CACHE_LINE);
        assert_int_equal((uintptr_t)lines % CACHE_LINE, 0);
        for (size_t i = 0; i < n * 2 * CACHE_LINE; i++) {
            assert_int_equal(lines[i], 0);
        }
        memset(lines, 0xee, n * 2 * CACHE_LINE);
    }
    assert_null(arena_lines(&a, SIZE_MAX / 2, 4));
    assert_null(arena_lines(&a, SIZE_MAX - 8, 1));
    arena_free(&a);
}

static void test_overflow(void **state)
{
    (void)state;
    struct arena a = {0};
    assert_null(arena_array(&a, SIZE_MAX / 2, 4));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_alloc(&a, SIZE_MAX - 8));
    arena_free(&a);
}

static void test_strdup(void **state)
{
    (void)state;
    struct arena a = {0};
    char text[] = "fruit";
    char *copy = arena_strdup(&a, text);
    text[0] = 'b';
    assert_string_equal(copy, "fruit");
    assert_string_equal(arena_strdup(&a, ""), "");
    arena_free(&a);
}

int test_arena(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_zeroed_aligned_disjoint),
        cmocka_unit_test(test_large_and_empty),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_strdup),
    };
    return cmocka_run_group_tests_name("arena", tests, NULL, NULL);
}
