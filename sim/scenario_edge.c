/* scenario_edge.c - the tables of "edge", servers[].edge and traffic kind edge-poisson, and what
 * they ask of one another. The defaults are what the edge-inference paper prints, or docs/models/
 * edge.md resolves. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "models/edge_link.h"
#include "sched/edge.h"
#include "sim/scenario.h"
#include "sim/scenario_tables.h"

/* enum edge_wait, enum edge_cost */
static const char *const wait_words[] = {"constant", "real", NULL};
static const char *const cost_words[] = {"paper", "profile", NULL};

static const struct json_field edge_fields[] = {
    F_NUM(
        scenario_edge, epoch_s, 0, 1e6, "2",
        "Seconds from the beginning of an epoch to the next, T_E; 0: as the longest deadline (the "
        "paper's figure 11). Printed: 2."),
    F_NUM(scenario_edge, t_up_s, 0, 1e6, "0.25", "Uploading slot T_U, s. Printed."),
    F_NUM(scenario_edge, t_down_s, 0, 1e6, "0.25", "Slot for the answers T_D, s. Printed."),
    F_NUM(scenario_edge, t_compute_s, 0, 1e6, "0",
          "Computing slot T_C, s; 0: epoch_s less the two others. Assumed: the print leaves open "
          "whether it is that or epoch_s, which gives a pipeline without gaps."),
    F_WORD(scenario_edge, wait, wait_words, "\"constant\"",
           "What a request has waited, t_w, when its epoch begins: constant (wait_s, the paper's "
           "\"t_w is fixed\": its deadline then counts from there), or real (since its birth)."),
    F_NUM(scenario_edge, wait_s, 0, 1e6, "0",
          "t_w of wait constant, s. Assumed 0: the print gives no number."),
    F_BOOL(scenario_edge, carry, "false",
           "A request that no node takes stays for the next epoch as long as its deadline lets it. "
           "Assumed false: the print does not say."),
    F_INT(scenario_edge, s_pad, 1, 1e6, "512",
          "Tokens that every prompt of a batch is padded to, s'. Assumed: the longest prompt."),
    F_WORD(scenario_edge, cost, cost_words, "\"paper\"",
           "What a batch costs: paper (its equations 1 to 9 for servers[].edge.gpus), or profile "
           "(the GPU profile and the model card, as everywhere else in a scenario)."),
    F_POS(scenario_edge, bits_per_token, 0, 1e6, "16",
          "Bits of a token on the air, both ways. Printed."),
    F_NUM(scenario_edge, noise_dbm_per_hz, -300, 100, "-174",
          "Density of the noise, over the whole band. Printed."),
    F_CHOICE(scenario_edge, policy, edge_policy_variants, "kind", "{\"kind\": \"gah\"}",
             "Which request is served in which epoch, and where."),
    F_END};

static int edge_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct scenario_edge *x = object;
    if (x->epoch_s > 0.0 && x->t_compute_s > x->epoch_s) {
        return FAIL_KEY("t_compute_s",
                        "%g is above epoch_s %g, and batches would pile up; lower it",
                        x->t_compute_s, x->epoch_s);
    }
    if (x->epoch_s > 0.0 && x->t_compute_s == 0.0 && x->epoch_s <= x->t_up_s + x->t_down_s) {
        return FAIL_KEY("epoch_s",
                        "%g leaves no time to compute beside t_up_s and t_down_s; write more than "
                        "%g, or t_compute_s",
                        x->epoch_s, x->t_up_s + x->t_down_s);
    }
    return 0;
}

const struct json_spec scenario_edge_spec =
    SPEC("edge", scenario_edge, edge_fields, edge_check,
         "The edge-inference paper's radio and its epochs, instead of `radio`, `transport` and "
         "`core`: every server is an edge node (servers[].edge), and `policy` chooses who is "
         "served.");

