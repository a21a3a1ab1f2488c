/* bench_ot.c - how long one scheduling call takes, and what pruning saves.
 *
 * Epochs are those of scenarios/edge.json: requests, links and nodes as the scenario draws them,
 * offered as the paper's T_E = 2 s gives them. Prints the median time of a call of OT-GAH for 500
 * waiting requests and 3 nodes, and then the paper's table III in this reading: tree nodes and
 * processor time of a call by arrival rate, Algorithm 2 as printed against the same search without
 * its pruning rule, which stops at a budget and is marked so. With an argument: the budget of the
 * pruned one. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/draw.h"
#include "models/edge_link.h"
#include "sched/edge.h"
#include "sim/scenario.h"

enum { MOST = 600, NODES = 3, REPEATS = 21, CALLS = 5, UNPRUNED = 2, BUDGET = 100000000 };

struct epoch {
    struct ot_model model;
    struct ot_node nodes[NODES];
    struct ot_request requests[NODES * MOST];
    int32_t n, node_of[MOST];
};

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* n requests at the beginning of an epoch, as the scenario has them: T_C = 1.5 s, t_w = 0, W8A16 of
 * BLOOM-3B. */
static void make_epoch(struct epoch *x, const struct scenario *sc, uint64_t number, int32_t n)
{
    const struct scenario_server *servers = sc->servers.items;
    const struct scenario_edge *edge = sc->edge;
    const struct traffic_edge *traffic =
        ((const struct scenario_ues *)sc->ues.items)->traffic.options;
    const int64_t *tokens = traffic->output_tokens.items, *prompts = traffic->input_tokens.items;
    const double *deadline_s = traffic->deadline_s.items;
    x->model = ot_model_of(30, 2560, edge->s_pad);
    x->n = n;
    for (int j = 0; j < NODES; j++) {
        const struct scenario_node *node = servers[j].edge;
        double worst = INFINITY;
        for (int32_t i = 0; i < n; i++) {
            struct draw d, link;
            draw_at(&d, 1, DRAW_REQUEST, (uint32_t)number, (uint64_t)i);
            draw_at(&link, 1, DRAW_EDGE_LINK, (uint32_t)number, (uint64_t)i << 12 | (uint64_t)j);
            double gain = edge_link_gain(&node->link, &link);
            double bps = edge_link_ul_bps(&node->link, gain, edge->noise_dbm_per_hz);
            int64_t prompt = prompts[(size_t)(gsl_rng_uniform(&d.rng) * 3)];
            int64_t answer = tokens[(size_t)(gsl_rng_uniform(&d.rng) * 3)];
            double left_s = deadline_s[0] +
                            (deadline_s[1] - deadline_s[0]) * gsl_rng_uniform(&d.rng) -
                            edge->t_up_s - edge->t_down_s;
            x->requests[(size_t)j * (size_t)n + (size_t)i] = (struct ot_request){
                .n = answer,
                .rho_up = (double)prompt * edge->bits_per_token / (edge->t_up_s * bps),
                .tau_s = fmin(left_s, 1.5),
                .accuracy = gsl_rng_uniform(&d.rng)};
            worst = fmin(worst, gain);
        }
        x->nodes[j] = (struct ot_node){
            .flops = (double)node->gpus * node->gpu_tflops * 1e12,
            .memory_bytes = (double)node->gpus * node->gpu_memory_gb * 1e9,
            .alpha = 0.5,
            .beta = 0.5,
            .dppl = 0.01,
            .dl_tokens = edge->t_down_s *
                         edge_link_dl_bps(&node->link, worst, edge->noise_dbm_per_hz) /
                         edge->bits_per_token};
    }
}

