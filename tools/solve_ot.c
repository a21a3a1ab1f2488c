/* solve_ot.c - instances of the edge-inference problem from a file, and their answers.
 *
 * A file holds `single` and `multi` (and `multi_tight`), or `instances`; each instance has a padded
 * prompt length, the model's coefficients, nodes, and requests with rho_up and tau_p per node id.
 * What else stands in an instance (a known optimum, a note) is not read. */
#include "tools/solve.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "sched/ot.h"
#include "tools/call.h"

/* --- What an instance holds ------------------------------------------------------------------- */

struct coefficients {
    double k1, k2, k3, k4, k5;
};

struct node {
    int64_t id;
    double flops, beta, alpha, memory_bytes, k6, dppl;
};

struct instance {
    int64_t s_pad;
    struct coefficients k;
    struct json_list nodes;     /* struct node */
    struct json_list gah_order; /* ids; empty: falling C_flops */
};

#define FIELD(object, member, name, json_type, ...)                                                \
    {                                                                                              \
        .key = (name), .type = (json_type), .offset = offsetof(struct object, member), __VA_ARGS__ \
    }

static const struct json_field k_fields[] = {
    FIELD(coefficients, k1, "k1", JSON_NUM, .doc = "Bytes of the weights."),
    FIELD(coefficients, k2, "k2", JSON_NUM, .above_min = true, .doc = "Bytes of KV per token."),
    FIELD(coefficients, k3, "k3", JSON_NUM, .doc = "FLOP of a padded prompt."),
    FIELD(coefficients, k4, "k4", JSON_NUM, .doc = "FLOP per generated token."),
    FIELD(coefficients, k5, "k5", JSON_NUM, .doc = "FLOP per generated token squared."),
    {.key = NULL}};
static const struct json_spec k_spec = {
    .name = "k", .doc = "Coefficients.", .size = sizeof(struct coefficients), .fields = k_fields};

static const struct json_field node_fields[] = {
    FIELD(node, id, "id", JSON_INT, .doc = "Names the node in rho_up and tau_p."),
    FIELD(node, flops, "C_flops", JSON_NUM, .above_min = true, .doc = "Speed, FLOP/s."),
    FIELD(node, beta, "beta", JSON_NUM, .above_min = true, .doc = "Time that quantization leaves."),
    FIELD(node, alpha, "alpha", JSON_NUM, .above_min = true, .doc = "Memory that it leaves."),
    FIELD(node, memory_bytes, "M_bytes", JSON_NUM, .doc = "Memory."),
    FIELD(node, k6, "k6", JSON_NUM, .doc = "Tokens that the downlink carries."),
    FIELD(node, dppl, "dppl", JSON_NUM, .def = "0", .doc = "Perplexity differential."),
    {.key = NULL}};
static const struct json_spec node_spec = {
    .name = "node", .doc = "An edge node.", .size = sizeof(struct node), .fields = node_fields};

static const struct json_field instance_fields[] = {
    FIELD(instance, s_pad, "s_pad", JSON_INT, .min = 1, .max = 1e9,
          .doc = "Padded prompt, tokens."),
    FIELD(instance, k, "k", JSON_OBJECT, .spec = &k_spec, .doc = "Coefficients."),
    FIELD(instance, nodes, "nodes", JSON_LIST, .min = 1, .max = 1000, .spec = &node_spec,
          .doc = "Edge nodes."),
    FIELD(instance, gah_order, "gah_order", JSON_INTS, .def = "[]", .min = -9e15, .max = 9e15,
          .doc = "Ids in the order in which nodes choose."),
    {.key = NULL}};
static const struct json_spec instance_spec = {.name = "instance",
                                               .doc = "One problem.",
                                               .size = sizeof(struct instance),
                                               .fields = instance_fields};

struct problem {
    struct instance instance;
    struct ot_model model;
    struct ot_node *nodes;
    int32_t n_nodes, n;
    int32_t *order;
    struct ot_request *requests; /* by node, then request */
};

