/* edge.c - pins D1 to D3 of sched/edge.h over every policy of the table that places: on random
 * epochs in which each constraint binds some of the time, under the paper's cost and under one of a
 * node's own. That the searches find the largest batch is tests/sched/ot.c's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/draw.h"
#include "sched/edge.h"

enum { MOST = 60, NODES = 3 };

struct epoch {
    struct ot_model model;
    struct ot_node nodes[NODES];
    struct ot_request requests[NODES * MOST];
    int32_t order[NODES], n;
    struct edge_view view;
};

static double uniform(struct draw *d, double lo, double hi)
{
    return lo + (hi - lo) * gsl_rng_uniform(&d->rng);
}

/* A cost that saves time in a batch: a step for all prompts, and one per token for whoever has not
 * ended. */
static double shrinking(const void *self, const int64_t *n, const int32_t *counts, int32_t classes)
{
    double scale = *(const double *)self, seconds = 0.0;
    int32_t left = 0;
    int64_t made = 0;
    for (int32_t k = 0; k < classes; k++)
        left += counts[k];
    seconds = scale * left * 10.0;
    for (int32_t k = 0; k < classes; k++) {
        if (counts[k] > 0) {
            seconds += scale * (double)(n[k] - made) * (1.0 + 0.01 * left);
            made = n[k];
        }
        left -= counts[k];
    }
    return seconds;
}

static void make_epoch(struct epoch *x, uint64_t number, const double *scale)
{
    static const int64_t levels[] = {128, 256, 512};
    struct draw d;
    draw_at(&d, 11, DRAW_POLICY, 0, number);
    x->model = ot_model_of(30, 2560, 512);
    x->n = (int32_t)(gsl_rng_uniform(&d.rng) * MOST);
    for (int32_t j = 0; j < NODES; j++) {
        x->order[j] = (j + (int32_t)number % NODES) % NODES;
        x->nodes[j] = (struct ot_node){.flops = uniform(&d, 2e12, 4e13),
                                       .alpha = 0.5,
                                       .beta = uniform(&d, 0.25, 1),
                                       .memory_bytes = 0.5 * x->model.k1 +
                                                       0.5 * x->model.k2 * uniform(&d, 500, 30000),
                                       .dppl = uniform(&d, 0, 0.5),
                                       .dl_tokens = uniform(&d, 200, 9000),
                                       .seconds = scale != NULL ? shrinking : NULL,
                                       .self = scale};
        for (int32_t i = 0; i < x->n; i++)
            x->requests[j * x->n + i] =
                (struct ot_request){.n = levels[(int)(gsl_rng_uniform(&d.rng) * 3)],
                                    .rho_up = uniform(&d, 0.0, 0.2),
                                    .tau_s = uniform(&d, -0.2, 1.5),
                                    .accuracy = uniform(&d, 0, 1)};
    }
    x->view = (struct edge_view){.model = &x->model,
                                 .nodes = x->nodes,
                                 .order = x->order,
                                 .n_nodes = NODES,
                                 .requests = x->requests,
                                 .n = x->n,
                                 .compute_s = 1.5,
                                 .n_tokens = 512,
                                 .max_batch = MOST};
}

/* Members of node j, in the order of arrival. */
static int32_t members(const int32_t *node_of, int32_t n, int32_t j, int32_t *set)
{
    int32_t count = 0;
    for (int32_t i = 0; i < n; i++)
        if (node_of[i] == j)
            set[count++] = i;
    return count;
}

