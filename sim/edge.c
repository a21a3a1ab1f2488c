/* edge.c - see edge.h. */
#include "sim/edge.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/draw.h"
#include "base/units.h"
#include "models/edge_link.h"
#include "sim/router.h"
#include "sim/server.h"
#include "sim/ue.h"
#include "sim/world.h"

enum edge_event {
    EDGE_BEGIN,    /* of an epoch */
    EDGE_SENT,     /* a batch is up: arg its handle */
    EDGE_COMPUTED, /* a batch is done */
    EDGE_UP,       /* a request alone is up: arg its handle */
    EDGE_FREED,    /* a GPU is done with it */
    EDGE_DOWN,     /* its answer is at the UE */
};

/* Members of a batch hang together through request.edge_next. */
struct edge_batch {
    uint32_t first;
    int32_t node, n;
    int64_t tokens;                 /* to make, all together */
    int64_t compute_ns, prompts_ns; /* the whole, and until each has its first token */
};

static const char late[] = "deadline";

static void wake(struct edge *x, int64_t t_ns, enum edge_event kind, uint64_t arg)
{
    engine_at(&x->stage.entity, t_ns, &x->stage.entity, kind, arg);
}

static bool accurate(const struct edge *x, double accuracy)
{
    for (int j = 0; j < x->stage.world->n_servers; j++)
        if (accuracy <= 1.0 - x->nodes[j].dppl)
            return true;
    return false;
}

static double batch_seconds(const struct edge *x, int node, int64_t tokens, int32_t z)
{
    return ot_batch_seconds(&x->model, &x->nodes[node], &tokens, &z, 1);
}

/* --- What a policy sees ----------------------------------------------------------------------- */

/* Power gain of a request's link to a node: the same in every epoch. */
static double gain_of(const struct edge *x, const struct request *r, int node)
{
    const struct world *w = x->stage.world;
    struct draw d;
    draw_at(&d, w->seed, DRAW_EDGE_LINK, r->ue,
            (uint64_t)(uint32_t)r->id << 12 | (uint64_t)(unsigned)node);
    return edge_link_gain(&w->servers[node]->config->edge->link, &d);
}

/* t_w when an epoch begins at now_ns. */
static double waited_s(const struct edge *x, const struct request *r, int64_t now_ns)
{
    if (x->config->wait == EDGE_WAIT_REAL)
        return s_of_ns(now_ns - r->born);
    int64_t carried = now_ns / x->epoch_ns - (r->born / x->epoch_ns + 1);
    return x->config->wait_s + s_of_ns(carried * x->epoch_ns);
}

/* tau': what an epoch that begins at now_ns leaves for its computation (12d), T_C at most. */
static double time_left_s(const struct edge *x, const struct request *r, int64_t now_ns)
{
    double left =
        s_of_ns(r->deadline_ns) - waited_s(x, r, now_ns) - x->config->t_up_s - x->config->t_down_s;
    return left < x->compute_s ? left : x->compute_s;
}

/* The requests as node j sees them, and its downlink: all answers go at the rate of the worst
 * channel (k6). */
static void look(struct edge *x, int j)
{
    const struct world *w = x->stage.world;
    const struct json_choice *link = &w->servers[j]->config->edge->link;
    struct ot_request *seen = x->requests + (size_t)j * (size_t)x->n_waiting;
    double worst = INFINITY;
    for (int32_t i = 0; i < x->n_waiting; i++) {
        const struct request *r = world_request(w, x->waiting[i]);
        double gain = gain_of(x, r, j);
        double bps = edge_link_ul_bps(link, gain, x->config->noise_dbm_per_hz);
        seen[i] =
            (struct ot_request){.n = r->output_tokens,
                                .rho_up = (double)r->input_tokens * x->config->bits_per_token /
                                          (x->config->t_up_s * bps),
                                .tau_s = time_left_s(x, r, world_now(w)),
                                .accuracy = r->accuracy};
        worst = fmin(worst, gain);
    }
    x->nodes[j].dl_tokens = x->config->t_down_s *
                            edge_link_dl_bps(link, worst, x->config->noise_dbm_per_hz) /
                            x->config->bits_per_token;
}

/* --- Batches ---------------------------------------------------------------------------------- */