/* --- Reading ---------------------------------------------------------------------------------- */

/* A copy of the object with only the keys of the spec: what else it holds is not ours to judge. */
static cJSON *known_part(const cJSON *object, const struct json_spec *spec)
{
    cJSON *part = cJSON_CreateObject();
    for (const struct json_field *f = spec->fields; part != NULL && f->key != NULL; f++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, f->key);
        if (item != NULL) {
            cJSON_AddItemToObject(part, f->key, cJSON_Duplicate(item, true));
        }
    }
    return part;
}

static int read_known(const cJSON *object, const struct json_spec *spec, void *out,
                      const char *file, const char *place, struct arena *a, struct err *e)
{
    if (!cJSON_IsObject(object)) {
        return err_input(e, file, place, "is not an object; write {...}");
    }
    cJSON *part = known_part(object, spec);
    if (part == NULL) {
        return err_memory(e, file);
    }
    int rc = json_bind(part, spec, out, file, place, a, e);
    json_delete(part);
    return rc;
}

/* The requests' keys hang on the nodes' ids: their table is made for the instance. */
static int read_requests(const cJSON *list, const char *file, const char *place, struct problem *p,
                         struct arena *a, struct err *e)
{
    if (!cJSON_IsArray(list)) {
        return err_input(e, file, place, "requests is missing; write \"requests\": [...]");
    }
    size_t n_nodes = (size_t)p->n_nodes, n = (size_t)cJSON_GetArraySize(list);
    struct json_field *per_node = arena_array(a, n_nodes + 1, sizeof *per_node);
    p->requests = arena_array(a, n * n_nodes, sizeof *p->requests);
    size_t row = (2 + 2 * n_nodes) * sizeof(double); /* n, a, rho_up and tau_p by node */
    union value {
        int64_t n;
        double real;
    } *values = arena_alloc(a, row);
    if (per_node == NULL || p->requests == NULL || values == NULL) {
        return err_memory(e, file);
    }
    const struct node *nodes = p->instance.nodes.items;
    for (size_t j = 0; j < n_nodes; j++) {
        char id[32];
        snprintf(id, sizeof id, "%lld", (long long)nodes[j].id);
        per_node[j] = (struct json_field){.key = arena_strdup(a, id),
                                          .type = JSON_NUM,
                                          .offset = j * sizeof(double),
                                          .min = -INFINITY,
                                          .max = INFINITY,
                                          .doc = "By node."};
        if (per_node[j].key == NULL) {
            return err_memory(e, file);
        }
    }
    struct json_spec node_values = {
        .name = "by_node", .doc = "", .size = n_nodes * sizeof(double), .fields = per_node};
    struct json_field fields[] = {
        {.key = "n", .type = JSON_INT, .offset = 0, .min = 1, .max = 1e9, .doc = "Output tokens."},
        {.key = "a", .type = JSON_NUM, .offset = sizeof(double), .max = 1, .def = "0", .doc = "a"},
        {.key = "rho_up", .type = JSON_OBJECT, .offset = 2 * sizeof(double), .spec = &node_values},
        {.key = "tau_p",
         .type = JSON_OBJECT,
         .offset = (2 + n_nodes) * sizeof(double),
         .spec = &node_values},
        {.key = NULL}};
    struct json_spec request = {.name = "request", .doc = "", .size = row, .fields = fields};
    p->n = (int32_t)n;
    const cJSON *item = NULL;
    size_t i = 0;
    cJSON_ArrayForEach(item, list)
    {
        char at[160];
        snprintf(at, sizeof at, "%s.requests[%zu]", place, i);
        int rc = read_known(item, &request, values, file, at, a, e);
        if (rc != 0) {
            return rc;
        }
        for (size_t j = 0; j < n_nodes; j++) {
            p->requests[j * n + i] = (struct ot_request){.n = values[0].n,
                                                         .accuracy = values[1].real,
                                                         .rho_up = values[2 + j].real,
                                                         .tau_s = values[2 + n_nodes + j].real};
        }
        i++;
    }
    return 0;
}

