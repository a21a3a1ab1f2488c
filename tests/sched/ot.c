/* ot.c - OT and GAH (invariants T1 to T3 of sched/ot.h) against exhaustive search over all subsets,
 * which knows nothing of trees or classes. What the paper's settings give stands elsewhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/draw.h"
#include "sched/ot.h"

enum { MOST = 12, MOST_NODES = 3 };

struct small {
    struct ot_model model;
    struct ot_node nodes[MOST_NODES];
    struct ot_request requests[MOST_NODES * MOST];
    int32_t n, n_nodes;
};

static double uniform(struct draw *d, double lo, double hi)
{
    return lo + (hi - lo) * gsl_rng_uniform(&d->rng);
}

/* Random instances in which every kind of constraint binds some of the time. */
static struct small small_instance(uint64_t number, int32_t n_nodes)
{
    static const int64_t levels[] = {128, 256, 512};
    struct draw d;
    draw_at(&d, 7, DRAW_POLICY, 0, number);
    struct small s = {.n_nodes = n_nodes};
    s.model = ot_model_of(30, 2560, 512);
    int32_t most = n_nodes == 1 ? MOST : 8;
    s.n = 1 + (int32_t)(gsl_rng_uniform(&d.rng) * most);
    for (int32_t j = 0; j < n_nodes; j++) {
        s.nodes[j] = (struct ot_node){.flops = uniform(&d, 2e12, 4e13),
                                      .alpha = 0.5,
                                      .beta = uniform(&d, 0.25, 1),
                                      .memory_bytes = 0.5 * s.model.k1 +
                                                      0.5 * s.model.k2 * uniform(&d, 500, 8000),
                                      .dppl = uniform(&d, 0, 0.3),
                                      .dl_tokens = uniform(&d, 200, 3000)};
        for (int32_t i = 0; i < s.n; i++) {
            s.requests[j * s.n + i] =
                (struct ot_request){.n = levels[(int)(gsl_rng_uniform(&d.rng) * 3)],
                                    .rho_up = uniform(&d, 0.01, 0.5),
                                    .tau_s = uniform(&d, -0.2, 2),
                                    .accuracy = uniform(&d, 0, 1)};
        }
    }
    return s;
}

/* Largest feasible subset, by trying all of them. */
static int32_t exhaustive(const struct small *s, uint32_t *best_set)
{
    int32_t best = 0;
    for (uint32_t bits = 1; bits < 1U << s->n; bits++) {
        int32_t set[MOST], n = 0;
        for (int32_t i = 0; i < s->n; i++) {
            if (bits >> i & 1) {
                set[n++] = i;
            }
        }
        if (n > best && ot_feasible(&s->model, &s->nodes[0], s->requests, set, n)) {
            best = n;
            *best_set = bits;
        }
    }
    return best;
}

/* T1, T2: 10 000 instances, all four searches. */
static void test_exhaustive(void **state)
{
    (void)state;
    struct ot *ot = ot_new(MOST);
    assert_non_null(ot);
    int64_t visited[4] = {0}, not_all = 0, some = 0;
    const struct ot_search *const searches[] = {&ot_paper, &ot_unpruned, &ot_fast, &ot_wide};
    for (uint64_t number = 0; number < 10000; number++) {
        struct small s = small_instance(number, 1);
        uint32_t set = 0;
        int32_t best = exhaustive(&s, &set);
        not_all += best < s.n;
        some += best > 0;
        for (int k = 0; k < 4; k++) {
            int32_t selected[MOST];
            struct ot_answer a =
                ot_solve(ot, &s.model, &s.nodes[0], s.requests, NULL, s.n, searches[k], selected);
            assert_int_equal(a.count, best);
            assert_false(a.stopped);
            assert_true(ot_feasible(&s.model, &s.nodes[0], s.requests, selected, a.count));
            for (int32_t i = 1; i < a.count; i++) {
                assert_true(selected[i - 1] < selected[i]);
            }
            visited[k] += (int64_t)a.nodes_visited;
        }
    }
    assert_true(not_all > 5000 && some > 5000); /* constraints bind, and not always all */
    assert_true(visited[0] < visited[1] && visited[2] < visited[0]);
    ot_free(ot);
}

/* Best assignment over all nodes, by trying each node, or none, for each request in turn. */
static int32_t best_assignment(const struct small *s, int32_t i, int32_t *node_of, int32_t taken,
                               int32_t best)
{
    if (taken + s->n - i <= best) {
        return best;
    }
    if (i == s->n) {
        return taken;
    }
    for (int32_t j = 0; j < s->n_nodes; j++) {
        int32_t set[MOST], n = 0;
        for (int32_t k = 0; k < i; k++) {
            if (node_of[k] == j) {
                set[n++] = k;
            }
        }
        set[n++] = i;
        /* A set that is not feasible does not become so. */
        if (ot_feasible(&s->model, &s->nodes[j], s->requests + j * s->n, set, n)) {
            node_of[i] = j;
            best = best_assignment(s, i + 1, node_of, taken + 1, best);
        }
    }
    node_of[i] = -1;
    return best_assignment(s, i + 1, node_of, taken, best);
}