/* Who is late in his node's batch, which is computed whole all the same. */
static void note_late(const struct edge *x, const struct edge_batch *b)
{
    const struct world *w = x->stage.world;
    double seconds = s_of_ns(b->compute_ns);
    for (uint32_t h = b->first; h != POOL_NONE; h = world_request(w, h)->edge_next) {
        struct request *r = world_request(w, h);
        /* A batch that was found to be in time is: its length is rounded to ns. */
        if (time_left_s(x, r, world_now(w)) < seconds - 1e-9)
            r->failure = late;
    }
}

/* The batch of node j, of those that the policy gave it. */
static void send_batch(struct edge *x, int j)
{
    struct world *w = x->stage.world;
    int64_t levels[OT_LEVELS_MAX];
    int32_t counts[OT_LEVELS_MAX], classes = 0;
    struct edge_batch b = {.first = POOL_NONE, .node = j};
    for (int32_t i = x->n_waiting; i-- > 0;) { /* so that the oldest stands first */
        struct request *r = world_request(w, x->waiting[i]);
        if (x->node_of[i] != j)
            continue;
        r->server = (uint32_t)j;
        r->edge_next = b.first;
        b.first = x->waiting[i];
        b.n++;
        b.tokens += r->output_tokens;
        ot_count_level(levels, counts, &classes, r->output_tokens);
    }
    uint32_t handle = b.n == 0 ? POOL_NONE : pool_take(&x->batches);
    if (b.n == 0)
        return;
    if (handle == POOL_NONE) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    b.compute_ns = ns_of_s(ot_batch_seconds(&x->model, &x->nodes[j], levels, counts, classes));
    b.prompts_ns = ns_of_s(batch_seconds(x, j, 1, b.n));
    note_late(x, &b);
    *(struct edge_batch *)pool_at(&x->batches, handle) = b;
    wake(x, world_now(w) + x->up_ns, EDGE_SENT, handle);
}

/* The prompts of a batch are up, and its node begins. */
static void batch_sent(struct edge *x, uint32_t handle)
{
    struct world *w = x->stage.world;
    const struct edge_batch *b = pool_at(&x->batches, handle);
    for (uint32_t h = b->first; h != POOL_NONE; h = world_request(w, h)->edge_next)
        stage_pass(w, STAGE_RADIO_UL, h, world_request(w, h)->uplink_bytes, CHUNK_LAST);
    wake(x, world_now(w) + b->compute_ns, EDGE_COMPUTED, handle);
}

/* A request has its last token: the answer leaves. */
static void answer(struct edge *x, uint32_t handle, int64_t first_token_ns)
{
    struct world *w = x->stage.world;
    struct request *r = world_request(w, handle);
    r->first_token = first_token_ns;
    r->last_token = world_now(w);
    r->tokens_out = r->output_tokens;
    r->answered_bytes = r->downlink_bytes;
    r->gpu_utilization_pct = server_utilization_pct(w->servers[r->server]);
    r->gpu_memory_bytes = server_memory_bytes(w->servers[r->server]);
    stage_pass(w, STAGE_SERVER, handle, r->downlink_bytes, CHUNK_LAST);
}

static void batch_computed(struct edge *x, uint32_t handle)
{
    struct world *w = x->stage.world;
    struct edge_batch b = *(const struct edge_batch *)pool_at(&x->batches, handle);
    int64_t began_ns = world_now(w) - b.compute_ns;
    pool_give(&x->batches, handle);
    server_worked(w->servers[b.node], b.compute_ns, b.n, b.n * x->config->s_pad, b.tokens);
    for (uint32_t h = b.first; h != POOL_NONE;) {
        uint32_t next = world_request(w, h)->edge_next;
        answer(x, h, began_ns + b.prompts_ns);
        h = next;
    }
}

/* --- Epochs ----------------------------------------------------------------------------------- */