/* GAH's order as given, or the fastest node first (docs/models/edge.md). */
static int set_order(struct problem *p, const char *file, const char *place, struct err *e)
{
    const struct node *nodes = p->instance.nodes.items;
    const struct json_list *given = &p->instance.gah_order;
    if (given->n == 0) {
        for (int32_t j = 0; j < p->n_nodes; j++) {
            int32_t at = j;
            for (; at > 0 && p->nodes[p->order[at - 1]].flops < p->nodes[j].flops; at--) {
                p->order[at] = p->order[at - 1];
            }
            p->order[at] = j;
        }
        return 0;
    }
    if (given->n != (size_t)p->n_nodes) {
        return err_input(e, file, place, "gah_order has %zu ids for %d nodes; name each node once",
                         given->n, p->n_nodes);
    }
    for (int32_t at = 0; at < p->n_nodes; at++) {
        int64_t id = ((const int64_t *)given->items)[at];
        int32_t j = 0;
        while (j < p->n_nodes && nodes[j].id != id) {
            j++;
        }
        for (int32_t before = 0; j < p->n_nodes && before < at; before++) {
            if (p->order[before] == j) {
                j = p->n_nodes;
            }
        }
        if (j == p->n_nodes) {
            return err_input(e, file, place,
                             "gah_order: %lld is no node, or there twice; name "
                             "each node once",
                             (long long)id);
        }
        p->order[at] = j;
    }
    return 0;
}

static int read_problem(const cJSON *object, const char *file, const char *place, struct problem *p,
                        struct arena *a, struct err *e)
{
    *p = (struct problem){0};
    int rc = read_known(object, &instance_spec, &p->instance, file, place, a, e);
    if (rc != 0) {
        return rc;
    }
    const struct coefficients *k = &p->instance.k;
    p->model = (struct ot_model){p->instance.s_pad, k->k1, k->k2, k->k3, k->k4, k->k5};
    p->n_nodes = (int32_t)p->instance.nodes.n;
    p->nodes = arena_array(a, (size_t)p->n_nodes, sizeof *p->nodes);
    p->order = arena_array(a, (size_t)p->n_nodes, sizeof *p->order);
    if (p->nodes == NULL || p->order == NULL) {
        return err_memory(e, file);
    }
    const struct node *nodes = p->instance.nodes.items;
    for (int32_t j = 0; j < p->n_nodes; j++) {
        for (int32_t other = 0; other < j; other++) {
            if (nodes[other].id == nodes[j].id) {
                return err_input(e, file, place, "two nodes have the id %lld; give each its own",
                                 (long long)nodes[j].id);
            }
        }
        p->nodes[j] = (struct ot_node){.flops = nodes[j].flops,
                                       .memory_bytes = nodes[j].memory_bytes,
                                       .alpha = nodes[j].alpha,
                                       .beta = nodes[j].beta,
                                       .dppl = nodes[j].dppl,
                                       .dl_tokens = nodes[j].k6};
    }
    rc = set_order(p, file, place, e);
    if (rc != 0) {
        return rc;
    }
    return read_requests(cJSON_GetObjectItemCaseSensitive(object, "requests"), file, place, p, a,
                         e);
}

