/* ot.c - see ot.h. */
#include "sched/ot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const struct ot_search ot_paper = {.prune = true};
const struct ot_search ot_unpruned = {0};
const struct ot_search ot_fast = {.prune = true, .bound = true, .bisect = true};
const struct ot_search ot_wide = {.wide = true};

/* Requests of one n among those before d, by rising rho_up, with the sums of the first ones. */
struct class {
    int64_t n;
    int32_t size;  /* of F in this class */
    int32_t first; /* its place in `member` and, one further per class, in `sum` */
    double work;   /* k4 n + k5 n^2 */
    int32_t pick;  /* v of the branch under way */
};

struct ot {
    int32_t capacity;
    int32_t *sorted;   /* candidates that can take part, by falling tau' */
    int32_t *class_of; /* by place in `sorted` */
    int32_t *member;   /* by class: indices into requests, by rising rho_up */
    double *sum;       /* by class: sum[v] of the v smallest rho_up */
    struct class *classes;
    int32_t *below;         /* by class: requests of F in the classes after it */
    int32_t *set;           /* the set found */
    int32_t *left, *chosen; /* GAH: who is left, whom a node took */
    int64_t *levels;        /* by class, for a node's own `seconds`: n, and how many of it */
    int32_t *counts;

    /* of the search under way */
    const struct ot_request *requests;
    const struct ot_search *search;
    const struct ot_node *node;
    int32_t n_classes, n_sorted;
    uint64_t visited;
    bool stopped;
    double rho_left, tokens_left, work_left; /* what d leaves */
    double tau_s;                            /* of d */
    int32_t last_class;                      /* of d */
};

struct ot_model ot_model_of(int64_t layers, int64_t hidden, int64_t s_pad)
{
    double l = (double)layers, d = (double)hidden, s = (double)s_pad;
    return (struct ot_model){.s_pad = s_pad,
                             .k1 = 24 * l * d * d,
                             .k2 = 4 * l * d,
                             .k3 = l * (s - 1) * (24 * d * d + 4 * s * d),
                             .k4 = l * (24 * d * d + 4 * s * d - 2 * d),
                             .k5 = 2 * l * d};
}

static double work_of(const struct ot_model *m, int64_t n)
{
    return m->k4 * (double)n + m->k5 * (double)n * (double)n;
}

double ot_seconds(const struct ot_model *m, const struct ot_node *node, int64_t n)
{
    return node->beta * (m->k3 + work_of(m, n)) / node->flops;
}

double ot_batch_seconds(const struct ot_model *m, const struct ot_node *node, const int64_t *n,
                        const int32_t *counts, int32_t classes)
{
    if (node->seconds != NULL) {
        return node->seconds(node->self, n, counts, classes);
    }
    double sum = 0;
    for (int32_t k = 0; k < classes; k++) {
        sum += counts[k] * ot_seconds(m, node, n[k]);
    }
    return sum;
}

/* --- Room ------------------------------------------------------------------------------------- */

static void room_free(struct ot *ot)
{
    free(ot->sorted);
    free(ot->class_of);
    free(ot->member);
    free(ot->sum);
    free(ot->classes);
    free(ot->below);
    free(ot->set);
    free(ot->left);
    free(ot->chosen);
    free(ot->levels);
    free(ot->counts);
}

