/* radio_ask.h - asks a fresh radio policy for one slot; for the tests of this folder. Include after
 * <cmocka.h>. */
#ifndef TESTS_SCHED_RADIO_ASK_H
#define TESTS_SCHED_RADIO_ASK_H

#include <string.h>

#include "base/json.h"
#include "sched/radio.h"

/* `options` is JSON text, or NULL for none. Returns the number of grants. */
static inline int32_t radio_ask(const char *word, const char *options,
                                const struct radio_view *view, struct radio_grant *grants)
{
    const struct radio_policy *p = radio_policy_find(word);
    assert_non_null(p);
    struct arena a = {0};
    void *bound = NULL;
    if (options != NULL) {
        struct cJSON *root = NULL;
        struct err e = {0};
        assert_int_equal(json_read_text("options", options, strlen(options), &root, &e), 0);
        bound = arena_alloc(&a, p->options->size);
        if (json_bind(root, p->options, bound, "options", "", &a, &e) != 0) {
            fail_msg("%s", e.text);
        }
        json_delete(root);
    }
    void *state = p->create(bound, view->carrier_prb, view->slices);
    assert_non_null(state);
    int32_t n = p->allocate(state, view, grants);
    p->destroy(state);
    arena_free(&a);
    return n;
}

/* PRB by UE. */
static inline int32_t radio_ask_prb(const char *word, const char *options,
                                    const struct radio_view *view, int32_t *prb)
{
    struct radio_grant grants[64];
    assert_true(view->max_grants <= 64);
    int32_t n = radio_ask(word, options, view, grants);
    memset(prb, 0, (size_t)view->n_ues * sizeof *prb);
    for (int32_t i = 0; i < n; i++) {
        assert_int_equal(grants[i].prb_start, -1);
        assert_int_equal(grants[i].tbs_prb, grants[i].n_prb);
        assert_int_equal(prb[grants[i].ue], 0); /* a UE appears once */
        prb[grants[i].ue] = grants[i].n_prb;
    }
    return n;
}

static inline struct radio_ue_view radio_ue(int branch, int fruit, int32_t prb, double thr)
{
    return (struct radio_ue_view){.branch = branch,
                                  .fruit = fruit,
                                  .backlog_bytes = prb * 20,
                                  .mcs = 9,
                                  .cqi = 9,
                                  .thr = thr,
                                  .pf_bytes = 100,
                                  .prb_for_backlog = prb,
                                  .max_prb = 100,
                                  .last_slot = -1,
                                  .service = ""};
}

static inline struct slice radio_slice(int parent, double min, double max)
{
    return (struct slice){.id = "s",
                          .parent = parent,
                          .min_ratio = min,
                          .max_ratio = max,
                          .priority = 1,
                          .sst = 1,
                          .sd = -1,
                          .service = ""};
}

#endif