static int32_t check_placement(const struct edge_policy *p, const struct epoch *x,
                               const int32_t *node_of)
{
    int32_t placed = 0;
    for (int32_t i = 0; i < x->n; i++) {
        assert_in_range(node_of[i] + 1, 0, NODES);
        placed += node_of[i] >= 0;
        if (node_of[i] >= 0) { /* D1 */
            assert_true(x->requests[node_of[i] * x->n + i].accuracy <=
                        1.0 - x->nodes[node_of[i]].dppl);
        }
    }
    for (int32_t j = 0; j < NODES; j++) {
        int32_t set[MOST], n = members(node_of, x->n, j, set);
        const struct ot_request *seen = x->requests + (size_t)j * (size_t)x->n;
        assert_true(!p->keeps || ot_feasible(&x->model, &x->nodes[j], seen, set, n)); /* D2 */
        if (!p->keeps) { /* static: as many longest answers would be done within T_C, and fit */
            const int64_t longest = 512;
            double tokens = n * (512.0 + 512.0);
            assert_true(n == 0 || ot_batch_seconds(&x->model, &x->nodes[j], &longest, &n, 1) <=
                                      x->view.compute_s);
            assert_true(n == 0 ||
                        0.5 * (x->model.k1 + x->model.k2 * tokens) <= x->nodes[j].memory_bytes);
        }
    }
    return placed;
}

static void test_every_policy(void **state)
{
    (void)state;
    static const double scale = 0.001;
    for (int own = 0; own < 2; own++) {
        for (const struct edge_policy *const *p = edge_policies; *p != NULL; p++) {
            if ((*p)->place == NULL) {
                assert_true((*p)->flow != EDGE_EPOCHS);
                continue;
            }
            struct edge_ot_options options = {.search = EDGE_SEARCH_FAST};
            void *policy = (*p)->create(&options, 4);
            assert_non_null(policy);
            assert_true((*p)->reserve(policy, MOST));
            int64_t all = 0, some = 0;
            /* Without pruning sixty requests take long. */
            int64_t epochs = *p == &edge_brute_force ? 8 : 400;
            for (int64_t number = 0; number < epochs; number++) {
                struct epoch x;
                make_epoch(&x, (uint64_t)number, own ? &scale : NULL);
                if (*p == &edge_brute_force && x.n > 12)
                    x.n = x.view.n = 12; /* other requests, as good as any */
                int32_t node_of[MOST], again[MOST];
                struct ot_answer a = (*p)->place(policy, &x.view, node_of);
                assert_int_equal(check_placement(*p, &x, node_of), a.count);
                some += a.count;
                all += x.n;
                (*p)->place(policy, &x.view, again); /* D3 */
                assert_memory_equal(node_of, again, (size_t)x.n * sizeof *again);
            }
            assert_true(some > 0 && some < all);
            (*p)->destroy(policy);
        }
    }
}

/* All searches of gah place as many, and brute-force when it is let. */
static void test_searches_agree(void **state)
{
    (void)state;
    static const double scale = 0.001;
    void *policies[4];
    for (int k = 0; k < 3; k++)
        policies[k] = edge_gah.create(&(struct edge_ot_options){.search = k}, MOST);
    policies[3] = edge_brute_force.create(&(struct edge_ot_options){0}, MOST);
    for (uint64_t number = 0; number < 300; number++) {
        struct epoch x;
        make_epoch(&x, number, number % 2 ? &scale : NULL);
        x.n = x.view.n = x.n > 14 ? 14 : x.n;
        x.view.n_nodes = 1;
        int32_t counts[4], node_of[MOST];
        for (int k = 0; k < 4; k++)
            counts[k] = edge_gah.place(policies[k], &x.view, node_of).count;
        assert_int_equal(counts[0], counts[1]);
        assert_int_equal(counts[0], counts[2]);
        assert_int_equal(counts[0], counts[3]);
    }
    for (int k = 0; k < 4; k++)
        edge_gah.destroy(policies[k]);
}

/* The table and the words of the loader go together. */
static void test_words(void **state)
{
    (void)state;
    int i = 0;
    for (; edge_policies[i] != NULL; i++) {
        assert_string_equal(edge_policies[i]->word, edge_policy_variants[i].word);
        assert_ptr_equal(edge_policies[i]->options, edge_policy_variants[i].spec);
        assert_string_equal(edge_policies[i]->doc, edge_policy_variants[i].doc);
    }
    assert_null(edge_policy_variants[i].word);
}

int test_edge(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_policy),
        cmocka_unit_test(test_searches_agree),
        cmocka_unit_test(test_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
