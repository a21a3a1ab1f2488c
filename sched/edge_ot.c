/* edge_ot.c - epoch-ot, gah and brute-force: the searches of sched/ot.h, epoch by epoch. */
#include <stddef.h>
#include <stdlib.h>

#include "sched/edge.h"

struct searcher {
    struct ot *ot;
    struct ot_search search;
};

static const char *const search_words[] = {"fast", "paper", "large-bandwidth", NULL};

static const struct json_field ot_fields[] = {
    {.key = "search",
     .type = JSON_WORD,
     .words = search_words,
     .offset = offsetof(struct edge_ot_options, search),
     .def = "\"fast\"",
     .doc = "fast: Algorithm 2 with exact bounds and bisection of the batch's size; paper: "
            "Algorithm 2 as printed, but for its errata; large-bandwidth: Algorithm 1, and the "
            "tree where its batch does not keep to the bandwidth. All find batches of one size."},
    {.key = "max_visits",
     .type = JSON_INT,
     .offset = offsetof(struct edge_ot_options, max_visits),
     .max = 1e15,
     .def = "0",
     .doc = "Tree nodes after which a search takes the largest batch found until then; 0: any "
            "number."},
    {.key = NULL},
};

const struct json_spec edge_ot_options = {
    .name = "edge_ot",
    .doc = "How the tree is searched.",
    .size = sizeof(struct edge_ot_options),
    .fields = ot_fields,
};

static const struct json_field brute_fields[] = {
    {.key = "max_visits",
     .type = JSON_INT,
     .offset = offsetof(struct edge_ot_options, max_visits),
     .max = 1e15,
     .def = "10000000",
     .doc = "Tree nodes after which a search is given up, and its node serves nobody in this "
            "epoch; 0: never. Assumed 1e7: about a tenth of a second."},
    {.key = NULL},
};

const struct json_spec edge_brute_force_options = {
    .name = "edge_brute_force",
    .doc = "How far the tree is searched.",
    .size = sizeof(struct edge_ot_options),
    .fields = brute_fields,
};

static void *create(const struct ot_search *search, int64_t max_visits, int32_t capacity)
{
    struct searcher *s = malloc(sizeof *s);
    if (s == NULL) {
        return NULL;
    }
    s->search = *search;
    s->search.budget = (uint64_t)max_visits;
    s->ot = ot_new(capacity);
    if (s->ot == NULL) {
        free(s);
        return NULL;
    }
    return s;
}

static void *ot_create(const void *options, int32_t capacity)
{
    static const struct ot_search *const searches[] = {[EDGE_SEARCH_FAST] = &ot_fast,
                                                       [EDGE_SEARCH_PAPER] = &ot_paper,
                                                       [EDGE_SEARCH_WIDE] = &ot_wide};
    const struct edge_ot_options *o = options;
    return create(searches[o->search], o->max_visits, capacity);
}

static void *brute_create(const void *options, int32_t capacity)
{
    return create(&ot_unpruned, ((const struct edge_ot_options *)options)->max_visits, capacity);
}

static void destroy(void *state)
{
    struct searcher *s = state;
    if (s != NULL) {
        ot_free(s->ot);
        free(s);
    }
}

static bool reserve(void *state, int32_t capacity)
{
    return ot_reserve(((struct searcher *)state)->ot, capacity);
}

static struct ot_answer place(void *state, const struct edge_view *view, int32_t *node_of)
{
    struct searcher *s = state;
    return ot_gah(s->ot, view->model, view->nodes, view->n_nodes, view->order, view->requests,
                  view->n, &s->search, node_of);
}

const struct edge_policy edge_epoch_ot = {
    .word = "epoch-ot",
    .doc = "the largest batch of an epoch on one node, exactly (OT)",
    .flow = EDGE_EPOCHS,
    .keeps = true,
    .alone = true,
    .options = &edge_ot_options,
    .create = ot_create,
    .destroy = destroy,
    .reserve = reserve,
    .place = place,
};

const struct edge_policy edge_gah = {
    .word = "gah",
    .doc = "OT on one node after the other, the fastest first (OT-GAH)",
    .flow = EDGE_EPOCHS,
    .keeps = true,
    .options = &edge_ot_options,
    .create = ot_create,
    .destroy = destroy,
    .reserve = reserve,
    .place = place,
};

const struct edge_policy edge_brute_force = {
    .word = "brute-force",
    .doc = "as gah, without pruning the search",
    .flow = EDGE_EPOCHS,
    .keeps = true,
    .options = &edge_brute_force_options,
    .create = brute_create,
    .destroy = destroy,
    .reserve = reserve,
    .place = place,
};