bool ot_reserve(struct ot *ot, int32_t capacity)
{
    if (capacity <= ot->capacity) {
        return true;
    }
    size_t n = (size_t)capacity;
    struct ot room = {.capacity = capacity,
                      .sorted = malloc(n * sizeof *room.sorted),
                      .class_of = malloc(n * sizeof *room.class_of),
                      .member = malloc(n * sizeof *room.member),
                      .sum = malloc(2 * n * sizeof *room.sum),
                      .classes = malloc(n * sizeof *room.classes),
                      .below = malloc(n * sizeof *room.below),
                      .set = malloc(n * sizeof *room.set),
                      .left = malloc(n * sizeof *room.left),
                      .chosen = malloc(n * sizeof *room.chosen),
                      .levels = malloc(n * sizeof *room.levels),
                      .counts = malloc(n * sizeof *room.counts)};
    if (room.sorted == NULL || room.class_of == NULL || room.member == NULL || room.sum == NULL ||
        room.classes == NULL || room.below == NULL || room.set == NULL || room.left == NULL ||
        room.chosen == NULL || room.levels == NULL || room.counts == NULL) {
        room_free(&room);
        return false;
    }
    room_free(ot);
    *ot = room;
    return true;
}

struct ot *ot_new(int32_t capacity)
{
    struct ot *ot = calloc(1, sizeof *ot);
    if (ot != NULL && !ot_reserve(ot, capacity > 0 ? capacity : 1)) {
        free(ot);
        return NULL;
    }
    return ot;
}

void ot_free(struct ot *ot)
{
    if (ot != NULL) {
        room_free(ot);
        free(ot);
    }
}

/* --- The order of requests, and their classes ------------------------------------------------- */

/* Falling tau', ties by number. A heap sort: no room, no worst case. */
static bool sorts_before(const struct ot *ot, int32_t a, int32_t b)
{
    double ta = ot->requests[a].tau_s, tb = ot->requests[b].tau_s;
    return ta > tb || (!(ta < tb) && a < b);
}

static void sift(struct ot *ot, int32_t at, int32_t n)
{
    int32_t moved = ot->sorted[at];
    for (int32_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && sorts_before(ot, ot->sorted[child], ot->sorted[child + 1])) {
            child++;
        }
        if (!sorts_before(ot, moved, ot->sorted[child])) {
            break;
        }
        ot->sorted[at] = ot->sorted[child];
    }
    ot->sorted[at] = moved;
}

static void sort_requests(struct ot *ot)
{
    int32_t n = ot->n_sorted;
    for (int32_t i = n / 2; i-- > 0;) {
        sift(ot, i, n);
    }
    for (int32_t last = n; last-- > 1;) {
        int32_t least = ot->sorted[0];
        ot->sorted[0] = ot->sorted[last];
        ot->sorted[last] = least;
        sift(ot, 0, last);
    }
}

/* Those that this node can serve at all, sorted; and the classes by rising n. */
static void prepare(struct ot *ot, const struct ot_model *model, const struct ot_node *node,
                    const int32_t *candidates, int32_t n)
{
    ot->n_sorted = ot->n_classes = 0;
    for (int32_t i = 0; i < n; i++) {
        int32_t at = candidates != NULL ? candidates[i] : i;
        const struct ot_request *r = &ot->requests[at];
        if (r->tau_s > 0 && r->accuracy <= 1 - node->dppl) {
            ot->sorted[ot->n_sorted++] = at;
        }
    }
    sort_requests(ot);
    for (int32_t i = 0; i < ot->n_sorted; i++) {
        int64_t tokens = ot->requests[ot->sorted[i]].n;
        int32_t k = 0;
        while (k < ot->n_classes && ot->classes[k].n < tokens) {
            k++;
        }
        if (k == ot->n_classes || ot->classes[k].n != tokens) {
            memmove(ot->classes + k + 1, ot->classes + k,
                    (size_t)(ot->n_classes - k) * sizeof *ot->classes);
            ot->classes[k] = (struct class){.n = tokens, .work = work_of(model, tokens)};
            ot->n_classes++;
        }
    }
    for (int32_t k = 0; k < ot->n_classes; k++) {
        ot->classes[k].size = 0;
    }
    for (int32_t i = 0; i < ot->n_sorted; i++) {
        int32_t k = 0;
        while (ot->classes[k].n != ot->requests[ot->sorted[i]].n) {
            k++;
        }
        ot->class_of[i] = k;
        ot->classes[k].size++;
    }
    int32_t first = 0;
    for (int32_t k = 0; k < ot->n_classes; k++) {
        ot->classes[k].first = first;
        first += ot->classes[k].size;
    }
}

