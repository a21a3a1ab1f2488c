/* batch_decide.c - pins what each batching policy decides, step by step, in small cases, and the
 * queue and KV bookkeeping around it. Random workloads are batch.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>
#include <cmocka.h>

#include "sched/batch.h"

/* The options as the policies' own tables lay them out. */
struct slots_options {
    int64_t num_parallel, max_queue, n_batch;
};

static uint32_t add(struct batch *b, int64_t prompt, int64_t output, int64_t passes)
{
    struct batch_request r = {.prompt_tokens = prompt, .output_tokens = output};
    r.vision_passes = passes;
    uint32_t handle;
    assert_int_equal(batch_arrive(b, 0, &r, &handle), BATCH_ACCEPTED);
    return handle;
}

static void start(struct batch *b, const struct batch_policy *policy, const void *options,
                  int64_t kv_tokens)
{
    struct err e = {0};
    assert_int_equal(batch_init(b, policy, options, kv_tokens, 16, &e), 0);
}

static const struct batch_action *decide(struct batch *b, int32_t n_work, int64_t steps)
{
    const struct batch_action *a = batch_decide(b, 0);
    assert_non_null(a);
    assert_int_equal(a->n_work, n_work);
    assert_int_equal(a->steps, steps);
    return a;
}

static void test_continuous_chunks_prompts_behind_decodes(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_continuous, NULL, 65536); /* 2048 tokens a step */
    uint32_t first = add(&b, 100, 50, 0);
    uint32_t second = add(&b, 5000, 2, 3);
    const struct batch_action *a = decide(&b, 2, 1);
    assert_int_equal(a->work[0].request, first);
    assert_int_equal(a->work[0].tokens, 100);
    assert_int_equal(a->work[1].request, second);
    assert_int_equal(a->work[1].tokens, 1948);
    assert_int_equal(b.vision_passes, 3);
    assert_int_equal(b.n_chunks, 2);
    assert_int_equal(b.kv.used, 7 + 122);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, first)->generated, 1);
    assert_int_equal(batch_at(&b, second)->generated, 0);

    a = decide(&b, 2, 1); /* one token of the first, the rest for the second's prompt */
    assert_int_equal(a->work[0].tokens, 1);
    assert_int_equal(a->work[1].tokens, 2047);
    assert_int_equal(b.vision_passes, 0);
    assert_int_equal(b.n_decode, 1);
    assert_int_equal(b.context_tokens, 101);
    assert_int_equal(b.chunks[0].past, 1948);
    batch_advance(&b, 1);
    a = decide(&b, 2, 1);
    assert_int_equal(a->work[1].tokens, 5000 - 1948 - 2047);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, second)->generated, 1);

    a = decide(&b, 2, 1); /* both decode; the second ends after this step */
    assert_int_equal(b.n_decode, 2);
    batch_advance(&b, 1);
    assert_int_equal(b.n_finished, 1);
    assert_int_equal(b.finished[0], second);
    decide(&b, 1, 46);
    batch_advance(&b, 46);
    assert_int_equal(b.n_finished, 1);
    assert_null(batch_decide(&b, 0));
    assert_int_equal(b.requests.live, 0);
    batch_free(&b);
}