/* Those that no node took: why, or they stay. */
static void leave_out(struct edge *x)
{
    struct world *w = x->stage.world;
    int64_t next_ns = world_now(w) + x->epoch_ns;
    int32_t stay = 0;
    for (int32_t i = 0; i < x->n_waiting; i++) {
        if (x->node_of[i] >= 0)
            continue;
        const struct request *r = world_request(w, x->waiting[i]);
        const char *why = !accurate(x, r->accuracy)                ? "accuracy"
                          : time_left_s(x, r, world_now(w)) <= 0.0 ? late
                          : !x->config->carry                      ? "not scheduled in its epoch"
                          : time_left_s(x, r, next_ns) <= 0.0      ? late
                                                                   : NULL;
        if (why == NULL)
            x->waiting[stay++] = x->waiting[i];
        else
            world_request_done(w, x->waiting[i], why);
    }
    x->n_waiting = stay;
}

static void begin_epoch(struct edge *x)
{
    struct world *w = x->stage.world;
    x->awake = false;
    for (int j = 0; j < w->n_servers; j++)
        look(x, j);
    struct edge_view view = {.model = &x->model,
                             .nodes = x->nodes,
                             .order = x->order,
                             .n_nodes = w->n_servers,
                             .requests = x->requests,
                             .n = x->n_waiting,
                             .compute_s = x->compute_s,
                             .n_tokens = x->n_tokens,
                             .max_batch = EDGE_BATCH_MAX};
    struct ot_answer placed = x->policy->place(x->state, &view, x->node_of);
    x->visits += placed.nodes_visited;
    for (int j = 0; j < w->n_servers; j++)
        send_batch(x, j);
    leave_out(x);
    if (x->n_waiting > 0) {
        x->awake = true;
        wake(x, world_now(w) + x->epoch_ns, EDGE_BEGIN, 0);
    }
}

/* The array, larger; as it was when memory ran out. */
static void *grow(void *array, size_t bytes, bool *grown)
{
    void *more = realloc(array, bytes);
    if (more != NULL)
        return more;
    *grown = false;
    return array;
}

/* Room for one more request that waits. */
static bool make_room(struct edge *x)
{
    if (x->n_waiting < x->room)
        return true;
    int32_t room = 2 * x->room;
    size_t n = (size_t)room, nodes = (size_t)x->stage.world->n_servers;
    bool grown = x->policy->reserve(x->state, room);
    x->waiting = grow(x->waiting, n * sizeof *x->waiting, &grown);
    x->requests = grow(x->requests, n * nodes * sizeof *x->requests, &grown);
    x->node_of = grow(x->node_of, n * sizeof *x->node_of, &grown);
    x->room = grown ? room : x->room;
    return grown;
}

/* A request waits for the next epoch, which begins after it was born. */
static void join_epoch(struct edge *x, uint32_t request)
{
    struct world *w = x->stage.world;
    if (!make_room(x)) {
        w->sink_error = ERR_MEMORY;
        return;
    }
    x->waiting[x->n_waiting++] = request;
    if (x->awake)
        return;
    x->awake = true;
    wake(x, (world_now(w) / x->epoch_ns + 1) * x->epoch_ns, EDGE_BEGIN, 0);
}

/* --- One queue before all GPUs ---------------------------------------------------------------- */

static bool expired(const struct edge *x, const struct request *r)
{
    return world_now(x->stage.world) >= r->born + r->deadline_ns;
}

static void leave_queue(struct edge *x)
{
    x->queue_head = world_request(x->stage.world, x->queue_head)->edge_next;
    if (x->queue_head == POOL_NONE)
        x->queue_tail = POOL_NONE;
}

/* A GPU takes a request: until it is done, or its deadline has passed (the paper's section V-A:
 * "during execution ... it is dropped"). */
static void occupy(struct edge *x, int node, uint32_t handle)
{
    struct world *w = x->stage.world;
    struct request *r = world_request(w, handle);
    int64_t needs_ns = ns_of_s(batch_seconds(x, node, r->output_tokens, 1));
    int64_t left_ns = r->born + r->deadline_ns - world_now(w);
    if (w->scenario->edge->cost == EDGE_COST_PAPER) /* one GPU of the node's */
        needs_ns *= w->servers[node]->config->edge->gpus;
    r->server = (uint32_t)node;
    r->server_start = world_now(w);
    r->queue_ns = r->server_start - r->queued_since;
    r->queued_since = NS_NEVER;
    if (needs_ns > left_ns)
        r->failure = late;
    x->idle[node]--;
    wake(x, world_now(w) + (needs_ns < left_ns ? needs_ns : left_ns), EDGE_FREED, handle);
}