/* sum[] of class k begins here: one entry more per class, for the empty sum. */
static double *sums(const struct ot *ot, int32_t k)
{
    return ot->sum + ot->classes[k].first + k;
}

/* Request `at` joins F. */
static void join(struct ot *ot, int32_t k, int32_t at)
{
    struct class *c = &ot->classes[k];
    int32_t *member = ot->member + c->first;
    double *sum = sums(ot, k);
    int32_t i = c->size++;
    for (; i > 0 && ot->requests[member[i - 1]].rho_up > ot->requests[at].rho_up; i--) {
        member[i] = member[i - 1];
    }
    member[i] = at;
    for (; i < c->size; i++) {
        sum[i + 1] = sum[i] + ot->requests[member[i]].rho_up;
    }
}

/* --- The tree --------------------------------------------------------------------------------- */

/* Is the batch in time that has what is picked before class k, the `lacking` cheapest from there
 * on, and d? */
static bool time_fits(const struct ot *ot, int32_t k, int32_t lacking, double work)
{
    if (ot->node->seconds == NULL) {
        return work <= ot->work_left;
    }
    for (int32_t i = 0; i < ot->n_classes; i++) {
        const struct class *c = &ot->classes[i];
        int32_t v = i < k ? c->pick : c->size < lacking ? c->size : lacking;
        lacking -= i < k ? 0 : v;
        ot->levels[i] = c->n;
        ot->counts[i] = v + (i == ot->last_class ? 1 : 0);
    }
    return ot->node->seconds(ot->node->self, ot->levels, ot->counts, ot->n_classes) <= ot->tau_s;
}

/* Can `lacking` requests from class k on, the cheapest by n, still be had? The uplink's bound takes
 * each class's own smallest first, which is as cheap as that mix by n can be; a mix dearer in n may
 * be cheaper in rho_up, so only tokens and work are bounded. */
static bool rest_fits(const struct ot *ot, int32_t k, int32_t lacking, double tokens, double work)
{
    int32_t open = lacking;
    for (int32_t i = k; open > 0 && i < ot->n_classes; i++) {
        const struct class *c = &ot->classes[i];
        int32_t v = c->size < open ? c->size : open;
        tokens += (double)v * (double)c->n;
        work += (double)v * c->work;
        open -= v;
    }
    return open == 0 && tokens <= ot->tokens_left && time_fits(ot, k, lacking, work);
}

/* Algorithm 1: the z - 1 of F with the fewest tokens, if they fit. */
static bool take_cheapest(struct ot *ot, int32_t lacking)
{
    ot->visited++;
    if (!rest_fits(ot, 0, lacking, 0, 0)) {
        return false;
    }
    for (int32_t k = 0; k < ot->n_classes; k++) {
        struct class *c = &ot->classes[k];
        c->pick = c->size < lacking ? c->size : lacking;
        lacking -= c->pick;
    }
    return true;
}

/* Takes `lacking` more requests from the classes k.. to what is taken so far. */
static bool descend(struct ot *ot, int32_t k, int32_t lacking, double rho, double tokens,
                    double work)
{
    if (lacking == 0) {
        for (; k < ot->n_classes; k++) {
            ot->classes[k].pick = 0;
        }
        return rho <= ot->rho_left && tokens <= ot->tokens_left &&
               time_fits(ot, ot->n_classes, 0, work);
    }
    if (k == ot->n_classes) {
        return false;
    }
    struct class *c = &ot->classes[k];
    const double *sum = sums(ot, k);
    for (int32_t v = c->size < lacking ? c->size : lacking; v >= 0; v--) {
        /* Fewer from here leave even more to the levels below. */
        if (ot->search->prune && ot->below[k] < lacking - v) {
            break;
        }
        double rho_v = rho + sum[v];
        double tokens_v = tokens + (double)v * (double)c->n;
        double work_v = work + (double)v * c->work;
        c->pick = v;
        if (ot->search->bound &&
            (rho_v > ot->rho_left || !rest_fits(ot, k + 1, lacking - v, tokens_v, work_v))) {
            continue;
        }
        if (ot->search->budget > 0 && ot->visited >= ot->search->budget) {
            ot->stopped = true;
            return false;
        }
        ot->visited++;
        if (descend(ot, k + 1, lacking - v, rho_v, tokens_v, work_v)) {
            return true;
        }
        if (ot->stopped) {
            return false;
        }
    }
    return false;
}