static const struct json_field node_fields[] = {
    F_CHOICE(scenario_node, link, edge_link_variants, "kind", NULL,
             "Radio between the users and this node."),
    F_INT(scenario_node, gpus, 1, 1e6, "1",
          "GPUs of the node, for edge.cost paper: its speed and memory are their sums. Printed: "
          "server 20, vehicle 3, UAV 1."),
    F_POS(scenario_node, gpu_tflops, 0, 1e6, "1.33", "1e12 FLOP a second of a GPU. Printed."),
    F_POS(scenario_node, gpu_memory_gb, 0, 1e6, "32",
          "Memory of a GPU, 1e9 bytes. Printed; a TX2 has 8."),
    F_NUM(scenario_node, perplexity_delta, -1, 1e6, "-1",
          "Perplexity differential of this node's model, beside which a request may ask for at "
          "most 1 less that much accuracy; -1: the model card's for `quant`, 0 for 16 bits."),
    F_END};
const struct json_spec scenario_node_spec =
    SPEC("edge_node", scenario_node, node_fields, NULL, "A server as an edge node.");

/* --- Traffic ---------------------------------------------------------------------------------- */

static const struct json_field traffic_fields[] = {
    F_POS(traffic_edge, rate_hz, 0, 1e6, NULL, "Requests per second of the group's each phone."),
    FIELD(traffic_edge, input_tokens, JSON_INTS, .min = 1, .max = 1e6, .def = "[128, 256, 512]",
          .doc = "Tokens of the prompt; one is drawn per request. Printed."),
    FIELD(traffic_edge, output_tokens, JSON_INTS, .min = 1, .max = 1e6, .def = "[128, 256, 512]",
          .doc = "Tokens of the answer; one is drawn per request. Printed."),
    FIELD(traffic_edge, deadline_s, JSON_NUMS, .min = 0, .max = 1e6, .above_min = true,
          .def = "[1.5, 2]",
          .doc = "Deadline in s, uniform between the two; one number: always that. Printed."),
    F_NUM(traffic_edge, accuracy_max, 0, 1, "1",
          "Accuracy that a request asks for, uniform from 0 up to this; 0: none asks. Printed: 1."),
    F_END};

static int traffic_check(const void *object, const char *file, const char *place, struct err *e)
{
    const struct traffic_edge *t = object;
    const double *deadline_s = t->deadline_s.items;
    if (t->input_tokens.n == 0 || t->input_tokens.n > OT_LEVELS_MAX) {
        return FAIL_KEY("input_tokens", "has %zu numbers; write 1 to %d", t->input_tokens.n,
                        OT_LEVELS_MAX);
    }
    if (t->output_tokens.n == 0 || t->output_tokens.n > OT_LEVELS_MAX) {
        return FAIL_KEY("output_tokens", "has %zu numbers; write 1 to %d", t->output_tokens.n,
                        OT_LEVELS_MAX);
    }
    if (t->deadline_s.n != 1 && t->deadline_s.n != 2) {
        return FAIL_KEY("deadline_s", "has %zu numbers; write one, or the two ends of a range",
                        t->deadline_s.n);
    }
    if (t->deadline_s.n == 2 && deadline_s[0] > deadline_s[1]) {
        return FAIL_KEY("deadline_s", "%g is above %g; swap them", deadline_s[0], deadline_s[1]);
    }
    return 0;
}

const struct json_spec scenario_traffic_edge_spec =
    SPEC("edge_poisson", traffic_edge, traffic_fields, traffic_check,
         "The edge-inference paper's requests, with deadlines and accuracies.");

/* --- What they ask of one another ------------------------------------------------------------- */