static void test_continuous_preempts_the_latest_and_recomputes(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_continuous, NULL, 160); /* 10 blocks */
    uint32_t old = add(&b, 64, 40, 0);
    uint32_t young = add(&b, 80, 20, 1);
    decide(&b, 2, 1);
    assert_int_equal(b.vision_passes, 1);
    assert_int_equal(b.kv.used, 4 + 5);
    batch_advance(&b, 1);
    uint32_t late = add(&b, 16, 2, 0);
    /* The old one needs a 5th block and gets the last free one; then there is none left. */
    const struct batch_action *a = decide(&b, 1, 1);
    assert_int_equal(a->n_preempt, 1);
    assert_int_equal(a->work[0].request, old);
    assert_int_equal(batch_at(&b, young)->state, BATCH_WAITING);
    assert_int_equal(batch_at(&b, young)->computed, 0);
    assert_int_equal(batch_at(&b, young)->generated, 1); /* its answer so far is not lost */
    assert_int_equal(b.waiting[b.head], young);          /* before who came later */
    assert_int_equal(b.waiting[b.head + 1], late);
    assert_int_equal(b.kv.used, 5);
    assert_int_equal(b.stats.dropped_tokens, 80);
    batch_advance(&b, 1);
    /* 81 tokens need 6 blocks, 5 are free: it waits, and nobody overtakes it. */
    a = decide(&b, 1, 38);
    assert_int_equal(a->n_admit, 0);
    batch_advance(&b, 38);
    a = decide(&b, 2, 1); /* the old one is done */
    assert_int_equal(a->work[0].request, young);
    assert_int_equal(a->work[0].tokens, 81);
    assert_int_equal(a->work[1].request, late);
    assert_int_equal(b.vision_passes, 0); /* the image was seen before */
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, young)->generated, 2);
    assert_int_equal(batch_at(&b, young)->preemptions, 1);
    while ((a = batch_decide(&b, 0)) != NULL) {
        batch_advance(&b, a->steps);
    }
    assert_int_equal(b.stats.finished, 3);
    assert_int_equal(b.stats.preemptions, 1);
    assert_int_equal(b.stats.prefill_tokens, 64 + 80 + 81 + 16);
    batch_free(&b);
}

static void test_slots_fill_batches_and_refuse(void **state)
{
    (void)state;
    struct slots_options options = {2, 1, 512};
    struct batch b;
    start(&b, &batch_parallel_slots, &options, 4096);
    uint32_t first = add(&b, 700, 10, 0);
    decide(&b, 1, 1);
    assert_int_equal(b.chunks[0].tokens, 512);
    assert_int_equal(b.kv.used, 45); /* 709 tokens, all at once */
    uint32_t second = add(&b, 400, 5, 0);
    struct batch_request r = {.prompt_tokens = 1, .output_tokens = 1};
    uint32_t handle;
    assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_QUEUE_FULL);
    assert_int_equal(handle, POOL_NONE);
    batch_advance(&b, 1);
    const struct batch_action *a = decide(&b, 2, 1); /* 188 of the first, 324 of the second */
    assert_int_equal(a->work[0].tokens, 188);
    assert_int_equal(a->work[1].request, second);
    assert_int_equal(a->work[1].tokens, 324);
    uint32_t third = add(&b, 30, 1, 0);
    batch_advance(&b, 1);
    assert_int_equal(batch_at(&b, first)->generated, 1);
    a = decide(&b, 2, 1); /* the third waits for a slot */
    assert_int_equal(b.n_decode, 1);
    assert_int_equal(a->work[1].tokens, 76);
    batch_advance(&b, 1);
    decide(&b, 2, 4); /* the second has 4 of 5 tokens to go */
    batch_advance(&b, 4);
    a = decide(&b, 2, 1);
    assert_int_equal(a->work[1].request, third);
    assert_int_equal(b.stats.refused, 1);
    batch_free(&b);
}

static void test_static_batches_start_and_end_together(void **state)
{
    (void)state;
    struct batch b;
    start(&b, &batch_static, NULL, 1024); /* 64 blocks, 8 requests */
    for (int i = 0; i < 10; i++) {
        add(&b, 100, 5 + i, 0);
    }
    decide(&b, 8, 1);
    assert_int_equal(b.n_chunks, 8);
    batch_advance(&b, 1);
    int64_t rest = 0;
    while (b.n_running > 0) {
        const struct batch_action *a = batch_decide(&b, 0);
        assert_int_equal(a->n_admit, 0); /* nobody joins */
        rest += a->steps;
        batch_advance(&b, a->steps);
    }
    assert_int_equal(rest, 11); /* the longest of the eight wants 12 tokens */
    decide(&b, 2, 1);
    batch_free(&b);

    start(&b, &batch_static, NULL, 256); /* 16 blocks: two requests of 7 */
    for (int i = 0; i < 3; i++) {
        add(&b, 100, 10, 0);
    }
    decide(&b, 2, 1);
    assert_int_equal(b.kv.used, 14);
    batch_free(&b);
}