/* T3, and each node's batch keeps its constraints. */
static void test_gah(void **state)
{
    (void)state;
    struct ot *ot = ot_new(1);
    assert_non_null(ot);
    assert_true(ot_reserve(ot, MOST));
    int less = 0;
    for (uint64_t number = 0; number < 1000; number++) {
        struct small s = small_instance(number, 1 + (int32_t)(number % MOST_NODES));
        static const int32_t order[MOST_NODES] = {0, 1, 2};
        int32_t node_of[MOST], best_of[MOST];
        struct ot_answer a =
            ot_gah(ot, &s.model, s.nodes, s.n_nodes, order, s.requests, s.n, &ot_fast, node_of);
        int32_t best = best_assignment(&s, 0, best_of, 0, 0);
        assert_true(a.count <= best && 2 * a.count >= best);
        less += a.count < best;
        int32_t total = 0;
        for (int32_t j = 0; j < s.n_nodes; j++) {
            int32_t set[MOST], n = 0;
            for (int32_t i = 0; i < s.n; i++) {
                if (node_of[i] == j) {
                    set[n++] = i;
                }
            }
            assert_true(ot_feasible(&s.model, &s.nodes[j], s.requests + j * s.n, set, n));
            total += n;
        }
        assert_int_equal(total, a.count);
        if (s.n_nodes == 1) {
            assert_int_equal(a.count, best);
        }
    }
    assert_true(less > 0); /* else the bound is not tested */
    ot_free(ot);
}

/* Two requests of equal n, room in the uplink for one of them beside d: the smaller rho_up. */
static void test_by_hand(void **state)
{
    (void)state;
    struct ot *ot = ot_new(4);
    assert_non_null(ot);
    struct ot_model m = {.s_pad = 10, .k1 = 100, .k2 = 1, .k3 = 1, .k4 = 1, .k5 = 0};
    struct ot_node node = {
        .flops = 1, .memory_bytes = 1000, .alpha = 1, .beta = 1, .dppl = 0.1, .dl_tokens = 100};
    struct ot_request r[] = {{.n = 5, .rho_up = 0.7, .tau_s = 100},
                             {.n = 5, .rho_up = 0.4, .tau_s = 100},
                             {.n = 5, .rho_up = 0.5, .tau_s = 50},
                             {.n = 5, .rho_up = 0.1, .tau_s = 50, .accuracy = 0.95}};
    int32_t selected[4];
    struct ot_answer a = ot_solve(ot, &m, &node, r, NULL, 4, &ot_paper, selected);
    assert_int_equal(a.count, 2);
    assert_int_equal(selected[0], 1);
    assert_int_equal(selected[1], 2);
    assert_true(ot_seconds(&m, &node, 5) == 6.0);
    node.dppl = 0.04; /* now the last may run, and all but the dearest fit */
    a = ot_solve(ot, &m, &node, r, NULL, 4, &ot_paper, selected);
    assert_int_equal(a.count, 3);
    node.dl_tokens = 9; /* one answer a time */
    a = ot_solve(ot, &m, &node, r, NULL, 4, &ot_paper, selected);
    assert_int_equal(a.count, 1);
    /* A budget stops the search and says so. */
    node.dl_tokens = 100;
    r[0].rho_up = r[1].rho_up = r[2].rho_up = r[3].rho_up = 0.9;
    struct ot_search few = ot_unpruned;
    few.budget = 2;
    a = ot_solve(ot, &m, &node, r, NULL, 4, &few, selected);
    assert_true(a.stopped);
    assert_int_equal(a.nodes_visited, 2);
    ot_free(ot);
}

/* Coefficients of docs/models/edge.md, BLOOM-3B: k1 4.72 GB, k2 307.2 kB, k3 2.492 TFLOP, 5.028
 * TFLOP for n = 512. */
static void test_coefficients(void **state)
{
    (void)state;
    struct ot_model m = ot_model_of(30, 2560, 512);
    assert_true(m.k1 == 4718592000.0 && m.k2 == 307200.0 && m.k5 == 153600.0);
    assert_true(m.k3 == 2491573862400.0 && m.k4 == 4875724800.0);
    struct ot_node tera = {.flops = 1e12, .beta = 1};
    assert_true(ot_seconds(&m, &tera, 512) > 5.0275 && ot_seconds(&m, &tera, 512) < 5.0285);
}

int test_ot(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_coefficients),
        cmocka_unit_test(test_exhaustive),
        cmocka_unit_test(test_gah),
    };
    return cmocka_run_group_tests_name("ot", tests, NULL, NULL);
}