/* Is there a feasible set of z requests? Then it stands in ot->set. */
static bool feasible(struct ot *ot, const struct ot_model *model, const struct ot_node *node,
                     int32_t z)
{
    double memory_tokens =
        (node->memory_bytes / node->alpha - model->k1) / model->k2 - (double)model->s_pad * z;
    bool wide = ot->search->wide;
    double tokens = !wide && node->dl_tokens < memory_tokens ? node->dl_tokens : memory_tokens;
    for (int32_t k = 0; k < ot->n_classes; k++) {
        ot->classes[k].size = 0;
        sums(ot, k)[0] = 0;
    }
    for (int32_t d = 0; d < ot->n_sorted; d++) {
        const struct ot_request *last = &ot->requests[ot->sorted[d]];
        if (d >= z - 1) {
            for (int32_t k = ot->n_classes, n = 0; k-- > 0;) {
                ot->below[k] = n;
                n += ot->classes[k].size;
            }
            ot->rho_left = 1 - last->rho_up;
            ot->tokens_left = tokens - (double)last->n;
            ot->work_left = last->tau_s * node->flops / node->beta - model->k3 * z -
                            ot->classes[ot->class_of[d]].work;
            ot->tau_s = last->tau_s;
            ot->last_class = ot->class_of[d];
            bool hopeless =
                ot->search->bound && (ot->rho_left < 0 || !rest_fits(ot, 0, z - 1, 0, 0));
            if (wide ? take_cheapest(ot, z - 1) : !hopeless && descend(ot, 0, z - 1, 0, 0, 0)) {
                int32_t n = 0;
                for (int32_t k = 0; k < ot->n_classes; k++) {
                    memcpy(ot->set + n, ot->member + ot->classes[k].first,
                           (size_t)ot->classes[k].pick * sizeof *ot->set);
                    n += ot->classes[k].pick;
                }
                ot->set[n] = ot->sorted[d];
                return true;
            }
            if (ot->stopped) {
                return false;
            }
        }
        join(ot, ot->class_of[d], ot->sorted[d]);
    }
    return false;
}