static void test_what_never_fits_is_refused(void **state)
{
    (void)state;
    for (int i = 0; batch_policies[i] != NULL; i++) {
        struct batch b;
        start(&b, batch_policies[i], NULL, 160);
        struct batch_request r = {.prompt_tokens = 150, .output_tokens = 12};
        uint32_t handle;
        assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_TOO_LONG);
        assert_null(batch_decide(&b, 0));
        r.output_tokens = 11; /* 160 tokens in the cache at the end: exactly the pool */
        assert_int_equal(batch_arrive(&b, 0, &r, &handle), BATCH_ACCEPTED);
        const struct batch_action *a;
        while ((a = batch_decide(&b, 0)) != NULL) {
            batch_advance(&b, a->steps);
        }
        assert_int_equal(b.stats.finished, 1);
        assert_int_equal(b.kv.peak, 10);
        batch_free(&b);
    }
}

/* A policy of the test's own: takes whoever waits last, out of the middle of the queue. */
static void last_decide(void *state, const struct batch_view *view, struct batch_action *action)
{
    (void)state;
    if (view->n_running > 0) {
        action->work[action->n_work++] = (struct batch_work){view->running[0], 1};
        return;
    }
    int32_t at = view->n_waiting > 1 ? view->n_waiting - 2 : 0;
    action->admit[action->n_admit++] = (struct batch_admit){at, 0, 0};
    uint32_t request = view->waiting[at];
    action->work[action->n_work++] =
        (struct batch_work){request, batch_left(&view->requests[request])};
}

static void test_queues_can_be_entered_anywhere(void **state)
{
    (void)state;
    struct batch_policy last = batch_fifo;
    last.decide = last_decide;
    struct batch b;
    start(&b, &last, NULL, 4096);
    uint32_t handles[5];
    for (int i = 0; i < 5; i++) {
        handles[i] = add(&b, 10, 2, 0);
    }
    static const int order[] = {3, 2, 1, 0, 4};
    for (int i = 0; i < 5; i++) {
        const struct batch_action *a = decide(&b, 1, 1);
        assert_int_equal(a->work[0].request, handles[order[i]]);
        batch_advance(&b, 1);
        decide(&b, 1, 1);
        batch_advance(&b, 1);
    }
    assert_null(batch_decide(&b, 0));
    batch_free(&b);
}

static void test_options_come_from_tables(void **state)
{
    (void)state;
    int n = 0;
    for (; batch_policies[n] != NULL; n++) {
        const struct batch_policy *p = batch_policies[n];
        const struct json_variant *v = &batch_policy_variants[n];
        assert_ptr_equal(batch_policy_find(p->word), p);
        assert_string_equal(v->word, p->word);
        assert_ptr_equal(v->spec, p->options);
        /* All defaults, read or not, are the same. */
        struct arena a = {0};
        struct err e = {0};
        cJSON *empty = cJSON_Parse("{}");
        void *options = arena_alloc(&a, p->options->size);
        assert_int_equal(json_bind(empty, p->options, options, "test", "", &a, &e), 0);
        void *read = p->create(options);
        void *made = p->create(NULL);
        assert_memory_equal(read, made, p->options->size);
        p->destroy(read);
        p->destroy(made);
        cJSON_Delete(empty);
        arena_free(&a);
    }
    assert_null(batch_policy_variants[n].word);
    assert_int_equal(n, 5);
    assert_null(batch_policy_find("continuos"));
    struct err e = {0};
    struct batch_continuous few = {.max_num_batched_tokens = 16, .max_num_seqs = 32};
    assert_int_equal(batch_continuous_options.check(&few, "f", "p", &e), ERR_INPUT);
    struct slots_options many = {600, 512, 512};
    assert_int_equal(batch_parallel_slots_options.check(&many, "f", "p", &e), ERR_INPUT);
}

int test_batch_decide(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_continuous_chunks_prompts_behind_decodes),
        cmocka_unit_test(test_continuous_preempts_the_latest_and_recomputes),
        cmocka_unit_test(test_slots_fill_batches_and_refuse),
        cmocka_unit_test(test_static_batches_start_and_end_together),
        cmocka_unit_test(test_what_never_fits_is_refused),
        cmocka_unit_test(test_queues_can_be_entered_anywhere),
        cmocka_unit_test(test_options_come_from_tables),
    };
    return cmocka_run_group_tests_name("batch_decide", tests, NULL, NULL);
}