static void serve_queue(struct edge *x)
{
    struct world *w = x->stage.world;
    while (x->queue_head != POOL_NONE) {
        uint32_t handle = x->queue_head;
        const struct request *r = world_request(w, handle);
        if (expired(x, r)) {
            leave_queue(x);
            world_request_done(w, handle, late);
            continue;
        }
        int node = -1;
        for (int k = 0; k < w->n_servers && node < 0; k++) {
            int j = x->order[k];
            if (x->idle[j] > 0 && r->accuracy <= 1.0 - x->nodes[j].dppl)
                node = j;
        }
        if (node < 0)
            return;
        leave_queue(x);
        occupy(x, node, handle);
    }
}

static void gpu_freed(struct edge *x, uint32_t handle)
{
    struct world *w = x->stage.world;
    struct request *r = world_request(w, handle);
    int node = (int)r->server;
    int64_t gpus =
        w->scenario->edge->cost == EDGE_COST_PAPER ? w->servers[node]->config->edge->gpus : 1;
    bool done = r->failure == NULL;
    int64_t busy_ns = world_now(w) - r->server_start;
    x->idle[node]++;
    server_worked(w->servers[node], busy_ns / gpus, 1, x->config->s_pad,
                  done ? r->output_tokens : 0);
    if (done)
        answer(x, handle, r->server_start + ns_of_s(batch_seconds(x, node, 1, 1)) * gpus);
    else
        world_request_done(w, handle, late);
    serve_queue(x);
}

static void join_queue(struct edge *x, uint32_t request)
{
    struct world *w = x->stage.world;
    struct request *r = world_request(w, request);
    r->edge_next = POOL_NONE;
    r->queued_since = world_now(w);
    if (x->queue_tail != POOL_NONE)
        world_request(w, x->queue_tail)->edge_next = request;
    else
        x->queue_head = request;
    x->queue_tail = request;
    serve_queue(x);
}

/* --- The stage -------------------------------------------------------------------------------- */

static void edge_handle(struct entity *self, uint32_t kind, uint64_t arg)
{
    struct edge *x = (struct edge *)self;
    struct world *w = x->stage.world;
    struct request *r;
    switch ((enum edge_event)kind) {
    case EDGE_BEGIN:
        begin_epoch(x);
        break;
    case EDGE_SENT:
        batch_sent(x, (uint32_t)arg);
        break;
    case EDGE_COMPUTED:
        batch_computed(x, (uint32_t)arg);
        break;
    case EDGE_UP:
        r = world_request(w, (uint32_t)arg);
        stage_pass(w, STAGE_RADIO_UL, (uint32_t)arg, r->uplink_bytes, CHUNK_LAST);
        break;
    case EDGE_FREED:
        gpu_freed(x, (uint32_t)arg);
        break;
    case EDGE_DOWN:
        r = world_request(w, (uint32_t)arg);
        /* Of a batch it is known since its epoch began. */
        if (x->policy->flow != EDGE_EPOCHS && world_now(w) > r->born + r->deadline_ns &&
            r->failure == NULL)
            r->failure = late;
        stage_pass(w, STAGE_RADIO_DL, (uint32_t)arg, r->downlink_bytes, CHUNK_LAST);
        break;
    }
}

static void edge_accept(struct stage *stage, enum stage_index index, uint32_t request,
                        int64_t bytes, unsigned flags)
{
    (void)bytes;
    struct edge *x = (struct edge *)stage;
    struct world *w = stage->world;
    struct request *r = world_request(w, request);
    if ((flags & CHUNK_LAST) == 0)
        return; /* there are no parts of messages here */
    if (index == STAGE_RADIO_DL)
        wake(x, world_now(w) + x->down_ns, EDGE_DOWN, request);
    else if (index == STAGE_SERVER && x->policy->flow == EDGE_QUEUE)
        join_queue(x, request);
    else if (index == STAGE_SERVER)
        r->server_start = world_now(w);
    else if (x->policy->flow == EDGE_EPOCHS)
        join_epoch(x, request);
    else if (!accurate(x, r->accuracy))
        world_request_done(w, request, "accuracy");
    else
        wake(x, world_now(w) + x->up_ns, EDGE_UP, request);
}

