/* batch_prefix.c - pins P1 to P3 of sched/batch_prefix.h: what is evicted and when, over a small
 * case and over random chains. What a batch does with it is batch.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/draw.h"
#include "sched/batch.h"

static int64_t idle_of(const struct batch_prefix *c)
{
    int64_t n = 0;
    for (uint32_t i = c->oldest; i != UINT32_MAX; i = c->entries[i].newer) {
        assert_int_equal(c->entries[i].refs, 0);
        n++;
    }
    return n;
}

static void test_heads_live_longer(void **state)
{
    (void)state;
    struct batch_prefix c;
    struct err e = {0};
    static const int64_t first[] = {1, 2, 3};
    static const int64_t second[] = {1, 2, 4};
    int32_t idle;
    assert_int_equal(batch_prefix_init(&c, 64, 64, 16, &e), 0);
    assert_int_equal(c.entry_blocks, 4);
    for (int i = 0; i < 3; i++) {
        assert_true(batch_prefix_add(&c, first[i]));
    }
    assert_false(batch_prefix_add(&c, 2));
    assert_int_equal(batch_prefix_match(&c, second, 3, &idle), 2);
    assert_int_equal(idle, 0);
    batch_prefix_release(&c, first, 3);
    assert_int_equal(batch_prefix_idle_blocks(&c), 12);
    assert_int_equal(batch_prefix_match(&c, second, 3, &idle), 2);
    assert_int_equal(idle, 2);
    batch_prefix_use(&c, second, 2);
    batch_prefix_evict(&c); /* 3 is the only idle one (P2) */
    assert_int_equal(c.n_idle, 0);
    assert_int_equal(batch_prefix_match(&c, first, 3, &idle), 2);
    batch_prefix_release(&c, second, 2);
    batch_prefix_evict(&c); /* the end of the chain */
    assert_int_equal(batch_prefix_match(&c, first, 3, &idle), 1);
    batch_prefix_evict(&c);
    assert_int_equal(c.n, 0);
    batch_prefix_free(&c);
}

/* Chains of 1 to 12 ids out of 200 talks come and go; entries are evicted whenever all are taken.
 */
static void test_random_chains(void **state)
{
    (void)state;
    enum { USERS = 16, LONGEST = 12, ENTRIES = 200 };
    struct batch_prefix c;
    struct err e = {0};
    static int64_t ids[USERS][LONGEST];
    int32_t n[USERS] = {0};
    int64_t hits = 0;
    assert_int_equal(batch_prefix_init(&c, 2 * ENTRIES, 32, 16, &e), 0);
    for (uint64_t k = 0; k < 50000; k++) {
        int u = (int)(k % USERS);
        batch_prefix_release(&c, ids[u], n[u]);
        int64_t talk = (int64_t)(draw_uniform(3, DRAW_REQUEST, 0, k) * 200.0);
        int32_t wants = 1 + (int32_t)(draw_uniform(3, DRAW_REQUEST, 1, k) * LONGEST);
        for (int i = 0; i < LONGEST; i++) {
            ids[u][i] = i < 2 ? i : talk * LONGEST + i;
        }
        int32_t idle;
        n[u] = batch_prefix_match(&c, ids[u], wants, &idle);
        assert_true(idle <= n[u] && idle <= (int32_t)c.n_idle);
        batch_prefix_use(&c, ids[u], n[u]);
        hits += n[u];
        while (n[u] < wants) {
            if (c.n == ENTRIES) {
                if (c.n_idle == 0) {
                    break;
                }
                batch_prefix_evict(&c);
            }
            if (!batch_prefix_add(&c, ids[u][n[u]])) {
                break; /* the middle of the chain had gone, its end had not */
            }
            n[u]++;
        }
        assert_true(c.n <= ENTRIES);
        if (k % 97 == 0) {
            assert_int_equal(idle_of(&c), c.n_idle);
            for (int v = 0; v < USERS; v++) { /* P2: whatever is in use is there */
                assert_int_equal(batch_prefix_match(&c, ids[v], n[v], &idle), n[v]);
                assert_int_equal(idle, 0);
            }
        }
    }
    assert_true(hits > 50000);
    for (int u = 0; u < USERS; u++) {
        batch_prefix_release(&c, ids[u], n[u]);
    }
    assert_int_equal(c.n_idle, c.n);
    while (c.n > 0) {
        batch_prefix_evict(&c);
    }
    assert_int_equal(c.oldest, UINT32_MAX);
    batch_prefix_free(&c);
}

/* P3: the same prompt again, block for block. */
static void test_one_token_is_always_computed(void **state)
{
    (void)state;
    static const int64_t ids[] = {10, 11};
    struct batch b;
    struct err e = {0};
    assert_int_equal(batch_init(&b, &batch_continuous, NULL, 4096, 16, &e), 0);
    assert_int_equal(batch_set_prefix(&b, 512, &e), 0);
    static const int64_t runs[] = {1024, 512};
    for (int i = 0; i < 2; i++) {
        struct batch_request r = {.prompt_tokens = 1024, .output_tokens = 1, .prefix = ids};
        uint32_t handle;
        r.n_prefix = 2;
        assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_ACCEPTED);
        const struct batch_action *a = batch_decide(&b, 0);
        assert_int_equal(a->work[0].tokens, runs[i]);
        assert_int_equal(b.kv.used, 64 + (i == 1 ? 32 : 0)); /* its own copy of the last block */
        batch_advance(&b, 1);
        assert_null(batch_decide(&b, 0));
        assert_int_equal(b.kv.used, 64);
    }
    assert_int_equal(b.stats.hit_tokens, 512);
    assert_int_equal(b.stats.prefill_tokens, 1536);
    batch_free(&b);
}

int test_batch_prefix(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_heads_live_longer),
        cmocka_unit_test(test_random_chains),
        cmocka_unit_test(test_one_token_is_always_computed),
    };
    return cmocka_run_group_tests_name("batch_prefix", tests, NULL, NULL);
}