static int by_number(const void *a, const void *b)
{
    int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

struct ot_answer ot_solve(struct ot *ot, const struct ot_model *model, const struct ot_node *node,
                          const struct ot_request *requests, const int32_t *candidates, int32_t n,
                          const struct ot_search *search, int32_t *selected)
{
    ot->requests = requests;
    ot->search = search;
    ot->node = node;
    ot->visited = 0;
    ot->stopped = false;
    prepare(ot, model, node, candidates, n);
    int32_t count = 0;
    if (search->bisect) {
        /* A feasible set stays feasible when a request leaves it: none of `low` + 1 or more are
         * known to fail, all up to count are known to do. */
        int32_t high = ot->n_sorted;
        while (count < high && !ot->stopped) {
            int32_t z = count + (high - count + 1) / 2;
            if (feasible(ot, model, node, z)) {
                count = z;
                memcpy(selected, ot->set, (size_t)z * sizeof *selected);
            } else {
                high = z - 1;
            }
        }
    } else {
        for (int32_t z = ot->n_sorted; z > 0 && count == 0 && !ot->stopped; z--) {
            if (feasible(ot, model, node, z)) {
                count = z;
                memcpy(selected, ot->set, (size_t)z * sizeof *selected);
            }
        }
    }
    if (search->wide && !ot_feasible(model, node, requests, selected, count)) {
        uint64_t visited = ot->visited;
        struct ot_answer tree =
            ot_solve(ot, model, node, requests, candidates, n, &ot_fast, selected);
        tree.nodes_visited += visited;
        return tree;
    }
    qsort(selected, (size_t)count, sizeof *selected, by_number);
    return (struct ot_answer){count, ot->visited, ot->stopped};
}

/* --- Several nodes ---------------------------------------------------------------------------- */

struct ot_answer ot_gah(struct ot *ot, const struct ot_model *model, const struct ot_node *nodes,
                        int32_t n_nodes, const int32_t *order, const struct ot_request *requests,
                        int32_t n, const struct ot_search *search, int32_t *node_of)
{
    struct ot_answer all = {0};
    for (int32_t i = 0; i < n; i++) {
        node_of[i] = -1;
    }
    for (int32_t step = 0; step < n_nodes; step++) {
        int32_t j = order[step], left = 0;
        for (int32_t i = 0; i < n; i++) {
            if (node_of[i] < 0) {
                ot->left[left++] = i;
            }
        }
        struct ot_answer one = ot_solve(ot, model, &nodes[j], requests + (size_t)j * (size_t)n,
                                        ot->left, left, search, ot->chosen);
        for (int32_t i = 0; i < one.count; i++) {
            node_of[ot->chosen[i]] = j;
        }
        all.count += one.count;
        all.nodes_visited += one.nodes_visited;
        all.stopped = all.stopped || one.stopped;
    }
    return all;
}

bool ot_count_level(int64_t *levels, int32_t *counts, int32_t *classes, int64_t n)
{
    int32_t k = *classes;
    while (k > 0 && levels[k - 1] >= n) {
        k--;
    }
    if (k == *classes || levels[k] != n) {
        if (*classes == OT_LEVELS_MAX) {
            return false;
        }
        memmove(levels + k + 1, levels + k, (size_t)(*classes - k) * sizeof *levels);
        memmove(counts + k + 1, counts + k, (size_t)(*classes - k) * sizeof *counts);
        levels[k] = n;
        counts[k] = 0;
        ++*classes;
    }
    counts[k]++;
    return true;
}

static double set_seconds(const struct ot_model *model, const struct ot_node *node,
                          const struct ot_request *requests, const int32_t *set, int32_t n)
{
    int64_t levels[OT_LEVELS_MAX];
    int32_t counts[OT_LEVELS_MAX], classes = 0;
    double work = 0;
    for (int32_t i = 0; i < n; i++) {
        work += model->k3 + work_of(model, requests[set[i]].n);
        if (node->seconds != NULL &&
            !ot_count_level(levels, counts, &classes, requests[set[i]].n)) {
            return INFINITY;
        }
    }
    return node->seconds != NULL ? node->seconds(node->self, levels, counts, classes)
                                 : node->beta * work / node->flops;
}

bool ot_feasible(const struct ot_model *model, const struct ot_node *node,
                 const struct ot_request *requests, const int32_t *set, int32_t n)
{
    double rho = 0, tokens = 0, tau = INFINITY;
    for (int32_t i = 0; i < n; i++) {
        const struct ot_request *r = &requests[set[i]];
        if (r->accuracy > 1 - node->dppl) {
            return false;
        }
        rho += r->rho_up;
        tokens += (double)r->n;
        tau = fmin(tau, r->tau_s);
    }
    double memory = node->alpha * (model->k1 + model->k2 * (tokens + (double)model->s_pad * n));
    return n == 0 || (rho <= 1 && tokens <= node->dl_tokens && memory <= node->memory_bytes &&
                      set_seconds(model, node, requests, set, n) <= tau);
}