bool edge_stands_at(const struct edge *edge, enum stage_index index)
{
    return index == STAGE_RADIO_UL || index == STAGE_RADIO_DL ||
           (index == STAGE_SERVER && edge->policy->flow != EDGE_STRAIGHT);
}

/* --- Building --------------------------------------------------------------------------------- */

/* The fastest first, by a batch of one; ties by number. */
static void make_order(struct edge *x)
{
    for (int32_t j = 0; j < x->stage.world->n_servers; j++) {
        double own = batch_seconds(x, j, x->n_tokens, 1);
        int32_t at = j;
        for (; at > 0 && batch_seconds(x, x->order[at - 1], x->n_tokens, 1) > own; at--)
            x->order[at] = x->order[at - 1];
        x->order[at] = j;
    }
}

static int64_t longest_answer(const struct scenario *sc)
{
    const struct scenario_ues *groups = sc->ues.items;
    int64_t longest = 0;
    for (size_t i = 0; i < sc->ues.n; i++) {
        const struct traffic_edge *t = groups[i].traffic.options;
        const int64_t *tokens = t->output_tokens.items;
        for (size_t k = 0; k < t->output_tokens.n; k++)
            longest = tokens[k] > longest ? tokens[k] : longest;
    }
    return longest;
}

/* Room for a first epoch; it grows. */
enum { ROOM = 256 };

static bool make_arrays(struct edge *x, struct world *w)
{
    size_t n = (size_t)w->n_servers;
    x->room = ROOM;
    x->nodes = arena_array(&w->arena, n, sizeof *x->nodes);
    x->order = arena_array(&w->arena, n, sizeof *x->order);
    x->idle = arena_array(&w->arena, n, sizeof *x->idle);
    x->waiting = malloc(ROOM * sizeof *x->waiting);
    x->requests = malloc(ROOM * n * sizeof *x->requests);
    x->node_of = malloc(ROOM * sizeof *x->node_of);
    if (x->policy->create != NULL)
        x->state = x->policy->create(x->config->policy.options, ROOM);
    return x->nodes != NULL && x->order != NULL && x->idle != NULL && x->waiting != NULL &&
           x->requests != NULL && x->node_of != NULL &&
           (x->state != NULL || x->policy->create == NULL) &&
           pool_init(&x->batches, sizeof(struct edge_batch), 16) == 0;
}

int edge_init(struct edge *edge, struct world *w, uint32_t entity_id, struct err *e)
{
    memset(edge, 0, sizeof *edge);
    struct edge *x = edge;
    x->config = w->scenario->edge;
    x->policy = edge_policies[x->config->policy.index];
    x->stage.entity =
        (struct entity){.engine = w->engine, .handle = edge_handle, .id = entity_id, .seq = 0};
    x->stage.world = w;
    x->stage.accept = edge_accept;
    double epoch_s = scenario_edge_epoch_s(w->scenario);
    x->compute_s = x->config->t_compute_s > 0.0 ? x->config->t_compute_s
                                                : epoch_s - x->config->t_up_s - x->config->t_down_s;
    x->epoch_ns = ns_of_s(epoch_s);
    x->up_ns = ns_of_s(x->config->t_up_s);
    x->down_ns = ns_of_s(x->config->t_down_s);
    x->queue_head = x->queue_tail = POOL_NONE;
    x->n_tokens = longest_answer(w->scenario);
    if (!make_arrays(x, w))
        return err_memory(e, "the edge nodes");
    edge_cost_model(w, &x->model);
    for (int j = 0; j < w->n_servers; j++) {
        int rc = edge_cost_node(w, j, &x->nodes[j], e);
        if (rc != 0)
            return rc;
        x->idle[j] = x->config->cost == EDGE_COST_PAPER ? w->servers[j]->config->edge->gpus : 1;
    }
    make_order(x);
    return 0;
}

void edge_free(struct edge *edge)
{
    if (edge->policy != NULL && edge->policy->destroy != NULL)
        edge->policy->destroy(edge->state);
    free(edge->waiting);
    free(edge->requests);
    free(edge->node_of);
    pool_free(&edge->batches);
}