/* --- Solving ---------------------------------------------------------------------------------- */

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void print_json(const struct problem *p, const struct ot_answer *answer,
                       const int32_t *node_of, double ms, bool first)
{
    const struct node *nodes = p->instance.nodes.items;
    printf("%s\n  {\"count\": %d, \"selected\": [", first ? "" : ",", answer->count);
    const char *comma = "";
    for (int32_t i = 0; i < p->n; i++) {
        if (node_of[i] >= 0) {
            printf("%s%d", comma, i);
            comma = ", ";
        }
    }
    printf("], \"assignment\": {");
    for (int32_t j = 0; j < p->n_nodes; j++) {
        printf("%s\"%lld\": [", j > 0 ? ", " : "", (long long)nodes[j].id);
        comma = "";
        for (int32_t i = 0; i < p->n; i++) {
            if (node_of[i] == j) {
                printf("%s%d", comma, i);
                comma = ", ";
            }
        }
        printf("]");
    }
    printf("}, \"nodes_visited\": %llu, \"stopped\": %s, \"cpu_ms\": ",
           (unsigned long long)answer->nodes_visited, answer->stopped ? "true" : "false");
    json_print_number(stdout, ms);
    printf("}");
}

static int solve_one(const struct problem *p, const char *name, const struct solve_call *call,
                     bool first, struct err *e)
{
    struct ot *ot = ot_new(p->n);
    int32_t *node_of = malloc(((size_t)p->n + 1) * sizeof *node_of);
    if (ot == NULL || node_of == NULL) {
        ot_free(ot);
        free(node_of);
        return err_memory(e, name);
    }
    struct ot_search search = *call->search;
    search.budget = call->budget;
    double before = cpu_ms();
    struct ot_answer answer =
        ot_gah(ot, &p->model, p->nodes, p->n_nodes, p->order, p->requests, p->n, &search, node_of);
    double ms = cpu_ms() - before;
    if (call->json) {
        print_json(p, &answer, node_of, ms, first);
    } else {
        printf("%-20s %8d %8d %6d %14llu %10.3f%s\n", name, p->n_nodes, p->n, answer.count,
               (unsigned long long)answer.nodes_visited, ms, answer.stopped ? "  stopped" : "");
    }
    ot_free(ot);
    free(node_of);
    return 0;
}

static int solve_list(const cJSON *list, const char *key, const struct solve_call *call, bool dry,
                      bool *first, struct err *e)
{
    int rc = 0;
    if (!cJSON_IsArray(list)) {
        return err_input(e, call->file, key, "is not a list; write [{...}, ...]");
    }
    int n = cJSON_GetArraySize(list);
    for (int i = 0; rc == 0 && i < n; i++) {
        char place[64];
        snprintf(place, sizeof place, "%s[%d]", key, i);
        struct arena a = {0};
        struct problem p;
        rc = read_problem(cJSON_GetArrayItem(list, i), call->file, place, &p, &a, e);
        if (rc == 0 && !dry) {
            rc = solve_one(&p, place, call, *first, e);
            *first = false;
        }
        arena_free(&a);
    }
    return rc;
}

int solve_ot(const struct solve_call *call, struct err *e)
{
    static const char *const keys[] = {"single", "multi", "multi_tight", "instances"};
    cJSON *root = NULL;
    int rc = json_read_file(call->file, &root, e);
    if (rc != 0) {
        return rc;
    }
    int lists = 0;
    bool first = true;
    /* All of it is read before the first answer: nothing half-written. */
    for (int pass = 0; rc == 0 && pass < 2; pass++) {
        if (pass == 1 && call->json) {
            printf("{\"results\": [");
        } else if (pass == 1) {
            printf("%-20s %8s %8s %6s %14s %10s\n", "instance", "nodes", "requests", "count",
                   "tree nodes", "CPU ms");
        }
        for (size_t k = 0; rc == 0 && k < sizeof keys / sizeof keys[0]; k++) {
            const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, keys[k]);
            if (list != NULL) {
                lists++;
                rc = solve_list(list, keys[k], call, pass == 0, &first, e);
            }
        }
        if (rc == 0 && lists == 0) {
            rc = err_input(
                e, call->file, NULL,
                "holds no instances; write \"single\", \"multi\" or \"instances\": [...]");
        }
    }
    if (rc == 0 && call->json) {
        printf("\n]}\n");
    }
    json_delete(root);
    return rc;
}
