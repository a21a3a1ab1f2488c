/* Pins pool.c's P1 to P3 and that a pool does not grow below its highest number of items. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "base/err.h"
#include "base/pool.h"

struct item {
    uint64_t a, b, c;
};

static void test_handles_survive_growth(void **state)
{
    (void)state;
    enum { N = 1000 };
    struct pool p;
    assert_int_equal(pool_init(&p, sizeof(struct item), 0), 0);
    for (uint32_t i = 0; i < N; i++) {
        uint32_t h = pool_take(&p);
        assert_int_equal(h, i); /* P2 */
        struct item *item = pool_at(&p, h);
        assert_true(item->a == 0 && item->b == 0 && item->c == 0); /* P3 */
        item->a = i;
        item->c = ~(uint64_t)i;
    }
    assert_int_equal(p.live, N);
    for (uint32_t i = 0; i < N; i++) {
        struct item *item = pool_at(&p, i);
        assert_true(item->a == i && item->c == ~(uint64_t)i);
    }
    pool_free(&p);
}

static void test_handles_same_for_any_capacity(void **state)
{
    (void)state;
    struct pool small;
    struct pool large;
    assert_int_equal(pool_init(&small, 8, 1), 0);
    assert_int_equal(pool_init(&large, 8, 500), 0);
    for (uint32_t i = 0; i < 400; i++) {
        assert_int_equal(pool_take(&small), pool_take(&large));
        if (i % 3 == 2) {
            pool_give(&small, i / 2);
            pool_give(&large, i / 2);
            assert_int_equal(pool_take(&small), i / 2);
            assert_int_equal(pool_take(&large), i / 2);
        }
    }
    pool_free(&small);
    pool_free(&large);
}

static void test_steady_state(void **state)
{
    (void)state;
    struct pool p;
    assert_int_equal(pool_init(&p, sizeof(struct item), 100), 0);
    const unsigned char *items = p.items;
    uint32_t held[100];
    for (int round = 0; round < 50; round++) {
        for (uint32_t i = 0; i < 100; i++) {
            held[i] = pool_take(&p);
            struct item *item = pool_at(&p, held[i]);
            assert_true(item->a == 0 && item->c == 0);
            memset(item, 0xee, sizeof *item);
        }
        for (uint32_t i = 0; i < 100; i++) {
            pool_give(&p, held[(i * 37) % 100]);
        }
    }
    assert_ptr_equal(p.items, items);
    assert_int_equal(p.capacity, 100);
    assert_int_equal(p.live, 0);
    pool_free(&p);
}

/* P1: a handle that is out is told from one that is not. */
static void test_taken_is_marked(void **state)
{
    (void)state;
    struct pool p;
    assert_int_equal(pool_init(&p, 4, 4), 0);
    uint32_t h = pool_take(&p);
    assert_int_equal(p.next[h], h);
    pool_give(&p, h);
    assert_int_not_equal(p.next[h], h);
    pool_free(&p);
}

static void test_too_large(void **state)
{
    (void)state;
    struct pool p;
    assert_int_equal(pool_init(&p, SIZE_MAX / 2, 3), ERR_MEMORY);
    assert_null(p.items);
}

int test_pool(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handles_survive_growth),
        cmocka_unit_test(test_handles_same_for_any_capacity),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_taken_is_marked),
        cmocka_unit_test(test_too_large),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