static struct ot_answer solve(struct ot *ot, struct epoch *x, const struct ot_search *search)
{
    static const int32_t order[NODES] = {0, 1, 2};
    return ot_gah(ot, &x->model, x->nodes, NODES, order, x->requests, x->n, search, x->node_of);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench_call(struct ot *ot, struct epoch *x, const struct scenario *sc)
{
    double ms[REPEATS];
    int32_t least = INT32_MAX, most = 0;
    for (int k = 0; k < REPEATS; k++) {
        make_epoch(x, sc, (uint64_t)k, 500);
        double from_s = cpu_s();
        struct ot_answer a = solve(ot, x, &ot_fast);
        ms[k] = 1e3 * (cpu_s() - from_s);
        least = a.count < least ? a.count : least;
        most = a.count > most ? a.count : most;
    }
    qsort(ms, REPEATS, sizeof ms[0], by_size);
    printf("a call of OT-GAH, 500 requests, 3 nodes: median %.2f ms, least %.2f, most %.2f of %d "
           "epochs (aim: 10); %d to %d requests placed\n",
           ms[REPEATS / 2], ms[0], ms[REPEATS - 1], REPEATS, least, most);
}

/* Sums over the epochs of one arrival rate. */
struct cost {
    double visits, ms;
    int stopped;
};

static void add_call(struct cost *c, struct ot *ot, struct epoch *x, const struct ot_search *search,
                     int calls, int32_t *count)
{
    double from_s = cpu_s();
    struct ot_answer a = solve(ot, x, search);
    c->ms += 1e3 * (cpu_s() - from_s) / calls;
    c->visits += (double)a.nodes_visited / calls;
    c->stopped += a.stopped;
    *count = a.count;
}

static int bench_table(struct ot *ot, struct epoch *x, const struct scenario *sc, uint64_t budget)
{
    static const int rates[] = {10, 20, 40, 60, 80, 100, 150, 200};
    int wrong = 0;
    printf(
        "\ntable III in this reading: means of %d epochs of 2 s (one for 300 requests and more), "
        "T_C 1.5 s; the pruned search stops at %.0e tree nodes a GPU node, the other at 1e8 or "
        "twice what the pruned one visited (>: one stopped, and its numbers are lower bounds)\n",
        CALLS, (double)budget);
    printf("%7s %9s  %14s %10s  %14s %10s  %9s  %14s %8s\n", "rate/s", "requests", "pruned", "ms",
           "unpruned", "ms", "reduction", "with bounds", "ms");
    for (size_t r = 0; r < sizeof rates / sizeof rates[0]; r++) {
        struct cost pruned = {0}, all = {0}, fast = {0};
        struct ot_search paper = ot_paper, brute = ot_unpruned;
        paper.budget = budget;
        int32_t n = 2 * rates[r];
        int calls = n > 250 ? 1 : CALLS; /* the last two take minutes */
        for (int k = 0; k < calls; k++) {
            int32_t count[3];
            make_epoch(x, sc, 1000U * (uint64_t)(r + 1) + (uint64_t)k, n);
            add_call(&fast, ot, x, &ot_fast, calls, &count[0]);
            double before = pruned.visits;
            add_call(&pruned, ot, x, &paper, calls, &count[1]);
            /* Far enough to tell that the pruned search visits less than half. */
            double enough = UNPRUNED * (pruned.visits - before) * calls;
            brute.budget = enough > BUDGET ? (uint64_t)enough : BUDGET;
            add_call(&all, ot, x, &brute, calls, &count[2]);
            bool whole = pruned.stopped == 0 && all.stopped == 0;
            wrong += whole && (count[0] != count[1] || count[0] != count[2]);
        }
        printf("%7d %9d  %13.4g%s %9.4g%s  %13.4g%s %9.4g%s  ", rates[r], n, pruned.visits,
               pruned.stopped > 0 ? ">" : " ", pruned.ms, pruned.stopped > 0 ? ">" : " ",
               all.visits, all.stopped > 0 ? ">" : " ", all.ms, all.stopped > 0 ? ">" : " ");
        if (pruned.stopped > 0)
            printf("%9s", "unknown");
        else
            printf("%s%7.2f%%", all.stopped > 0 ? ">" : " ",
                   100.0 * (1.0 - pruned.visits / all.visits));
        printf("  %14.4g %8.3f\n", fast.visits, fast.ms);
        fflush(stdout);
    }
    printf("searches that ended and differed in size: %d\n", wrong);
    return wrong > 0;
}

int main(int argc, char **argv)
{
    static struct epoch x;
    struct scenario sc;
    struct err e = {0};
    uint64_t budget = argc > 1 ? strtoull(argv[1], NULL, 10) : 20000000;
    if (scenario_load("scenarios/edge.json", NULL, 0, &sc, &e) != 0) {
        fprintf(stderr, "bench_ot: %s\n", e.text);
        return 1;
    }
    struct ot *ot = ot_new(MOST);
    int status = ot == NULL;
    if (ot != NULL) {
        bench_call(ot, &x, &sc);
        status = bench_table(ot, &x, &sc, budget);
    }
    ot_free(ot);
    scenario_free(&sc);
    return status;
}