static int check_server(const struct scenario *sc, size_t i, struct err *e)
{
    const struct scenario_server *servers = sc->servers.items;
    const struct scenario_server *s = &servers[i];
    char place[64];
    snprintf(place, sizeof place, "servers[%zu].edge", i);
    if ((s->edge == NULL) != (sc->edge == NULL)) {
        return err_input(e, sc->file, place, "%s",
                         sc->edge == NULL
                             ? "the scenario has no `edge`; add it, or leave this out"
                             : "is missing; every server of an edge scenario is a node: write "
                               "{\"link\": {\"kind\": \"rayleigh\"}}");
    }
    if (sc->edge == NULL) {
        return 0;
    }
    const struct scenario_model *first = servers[0].models.items, *own = s->models.items;
    snprintf(place, sizeof place, "servers[%zu].model", i);
    if (s->models.n != 1 || strcmp(own->model, first->model) != 0) {
        return err_input(e, sc->file, place,
                         "the nodes of an edge scenario all have one model, the same; write \"%s\"",
                         first->model);
    }
    snprintf(place, sizeof place, "servers[%zu].loaded", i);
    return own->loaded
               ? 0
               : err_input(e, sc->file, place, "an edge node has its model in memory; write true");
}

static int check_group(const struct scenario *sc, size_t i, struct err *e)
{
    const struct scenario_ues *u = (const struct scenario_ues *)sc->ues.items + i;
    char place[64];
    snprintf(place, sizeof place, "ues[%zu].traffic.kind", i);
    if ((u->traffic.index == TRAFFIC_EDGE) != (sc->edge != NULL)) {
        return err_input(e, sc->file, place, "%s",
                         sc->edge != NULL
                             ? "an edge scenario's requests have deadlines; write \"edge-poisson\""
                             : "\"edge-poisson\" is for scenarios with `edge`; add it, or write "
                               "\"poisson\"");
    }
    snprintf(place, sizeof place, "ues[%zu].streaming", i);
    return sc->edge != NULL && u->streaming
               ? err_input(e, sc->file, place,
                           "answers of edge nodes come back as a whole; write false")
               : 0;
}

/* "edge" takes the place of three other objects. */
static const char *beside(const struct scenario *sc)
{
    return sc->radio != NULL       ? "radio"
           : sc->transport != NULL ? "transport"
           : sc->core != NULL      ? "core"
                                   : NULL;
}

int scenario_edge_check(const struct scenario *sc, struct err *e)
{
    const char *other = beside(sc);
    if (sc->edge != NULL && other != NULL) {
        return err_input(e, sc->file, "edge", "stands beside `%s`; keep one of the two", other);
    }
    int rc = 0;
    for (size_t i = 0; i < sc->servers.n && rc == 0; i++) {
        rc = check_server(sc, i, e);
    }
    for (size_t i = 0; i < sc->ues.n && rc == 0; i++) {
        rc = check_group(sc, i, e);
    }
    if (rc != 0 || sc->edge == NULL) {
        return rc;
    }
    const struct edge_policy *policy = edge_policies[sc->edge->policy.index];
    if (policy->alone && sc->servers.n > 1) {
        return err_input(e, sc->file, "edge.policy.kind",
                         "\"%s\" is for one node and there are %zu servers; write \"gah\"",
                         policy->word, sc->servers.n);
    }
    if (policy->flow == EDGE_STRAIGHT && sc->edge->cost == EDGE_COST_PAPER) {
        return err_input(e, sc->file, "edge.policy.kind",
                         "\"%s\" leaves batching to the servers, which the paper's cost does not "
                         "know; write \"cost\": \"profile\"",
                         policy->word);
    }
    struct scenario_edge times = *sc->edge;
    times.epoch_s = scenario_edge_epoch_s(sc);
    return edge_check(&times, sc->file, "edge", e);
}

double scenario_edge_epoch_s(const struct scenario *sc)
{
    double epoch_s = sc->edge->epoch_s;
    const struct scenario_ues *groups = sc->ues.items;
    for (size_t i = 0; i < sc->ues.n && sc->edge->epoch_s == 0.0; i++) {
        const struct traffic_edge *t = groups[i].traffic.options;
        const double *deadline_s = t->deadline_s.items;
        double longest = deadline_s[t->deadline_s.n - 1];
        epoch_s = longest > epoch_s ? longest : epoch_s;
    }
    return epoch_s;
}
